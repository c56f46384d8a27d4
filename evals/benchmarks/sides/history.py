"""A long conversation, the same for every side: its turns, and what is measured on it.

Imported in the peers' environments too: the standard library and `measure.py` only.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

from evals.benchmarks.measure import Job, Outcome, folder_mb, quantile

__all__ = ["SHOWN", "Conversation", "filled", "measured", "turn"]

SHOWN = 20
"""Messages that the next call is shown."""
_TURNS = 20
"""Turns appended, each measured by itself."""
_WORDS = [
    "When",
    "does",
    "the",
    "next",
    "train",
    "from",
    "Rome",
    "to",
    "Milan",
    "leave",
    "and",
    "is",
    "it",
    "on",
    "time",
]


class Conversation(Protocol):
    """One session of a side, open."""

    def append(self, turns: list[tuple[str, str]]) -> None:
        """Add questions with their answers; durable when it returns, as far as the side promises."""
        ...

    def window(self) -> list[Any]:
        """Give the newest `SHOWN` messages."""
        ...


Opened = Callable[[Job], AbstractContextManager[Conversation]]


def turn(number: int) -> tuple[str, str]:
    """Give a question of 40 words and an answer of 80, another for each number."""
    words = [_WORDS[(number * 7 + place * place) % len(_WORDS)] for place in range(120)]
    return f"{number} " + " ".join(words[:40]), f"{number} " + " ".join(words[40:])


def filled(job: Job, opened: Opened) -> Outcome:
    """Make a conversation of `turns` turns."""
    with opened(job) as conversation:
        conversation.append([turn(number) for number in range(job["turns"])])
    return Outcome(numbers={f"disk_{job['turns']}_mb": folder_mb(job["folder"])})


def measured(job: Job, opened: Opened, versions: dict[str, str]) -> Outcome:
    """Open the conversation, then append a turn and read what the next call is shown, several times."""
    appends, windows, start = [], [], time.perf_counter()
    with opened(job) as conversation:
        if len(conversation.window()) != SHOWN:
            raise RuntimeError("the window is not whole")
        first_ms = (time.perf_counter() - start) * 1000
        for number in range(_TURNS):
            before = time.perf_counter()
            conversation.append([turn(10**6 + number)])
            between = time.perf_counter()
            found = conversation.window()
            windows.append((time.perf_counter() - between) * 1000)
            appends.append((between - before) * 1000)
            if not str(found[-1].content).startswith(f"{10**6 + number} "):
                raise RuntimeError("what was appended is not in the window")
    numbers = {"first": first_ms, "append": quantile(appends, 0.5), "window": quantile(windows, 0.5)}
    return Outcome(numbers={f"{name}_{job['turns']}_ms": value for name, value in numbers.items()}, versions=versions)
