"""The wrappers around a model with real weights: tools, schemas, streams and counts come through."""

from __future__ import annotations

from pathlib import Path

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage
from pydantic import BaseModel, Field

from ragkit.models.local.chat import LocalChatModel
from ragkit.models.wrappers.cached import CachedChatModel
from ragkit.models.wrappers.calls import Call
from ragkit.models.wrappers.fallback import FallbackChatModel
from ragkit.models.wrappers.meter import Meter
from ragkit.models.wrappers.metered import MeteredChatModel
from ragkit.models.wrappers.question import question_of, why_not_kept
from ragkit.models.wrappers.retry import RetryChatModel
from ragkit.models.wrappers.sqlite_cache import SQLiteCache


class Mood(BaseModel):
    """How it is."""

    good: bool = Field(description="Whether it is good")


@pytest.fixture(scope="module")
def local(chat_llama_folder: Path) -> BaseChatModel:
    return LocalChatModel(model=str(chat_llama_folder), dtype="float32", max_tokens=16)


@pytest.fixture
def wrapped(local: BaseChatModel, tmp_path: Path) -> MeteredChatModel:
    kept = CachedChatModel(model=RetryChatModel(model=local), cache=SQLiteCache(tmp_path / "replies.sqlite3"))
    return MeteredChatModel(model=FallbackChatModel(models=[kept]), meter=Meter())


async def test_replies_and_counts_are_those_of_the_model_alone(local: BaseChatModel, wrapped: MeteredChatModel) -> None:
    alone = local.invoke("Hello")

    chunks = [chunk async for chunk in wrapped.astream("Hello")]
    again = await wrapped.ainvoke("Hello")

    assert "".join(chunk.text for chunk in chunks) == alone.text == again.text
    assert again.response_metadata["ragkit"]["cached"] is True
    assert wrapped.get_num_tokens_from_messages([HumanMessage("Hello")]) == local.get_num_tokens_from_messages(
        [HumanMessage("Hello")]
    )
    (reading,) = wrapped.meter.snapshot().values()
    assert (reading.calls, reading.cached_calls, reading.errors) == (2, 1, 0)
    assert alone.usage_metadata is not None
    assert reading.input_tokens == alone.usage_metadata["input_tokens"]


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_schemas_hold_through_every_wrapper(wrapped: MeteredChatModel, method: str) -> None:
    chain = wrapped.with_structured_output(Mood, method=method)

    first, second = chain.invoke("How is it?", max_tokens=64), chain.invoke("How is it?", max_tokens=64)

    assert isinstance(first, Mood)
    assert first == second


def test_a_forced_tool_is_called_through_every_wrapper(wrapped: MeteredChatModel) -> None:
    reply = wrapped.bind_tools([Mood], tool_choice="Mood").invoke("How is it?", max_tokens=64)

    assert [call["name"] for call in reply.tool_calls] == ["Mood"]


def test_weights_and_settings_decide_a_reply(local: BaseChatModel, chat_llama_folder: Path, llama_folder: Path) -> None:
    call = Call([HumanMessage("Hello")], None, {})
    others = [
        LocalChatModel(model=str(chat_llama_folder), dtype="bfloat16", max_tokens=16),
        LocalChatModel(model=str(chat_llama_folder), dtype="float32", max_tokens=17),
        LocalChatModel(model=str(llama_folder), dtype="float32", max_tokens=16),
    ]
    same = LocalChatModel(model=str(chat_llama_folder), dtype="float32", max_tokens=16)

    assert question_of(same, call) == question_of(local, call)
    assert question_of(local, call) not in [question_of(other, call) for other in others]


def test_chance_is_seen(chat_llama_folder: Path) -> None:
    call = Call([HumanMessage("Hello")], None, {})

    drawn = LocalChatModel(model=str(chat_llama_folder), temperature=0.5)
    seeded = LocalChatModel(model=str(chat_llama_folder), temperature=0.5, seed=1)

    assert why_not_kept(drawn, call) == "drawn at random (temperature 0.5, no seed)"
    assert why_not_kept(seeded, call) is None
