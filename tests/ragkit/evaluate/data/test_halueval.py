from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ragkit.errors import LoadError
from ragkit.evaluate.data.halueval import (
    halueval_dialogue,
    halueval_general,
    halueval_qa,
    halueval_summarization,
)
from ragkit.evaluate.data.supported import GroundednessRow

Write = Callable[..., Path]


def test_each_pair_gives_a_right_and_a_hallucinated_answer(write: Write) -> None:
    path = write("qa.json", {"knowledge": "k", "question": "q", "right_answer": "r", "hallucinated_answer": "h"})
    assert list(halueval_qa(path)) == [
        GroundednessRow("1-right", "q", "k", "r", True),
        GroundednessRow("1-hallucinated", "q", "k", "h", False),
    ]


def test_dialogues_have_their_history_as_question_and_summaries_none(write: Write) -> None:
    said = {"knowledge": "k", "dialogue_history": "[Human]: hi", "right_response": "r", "hallucinated_response": "h"}
    assert [row.question for row in halueval_dialogue(write("d.json", said))] == ["[Human]: hi", "[Human]: hi"]
    summed = {"document": "long", "right_summary": "r", "hallucinated_summary": "h"}
    assert [(row.question, row.context) for row in halueval_summarization(write("s.json", summed))] == [
        ("", "long")
    ] * 2


def test_general_answers_carry_the_quotes_that_are_found(write: Write) -> None:
    path = write(
        "general.json",
        {
            "ID": "ID",
            "user_query": "q",
            "chatgpt_response": "It is so. No.",
            "hallucination": "yes",
            "hallucination_spans": ["No.", "never said"],
        },
        {"ID": "", "user_query": "q", "chatgpt_response": "Yes.", "hallucination": "no"},
    )
    assert list(halueval_general(path)) == [
        GroundednessRow("1", "q", "", "It is so. No.", False, ((10, 13),)),
        GroundednessRow("2", "q", "", "Yes.", True),
    ]


def test_a_verdict_that_is_neither_yes_nor_no_is_named(write: Write) -> None:
    path = write("g.json", {"user_query": "q", "chatgpt_response": "a", "hallucination": "maybe"})
    with pytest.raises(LoadError, match=r"g\.json:1: field 'hallucination' must be yes or no, got 'maybe'"):
        list(halueval_general(path))


def test_a_missing_answer_is_named(write: Write) -> None:
    with pytest.raises(LoadError, match=r"qa\.json:1: has no field 'hallucinated_answer'"):
        list(halueval_qa(write("qa.json", {"knowledge": "k", "question": "q", "right_answer": "r"})))


def test_real_samples_have_their_counts(data: Path) -> None:
    for name in ("one-turn", "multi-turn"):
        rows = list(halueval_qa(data / f"halueval/qa_generation_{name}.jsonl.gz"))
        assert (len(rows), sum(row.supported for row in rows)) == (1000, 500)
    rows = list(halueval_general(data / "halueval/general.jsonl.gz"))
    assert (len(rows), sum(not row.supported for row in rows)) == (4507, 815)
    assert len({row.id for row in rows}) == 4507
