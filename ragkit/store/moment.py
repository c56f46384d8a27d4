"""One committed moment of a collection, searched by both arms as light rows; texts come last, for what is returned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ragkit.errors import IndexMismatchError, InputError
from ragkit.rank.topk import check_k
from ragkit.store import catalog
from ragkit.store.hits import hits_of
from ragkit.store.lookup import look_up
from ragkit.store.records import unit_rows

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from ragkit.encoder import Vectors
    from ragkit.store.bm25_view import Bm25View
    from ragkit.store.generation import Generation
    from ragkit.store.hits import Retrieved
    from ragkit.store.lookup import Named
    from ragkit.store.order import Scored
    from ragkit.store.words import View
    from ragkit.types import Hit

__all__ = ["Moment"]

_MOST_NAMES = 500_000
"""Rows whose names are remembered, some 150 MB."""


class Moment:
    """What a search sees; from `Collection.moment`, for use by one thread until the block ends.

    Args:
        generation: Whose files are searched.
        db: In a transaction.
        view: What may be found.
        words: The word index as it fits the view; None if words are not searched, or nothing may be found.
    """

    def __init__(self, generation: Generation, db: sqlite3.Connection, view: View, words: Bm25View | None) -> None:
        self._generation = generation
        self._db = db
        self._view = view
        self._words = words
        self._known: dict[int, tuple[str, str]] = {}

    @property
    def rows(self) -> int:
        """Rows of the vector file that count, dead ones included."""
        return self._view.state.rows

    def dense(self, queries: Any, *, k: int, exact: bool = False) -> list[list[Scored]]:
        """Give the rows nearest to each query, by falling cosine, ties by (doc_id, chunk_id).

        Args:
            queries: `(q, dim)` floats, scaled to unit length.
            k: At least 1.
            exact: Scan every row, also where an approximate index would be faster. A filtered search always does.

        Raises:
            InputError: If `k` or the queries do not fit.
            IndexMismatchError: If the dimension or the model differs.
            StoreDamagedError: If the vector file is damaged.
        """
        self._generation.check_model()
        rows = _unit_queries(queries, self._generation.manifest.dim)
        check_k(k)
        if not self._view.mask.any():
            return [[] for _ in rows]
        return self._generation.dense.search(self._db, rows, self._view, k, self._names, exact=exact)

    def bm25(self, queries: Sequence[str], *, k: int) -> list[list[Scored]]:
        """Give the rows that share terms with each query, by falling BM25 score, ties by (doc_id, chunk_id).

        Raises:
            InputError: If `k` or the queries do not fit.
            StoreError: If the index is unusable and another process keeps it from being built again.
        """
        if isinstance(queries, str):
            raise InputError("queries must be a list of texts, got one text: pass [query].")
        check_k(k)
        if self._words is None:
            return [[] for _ in queries]
        return self._generation.words.search(queries, self._view, k, self._names, at=self._words)

    def cosines(self, query: NDArray[np.float32], rows: Sequence[int]) -> NDArray[np.float32]:
        """Give the cosine of each row `(n,)` with a query `(dim,)`, exactly as the dense arm gives it."""
        scan = self._generation.dense.scan(self._db, self._view.state.rows)
        scores = scan.scores(unit_rows(query[None])[0], np.fromiter(rows, dtype=np.int64, count=len(rows)))
        clipped: NDArray[np.float32] = np.clip(scores, -1, 1)
        return clipped

    def vectors(self, rows: Sequence[int]) -> Vectors:
        """Give the stored vectors of rows, `(n, dim)` float32."""
        scan = self._generation.dense.scan(self._db, self._view.state.rows)
        return scan.vectors(np.fromiter(rows, dtype=np.int64, count=len(rows)))

    def names(self, rows: Sequence[int]) -> dict[int, tuple[str, str]]:
        """Give `(doc_id, chunk_id)` of rows: what breaks ties. Read once, for queries bring up the same rows."""
        return self._names(rows)

    def _names(self, rows: Sequence[int]) -> dict[int, tuple[str, str]]:
        known = self._known
        if new := [row for row in rows if row not in known]:
            if len(known) > _MOST_NAMES:
                known.clear()
                new = list(rows)
            known.update(catalog.sort_keys(self._db, new))
        return {row: known[row] for row in rows if row in known}

    def documents(self, rows: Sequence[int]) -> dict[int, int]:
        """Give the key of each row's document."""
        return catalog.documents_of(self._db, rows)

    def look_up(self, ids: Iterable[str]) -> dict[str, Named]:
        """Give what each id names: a document, else a chunk; what is not there is left out."""
        return look_up(self._db, ids)

    def hits(self, runs: Sequence[Sequence[Retrieved]]) -> list[list[Hit]]:
        """Give each query's rows as hits, ranks from 1."""
        return hits_of(self._db, runs)


def _unit_queries(queries: Any, dim: int) -> Vectors:
    array = np.asarray(queries)
    if array.ndim != 2 or array.dtype.kind != "f":
        raise InputError(f"queries must be floats of shape (q, dim), got {array.dtype} of shape {array.shape}.")
    if array.shape[1] != dim:
        raise IndexMismatchError(
            f"Index holds {dim}-dim vectors, query has {array.shape[1]}: was it built with another embedding model?"
        )
    if not np.isfinite(array).all():
        raise InputError("queries hold NaN or infinity; expected finite numbers.")
    return unit_rows(array)
