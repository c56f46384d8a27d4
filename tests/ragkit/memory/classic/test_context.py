from __future__ import annotations

from typing import Any

import pytest
from langchain_core.chat_history import InMemoryChatMessageHistory
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from pydantic import ValidationError

from ragkit.errors import InputError
from ragkit.memory.classic import (
    ConversationBufferMemory,
    ConversationBufferWindowMemory,
    ConversationSummaryBufferMemory,
    ConversationSummaryMemory,
    ConversationTokenBufferMemory,
)
from ragkit.testing import ScriptedChatModel


def test_whole_messages_are_kept_whole() -> None:
    call = {"name": "add", "args": {"a": 1}, "id": "c1", "type": "tool_call"}
    memory = ConversationBufferMemory(return_messages=True)
    question, answer = HumanMessage("1 + 1?", name="Ann"), AIMessage("", tool_calls=[call])
    memory.save_context({"input": question}, {"output": answer})
    assert memory.chat_memory.messages == [question, answer]


def test_contents_may_be_blocks() -> None:
    blocks = [{"type": "text", "text": "What is this?"}]
    memory = ConversationBufferMemory()
    memory.save_context({"input": blocks}, {"output": "A dog."})
    assert memory.chat_memory.messages[0].content == blocks


def test_both_sides_are_kept_or_none() -> None:
    memory = ConversationBufferMemory()
    with pytest.raises(InputError, match=r"one of \['a', 'b'\] must be chosen: say which as output_key, got None"):
        memory.save_context({"input": "hi"}, {"a": "1", "b": "2"})
    with pytest.raises(InputError, match="say which as input_key, got None"):
        memory.save_context({}, {"a": "1"})
    assert memory.chat_memory.messages == []


def test_a_key_that_is_not_there_is_named() -> None:
    with pytest.raises(InputError, match=r"one of \['text'\] must be chosen: say which as input_key, got 'input'"):
        ConversationBufferMemory(input_key="input").save_context({"text": "hi"}, {"output": "ho"})


def test_of_several_outputs_the_one_called_output_is_kept_with_a_warning() -> None:
    memory = ConversationBufferMemory()
    with pytest.warns(UserWarning, match="'output' is kept, not 'sources': say output_key"):
        memory.save_context({"input": "hi"}, {"output": "ho", "sources": "s"})
    assert memory.load_memory_variables({}) == {"history": "Human: hi\nAI: ho"}


def test_arguments_that_nobody_knows_are_passed_over_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="ConversationBufferMemory has no argument 'llm': it is passed over"):
        ConversationBufferMemory(llm=None)


def test_neither_repr_nor_error_shows_what_was_said() -> None:
    memory = ConversationBufferMemory()
    memory.save_context({"input": "secret"}, {"output": "secret"})
    assert "secret" not in repr(memory)
    with pytest.raises(ValidationError, match="llm") as caught:
        ConversationTokenBufferMemory(max_token_limit="secret")
    assert "secret" not in str(caught.value)


@pytest.mark.filterwarnings("ignore:.*InMemoryChatMessageHistory")
def test_any_history_of_langchain_will_do() -> None:
    history = InMemoryChatMessageHistory()
    for kind, options in (
        (ConversationBufferMemory, {}),
        (ConversationBufferWindowMemory, {"k": 1}),
        (ConversationTokenBufferMemory, {"llm": ScriptedChatModel([])}),
        (ConversationSummaryBufferMemory, {"llm": ScriptedChatModel([])}),
        (ConversationSummaryMemory, {"llm": ScriptedChatModel(["Human: hi\nAI: ho"])}),
    ):
        memory = kind(chat_memory=history, **options)
        memory.save_context({"input": "hi"}, {"output": "ho"})
        assert memory.load_memory_variables({}) == {"history": "Human: hi\nAI: ho"}
        memory.clear()
        assert memory.load_memory_variables({}) == {"history": ""}
        assert history.messages == []


C1: dict[str, Any] = {"name": "add", "args": {}, "id": "c1"}
C2 = {**C1, "id": "c2"}


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (ConversationBufferMemory, {}),
        (ConversationBufferWindowMemory, {}),
        (ConversationTokenBufferMemory, {"llm": ScriptedChatModel([])}),
        (ConversationSummaryMemory, {"llm": ScriptedChatModel([])}),
        (ConversationSummaryBufferMemory, {"llm": ScriptedChatModel([])}),
    ],
)
def test_calls_and_results_are_shown_with_each_other_or_not_at_all(kind: Any, options: dict[str, Any]) -> None:
    memory = kind(return_messages=True, **options)
    memory.chat_memory.add_messages(
        [
            HumanMessage("q1"),
            AIMessage("half", tool_calls=[C1, C2]),
            ToolMessage("r1", tool_call_id="c1"),
            HumanMessage("q2"),
            AIMessage("", tool_calls=[C1]),
            HumanMessage("q3"),
            ToolMessage("r2", tool_call_id="c1"),
            AIMessage("open", tool_calls=[C2]),
        ]
    )
    shown = memory.load_memory_variables({})["history"]
    assert [message.text for message in shown] == ["q1", "q2", "", "r2", "q3"]
    assert len(memory.chat_memory.messages) == 8


@pytest.mark.parametrize("value", [7, None, {"secret": 1}, ["text", 7]])
def test_what_is_neither_text_nor_a_message_is_refused_and_not_shown(value: Any) -> None:
    memory = ConversationBufferMemory()
    with pytest.raises(InputError, match=r"must be text, content blocks or a message, got \w+\.$"):
        memory.save_context({"input": "hi"}, {"output": value})
    assert memory.chat_memory.messages == []


def test_two_memories_may_share_a_conversation() -> None:
    first = ConversationBufferMemory()
    second = ConversationBufferMemory(chat_memory=first.chat_memory)
    first.save_context({"input": "hi"}, {"output": "ho"})
    assert second.load_memory_variables({}) == {"history": "Human: hi\nAI: ho"}
    assert ConversationBufferMemory().load_memory_variables({}) == {"history": ""}
