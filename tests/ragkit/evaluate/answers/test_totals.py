from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest

from ragkit.evaluate.answers.totals import sure_rows, totals
from ragkit.evaluate.outcome import Row, Unscored

_DRAWS = 200


def row(name: str, *, label: bool, abstained: bool, right: float | None, score: float | None, **details: Any) -> Row:
    """One row as scored: gold is `yes`; a right answer is `yes`, any other `no`."""
    said = "yes" if right else "no"
    correct = float(abstained) if not label else float(bool(right) and not abstained)
    exact = correct
    return Row(
        id=name,
        outcomes={"correct": correct, "exact_match": exact, "f1": exact, "abstained": float(abstained)},
        details={
            "label": label,
            "gold": ["yes"] if label else [],
            "abstained": abstained,
            "answer": "Not there." if abstained else f"{said} [1]",
            "instead": said if abstained and right is not None else None,
            "right_if_answered": right,
            "score": score,
            **details,
        },
    )


ROWS = [
    row("right", label=True, abstained=False, right=1.0, score=0.9),
    row("wrong", label=True, abstained=False, right=0.0, score=0.7),
    row("declined", label=True, abstained=True, right=1.0, score=0.2),
    row("impossible, declined", label=False, abstained=True, right=0.0, score=0.1),
    row("impossible, answered", label=False, abstained=False, right=0.0, score=0.6),
]


def test_totals_by_hand() -> None:
    values = {name: estimate.value for name, estimate in totals(ROWS, draws=_DRAWS).items()}
    assert values == {
        "HasAns_exact": pytest.approx(1 / 3),
        "HasAns_f1": pytest.approx(1 / 3),
        "HasAns_correct": pytest.approx(1 / 3),
        "HasAns_answered": pytest.approx(2 / 3),
        "HasAns_correct_given_answered": 0.5,
        "NoAns_exact": 0.5,
        "NoAns_f1": 0.5,
        "accuracy_given_answered": pytest.approx(1 / 3),
        "abstain_precision": 0.5,
        "abstain_recall": 0.5,
        "abstain_f1": 0.5,
        "brier": pytest.approx((0.01 + 0.49 + 0.64 + 0.01 + 0.36) / 5),
        "log_loss": pytest.approx(-(math.log(0.9) + math.log(0.3) + math.log(0.2) + math.log(0.9) + math.log(0.4)) / 5),
        # Running risks by falling confidence: 0, 1/2, 2/3, 2/4, 3/5.
        "aurc": pytest.approx((0 + 1 / 2 + 2 / 3 + 1 / 2 + 3 / 5) / 5),
        "excess_aurc": pytest.approx((0 + 1 / 2 + 2 / 3 + 1 / 2 + 3 / 5 - 1 / 3 - 2 / 4 - 3 / 5) / 5),
        "coverage@risk=0.05": 0.2,
        "ece_10": pytest.approx((0.1 + 0.7 + 0.8 + 0.1 + 0.6) / 5),
        "ece_15_equal_mass": pytest.approx((0.1 + 0.7 + 0.8 + 0.1 + 0.6) / 5),
        "auroc": pytest.approx(5 / 6),
        # Answering down to 0.2 gives two right of three, and loses one impossible question of two.
        "best_exact": pytest.approx(3 / 5),
        "best_f1": pytest.approx(3 / 5),
    }


def test_every_total_has_an_interval_around_it() -> None:
    many = [dataclasses.replace(row, id=f"{row.id} {number}") for number in range(8) for row in ROWS]
    for name, estimate in totals(many, draws=_DRAWS).items():
        assert estimate.low <= estimate.value <= estimate.high, name


def test_rows_without_confidence_lower_the_coverage_not_the_measure() -> None:
    more = [
        row("silent", label=True, abstained=True, right=None, score=0.3),
        row("unsure", label=True, abstained=False, right=0.0, score=None),
        Row(
            id="missing",
            outcomes=dict.fromkeys(["correct", "exact_match", "f1", "abstained"], Unscored("no prediction")),
            details={"label": True, "gold": ["yes"]},
        ),
    ]
    assert dict(sure_rows([*ROWS, *more]).reasons) == {
        "abstained, what it kept back is not known": 1,
        "no confidence": 1,
        "no prediction": 1,
    }
    before, after = totals(ROWS, draws=_DRAWS), totals([*ROWS, *more], draws=_DRAWS)
    for name in ("aurc", "ece_10", "brier", "auroc"):
        assert after[name].value == pytest.approx(before[name].value)
        assert (after[name].n, after[name].coverage) == (5, 5 / 8)
    assert (after["abstain_f1"].n, after["abstain_f1"].coverage) == (7, 7 / 8)
    assert after["HasAns_answered"].reasons == {"no prediction": 1}


def test_without_impossible_questions_nothing_is_said_of_refusals() -> None:
    found = totals(ROWS[:3], draws=_DRAWS)
    assert {"abstain_f1", "abstain_recall", "auroc", "best_f1", "NoAns_f1", "HasAns_f1"}.isdisjoint(found)
    assert found["accuracy_given_answered"].value == 0.5


def test_a_run_without_any_confidence_has_totals_without_numbers() -> None:
    found = totals([row("a", label=True, abstained=False, right=1.0, score=None)], draws=_DRAWS)
    assert math.isnan(found["aurc"].value)
    assert (found["aurc"].n, found["aurc"].coverage) == (0, 0.0)
    assert found["brier"].reasons == {"no confidence": 1}
