"""What a memory shows, as a LangChain history: for `RunnableWithMessageHistory` and whatever else takes one."""

from __future__ import annotations

from collections.abc import Sequence

from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import BaseMessage

from ragkit.memory.memory import Memory
from ragkit.memory.rims.session import memory_for

__all__ = ["ShownHistory"]


class ShownHistory(BaseChatMessageHistory):
    """Reading gives what the memory shows, adding keeps all.

    Nobody tells a history the question or the rest of the prompt: recall and budgets work better in `with_memory`.
    In `RunnableWithMessageHistory` name `history_messages_key`: without it LangChain counts the messages it read to
    find those that are new, and a memory may show others the second time.

    Raises:
        InputError: If `memory` is none.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory_for(memory, {})  # checks that it is one

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override]  # declared as a field there
        """What the memory shows."""
        return self._memory.load()

    async def aget_messages(self) -> list[BaseMessage]:
        """Give what the memory shows."""
        return await self._memory.aload()

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Keep messages, all or none."""
        self._memory.save(messages)

    async def aadd_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Keep messages, all or none."""
        await self._memory.asave(messages)

    def clear(self) -> None:
        """Forget the whole conversation."""
        self._memory.clear()

    async def aclear(self) -> None:
        """Forget the whole conversation."""
        await self._memory.aclear()
