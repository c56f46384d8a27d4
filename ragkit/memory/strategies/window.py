"""The newest turns."""

from __future__ import annotations

from langchain_core.chat_history import BaseChatMessageHistory

from ragkit.errors import ConfigError, shorten
from ragkit.memory.memory import Memory
from ragkit.memory.selection import Asked, Selection
from ragkit.memory.strategies.recent import recent
from ragkit.messages.counters import Counted

__all__ = ["WindowMemory"]


class WindowMemory(Memory):
    """Shows the newest turns: a turn is what a person said, with all that followed up to what they said next.

    Args:
        history: The session.
        turns: How many, at least 0; one that is not answered yet counts.
        counter: What counts the tokens that `explain` tells.

    Raises:
        ConfigError: If `turns` is no whole number of at least 0.
    """

    def __init__(self, history: BaseChatMessageHistory, *, turns: int = 5, counter: Counted = None) -> None:
        if type(turns) is not int or turns < 0:
            raise ConfigError(f"turns must be a whole number of at least 0, got {shorten(repr(turns))}.")
        super().__init__(history, counter=counter)
        self._turns = turns

    @property
    def rule(self) -> str:
        """So many turns."""
        return f"the newest turns, at most {self._turns}"

    def select(self, asked: Asked) -> Selection:
        """Choose the newest turns."""
        return recent(self.kept, asked, turns=self._turns)
