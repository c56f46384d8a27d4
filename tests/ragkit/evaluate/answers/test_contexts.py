from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from ragkit.evaluate.answers.contexts import score_contexts
from ragkit.evaluate.answers.said import Said
from ragkit.evaluate.answers.scoring import score_answer
from ragkit.evaluate.data.answers import AnswerRow
from ragkit.evaluate.judge import Claim
from ragkit.evaluate.judges.overlap import OverlapJudge
from ragkit.evaluate.measures.rouge import Rouge
from ragkit.evaluate.outcome import Outcome, Row, Unscored
from ragkit.types import Answer

ROUGE = Rouge(["rougeL"])
NAMES = ("faithfulness", "context_precision", "context_recall")


class InIt:
    card: Mapping[str, Any] = {"judge": "in it"}

    def __init__(self) -> None:
        self.calls = 0

    def judge(self, claims: Sequence[Claim]) -> list[Outcome]:
        self.calls += 1
        return [Unscored("late") if "late" in claim.claim else float(claim.claim in claim.evidence) for claim in claims]


def scored(text: str, *retrieved: str, gold: tuple[str, ...] = ("Neil Armstrong",), known: bool = True) -> Row:
    answer = Answer(question="", text=text, abstained=not text)
    said = Said(answer=answer, retrieved=retrieved if known else None)
    return score_answer(AnswerRow("q", "Who walked?", gold), said, ROUGE)


def outcomes(*rows: Row) -> list[tuple[Outcome, ...]]:
    return [tuple(row.outcomes[name] for name in NAMES) for row in score_contexts(rows, InIt())]


def test_the_three_measures_by_hand() -> None:
    row = scored(
        "It rained. [1] Neil Armstrong walked.", "It rained.", "Neil Armstrong walked.", "Then Neil Armstrong."
    )
    assert outcomes(row) == [(1.0, pytest.approx((1 / 2 + 2 / 3) / 2), 1.0)]
    assert outcomes(scored("It rained. It snowed.", "It rained.")) == [(0.5, 0.0, 0.0)]


def test_a_refusal_has_no_faithfulness_and_an_impossible_question_no_context_measures() -> None:
    assert outcomes(scored("", "Neil Armstrong.")) == [(Unscored("abstained"), 1.0, 1.0)]
    nothing = Unscored("no gold answer")
    assert outcomes(scored("It rained.", "It rained.", gold=())) == [(1.0, nothing, nothing)]


def test_nothing_retrieved_recalls_and_supports_nothing() -> None:
    assert outcomes(scored("It rained.")) == [(0.0, 0.0, 0.0)]
    assert outcomes(scored("")) == [(Unscored("abstained"), 0.0, 0.0)]


def test_a_missing_verdict_leaves_the_row_without_a_number() -> None:
    assert outcomes(scored("It was late.", "Neil Armstrong."))[0][0] == Unscored("late")


def test_rows_that_do_not_know_what_was_retrieved_are_unscored_beside_those_that_do() -> None:
    missing = score_answer(AnswerRow("q", "Who?", ("Neil",)), None, ROUGE)
    found = outcomes(scored("It rained.", "It rained."), scored("It rained.", known=False), missing)
    assert found[1] == (Unscored("what was retrieved is not known"),) * 3
    assert found[2] == (Unscored("no prediction"),) * 3


def test_without_any_passages_no_measure_is_added_and_no_judge_asked() -> None:
    judge, row = InIt(), scored("It rained.", known=False)
    assert score_contexts([row], judge) == [row]
    assert judge.calls == 0


def test_a_statement_without_content_does_not_cost_the_answer_its_faithfulness() -> None:
    row = scored("It is so. Neil Armstrong walked.", "Neil Armstrong walked.")
    (found,) = score_contexts([row], OverlapJudge())
    assert found.outcomes["faithfulness"] == 1.0
