"""Hits that do not repeat each other: maximal marginal relevance over the candidates of a search."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ragkit.rank.diversify import marginal_picks
from ragkit.retrieve.hybrid import cosines, stored_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from ragkit.encoder import Vectors
    from ragkit.types import Hit

__all__ = ["spread_hits"]


def spread_hits(
    hits: Sequence[Hit],
    vectors: Callable[[Sequence[str]], Vectors],
    query: NDArray[np.float32],
    *,
    k: int,
    lambda_mult: float,
) -> list[Hit]:
    """Pick k hits, each as relevant and as unlike the ones before as possible.

    Scores are first moved to the scale of the likeness they are weighed against: the lowest becomes the lowest cosine
    of any candidate with the query, the highest the highest. Cosines stay what they are.

    Args:
        hits: Candidates, best first.
        vectors: Gives the stored vectors of chunk ids, shape `(n, dim)`.
        query: The query's vector, shape `(dim,)`.
        k: Number of hits to return, at least 1; fewer when fewer exist.
        lambda_mult: From 1 (relevance only) to 0 (unlikeness only).

    Returns:
        Copies in the order picked; `score` is the marginal relevance, which never rises.
    """
    present, rows = stored_rows(hits, vectors)
    if not present:
        return []
    relevance = _on_scale(np.array([hit.score for hit in present]), cosines(rows, query))
    picks = marginal_picks(relevance, rows, k=k, lambda_mult=lambda_mult)
    return [replace(present[pick.place], score=pick.value, rank=rank) for rank, pick in enumerate(picks, start=1)]


def _on_scale(scores: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = scores.min(), scores.max()
    if high == low:
        return np.full_like(scores, target.max())
    moved: NDArray[np.float64] = target.min() + (scores - low) / (high - low) * (target.max() - target.min())
    return moved
