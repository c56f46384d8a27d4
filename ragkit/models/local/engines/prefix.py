"""What was computed is kept for the next turn: the longest kept beginning of a prompt, bounded by bytes."""

from __future__ import annotations

import threading
from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

import numpy as np

__all__ = ["Match", "PrefixCache", "Sized", "shared"]


class Sized(Protocol):
    """Anything that knows how much memory it holds."""

    @property
    def nbytes(self) -> int:
        """Bytes of storage really held, spare room included."""
        ...


Kept = TypeVar("Kept", bound=Sized)


class Match(NamedTuple, Generic[Kept]):
    """A kept sequence that begins as the one looked for."""

    kept: Kept
    length: int
    """Tokens both begin with, at least 1."""
    whole: bool
    """Whether these are all the tokens of `kept`: it may be continued in place (after `PrefixCache.take`)."""


class PrefixCache(Generic[Kept]):
    """Sequences of token ids with what was computed for them; the least recently used leave first. Thread-safe.

    No kept sequence is the beginning of another one: the longer stands for both. So, in lexicographic order, the one
    that shares most with a prompt stands next to where the prompt would stand, and a look-up is a binary search.

    Args:
        max_bytes: Most bytes kept; 0 keeps nothing.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._bytes = 0
        self._sizes: dict[bytes, int] = {}
        self._kept: OrderedDict[bytes, Kept] = OrderedDict()
        self._order: list[bytes] = []
        self._lock = threading.Lock()

    @property
    def nbytes(self) -> int:
        """Bytes kept now, at no moment above `max_bytes`."""
        return self._bytes

    def __len__(self) -> int:
        return len(self._order)

    def longest(self, tokens: Sequence[int]) -> Match[Kept] | None:
        """Give the kept sequence that shares the longest beginning with `tokens`; None if none shares any."""
        key = _key(tokens)
        with self._lock:
            at = bisect_left(self._order, key)
            lengths = [(_shared(key, near), near) for near in self._order[max(at - 1, 0) : at + 1]]
            length, near = max(lengths, default=(0, b""))
            if length == 0:
                return None
            self._kept.move_to_end(near)
            return Match(self._kept[near], length, length * _WIDTH == len(near))

    def take(self, tokens: Sequence[int]) -> Kept | None:
        """Hand over what is kept for exactly `tokens`, to be continued in place; it is kept no longer."""
        with self._lock:
            return self._remove(_key(tokens))

    def put(self, tokens: Sequence[int], kept: Kept) -> None:
        """Keep what was computed for `tokens`, at least one; what is kept for a beginning of them is dropped.

        What is already kept, by itself or as the beginning of something longer, and what is larger than `max_bytes`
        is not taken.
        """
        key, size = _key(tokens), kept.nbytes
        with self._lock:
            at = bisect_left(self._order, key)
            if at < len(self._order) and self._order[at].startswith(key):
                self._kept.move_to_end(self._order[at])
                return
            if size > self.max_bytes:
                return
            if at > 0 and key.startswith(self._order[at - 1]):
                self._remove(self._order[at - 1])
            while self._bytes + size > self.max_bytes:
                self._remove(next(iter(self._kept)))
            insort(self._order, key)
            self._kept[key], self._sizes[key] = kept, size
            self._bytes += size

    def clear(self) -> None:
        """Drop everything."""
        with self._lock:
            self._kept.clear()
            self._sizes.clear()
            self._order.clear()
            self._bytes = 0

    def _remove(self, key: bytes) -> Kept | None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._bytes -= self._sizes.pop(key)
            del self._order[bisect_left(self._order, key)]
        return kept


def shared(one: Sequence[int], other: Sequence[int]) -> int:
    """Count the tokens that both begin with."""
    return _shared(_key(one), _key(other))


_WIDTH = 4


def _key(tokens: Sequence[int]) -> bytes:
    # Big-endian, so that bytes stand in the order of their token ids.
    return np.asarray(tokens, dtype=">u4").tobytes()


def _shared(one: bytes, other: bytes) -> int:
    length = min(len(one), len(other)) // _WIDTH
    if length == 0:
        return 0
    differ = np.frombuffer(one, ">u4", length) != np.frombuffer(other, ">u4", length)
    return int(differ.argmax()) if differ.any() else length
