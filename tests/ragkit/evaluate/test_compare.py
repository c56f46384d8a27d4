from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from ragkit.errors import InputError
from ragkit.evaluate.answers.totals import totals
from ragkit.evaluate.baseline import write_baseline
from ragkit.evaluate.compare import compare, compare_measured
from ragkit.evaluate.comparison.measured import Measured, measured_rows, read_measured
from ragkit.evaluate.comparison.verdicts import Compared, Comparison
from ragkit.evaluate.outcome import Outcome, Row, Unscored
from ragkit.evaluate.reports.content import Report
from ragkit.evaluate.runs import RunFolder
from ragkit.evaluate.statistics.estimate import estimates
from ragkit.evaluate.statistics.family import holm

RANDOM = np.random.default_rng(5)
SCORES = RANDOM.beta(0.5, 0.8, 240)


def measured(name: str = "A", **columns: Sequence[Outcome]) -> Measured:
    n = len(next(iter(columns.values())))
    rows = [Row(id=f"q{place}", outcomes={key: column[place] for key, column in columns.items()}) for place in range(n)]
    return measured_rows(rows, name=name, dataset="toy")


def shifted(by: float, noise: float = 0.02) -> list[float]:
    return np.clip(SCORES + by + RANDOM.normal(0, noise, 240), -1, 2).tolist()


def only(comparison: Comparison) -> Compared:
    (found,) = comparison.measures
    return found


BASE = SCORES.tolist()


@pytest.mark.parametrize(
    ("by", "verdict", "regressed"),
    [
        (-0.05, "worse", True),
        (-0.007, "worse", False),  # shown, but below the minimum effect
        (0.05, "better", False),
        (0.0, "no difference shown", False),
    ],
)
def test_only_a_shown_loss_that_matters_is_a_regression(by: float, verdict: str, regressed: bool) -> None:
    found = compare_measured(measured(ndcg=BASE), measured(ndcg=shifted(by)))
    assert only(found).verdict == verdict
    assert only(found).regressed is regressed
    assert [one.measure for one in found.regressions] == (["ndcg"] if regressed else [])


def test_a_large_loss_on_few_rows_cannot_be_told_from_chance() -> None:
    found = compare_measured(measured(ndcg=[0.9, 0.8, 0.7, 0.6]), measured(ndcg=[0.1, 0.8, 0.9, 0.5]))
    assert only(found).paired.difference == pytest.approx(-0.175)
    assert only(found).verdict == "too few rows to tell"
    assert found.regressions == ()


def test_a_run_that_changed_nothing_shows_no_difference() -> None:
    assert only(compare_measured(measured(ndcg=BASE), measured(ndcg=BASE))).verdict == "no difference shown"


def test_more_of_a_measure_that_should_be_low_is_a_loss() -> None:
    found = only(compare_measured(measured(aurc=BASE), measured(aurc=shifted(0.05))))
    assert (found.verdict, found.regressed) == ("worse", True)
    assert found.paired.difference > 0
    assert found.gain == -found.paired.difference
    assert (found.won, found.lost) == (found.paired.losses, found.paired.wins)
    assert found.lost > found.won


def test_what_one_side_did_not_score_is_left_out_and_counted() -> None:
    a = measured(x=[0.5, 0.5, Unscored("no claims"), 0.5, 0.5])
    b = measured(x=[0.5, Unscored("no JSON"), 0.9, 0.6, 0.7])
    found = compare_measured(a, b)
    assert (found.rows, only(found).paired.n, only(found).left_out) == (5, 3, 2)
    assert (only(found).baseline, only(found).candidate) == (0.5, pytest.approx(0.6))
    assert found.differences["x"] == pytest.approx((0.0, 0.1, 0.2))


def test_rows_of_one_run_only_are_left_out_and_counted() -> None:
    a = measured(x=BASE)
    b = replace(a, rows=(*a.rows[:-2], Row(id="new", outcomes={"x": 1.0})))
    found = compare_measured(a, b)
    assert (found.rows, found.only_baseline, found.only_candidate, only(found).left_out) == (238, 2, 1, 3)


