"""The whole conversation."""

from __future__ import annotations

from ragkit.memory.memory import Memory
from ragkit.memory.selection import Asked, Selection
from ragkit.memory.strategies.recent import recent

__all__ = ["BufferMemory"]


class BufferMemory(Memory):
    """Shows all that was said, however long.

    Example:
        >>> from langchain_core.messages import AIMessage, HumanMessage
        >>> from ragkit.memory import ChatHistories
        >>> with ChatHistories() as histories:
        ...     memory = BufferMemory(histories.session("monday", user_id="ada"))
        ...     memory.save([HumanMessage("I am Ada."), AIMessage("Good day, Ada.")])
        ...     [message.text for message in memory.load("Who am I?")]
        ['I am Ada.', 'Good day, Ada.']
    """

    @property
    def rule(self) -> str:
        """All of it."""
        return "the whole conversation"

    def select(self, asked: Asked) -> Selection:
        """Choose every turn."""
        return recent(self.kept, asked, turns=None)
