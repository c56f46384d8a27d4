from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from ragkit.models.local.chat import LocalChatModel

CHAT: list[BaseMessage] = [SystemMessage("Be brief."), HumanMessage("What is the capital of France?")]


@pytest.fixture(scope="module")
def model(chat_llama_folder: Path) -> LocalChatModel:
    return LocalChatModel(model=str(chat_llama_folder), dtype="float32", max_tokens=24)


def spelt(model: LocalChatModel, text: str) -> list[int]:
    return model.get_token_ids(text)


@pytest.mark.parametrize("way", ["batch", "generate", "as completed"])
def test_a_batch_is_asked_all_at_once(scripted: Any, model: LocalChatModel, way: str) -> None:
    # Each waits for all eight: with fewer threads than a batch has places this would end in a broken barrier.
    engine = scripted([spelt(model, "Paris")] * 8, together=8)
    asked, questions = engine.under(model), [f"{number}?" for number in range(8)]
    if way == "batch":
        texts = [reply.content for reply in asked.batch(list(questions))]
    elif way == "generate":
        run_id = uuid4()
        result = asked.generate([[HumanMessage(question)] for question in questions], run_id=run_id)
        texts = [replies[0].text for replies in result.generations]
        runs = [run.run_id for run in result.run or ()]
        assert (len(set(runs)), runs[0]) == (8, run_id)
    else:
        texts = [reply.content for _, reply in asked.batch_as_completed(list(questions))]  # type: ignore[union-attr]
    assert texts == ["Paris"] * 8


def test_a_limit_on_concurrency_is_the_caller_s(scripted: Any, model: LocalChatModel) -> None:
    engine = scripted([spelt(model, "Paris")] * 8, together=2)
    replies = engine.under(model).batch(["a"] * 4, config={"max_concurrency": 2})
    assert len(replies) == 4
    assert engine.under(model).batch([]) == []
    assert engine.under(model).generate([]).generations == []
