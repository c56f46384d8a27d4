from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.language_models import FakeListLLM
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from pydantic import SecretStr

from ragkit.errors import ConfigError
from ragkit.memory.classic import (
    ConversationBufferMemory,
    ConversationBufferWindowMemory,
    ConversationStringBufferMemory,
    ConversationTokenBufferMemory,
)
from ragkit.models import OpenAIChatModel
from ragkit.testing import ScriptedChatModel

TOOLS: list[BaseMessage] = [
    HumanMessage("1 + 2?"),
    AIMessage("", tool_calls=[{"name": "add", "args": {"a": 1, "b": 2}, "id": "c1"}]),
    ToolMessage("3", tool_call_id="c1"),
    AIMessage("3."),
]


def kinds(messages: Any) -> list[str]:
    return [message.type for message in messages]


async def test_the_buffer_is_text_or_messages() -> None:
    memory = ConversationBufferMemory()
    memory.save_context({"input": "hi"}, {"output": "ho"})
    assert memory.buffer == await memory.abuffer() == "Human: hi\nAI: ho"
    assert memory.buffer_as_str == await memory.abuffer_as_str() == "Human: hi\nAI: ho"
    assert kinds(memory.buffer_as_messages) == kinds(await memory.abuffer_as_messages()) == ["human", "ai"]
    memory.return_messages = True
    assert memory.buffer == await memory.abuffer() == memory.buffer_as_messages


@pytest.mark.parametrize("limit", range(40))
def test_a_limit_never_shows_a_result_without_its_call(limit: int) -> None:
    memory = ConversationTokenBufferMemory(llm=ScriptedChatModel([]), max_token_limit=limit, return_messages=True)
    memory.chat_memory.add_messages(TOOLS)
    shown = memory.buffer
    assert kinds(shown) in ([], ["ai"], ["ai", "tool", "ai"], ["human", "ai", "tool", "ai"])
    assert len(memory.chat_memory.messages) == 4


@settings(max_examples=50, deadline=None)
@given(lengths=st.lists(st.integers(0, 9), max_size=40), limit=st.integers(-1, 120))
def test_a_limit_shows_what_dropping_one_message_after_the_other_leaves(lengths: list[int], limit: int) -> None:
    memory = ConversationTokenBufferMemory(llm=ScriptedChatModel([]), max_token_limit=limit)
    kinds = (HumanMessage, AIMessage)
    messages = [kinds[place % 2](" ".join(["w"] * length)) for place, length in enumerate(lengths)]
    memory.chat_memory.add_messages(messages)
    left = list(messages)
    while left and sum(len(message.text.split()) + 1 for message in left) > limit:
        left.pop(0)
    assert memory.buffer_as_messages == left


def test_a_window_holds_whole_turns() -> None:
    memory = ConversationBufferWindowMemory(k=1, return_messages=True)
    memory.chat_memory.add_messages([*TOOLS, *TOOLS])
    assert memory.buffer == TOOLS  # LangChain's last two messages were a result without its call, and the answer


@pytest.mark.parametrize(
    ("llm", "shown"),
    [
        (FakeListLLM(responses=[]), "Human: hi\nAI: ho\nHuman: hi\nAI: ho"),  # estimated: it brings no count
        (FakeListLLM(responses=[], custom_get_token_ids=lambda text: [1] * len(text)), "AI: ho"),
        (OpenAIChatModel(model="gpt-4o", api_key=SecretStr("none")), "Human: hi\nAI: ho"),
    ],
)
def test_tokens_are_counted_without_a_network(llm: Any, shown: str) -> None:
    memory = ConversationTokenBufferMemory(llm=llm, max_token_limit=14)
    for _ in range(3):
        memory.save_context({"input": "hi"}, {"output": "ho"})
    assert memory.buffer == shown


def test_a_text_buffer_gives_no_messages() -> None:
    with pytest.raises(ConfigError, match="use ConversationBufferMemory for messages"):
        ConversationStringBufferMemory(return_messages=True)
    assert ConversationStringBufferMemory(return_messages=False, buffer="Human: hi").buffer == "Human: hi"
