from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from ragkit.evaluate.judge import Claim
from ragkit.evaluate.measures.grounded import (
    context_precision,
    context_recall,
    faithfulness,
    judge_relevance,
    judge_support,
    noise_sensitivity,
)
from ragkit.evaluate.outcome import Outcome, Unscored

_LOST = Unscored("the judge gave no JSON")


class Echo:
    """Notes what it is asked; supported where the claim stands in the evidence."""

    card: Mapping[str, Any] = {"name": "echo"}

    def __init__(self) -> None:
        self.calls: list[list[Claim]] = []

    def judge(self, claims: Sequence[Claim]) -> list[Outcome]:
        self.calls.append(list(claims))
        return [float(claim.claim in claim.evidence) for claim in claims]


def test_faithfulness_is_the_share_of_supported_statements() -> None:
    assert faithfulness([1.0, 0.5, 0.49, 0.0]) == 0.5
    assert faithfulness([0.6, 0.8], supported_from=0.7) == 0.5
    assert faithfulness([]) == Unscored("no statements")


def test_context_recall_is_the_share_of_gold_statements_found() -> None:
    assert context_recall([1.0, 0.0, 1.0, 1.0]) == 0.75
    assert context_recall([]) == Unscored("no statements in the gold answer")


def test_context_precision_by_hand() -> None:
    assert context_precision([1, 0, 1]) == pytest.approx((1 / 1 + 2 / 3) / 2)
    assert context_precision([0, 0]) == 0.0
    assert context_precision([]) == 0.0


@settings(max_examples=50, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=10).filter(any))
def test_context_precision_equals_average_precision_of_scikit_learn(relevant: list[bool]) -> None:
    ranked = [-place for place in range(len(relevant))]
    expected = average_precision_score(relevant, ranked)
    assert context_precision([float(one) for one in relevant]) == pytest.approx(expected)


def test_noise_sensitivity_counts_wrong_statements_by_where_they_come_from() -> None:
    correct, near, far = [1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 1, 0]
    assert noise_sensitivity(correct, near) == 0.25  # the second
    assert noise_sensitivity(correct, near, far) == 0.25  # the third
    assert noise_sensitivity([], []) == Unscored("no statements")


@pytest.mark.parametrize("measure", [faithfulness, context_recall, context_precision])
def test_a_missing_verdict_leaves_the_row_without_a_number(measure: Any) -> None:
    assert measure([1.0, _LOST, 0.0]) == _LOST


def test_noise_sensitivity_without_a_verdict_has_no_number() -> None:
    assert noise_sensitivity([1.0], [_LOST]) == _LOST
    assert noise_sensitivity([1.0], [1.0], [_LOST]) == _LOST


def test_all_rows_are_judged_in_one_call() -> None:
    judge = Echo()
    verdicts = judge_support(judge, [["hot", "cold"], [], ["wet"]], ["it is hot", "", "wet"])
    assert verdicts == [[1.0, 0.0], [], [1.0]]
    assert len(judge.calls) == 1
    assert judge_support(judge, [[]], [""]) == [[]]
    assert len(judge.calls) == 1


def test_relevance_asks_for_the_gold_answer_in_each_chunk() -> None:
    judge = Echo()
    assert judge_relevance(judge, ["How is it?"], ["hot"], [["cold", "hot"]]) == [[0.0, 1.0]]
    assert judge.calls[0][1] == Claim(claim="hot", evidence="hot", question="How is it?")