def test_rows_are_joined_by_id_and_not_by_place() -> None:
    a = measured(x=BASE)
    found = compare_measured(a, replace(a, rows=a.rows[::-1]))
    assert only(found).paired.ties == 240


def test_a_measure_scored_nowhere_on_both_sides_is_not_compared_and_counts_for_nothing() -> None:
    nothing: list[Outcome] = [Unscored("no JSON")] * 240
    found = compare_measured(measured(x=BASE, y=nothing), measured(x=shifted(-0.05), y=BASE))
    assert only(found).adjusted == only(found).paired.p
    assert [(one.measure, one.reason) for one in found.not_compared] == [("y", "no row is scored on both sides")]


def test_p_is_adjusted_over_the_family() -> None:
    a = measured(x=BASE, y=BASE, z=BASE)
    b = measured(x=shifted(0.004), y=shifted(0.002), z=shifted(0.0, 0.2))
    found = compare_measured(a, b)
    assert [one.adjusted for one in found.measures] == holm([one.paired.p for one in found.measures])
    named = compare_measured(a, b, measures=["y"])
    assert only(named).adjusted == only(named).paired.p == found.measures[1].paired.p


def test_measures_scored_on_different_rows_are_tested_on_their_own() -> None:
    part: list[Outcome] = [*shifted(0.02)[:-1], Unscored("no JSON")]
    together = compare_measured(measured(x=BASE, y=BASE), measured(x=shifted(0.02), y=part))
    alone = compare_measured(measured(y=BASE), measured(y=part))
    assert together.measures[1].paired == only(alone).paired


