"""One ranked list: how many hits, which hit is which, the best chunk per document."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ragkit.errors import InputError, shorten

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ragkit.types import Hit

__all__ = ["best_per_document", "check_k", "hit_key"]


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


def best_per_document(hits: Iterable[Hit]) -> list[Hit]:
    """Keep the first hit of each document: a document scores what its best chunk scores (maxP).

    Source: Dai and Callan, SIGIR 2019, section 3 (MaxP).

    Args:
        hits: Best first.

    Returns:
        Copies in the same order, one per `doc_id`, ranks renumbered from 1.
    """
    first: dict[str, Hit] = {}
    for hit in hits:
        first.setdefault(hit.doc_id, hit)
    return [replace(hit, rank=rank) for rank, hit in enumerate(first.values(), start=1)]
