"""The one order of hits: by falling score, ties by (doc_id, chunk_id), at the cut too."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Scored", "SortKeys", "best", "best_of"]

SortKeys: TypeAlias = Callable[[Sequence[int]], Mapping[int, tuple[str, str]]]
"""Gives `(doc_id, chunk_id)` for each row asked for."""


class Scored(NamedTuple):
    """A row of the vector file with what an arm says of it."""

    row: int
    score: float


def best(candidates: Sequence[Scored], k: int, sort_keys: SortKeys) -> list[Scored]:
    """Give the first `k` candidates in the one order.

    Args:
        candidates: In any order; every row whose score equals the k-th must be among them.
        k: Number to return, fewer when fewer exist.
        sort_keys: Asked for rows of equal score only.
    """
    ordered = sorted(candidates, key=lambda item: -item.score)
    kept = [item for item in ordered if k and item.score >= ordered[min(k, len(ordered)) - 1].score]
    count = Counter(item.score for item in kept)
    if len(count) == len(kept):
        return kept
    names = sort_keys([item.row for item in kept if count[item.score] > 1])
    return sorted(kept, key=lambda item: (-item.score, names.get(item.row, ("", ""))))[:k]


def best_of(rows: NDArray[np.int64], scores: NDArray[np.floating], k: int, sort_keys: SortKeys) -> list[Scored]:
    """Give what `best` gives for rows `(n,)` with their scores `(n,)`."""
    if len(rows) > k:
        cut = np.partition(scores, len(scores) - k)[len(scores) - k]
        near = np.flatnonzero(scores >= cut)
        rows, scores = rows[near], scores[near]
    order = np.argsort(-scores, kind="stable")
    rows, scores = rows[order], scores[order]
    ordered = list(map(Scored, rows.tolist(), scores.tolist()))
    if (scores[1:] < scores[:-1]).all():
        return ordered[:k]  # no two are equal: the common case, and most of the time of a batch otherwise
    return best(ordered, k, sort_keys)
