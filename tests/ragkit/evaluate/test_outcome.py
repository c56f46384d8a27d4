from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkit.evaluate.outcome import Estimate, Outcome, Row, Unscored

_OUTCOMES: st.SearchStrategy[Outcome] = st.floats(allow_nan=False, allow_infinity=False) | st.builds(
    Unscored, st.text(min_size=1)
)


def test_an_unscored_measure_is_null_with_its_reason_beside() -> None:
    row = Row(id="q1", outcomes={"f1": 0.5, "faithfulness": Unscored("no claims")}, details={"query": "why"})
    assert row.as_dict() == {
        "id": "q1",
        "measures": {"f1": 0.5, "faithfulness": None},
        "unscored": {"faithfulness": "no claims"},
        "details": {"query": "why"},
    }


@given(st.dictionaries(st.text(), _OUTCOMES))
def test_a_row_survives_being_written_as_json(outcomes: dict[str, Outcome]) -> None:
    row = Row(id="q1", outcomes=outcomes)
    assert Row.from_dict(json.loads(json.dumps(row.as_dict()))) == row


def test_a_null_without_a_reason_is_still_unscored() -> None:
    row = Row.from_dict({"id": "q1", "measures": {"f1": None}})
    assert row.outcomes == {"f1": Unscored("no reason was given")}


def test_an_estimate_of_nothing_is_null_in_json() -> None:
    estimate = Estimate(value=math.nan, low=math.nan, high=math.nan, n=0, coverage=0.0, reasons={"no claims": 3})
    assert estimate.as_dict() == {
        "value": None,
        "low": None,
        "high": None,
        "n": 0,
        "coverage": 0.0,
        "unscored": {"no claims": 3},
    }


def test_reasons_stand_only_where_there_are_some() -> None:
    shown = Estimate(value=0.5, low=0.4, high=0.6, n=10, coverage=1.0).as_dict()
    assert shown == {"value": 0.5, "low": 0.4, "high": 0.6, "n": 10, "coverage": 1.0}


@pytest.mark.parametrize(
    ("reason", "passes"),
    [("the model failed", True), ("the model failed: down", True), ("not recorded", True), ("no claims", False)],
)
def test_a_failure_of_a_model_may_pass_and_what_was_said_may_not(reason: str, passes: bool) -> None:
    assert Row(id="a", outcomes={"f1": 0.5, "support": Unscored(reason)}).may_pass is passes
