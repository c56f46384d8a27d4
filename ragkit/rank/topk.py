"""One ranked list: how many hits, and which hit is which."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ragkit.errors import InputError, shorten

if TYPE_CHECKING:
    from ragkit.types import Hit

__all__ = ["check_k", "hit_key"]


def check_k(k: int) -> None:
    """Refuse a number of results below 1.

    Raises:
        InputError: If k < 1 or is no whole number.
    """
    if not isinstance(k, int) or isinstance(k, bool):
        raise InputError(f"k must be a whole number, got {shorten(repr(k))}: pass the number of hits wanted.")
    if k < 1:
        raise InputError(f"k must be at least 1, got {k}.")


def hit_key(hit: Hit) -> str:
    """Give what identifies a hit: its `chunk_id`, or its `doc_id` where it has none."""
    return hit.chunk_id or hit.doc_id
