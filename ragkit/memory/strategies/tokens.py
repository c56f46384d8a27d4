"""As much of the conversation as a token budget holds."""

from __future__ import annotations

from langchain_core.chat_history import BaseChatMessageHistory

from ragkit.memory.fitting import Budget
from ragkit.memory.memory import Memory
from ragkit.memory.selection import Asked, Selection
from ragkit.memory.strategies.recent import within
from ragkit.messages.counters import Counted

__all__ = ["TokenMemory"]


class TokenMemory(Memory):
    """Shows the newest turns that fit a budget, which is that of the whole prompt: system, tools and context included.

    Whole turns are left out, the oldest first; of the newest one, if it alone is too long, the oldest tool calls with
    their results, but never what the person said. Where the model is to answer it, it is shown in any case.

    Args:
        history: The session.
        max_tokens: Of the prompt, as `counter` counts it, at least 1. Leave room for the reply.
        counter: The chat model that will read the prompt, its name, or a counter; None for an estimate, rather too
            high than too low.

    Raises:
        ConfigError: If `max_tokens` is no whole number of at least 1.
    """

    def __init__(self, history: BaseChatMessageHistory, *, max_tokens: int, counter: Counted = None) -> None:
        super().__init__(history, counter=counter)
        self._budget = Budget(max_tokens, self.counter)

    @property
    def rule(self) -> str:
        """So many tokens."""
        return f"the newest turns with which the whole prompt has at most {self._budget.max_tokens} tokens"

    def select(self, asked: Asked) -> Selection:
        """Choose the newest turns that fit."""
        return within(self.kept, asked, self._budget)
