"""Scripted models for judges and evaluations (the seam of `ragkit.evaluate.chat`), and one that counts what was paid.

For programs that take LangChain chat models there is `ragkit.testing.scripted_chat`.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from ragkit.evaluate.chat import Ask, ChatModel, Reply
from ragkit.testing.lines import Lines

__all__ = ["Line", "MeteredModel", "ScriptedModel"]

Line: TypeAlias = "str | Reply | Exception"
"""One line of a script: what the model says, or the error it raises."""


class ScriptedModel:
    """A chat model that follows a script; safe from many threads.

    Example:
        >>> from ragkit.evaluate.chat import Message
        >>> model = ScriptedModel(["yes"])
        >>> model.reply(Ask(messages=[Message("user", "Is it so?")])).text
        'yes'
    """

    def __init__(self, script: Sequence[Line] | Callable[[Ask], Line], *, name: str = "scripted") -> None:
        """Prepare a model.

        Args:
            script: Lines given out one after the other, or a function that is handed each question.
            name: Goes on the card, and so into the content address.
        """
        self.card: Mapping[str, Any] = {"name": name}
        self.asks: list[Ask] = []
        """Every question so far, in order."""
        self._lines: Lines[Ask, Line] = Lines(script)
        self._lock = threading.Lock()

    def reply(self, ask: Ask) -> Reply:
        """Say the next line, or what the function answers.

        Raises:
            ModelError: If the lines are used up.
            Exception: One that the script holds.
        """
        with self._lock:
            self.asks.append(ask)
        (said,) = self._lines.next(ask)
        if isinstance(said, Exception):
            raise said
        return said if isinstance(said, Reply) else Reply(text=str(said))


class MeteredModel:
    """A model that costs money: each reply adds one line to a file, which outlives a process that is killed."""

    def __init__(self, inner: ChatModel, meter: Path, *, cost_usd: float = 0.01) -> None:
        """Wrap a model.

        Args:
            inner: Who answers.
            meter: File that gets the content address of each question answered, one per line.
            cost_usd: Price of one reply, in US dollars.
        """
        self._inner = inner
        self._meter = meter
        self._cost_usd = cost_usd
        self._lock = threading.Lock()

    @property
    def card(self) -> Mapping[str, Any]:
        """The card of the model inside: a meter changes nothing of what is said."""
        return self._inner.card

    @property
    def keys(self) -> list[str]:
        """Content addresses of the questions answered so far, by every process, repeats included."""
        return self._meter.read_text(encoding="ascii").splitlines() if self._meter.exists() else []

    @property
    def spent_usd(self) -> float:
        """What all replies have cost, in US dollars."""
        return len(self.keys) * self._cost_usd

    def reply(self, ask: Ask) -> Reply:
        """Answer, then write it down; a question that fails costs nothing.

        Raises:
            ModelError: If the model inside fails.
        """
        said = self._inner.reply(ask)
        with self._lock, self._meter.open("a", encoding="ascii") as file:
            file.write(f"{ask.key(self.card)}\n")
            file.flush()
            os.fsync(file.fileno())
        return replace(said, cost_usd=self._cost_usd)
