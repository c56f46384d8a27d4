from __future__ import annotations

import pytest

from ragkit.evaluate.outcome import Unscored
from ragkit.evaluate.robustness.reading import Observed, Reading
from ragkit.evaluate.robustness.stability import same_answer, stability_row

SEEN = {
    "When?": Observed(Reading("In July 1969.", support=0.8), ("a", "b")),
    "when": Observed(Reading("in july 1969", support=0.5), ("b", "a")),
    "Wehn?": Observed(Reading("", abstained=True, support=0.1), ("c", "d")),
    "bare": Observed(Reading("In 1969."), ("a",)),
    "broken": Unscored("the model failed"),
}


def observe(question: str) -> Observed | Unscored:
    return SEEN[question]


def test_the_same_answer_in_other_dress_is_the_same() -> None:
    row = stability_row("1", "When?", "when", observe, answers=[["1969"]])
    assert row.outcomes["same_answer"] == 1.0
    assert row.outcomes["answer_f1"] == 1.0
    assert row.outcomes["retrieval_jaccard"] == 1.0
    assert row.outcomes["retrieval_rbo"] == pytest.approx(0.9)
    assert row.outcomes["support_change"] == pytest.approx(-0.3)
    assert row.outcomes["right_change"] == 0.0


def test_an_answer_that_is_lost_is_another() -> None:
    row = stability_row("1", "When?", "Wehn?", observe, answers=[["1969"]])
    assert row.outcomes["same_answer"] == 0.0
    assert row.outcomes["answer_f1"] == 0.0
    assert row.outcomes["retrieval_jaccard"] == 0.0
    assert row.outcomes["right_change"] == -1.0
    assert row.details["said"] == ["In July 1969.", None]


def test_two_refusals_agree() -> None:
    assert same_answer(Reading("", abstained=True), Reading("", abstained=True))


def test_without_gold_nothing_is_said_of_being_right() -> None:
    assert "right_change" not in stability_row("1", "When?", "when", observe).outcomes


def test_a_reader_without_support_has_no_change_of_it() -> None:
    row = stability_row("1", "When?", "bare", observe)
    assert row.outcomes["support_change"] == Unscored("the reader gives no support")
    assert row.outcomes["same_answer"] == 0.0


def test_a_question_that_failed_leaves_the_row_unscored() -> None:
    row = stability_row("1", "When?", "broken", observe, answers=[["1969"]])
    assert set(row.outcomes.values()) == {Unscored("the model failed")}
    assert row.details["said"] == ["In July 1969.", None]
