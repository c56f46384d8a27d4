"""Rows that do not repeat each other: maximal marginal relevance over the candidates of a search."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ragkit.rank.diversify import marginal_picks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ragkit.encoder import Vectors
    from ragkit.store.hits import Retrieved

__all__ = ["cosines", "spread_rows"]


def spread_rows(
    found: Sequence[Retrieved], rows: Vectors, query: NDArray[np.float32], *, k: int, lambda_mult: float
) -> list[Retrieved]:
    """Pick k candidates, each as relevant and as unlike the ones before as possible.

    Scores are first moved to the scale of the likeness they are weighed against: the lowest becomes the lowest cosine
    of any candidate with the query, the highest the highest. Cosines stay what they are.

    Args:
        found: Candidates, best first.
        rows: Their stored vectors, shape `(n, dim)`.
        query: The query's vector, shape `(dim,)`.
        k: Number to return, at least 1; fewer when fewer exist.
        lambda_mult: From 1 (relevance only) to 0 (unlikeness only).

    Returns:
        The candidates in the order picked; `score` is the marginal relevance, which never rises.
    """
    if not found:
        return []
    relevance = _on_scale(np.array([item.score for item in found]), cosines(rows, query))
    picks = marginal_picks(relevance, rows, k=k, lambda_mult=lambda_mult)
    return [found[pick.place]._replace(score=pick.value) for pick in picks]


def _on_scale(scores: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    low, high = scores.min(), scores.max()
    if high == low:
        return np.full_like(scores, target.max())
    moved: NDArray[np.float64] = target.min() + (scores - low) / (high - low) * (target.max() - target.min())
    return moved


def cosines(rows: Vectors, query: NDArray[np.float32]) -> NDArray[np.float64]:
    """Give the cosine of each row `(n, dim)` with the query `(dim,)`, shape `(n,)`; 0 for a vector of zeros."""
    wide, direction = rows.astype(np.float64), query.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1) * np.linalg.norm(direction)
    result: NDArray[np.float64] = np.divide(wide @ direction, lengths, out=np.zeros(len(wide)), where=lengths > 0)
    return result