@pytest.mark.parametrize(
    ("a", "b", "kwargs", "sentence"),
    [
        ({}, {"dataset": "other"}, {}, "A was measured on toy and B on other: only runs over the same data"),
        ({"inputs": {"qrels": "a" * 64}}, {"inputs": {"qrels": "b" * 64}}, {}, "the sha256 of qrels is aaaaaaaaaaaa…"),
        ({}, {"rows": ()}, {}, "have no row in common"),
        ({}, {"rows": (Row(id="q1", outcomes={}),) * 2}, {}, "B has two rows of the id 'q1'"),
        ({}, {}, {"min_effect": -0.1}, r"The minimum effect must be at least 0, got -0\.1\."),
        ({}, {}, {"min_effect": math.nan}, "The minimum effect must be at least 0, got nan"),
        ({}, {}, {"measures": []}, "No measure is named: name one or more of x"),
        ({}, {}, {"measures": ["y"]}, "do not both have the measure 'y': they share x"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    a: Mapping[str, Any], b: Mapping[str, Any], kwargs: Mapping[str, Any], sentence: str
) -> None:
    base = measured(x=BASE)
    with pytest.raises(InputError, match=sentence):
        compare_measured(replace(base, **a), replace(base, **({"name": "B"} | dict(b))), **kwargs)


@pytest.mark.parametrize("part", ["model", "predictions", "run", "replies"])
def test_two_systems_may_have_parts_of_their_own(part: str) -> None:
    base = measured(x=BASE)
    a, b = (replace(base, inputs={"qrels": "a" * 64, part: letter * 64}) for letter in "bc")
    assert compare_measured(a, b).rows == 240


def test_the_same_files_are_the_same_data_whatever_it_is_called() -> None:
    base = replace(measured(x=BASE), inputs={"qrels": "a" * 64})
    assert compare_measured(base, replace(base, dataset="toy: top 100 re-ranked")).rows == 240


def test_forms_of_a_whole_set_are_not_compared() -> None:
    a = replace(measured(exact=BASE), measures={"f1_surface": 0.5})
    assert compare_measured(a, a).not_compared[0].reason.startswith("counts forms of the whole set")


def test_a_habit_of_the_system_is_no_loss() -> None:
    found = compare_measured(measured(abstained=shifted(0.3)), measured(abstained=BASE))
    assert found.measures == ()
    assert found.not_compared[0].reason == "neither more nor less of it is better"


def test_the_scale_of_a_detector_is_no_loss() -> None:
    rows = [Row(id=str(place), outcomes={"support": 0.9}, details={"predicted": 0}) for place in range(50)]
    less = [replace(row, outcomes={"support": 0.1}) for row in rows]
    found = compare_measured(measured_rows(rows), measured_rows(less))
    assert found.regressions == ()
    assert found.not_compared[0].reason.startswith("what the detector decides by")
    answers = [replace(row, details={}) for row in rows]
    assert compare_measured(
        measured_rows(answers), measured_rows([replace(row, details={}) for row in less])
    ).regressions


def answered(seed: int) -> Measured:
    """Ninety questions, a third without an answer; a few got no prediction."""
    random = np.random.default_rng(seed)
    rows = []
    for place in range(90):
        label, kept, right = place % 3 > 0, bool(random.random() < 0.4), bool(random.random() < 0.6)
        details = {"label": label, "question": "?", "gold": ["a"] if label else []}
        if place % 20 == 19:
            names = ("correct", "exact_match", "f1", "abstained")
            rows.append(Row(id=str(place), outcomes=dict.fromkeys(names, Unscored("no prediction")), details=details))
            continue
        correct = float(right and not kept) if label else float(kept)
        outcomes = {"correct": correct, "exact_match": correct, "f1": correct / 2, "abstained": float(kept)}
        said = {"answer": "" if kept else "a", "instead": "b" if kept else None, "abstained": kept}
        known = {"score": round(float(random.random()), 3), "right_if_answered": float(right and label)}
        rows.append(Row(id=str(place), outcomes=outcomes, details=details | said | known))
    found = estimates(rows, draws=10) | totals(rows, draws=10)
    return Measured(name=str(seed), measures={name: one.value for name, one in found.items()}, rows=tuple(rows))


def test_what_a_run_of_answers_states_is_compared_as_it_states_it() -> None:
    a, b = answered(1), answered(2)
    found = compare_measured(a, b)
    by_name = {one.measure: one for one in found.measures}
    assert {one.measure for one in found.not_compared} == {"abstained", "best_exact", "best_f1"}
    assert by_name.keys() == a.measures.keys() - {"abstained", "best_exact", "best_f1"}
    for name, one in by_name.items():
        assert (one.baseline, one.candidate) == pytest.approx((a.measures[name], b.measures[name]), abs=1e-6), name
    assert (by_name["HasAns_f1"].paired.n, by_name["HasAns_f1"].left_out) == (57, 3)


@pytest.mark.parametrize("texts", [["short", "x" * 70], [["a", "b"], ["c", "d"]]])
def test_a_baseline_keeps_a_detail_of_all_rows_or_of_none(texts: list[Any], tmp_path: Path) -> None:
    details = ({"gold": text, "said": text, "span_characters": [1, 2, 3]} for text in texts)
    rows = tuple(Row(id=str(place), outcomes={}, details=one) for place, one in enumerate(details))
    run = Measured(name="a", measures={"macro_f1": 0.5, "span_f1": 0.4}, rows=rows)
    write_baseline(run, tmp_path / "a.json")
    kept = read_measured(tmp_path / "a.json")
    assert [row.details for row in kept.rows] == [{"span_characters": [1, 2, 3]}] * 2
    found = compare_measured(kept, run)
    assert [one.measure for one in found.measures] == ["span_f1"]
    assert "a baseline file keeps numbers and labels, no texts" in found.not_compared[0].reason


def test_unknown_data_is_not_compared() -> None:
    base = measured(x=BASE)
    assert compare_measured(replace(base, dataset=""), base).dataset == "toy"


def detectors() -> tuple[Measured, Measured]:
    label = RANDOM.random(240) < 0.4
    sides = []
    for noise in (0.3, 0.9):
        score = label * 0.5 + RANDOM.normal(0, noise, 240)
        rows = tuple(
            Row(id=str(i), outcomes={}, details={"label": bool(y), "score": float(s), "predicted": bool(s > 0.25)})
            for i, (y, s) in enumerate(zip(label, score, strict=True))
        )
        values = {"f1": 0.5, "auroc": 0.5, "BLEU": 20.0}
        sides.append(Measured(name=str(noise), measures=values, rows=rows))
    return sides[0], sides[1]


def test_measures_of_the_whole_run_are_compared_over_the_rows_of_both() -> None:
    a, b = detectors()
    found = compare_measured(a, b)
    assert [one.measure for one in found.measures] == ["f1", "auroc"]
    assert all(one.regressed for one in found.measures)
    assert found.measures[1].baseline == pytest.approx(stats.norm.cdf(0.5 / 0.3 / math.sqrt(2)), abs=0.05)
    assert found.measures[0].paired.n == 240
    assert found.differences == {}


GOLD = ["sun", "sun", "sun", "rain", "rain", "rain", "snow", "snow", "snow", "snow"]
SAID = (
    ["sun", "rain", "snow", "rain", "sun", "sun", "snow", "sun", "rain", "snow"],
    ["sun", "sun", "sun", "rain", "rain", "sun", "snow", "snow", "snow", "rain"],
)


def of_whole_run(measures: Sequence[str], details: Sequence[Mapping[str, Any]]) -> Measured:
    rows = tuple(Row(id=str(place), outcomes={}, details=one) for place, one in enumerate(details))
    return Measured(name="a run", measures=dict.fromkeys(measures, 0.5), rows=rows)


def swaps(n: int) -> Iterator[tuple[list[int], list[int]]]:
    """Give which of the two runs stands on either side of each row, in every way; nothing is swapped in the first."""
    for sides in product([0, 1], repeat=n):
        yield list(sides), [1 - side for side in sides]


def exact_p(differences: Sequence[float]) -> float:
    return float(np.mean(np.abs(differences) >= abs(differences[0]) - 1e-12))


def f1_of(label: str, said: Sequence[str]) -> float:
    hits = sum(one == label == right for one, right in zip(said, GOLD, strict=True))
    return 2 * hits / (said.count(label) + GOLD.count(label))


@pytest.mark.parametrize(
    ("measure", "labels"), [("macro_f1", ["sun", "rain", "snow"]), ("f1:sun", ["sun"]), ("f1:snow", ["snow"])]
)
def test_labels_are_compared_by_all_their_swaps(measure: str, labels: Sequence[str]) -> None:
    def value(sides: Sequence[int]) -> float:
        said = [SAID[side][place] for place, side in enumerate(sides)]
        return sum(f1_of(label, said) for label in labels) / len(labels)

    differences = [value(right) - value(left) for left, right in swaps(10)]
    details = ([{"gold": gold, "said": one} for gold, one in zip(GOLD, said, strict=True)] for said in SAID)
    found = compare_measured(*(of_whole_run([measure, "f1:rain"], one) for one in details), measures=[measure])
    assert only(found).paired.difference == pytest.approx(differences[0])
    assert only(found).paired.p == pytest.approx(exact_p(differences), abs=0.02)


def area(positive: Sequence[float], negative: Sequence[float]) -> float:
    return float(np.mean([(one > other) + 0.5 * (one == other) for one in positive for other in negative]))


def test_scores_are_compared_by_all_swaps_of_their_ranks() -> None:
    label = [True] * 4 + [False] * 6
    scores = [9, 3, 6, 1, 8, 7, 5, 2, 2, 0], [0.7, 0.8, 0.9, 0.3, 0.2, 0.5, 0.3, 0.2, 0.1, 0.0]
    ranks = [stats.rankdata(side).tolist() for side in scores]

    def value(sides: Sequence[int]) -> float:
        mixed = [ranks[side][place] for place, side in enumerate(sides)]
        return area(mixed[:4], mixed[4:])

    differences = [value(right) - value(left) for left, right in swaps(10)]
    details = ([{"label": right, "score": one} for right, one in zip(label, side, strict=True)] for side in scores)
    found = only(compare_measured(*(of_whole_run(["auroc"], one) for one in details)))
    assert found.paired.difference == pytest.approx(
        area(scores[1][:4], scores[1][4:]) - area(scores[0][:4], scores[0][4:])
    )
    assert found.paired.p == pytest.approx(exact_p(differences), abs=0.02)


def test_a_label_that_the_rows_of_both_do_not_hold_is_told_nothing_of() -> None:
    details = [{"gold": gold, "said": said} for gold, said in zip(GOLD, SAID[0], strict=True)]
    a, b = (of_whole_run(["f1:sun", "f1:snow"], details[:rows]) for rows in (10, 2))
    sun, snow = compare_measured(a, b).measures
    assert (sun.paired.difference, sun.paired.p) == (0.0, 1.0)
    assert math.isnan(snow.paired.p)
    assert snow.verdict == "too few rows to tell"
    assert snow.as_dict()["p"] is None


def test_rows_that_do_not_hold_what_a_measure_is_made_of_are_left_out() -> None:
    a, b = detectors()
    part = replace(b, rows=tuple(replace(row, details={}) if int(row.id) < 40 else row for row in b.rows))
    found = compare_measured(a, part)
    assert [(one.paired.n, one.left_out) for one in found.measures] == [(200, 40), (200, 40)]


def test_what_is_not_compared_stands_side_by_side_with_its_reason() -> None:
    a, b = detectors()
    found = compare_measured(
        replace(a, measures={**a.measures, "old": 0.1}), replace(b, measures={**b.measures, "new": 0.2})
    )
    assert [(one.measure, one.reason) for one in found.not_compared] == [
        ("BLEU", "a measure of the whole run that cannot be computed again from its rows"),
        ("old", "only the baseline has it"),
        ("new", "only the candidate has it"),
    ]
    assert found.not_compared[0].as_dict() == {
        "measure": "BLEU",
        "baseline": 20.0,
        "candidate": 20.0,
        "reason": "a measure of the whole run that cannot be computed again from its rows",
    }


def test_json_holds_no_nan() -> None:
    found = compare_measured(measured(x=[0.5]), measured(x=[0.7])).as_dict()
    assert found["regressed"] is False
    assert found["measures"] == [
        {
            "measure": "x",
            "baseline": 0.5,
            "candidate": 0.7,
            "difference": pytest.approx(0.2),
            "low": None,
            "high": None,
            "n": 1,
            "detectable": None,
            "needed": None,
            "p": 1.0,
            "p_holm": 1.0,
            "won": 1,
            "tied": 0,
            "lost": 0,
            "higher_is_better": True,
            "left_out": 0,
            "verdict": "too few rows to tell",
            "regressed": False,
        }
    ]


def run(folder: Path, values: Sequence[float], data: Path) -> Path:
    rows = [Row(id=f"q{place}", outcomes={"nDCG@10": value}) for place, value in enumerate(values)]
    with RunFolder.open(folder, command="eval x", dataset="toy", config={}, inputs={"qrels": data}) as folder_:
        folder_.finish(rows, estimates(rows, draws=100), Report(title="toy", dataset="toy"))
    return folder


def test_a_baseline_compares_as_the_run_it_was_made_of(tmp_path: Path) -> None:
    (tmp_path / "qrels").write_text("q0 0 d0 1", encoding="utf-8")
    a = run(tmp_path / "a", BASE, tmp_path / "qrels")
    b = run(tmp_path / "b", shifted(-0.05), tmp_path / "qrels")
    write_baseline(a, tmp_path / "a.json")
    runs, file = compare(a, b), compare(tmp_path / "a.json", b)
    assert replace(file, baseline=runs.baseline) == runs
    assert runs.regressions
    assert only(compare(a, tmp_path / "a.json")).paired.ties == 240
    (tmp_path / "other").write_text("q0 0 d0 0", encoding="utf-8")
    other = run(tmp_path / "c", BASE, tmp_path / "other")
    with pytest.raises(InputError, match="measured on other data: the sha256 of qrels"):
        compare(tmp_path / "a.json", other)
