"""`HistoryContract`: what a history of chat messages promises its users."""

# ruff: noqa: S101  # a suite is made of asserts

from __future__ import annotations

from abc import abstractmethod

from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from ragkit._optional import require
from ragkit.testing.contracts.promises import kept

with require(feature="HistoryContract", package="pytest", extra="testing"):
    import pytest

__all__ = ["HistoryContract"]


class HistoryContract:
    """Promises about order, whole messages, copies, clearing, sessions and persistence. LangChain has no suite for it.

    A subclass gives the fixture `history`: an empty one.
    """

    @abstractmethod
    @pytest.fixture
    def history(self) -> BaseChatMessageHistory:
        """Give an empty history."""

    def other(self, history: BaseChatMessageHistory) -> BaseChatMessageHistory | None:
        """Give the history of another session, kept in the same place; None if there is only one."""
        return None

    def reopened(self, history: BaseChatMessageHistory) -> BaseChatMessageHistory | None:
        """Close a history and open what it kept, as another process would; None if it keeps nothing."""
        return None

    def test_a_new_history_is_empty(self, history: BaseChatMessageHistory) -> None:
        """And clearing it is no error."""
        assert history.messages == []
        history.clear()
        assert history.messages == []

    def test_messages_come_back_whole_and_in_order(self, history: BaseChatMessageHistory) -> None:
        """Kinds, text, names, ids, tool calls and usage."""
        history.add_messages(_conversation()[:2])
        history.add_messages([])
        history.add_messages(_conversation()[2:])
        assert history.messages == _conversation()

    def test_one_message_at_a_time_is_the_same(self, history: BaseChatMessageHistory) -> None:
        """`add_message` and the shortcuts append."""
        for message in _conversation():
            history.add_message(message)
        history.add_user_message("Thanks")
        history.add_ai_message("Welcome")
        assert history.messages[: len(_conversation())] == _conversation()
        assert [message.text for message in history.messages[-2:]] == ["Thanks", "Welcome"]

    def test_a_repeated_message_stands_twice(self, history: BaseChatMessageHistory) -> None:
        """Saying the same again is saying it."""
        history.add_messages([HumanMessage("again"), HumanMessage("again")])
        assert len(history.messages) == 2

    def test_clearing_forgets_all(self, history: BaseChatMessageHistory) -> None:
        """What is added afterwards stands alone."""
        history.add_messages(_conversation())
        history.clear()
        assert history.messages == []
        history.add_user_message("new")
        assert [message.text for message in history.messages] == ["new"]

    def test_what_is_handed_in_is_not_changed(self, history: BaseChatMessageHistory) -> None:
        """And changing it later does not change the history."""
        messages = _conversation()
        before = kept(messages)
        history.add_messages(messages)
        assert messages == before
        messages[0].content = "changed"
        messages.clear()
        assert history.messages == _conversation()

    def test_what_is_handed_out_can_be_changed(self, history: BaseChatMessageHistory) -> None:
        """Neither the list nor its messages are the history's own."""
        history.add_messages(_conversation())
        handed = history.messages
        handed[0].content = "changed"
        handed.clear()
        assert history.messages == _conversation()

    def test_sessions_are_apart(self, history: BaseChatMessageHistory) -> None:
        """Adding to one and clearing it does not touch the other."""
        other = self.other(history)
        if other is None:
            pytest.skip("there is only one session")
        other.add_user_message("mine")
        history.add_messages(_conversation())
        assert [message.text for message in other.messages] == ["mine"]
        history.clear()
        assert [message.text for message in other.messages] == ["mine"]

    def test_a_reopened_history_holds_the_same(self, history: BaseChatMessageHistory) -> None:
        """Whole messages, in order."""
        history.add_messages(_conversation())
        again = self.reopened(history)
        if again is None:
            pytest.skip("the history keeps nothing")
        assert again.messages == _conversation()

    async def test_async_does_the_same(self, history: BaseChatMessageHistory) -> None:
        """The twins are twins."""
        await history.aadd_messages(_conversation())
        assert await history.aget_messages() == _conversation()
        await history.aclear()
        assert await history.aget_messages() == []


def _conversation() -> list[BaseMessage]:
    call = {"name": "weather", "args": {"city": "Zürich", "days": 2}, "id": "call_1", "type": "tool_call"}
    usage = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
    return [
        SystemMessage("Be brief."),
        HumanMessage("Will it rain? 日本語 🚋\nPlease.", name="Ann", id="h1"),
        AIMessage("", tool_calls=[call], usage_metadata=usage, id="a1"),
        ToolMessage("yes", tool_call_id="call_1", name="weather"),
        AIMessage([{"type": "text", "text": "It will."}], response_metadata={"finish_reason": "stop"}),
    ]
