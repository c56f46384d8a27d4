from __future__ import annotations

from pathlib import Path

import pytest
from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import AIMessage, HumanMessage

from ragkit.errors import InputError
from ragkit.memory import BufferMemory, ChatHistories, ShownHistory, WindowMemory
from ragkit.testing.contracts.history import HistoryContract

TURN = [HumanMessage("q"), AIMessage("a")]


def test_reading_shows_what_the_memory_shows_and_adding_keeps_all() -> None:
    history = ChatHistories().session("s")
    shown = ShownHistory(WindowMemory(history, turns=1))
    for _ in range(3):
        shown.add_messages(TURN)
    assert shown.messages == TURN
    assert len(history) == 6
    shown.clear()
    assert shown.messages == []
    assert len(history) == 0


async def test_async_does_the_same() -> None:
    history = ChatHistories().session("s")
    shown = ShownHistory(WindowMemory(history, turns=1))
    for _ in range(3):
        await shown.aadd_messages(TURN)
    assert await shown.aget_messages() == TURN
    assert len(history) == 6
    await shown.aclear()
    assert await shown.aget_messages() == []


class TestWhatAMemoryOfEverythingShows(HistoryContract):
    @pytest.fixture
    def history(self, tmp_path: Path) -> BaseChatMessageHistory:
        self.path = tmp_path / "conversations.db"
        return self._session("1")

    def other(self, history: BaseChatMessageHistory) -> BaseChatMessageHistory:
        return self._session("2")

    def reopened(self, history: BaseChatMessageHistory) -> BaseChatMessageHistory:
        return self._session("1")

    def _session(self, session_id: str) -> BaseChatMessageHistory:
        return ShownHistory(BufferMemory(ChatHistories(self.path).session(session_id)))


def test_a_history_is_no_memory() -> None:
    with pytest.raises(InputError, match=r"a memory is wanted, such as BufferMemory\(history\).* got ChatHistory"):
        ShownHistory(ChatHistories().session("s"))  # type: ignore[arg-type]
