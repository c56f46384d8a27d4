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

from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ragkit.rank.fusion import convex_scores, reciprocal_rank_scores
from ragkit.store.hits import Retrieved
from ragkit.store.order import Scored, best_of
from ragkit.types import ArmScore

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ragkit.retrieve.options import SearchOptions

__all__ = ["UNSAID", "fuse_arms"]

UNSAID: Mapping[str, ArmScore] = MappingProxyType({})
"""Of hits that do not say what each arm said."""


class Candidates(Protocol):
    """What is asked about candidates; `ragkit.store.moment.Moment` answers it."""

    def cosines(self, query: NDArray[np.float32], rows: Sequence[int]) -> NDArray[np.float32]:
        """Give the cosine of each row `(n,)` with a query `(dim,)`, as the dense arm gives it."""
        ...

    def names(self, rows: Sequence[int]) -> Mapping[int, tuple[str, str]]:
        """Give what breaks ties: `(doc_id, chunk_id)` of rows."""
        ...


def fuse_arms(
    dense: Sequence[Scored],
    bm25: Sequence[Scored],
    query: NDArray[np.float32],
    candidates: Candidates,
    *,
    k: int,
    pool: int,
    options: SearchOptions,
    arms: bool = True,
) -> list[Retrieved]:
    """Fuse one query's two lists as this module describes, or by reciprocal rank if `options` say so.

    Args:
        dense: Best-first rows with their cosines, at most `pool`.
        bm25: Best-first rows with their BM25 scores, at most `pool`.
        query: The query's vector, shape `(dim,)`.
        candidates: Asked about rows of either list.
        k: Number of rows to return, at least 1; there are at most 2 * pool.
        pool: How many rows each arm was asked for.
        options: `weight` and `fusion` are read.
        arms: Whether to note what each arm said, which costs as much as the fusion itself.

    Returns:
        The best candidates, best first; one that only an arm of weight 0 found is left out.
    """
    weights = [options.weight, 1.0 - options.weight]
    if options.fusion == "rrf":
        scores = reciprocal_rank_scores([[item.row for item in run] for run in (dense, bm25)], weights=weights)
    else:
        cut_at = bm25[-1].score if len(bm25) >= pool else None
        tables = [dict([*dense, *_completed(dense, bm25, query, candidates)]), dict(bm25)]
        scores = convex_scores(tables, weights=weights, floors=[None, 0.0], absent=[None, cut_at])
    rows = np.fromiter(scores, dtype=np.int64, count=len(scores))
    values = np.fromiter(scores.values(), dtype=np.float64, count=len(scores))
    kept = best_of(rows, values, k, candidates.names)
    if not arms:
        return [Retrieved(row, score, UNSAID) for row, score in kept]
    ranks = [{item.row: rank for rank, item in enumerate(run, start=1)} for run in (dense, bm25)]
    lists = list(zip(("dense", "bm25"), (dense, bm25), ranks, strict=True))
    return [
        Retrieved(row, score, {name: _said(run, own[row]) for name, run, own in lists if row in own})
        for row, score in kept
    ]


def _said(run: Sequence[Scored], rank: int) -> ArmScore:
    return ArmScore(run[rank - 1].score, rank)


def _completed(
    dense: Sequence[Scored], bm25: Sequence[Scored], query: NDArray[np.float32], candidates: Candidates
) -> list[Scored]:
    """Give the rows that only BM25 found, scored by their cosine."""
    found = {item.row for item in dense}
    missing = [item.row for item in bm25 if item.row not in found]
    if not missing:
        return []
    scores = candidates.cosines(query, missing).astype(np.float64)
    if dense:  # the arm left them out: rounding must not lift one above what it kept
        scores = np.minimum(scores, dense[-1].score)
    return [Scored(row, score) for row, score in zip(missing, scores.tolist(), strict=True)]
