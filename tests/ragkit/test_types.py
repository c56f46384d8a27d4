from __future__ import annotations

import dataclasses
import json

import pytest

from ragkit.types import Answer, AnswerSentence, ArmScore, Citation, Hit


def test_a_hit_gives_the_keys_of_the_contract() -> None:
    hit = Hit(doc_id="a", chunk_id="a#0", score=0.5, rank=1, arms={"bm25": ArmScore(2.0, 3)})
    assert list(hit.as_dict()) == [
        "rank", "score", "doc_id", "chunk_id", "source", "title", "start", "end", "page", "text", "metadata", "arms",
    ]  # fmt: skip
    assert hit.as_dict()["arms"] == {"bm25": {"score": 2.0, "rank": 3}}


def test_an_answer_gives_the_keys_of_the_contract() -> None:
    citation = Citation(marker="[1]", doc_id="a", source="a.md", page=None, start=0, end=3, quote="Yes", support=0.9)
    sentence = AnswerSentence(text="Yes", supported=True, support=0.9, citations=("[1]",))
    answer = Answer(question="Is it?", text="Yes [1]", abstained=False, citations=(citation,), sentences=(sentence,))
    document = json.loads(json.dumps(answer.as_dict()))
    assert list(document) == [
        "question", "text", "abstained", "reason", "citations", "sentences", "usage", "timings",
    ]  # fmt: skip
    assert list(document["citations"][0]) == [
        "marker", "doc_id", "source", "page", "start", "end", "quote", "support",
    ]  # fmt: skip
    assert document["sentences"] == [{"text": "Yes", "supported": True, "support": 0.9, "citations": ["[1]"]}]


def test_values_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Hit(doc_id="a", score=0.5, rank=1).rank = 2  # type: ignore[misc]
