"""The last stage of a sync: windows with their vectors are written some at a time, and whoever watches is told."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ragkit.ingest.embedding import EmbeddedWindow, Embedding
    from ragkit.ingest.progress import Meter
    from ragkit.store.records import NewDocument

__all__ = ["Taking", "Writing"]

_MAX_CHUNKS = 1_024
_MAX_CHARS = 8_000_000
_MAX_AGE_S = 2.0


class Taking(Protocol):
    """A collection, or one that is being built."""

    def put_many(self, pairs: Iterable[tuple[NewDocument, Any]]) -> None:
        """Insert or replace documents, given with their vectors; durable on return."""
        ...


class Writing:
    """Gathers windows, because each commit costs a handful of syncs to the disk, whatever it holds.

    They are written when 1,024 chunks or 8 million characters wait, or when the last commit was two seconds ago: that
    much is lost by a kill.

    Args:
        collection: Where they go; None when nothing is to be written.
        embedding: Is told what was written.
        meter: Counts what was looked at.
        clock: In seconds.
    """

    def __init__(
        self,
        collection: Taking | None,
        embedding: Embedding,
        meter: Meter,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._collection = collection
        self._embedding = embedding
        self._meter = meter
        self._clock = clock
        self._last = clock()
        self._waiting: list[EmbeddedWindow] = []

    def take(self, item: EmbeddedWindow) -> None:
        """Take the next window."""
        self._waiting.append(item)
        chunks, chars = (sum(getattr(held.window, size) for held in self._waiting) for size in ("chunks", "chars"))
        if chunks >= _MAX_CHUNKS or chars >= _MAX_CHARS or self._clock() - self._last >= _MAX_AGE_S:
            self.flush()
        self._meter.embedded += item.embedded
        for step in item.window.steps:
            self._meter.done += 1
            self._meter.chunks += 0 if step.document is None else len(step.document.chunks)
            self._meter.bytes_done = step.bytes_done
            self._meter.tell()

    def flush(self) -> None:
        """Write what waits; it is durable on return."""
        waiting, self._waiting = self._waiting, []
        pairs = [pair for item in waiting for pair in zip(item.window.documents, item.vectors, strict=False)]
        if pairs and self._collection is not None:
            self._collection.put_many(pairs)
        if waiting:
            self._embedding.written(waiting[-1].window.number)
        self._last = self._clock()
