"""Which part of a set is measured, where the whole would take too long."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

__all__ = ["spread"]

T = TypeVar("T")


def spread(items: Sequence[T], most: int | None) -> list[T]:
    """Take at most `most` items, evenly from first to last; all where it is None.

    Example:
        >>> spread(range(10), 3)
        [0, 3, 6]
    """
    if most is None or most >= len(items):
        return list(items)
    return [items[place * len(items) // most] for place in range(most)]
