"""Two arms into one list: what each candidate scores in either arm, and how the two are weighed.

The candidates are the best `pool` chunks of each arm. Every one of them gets a score in both arms:

- dense: its cosine. For a candidate that only BM25 found it is computed from the stored vector, so no candidate is
  punished for standing just outside the dense list. Scaled from the lowest cosine among the candidates to the highest.
- BM25: its score divided by the best one, 0 being the least BM25 can give. A candidate that only the dense arm found
  scores 0 when BM25 listed all it matched (then it shares no term with the query), and otherwise what the last of the
  list scores: it scores at most that, and nobody knows how much less.

fused = weight * dense + (1 - weight) * bm25: the convex combination of Bruch, Gai and Ingber, "An Analysis of Fusion
Functions for Hybrid Retrieval", ACM TOIS 42(1), 2023; min-max for the one arm, their theoretical min-max for the other.
Scoring every candidate in both arms makes the order depend less on the pool, and on how many documents only one arm
finds, than plain min-max with 0 for whatever a list does not hold.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ragkit.errors import DocumentNotFoundError
from ragkit.rank.fusion import convex_combination, reciprocal_rank_fusion

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from ragkit.encoder import Vectors
    from ragkit.retrieve.options import SearchOptions
    from ragkit.types import Hit

__all__ = ["cosines", "fuse_arms", "stored_rows"]


def fuse_arms(
    dense: Sequence[Hit],
    bm25: Sequence[Hit],
    query: NDArray[np.float32],
    vectors: Callable[[Sequence[str]], Vectors],
    *,
    k: int,
    pool: int,
    options: SearchOptions,
) -> list[Hit]:
    """Fuse one query's two lists as this module describes, or by reciprocal rank if `options` say so.

    Args:
        dense: Best-first hits with their cosines, at most `pool`.
        bm25: Best-first hits with their BM25 scores, at most `pool`.
        query: The query's vector, shape `(dim,)`.
        vectors: Gives the stored vectors of chunk ids, shape `(n, dim)`.
        k: Number of hits to return, at least 1; there are at most 2 * pool.
        pool: How many hits each arm was asked for.
        options: `weight` and `fusion` are read.

    Returns:
        The best candidates, best first; one that only an arm of weight 0 found is left out.
    """
    weights = [options.weight, 1.0 - options.weight]
    if options.fusion == "rrf":
        return reciprocal_rank_fusion([dense, bm25], k=k, weights=weights)
    cut_at = bm25[-1].score if len(bm25) >= pool else None
    runs = [[*dense, *_completed(dense, bm25, query, vectors)], bm25]
    return convex_combination(runs, k=k, weights=weights, floors=[None, 0.0], absent=[None, cut_at])


def _completed(
    dense: Sequence[Hit], bm25: Sequence[Hit], query: NDArray[np.float32], vectors: Callable[[Sequence[str]], Vectors]
) -> list[Hit]:
    """Give the hits that only BM25 found, scored by their cosine."""
    found = {hit.chunk_id for hit in dense}
    missing, rows = stored_rows([hit for hit in bm25 if hit.chunk_id not in found], vectors)
    if not missing:
        return []
    scores = cosines(rows, query)
    if dense:  # the arm left them out: rounding must not lift one above what it kept
        scores = np.minimum(scores, dense[-1].score)
    return [replace(hit, score=float(score)) for hit, score in zip(missing, scores, strict=True)]


def stored_rows(hits: Sequence[Hit], vectors: Callable[[Sequence[str]], Vectors]) -> tuple[list[Hit], Vectors]:
    """Give the stored vectors of hits, `(n, dim)`, without those whose chunk was deleted since it was found."""
    try:
        return list(hits), vectors([hit.chunk_id for hit in hits])
    except DocumentNotFoundError:  # a writer was quicker, which is rare: ask for each
        there = [(hit, row) for hit in hits for row in _rows_if_there(hit, vectors)]
        return [hit for hit, _ in there], np.array([row for _, row in there], dtype=np.float32)


def _rows_if_there(hit: Hit, vectors: Callable[[Sequence[str]], Vectors]) -> Vectors:
    try:
        return vectors([hit.chunk_id])
    except DocumentNotFoundError:
        return np.zeros((0, 0), dtype=np.float32)


def cosines(rows: Vectors, query: NDArray[np.float32]) -> NDArray[np.float64]:
    """Give the cosine of each row `(n, dim)` with the query `(dim,)`, shape `(n,)`; 0 for a vector of zeros."""
    wide, direction = rows.astype(np.float64), query.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1) * np.linalg.norm(direction)
    result: NDArray[np.float64] = np.divide(wide @ direction, lengths, out=np.zeros(len(wide)), where=lengths > 0)
    return result
