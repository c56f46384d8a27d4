"""A call reads no more of a long conversation than of a short one, whatever a memory is put around."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from ragkit.memory import ChatHistories, Kept, WindowMemory, memory_node, with_memory
from ragkit.memory.classic import (
    ConversationBufferWindowMemory,
    ConversationSummaryBufferMemory,
    ConversationTokenBufferMemory,
)
from ragkit.testing import ScriptedChatModel


class Watched(BaseChatMessageHistory):
    """A session that counts the messages which are read of it."""

    def __init__(self, turns: int) -> None:
        self.session = ChatHistories().session("s")
        for number in range(turns):
            message = HumanMessage(f"q{number}", id=f"h{number}"), AIMessage(f"a{number}", id=f"a{number}")
            self.session.add_messages(message)
        self.put_note, self.note = self.session.put_note, self.session.note
        self.read = 0

    def newest_first(self) -> Iterator[Kept]:
        for kept in self.session.newest_first():
            self.read += 1
            yield kept

    def after(self, seq: int) -> list[Kept]:
        found = self.session.after(seq)
        self.read += len(found)
        return found

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override]
        raise AssertionError("the whole conversation was read")

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        self.session.add_messages(messages)

    def __len__(self) -> int:
        return len(self.session)

    def clear(self) -> None:
        self.session.clear()


def a_chain(history: Watched) -> None:
    with_memory(ScriptedChatModel(["a"]), WindowMemory(history, turns=2)).invoke("q")


def a_node(history: Watched) -> None:
    node = memory_node(ScriptedChatModel(["a"]), WindowMemory(history, turns=2))
    node.invoke({"messages": [HumanMessage("q", id="q")]})


def a_window(history: Watched) -> None:
    memory = ConversationBufferWindowMemory(chat_memory=history, k=2)
    memory.save_context({"input": "q"}, {"output": "a"})
    assert memory.buffer.endswith("Human: q\nAI: a")


def some_tokens(history: Watched) -> None:
    memory = ConversationTokenBufferMemory(chat_memory=history, llm=ScriptedChatModel([]), max_token_limit=10)
    memory.save_context({"input": "q"}, {"output": "a"})
    assert memory.buffer.endswith("Human: q\nAI: a")


def a_summary(history: Watched) -> None:
    last = next(history.session.newest_first()).seq
    history.put_note("summary", last, {"text": "They talk.", "messages": len(history)}, after=0)
    memory = ConversationSummaryBufferMemory(chat_memory=history, llm=ScriptedChatModel([]))
    memory.save_context({"input": "q"}, {"output": "a"})
    assert memory.buffer == "System: They talk.\nHuman: q\nAI: a"


@pytest.mark.parametrize("call", [a_chain, a_node, a_window, some_tokens, a_summary])
def test_a_call_reads_as_much_of_a_long_conversation_as_of_a_short_one(call: Callable[[Any], None]) -> None:
    short, long = Watched(50), Watched(400)
    call(short)
    call(long)
    assert 0 < short.read == long.read <= 80
    assert len(long) == 802
