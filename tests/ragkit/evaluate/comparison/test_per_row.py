from __future__ import annotations

import math

import pytest

from ragkit.evaluate.comparison.per_row import concerns, value_of
from ragkit.evaluate.outcome import Outcome, Row, Unscored

SCORES: dict[str, Outcome] = {"exact_match": 1.0, "f1": 0.5, "correct": 0.0, "abstained": 0.0}
ASKED = Row(id="1", outcomes=SCORES, details={"label": True, "score": 0.75, "right_if_answered": 1.0})
ABSENT = Row(id="2", outcomes={**SCORES, "abstained": 1.0}, details={"label": False, "score": None})


@pytest.mark.parametrize(
    ("measure", "asked", "absent"),
    [
        ("f1", 0.5, 0.5),
        ("HasAns_exact", 1.0, None),
        ("HasAns_f1", 0.5, None),
        ("HasAns_correct", 0.0, None),
        ("HasAns_answered", 1.0, None),
        ("NoAns_exact", None, 1.0),
        ("NoAns_f1", None, 0.5),
        ("abstain_recall", None, 1.0),
        ("brier", 0.0625, None),
        ("log_loss", -math.log(0.75), None),
        ("nDCG@10", None, None),
    ],
)
def test_a_row_tells_what_it_counts(measure: str, asked: float | None, absent: float | None) -> None:
    for row, expected in ((ASKED, asked), (ABSENT, absent)):
        assert value_of(measure, row) == pytest.approx(math.nan if expected is None else expected, nan_ok=True)


def test_an_unscored_outcome_counts_nothing_and_still_concerns() -> None:
    row = Row(id="1", outcomes={"f1": Unscored("no prediction")}, details={"label": True})
    assert math.isnan(value_of("HasAns_f1", row))
    assert concerns("HasAns_f1", row)
    assert not concerns("NoAns_f1", row)
    assert not concerns("HasAns_f1", Row(id="2", outcomes={}))
