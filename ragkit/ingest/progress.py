"""How far a sync has come, for whoever watches."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Meter", "Progress"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A moment of a sync."""

    done: int
    """Documents looked at, those that were unchanged or failed included."""
    total: int | None
    """Documents in all; None while unknown, because a file of rows does not say how many it holds."""
    chunks: int
    """Chunks of added and changed documents so far."""
    embedded: int
    """Texts embedded so far."""
    rate: float
    """Chunks per second since the start."""
    left_s: float | None
    """Seconds left, by the share of bytes read; None at the very start."""
    seconds: float
    """Since the start."""


class Meter:
    """Counts and tells; `clock` is in seconds."""

    def __init__(
        self,
        tell: Callable[[Progress], None] | None,
        *,
        total: int | None,
        total_bytes: int,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.done = 0
        """Documents looked at."""
        self.chunks = 0
        """Chunks of added and changed documents."""
        self.embedded = 0
        """Texts embedded."""
        self.bytes_done = 0.0
        """Bytes of files read so far."""
        self._tell = tell
        self._total = total
        self._total_bytes = total_bytes
        self._clock = clock
        self._start = clock()

    @property
    def seconds(self) -> float:
        """Time since the start."""
        return self._clock() - self._start

    def finish(self) -> None:
        """Say that all bytes were read, and tell."""
        self.bytes_done = self._total_bytes
        self.tell()

    def tell(self) -> None:
        """Call whoever watches."""
        if self._tell is None:
            return
        seconds = self.seconds
        share = min(1.0, self.bytes_done / self._total_bytes) if self._total_bytes else 0.0
        self._tell(
            Progress(
                done=self.done,
                total=self._total,
                chunks=self.chunks,
                embedded=self.embedded,
                rate=self.chunks / seconds if seconds > 0 else 0.0,
                left_s=seconds * (1 - share) / share if share > 0 else None,
                seconds=seconds,
            )
        )
