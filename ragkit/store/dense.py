"""Exact search by cosine over the stored rows: a scan of the file itself, then the true scores of those near the cut.

FAISS scans the memory-mapped file without a copy, so there is nothing to build and a million rows are ready at once.
Its sums are float32; whatever lies within their rounding error of the k-th best is scored again in float64. The result
is exactly that of float64 arithmetic over the rows as they are stored, the same for one query or many.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from ragkit.store.order import Scored, SortKeys, best_of
from ragkit.store.threads import on_threads, thread_count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ragkit.encoder import Vectors
    from ragkit.store.vectors import StoredRows

__all__ = ["ExactScan"]

_ROUNDING = 2.0**-24
"""Relative error of one float32 operation; a sum of n products is off by at most n times that, in any order."""

_SPARE = 16
"""Rows fetched past k at first; rarely too few on real embeddings."""

_FEW_ROWS = 128
_FEW_OF = 400
"""So few passing rows, or one in so many, are taken out and scored at once: 0.65 µs each, where a scan that skips the
others costs 1.8 µs for a thousand of them."""

_ROWS_PER_THREAD = 8_192
"""Fewer rows are not worth waking a thread for."""

_MANY_QUERIES = 64
"""From here on one matrix product of converted rows beats FAISS, which converts every row for every query."""

_BLOCK_ROWS = 8_192


class _Nearest(NamedTuple):
    """Of each query `(q,)` the nearest rows by falling score, both `(q, fetch)`."""

    scores: NDArray[np.float32]
    rows: NDArray[np.int64]


class ExactScan:
    """The rows of a vector file, searchable; never changes, so threads share it.

    Args:
        rows: `(n, dim)` float16 or float32, of unit length or zero, as a map of the file; kept, not copied.
    """

    def __init__(self, rows: StoredRows) -> None:
        self._rows = rows
        self._margin = 2 * (rows.shape[1] + 8) * _ROUNDING

    @property
    def size(self) -> int:
        """Number of rows covered, dead ones included."""
        return len(self._rows)

    @property
    def dim(self) -> int:
        """Length of a row."""
        return int(self._rows.shape[1])

    def from_row(self, first: int) -> ExactScan:
        """Give the scan of the rows from `first` on alone, counted from 0."""
        return ExactScan(self._rows[first:])

    def search(self, queries: Vectors, mask: NDArray[np.bool_], k: int, sort_keys: SortKeys) -> list[list[Scored]]:
        """Give the best rows for each query.

        Args:
            queries: `(q, dim)` float32 of unit length or zero; answered together.
            mask: True for rows that may be found; rows beyond it may not.
            k: At least 1.
            sort_keys: What breaks ties.

        Returns:
            For each query exactly `min(k, mask.sum())` rows by falling inner product. Rows that were rounded to
            16 bits may be longer than 1 by up to 2**-11, and so may this be.
        """
        mask = _as_long(mask, self.size)
        passing = int(np.count_nonzero(mask))
        if passing <= max(_FEW_ROWS, self.size // _FEW_OF):
            rows = np.flatnonzero(mask)
            return [best_of(rows, self.scores(query, rows), k, sort_keys) for query in queries]
        found: list[list[Scored]] = [[] for _ in queries]
        wanted, fetch, open_queries = min(k, passing), min(passing, k + _SPARE), np.arange(len(queries))
        while len(open_queries):
            near = self._nearest(queries[open_queries], None if passing == self.size else mask, fetch)
            settled = (near.scores[:, -1] < near.scores[:, wanted - 1] - self._margin) | (fetch == passing)
            for place in np.flatnonzero(settled):
                query, rows = int(open_queries[place]), near.rows[place]
                found[query] = best_of(rows, self.scores(queries[query], rows), k, sort_keys)
            open_queries, fetch = open_queries[~settled], min(passing, 4 * fetch)
        return found

    def scores(self, query: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Give the inner products of rows `(n,)` with a query `(dim,)`: float64 arithmetic, rounded once."""
        # Row by row, not as a matrix product: equal rows must get equal scores wherever they stand.
        wide = np.einsum("ij,j->i", self._rows[rows].astype(np.float64), query.astype(np.float64))
        scores: NDArray[np.float32] = wide.astype(np.float32)
        return scores

    def vectors(self, rows: NDArray[np.int64]) -> Vectors:
        """Give rows as `(n, dim)` float32."""
        return self._rows[rows].astype(np.float32)

    def _nearest(self, queries: Vectors, mask: NDArray[np.bool_] | None, fetch: int) -> _Nearest:
        if len(queries) >= _MANY_QUERIES:
            return _multiplied(self._rows, queries, mask, fetch)
        # FAISS would spread queries over threads by itself, but never one query.
        return _merged(on_threads(lambda part: part.nearest(queries, mask, fetch), self._slices), fetch)

    @cached_property
    def _slices(self) -> list[_Slice]:
        parts = max(1, min(thread_count(), self.size // _ROWS_PER_THREAD))
        step = -(-self.size // (8 * parts)) * 8  # whole bytes of a bitmap
        return [_Slice(self._rows[first : first + step], first) for first in range(0, self.size, step)]


class _Slice:
    """FAISS over rows `first` and following, which it reads where they lie."""

    def __init__(self, rows: StoredRows, first: int) -> None:
        import faiss  # here because it takes 0.1 s, which a search by words need not wait for

        self._first = first
        self._codes = rows.reshape(-1).view(np.uint8)  # kept, because the index only points to it
        dim = rows.shape[1]
        if rows.dtype == np.float16:
            kind = faiss.ScalarQuantizer.QT_fp16
            self._index: Any = faiss.IndexScalarQuantizer(dim, kind, faiss.METRIC_INNER_PRODUCT)
        else:
            self._index = faiss.IndexFlatIP(dim)
        owned: Any = faiss.MaybeOwnedVectorUInt8
        self._index.codes = owned.create_view(faiss.swig_ptr(self._codes), self._codes.size, self._index.codes.owner)
        self._index.ntotal = len(rows)

    def nearest(self, queries: Vectors, mask: NDArray[np.bool_] | None, fetch: int) -> _Nearest:
        """Give the nearest rows of this slice; slots it cannot fill carry the lowest float.

        Args:
            queries: `(q, dim)`.
            mask: Over the rows of the whole file; None for all.
            fetch: Rows wanted.
        """
        import faiss

        parameters = None
        if mask is not None:
            own = np.packbits(mask[self._first : self._first + self._index.ntotal], bitorder="little")
            selector: Any = faiss.IDSelectorBitmap  # SWIG adds these constructors at run time
            parameters = cast("Any", faiss.SearchParameters)(sel=selector(own))
        scores, rows = self._index.search(queries, min(fetch, self._index.ntotal), params=parameters)
        return _Nearest(scores, rows + self._first)


def _as_long(mask: NDArray[np.bool_], size: int) -> NDArray[np.bool_]:
    if len(mask) == size:
        return mask
    return np.concatenate([mask, np.zeros(size - len(mask), dtype=np.bool_)])


def _merged(found: list[_Nearest], fetch: int) -> _Nearest:
    if len(found) == 1:
        return found[0]
    return _falling(np.hstack([part.scores for part in found]), np.hstack([part.rows for part in found]), fetch)


def _falling(scores: NDArray[np.float32], rows: NDArray[np.int64], fetch: int) -> _Nearest:
    order = np.argsort(-scores, axis=1, kind="stable")[:, :fetch]
    return _Nearest(np.take_along_axis(scores, order, axis=1), np.take_along_axis(rows, order, axis=1))


def _multiplied(stored: StoredRows, queries: Vectors, mask: NDArray[np.bool_] | None, fetch: int) -> _Nearest:
    """Find by matrix products of blocks of rows, converted once for all queries; `fetch` rows pass the mask."""
    kept = [(np.zeros(0, dtype=np.float32), np.zeros(0, dtype=np.int64))] * len(queries)
    worst = np.full(len(queries), -np.inf, dtype=np.float32)
    for rows in _passing_blocks(len(stored), mask):
        block = stored[rows[0] : rows[-1] + 1] if len(rows) == rows[-1] + 1 - rows[0] else stored[rows]
        scores = queries @ block.astype(np.float32).T
        better = scores > worst[:, None]
        for query in np.flatnonzero(better.any(axis=1)):
            fresh = np.flatnonzero(better[query])
            all_scores = np.concatenate([kept[query][0], scores[query, fresh]])
            all_rows = np.concatenate([kept[query][1], rows[fresh]])
            if len(all_scores) > fetch:
                best = np.argpartition(all_scores, len(all_scores) - fetch)[-fetch:]
                all_scores, all_rows = all_scores[best], all_rows[best]
            if len(all_scores) == fetch:
                worst[query] = all_scores.min()
            kept[query] = (all_scores, all_rows)
    return _falling(np.stack([own for own, _ in kept]), np.stack([own for _, own in kept]), fetch)


def _passing_blocks(size: int, mask: NDArray[np.bool_] | None) -> Iterator[NDArray[np.int64]]:
    for first in range(0, size, _BLOCK_ROWS):
        last = min(size, first + _BLOCK_ROWS)
        rows = np.arange(first, last) if mask is None else np.flatnonzero(mask[first:last]) + first
        if len(rows):
            yield rows
