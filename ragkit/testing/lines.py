"""The lines of a script: given out one after the other, or made by a function of what is asked."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from ragkit.errors import ModelError

__all__ = ["Lines"]

Asked = TypeVar("Asked")
Line = TypeVar("Line")


class Lines(Generic[Asked, Line]):
    """A queue of lines, or a function that makes them; safe from many threads."""

    def __init__(self, script: Iterable[Line] | Callable[[Asked], Line]) -> None:
        """Take a script.

        Args:
            script: Lines in their order, or a function of what is asked, which never runs out.
        """
        self._make = script if callable(script) else None
        self._left: deque[Line] = deque() if callable(script) else deque(script)
        self._given = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        """Tell how many lines are left; 0 where a function makes them."""
        return len(self._left)

    def next(self, asked: Asked, *, before: Callable[[Line], bool] = lambda _: False) -> list[Line]:
        """Give the line for what is asked, after those that only come before a line.

        Args:
            asked: Handed to the function, where there is one.
            before: Says of a line that it does not stand alone: the line after it is given too.

        Raises:
            ModelError: If the lines are used up.
        """
        if self._make is not None:
            return [self._make(asked)]
        given: list[Line] = []
        with self._lock:
            self._given += 1
            while not given or before(given[-1]):
                if not self._left:
                    raise ModelError(f"the script has no line left for question {self._given}: give it more replies.")
                given.append(self._left.popleft())
        return given
