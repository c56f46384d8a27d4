"""Exact search by cosine: a scan of all rows in half precision, then the true scores of those near the cut.

The scan (FAISS, 16-bit rows, about 3 ms for 100,000 rows of 384 on two cores; float32 takes 6) is wrong by less than
`_HALF_ERROR`, so every row within twice that of the k-th best is scored again from the vector file. The result is
exactly that of float64 arithmetic, the same for one query or many and for every history of the file. The index lives
in memory, made from the file as it grows (70 ms for 100,000 rows): there is no file of it that could be wrong.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from ragkit.store.order import Scored, SortKeys, best

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from ragkit.encoder import Vectors

__all__ = ["DenseIndex"]

_HALF_ERROR = 6e-4
"""Most that rounding unit rows to 16 bits moves an inner product: 2**-11, and some for tiny components."""

_SPARE = 16
"""Rows fetched past k at first; rarely too few on real embeddings."""

_ROWS_AT_ONCE = 65_536


class _Part(NamedTuple):
    """An index over rows `first` to `last`, never changed once made: threads may search it at any time."""

    first: int
    last: int
    index: Any  # a SWIG class without types


class DenseIndex:
    """What is searchable of the first rows of a vector file; immutable, `grown` gives the next one."""

    def __init__(self, rows: Vectors, parts: tuple[_Part, ...] = ()) -> None:
        """Index rows that no part covers yet.

        Args:
            rows: `(n, dim)` float32, rows of unit length or zero; kept, not copied.
            parts: Of an index over the same file when it was shorter.
        """
        self._rows = rows
        self._parts = tuple(_joined(parts, rows))

    def grown(self, rows: Vectors) -> DenseIndex:
        """Give the index over a longer map of the same file."""
        return self if len(rows) == len(self._rows) else DenseIndex(rows, self._parts)

    @property
    def size(self) -> int:
        """Number of rows covered, dead ones included."""
        return len(self._rows)

    def search(self, queries: Vectors, mask: NDArray[np.bool_], k: int, sort_keys: SortKeys) -> list[list[Scored]]:
        """Give the best rows for each query.

        Args:
            queries: `(q, dim)` float32 of unit length or zero; answered together.
            mask: True for rows that may be found; rows beyond it may not.
            k: At least 1.
            sort_keys: What breaks ties.

        Returns:
            For each query exactly `min(k, mask.sum())` rows by falling cosine in [-1, 1].
        """
        if len(mask) < self.size:
            mask = np.concatenate([mask, np.zeros(self.size - len(mask), dtype=np.bool_)])
        passing = int(mask.sum())
        found: list[list[Scored]] = [[] for _ in queries]
        if not passing:
            return found
        wanted, fetch, open_queries = min(k, passing), min(passing, k + _SPARE), np.arange(len(queries))
        while len(open_queries):
            scores, rows = self._scan(queries[open_queries], mask, fetch)
            settled = (scores[:, -1] < scores[:, wanted - 1] - 2 * _HALF_ERROR) | (fetch == passing)
            for place in np.flatnonzero(settled):
                query = int(open_queries[place])
                found[query] = best(self._exact(queries[query], rows[place]), k, sort_keys)
            open_queries, fetch = open_queries[~settled], min(passing, 4 * fetch)
        return found

    def _scan(
        self, queries: Vectors, mask: NDArray[np.bool_], fetch: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        import faiss  # here because it takes 0.1 s, which a search by words need not wait for

        scores, rows = [], []
        for part in self._parts:
            own = mask[part.first : part.last]
            bits = np.packbits(own, bitorder="little")
            selector: Any = faiss.IDSelectorBitmap  # SWIG adds these constructors at run time
            parameters = cast("Any", faiss.SearchParameters)(sel=selector(bits))
            part_scores, part_rows = part.index.search(queries, min(fetch, part.last - part.first), params=parameters)
            scores.append(part_scores)
            rows.append(part_rows + part.first)
        all_scores, all_rows = np.hstack(scores), np.hstack(rows)
        # Slots that a part could not fill carry the lowest float and so come last; `fetch` never reaches them.
        order = np.argsort(-all_scores, axis=1, kind="stable")[:, :fetch]
        return np.take_along_axis(all_scores, order, axis=1), np.take_along_axis(all_rows, order, axis=1)

    def _exact(self, query: Vectors, rows: NDArray[np.int64]) -> list[Scored]:
        # Row by row, not as a matrix product: equal rows must get equal scores wherever they stand.
        wide = self._rows[rows].astype(np.float64)
        scores = np.einsum("ij,j->i", wide, query.astype(np.float64)).astype(np.float32)
        return [Scored(int(row), float(score)) for row, score in zip(rows, np.clip(scores, -1, 1), strict=True)]


def _joined(parts: Sequence[_Part], rows: Vectors) -> Iterator[_Part]:
    """Cover all rows; small neighbours become one part, so that there are never more than about log2(n)."""
    bounds = [part.first for part in parts] + ([parts[-1].last] if parts else [0])
    if bounds[-1] < len(rows):
        bounds.append(len(rows))
    while len(bounds) > 2 and bounds[-2] - bounds[-3] <= 2 * (bounds[-1] - bounds[-2]):
        del bounds[-2]
    made = {(part.first, part.last): part for part in parts}
    for first, last in pairwise(bounds):
        yield made.get((first, last)) or _part(rows, first, last)


def _part(rows: Vectors, first: int, last: int) -> _Part:
    import faiss

    index = faiss.IndexScalarQuantizer(rows.shape[1], faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    for start in range(first, last, _ROWS_AT_ONCE):
        index.add(np.ascontiguousarray(rows[start : min(last, start + _ROWS_AT_ONCE)]))
    return _Part(first, last, index)
