"""The dense arm of one generation: exact by a scan of the vector file, or by an approximate index where that is slow.

Which kind answers is a matter of measurement (`evals/benchmarks/index_kinds.py`, real embeddings): the exact scan takes
5 ms of processor time for 130,000 rows of 384, spread over the cores, and 26 for a million; the index of codes about an
eighth of that at a recall of .99. Graphs and inverted lists found no more and took ten times as long to build. A
filtered query is always answered exactly, and so is any other on request. Rows beyond the index are scanned exactly;
the writer builds it again when they, or the dead in it, have become many.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ragkit.disk.fork import lock_of_threads
from ragkit.errors import StoreDamagedError
from ragkit.store import catalog, quantised
from ragkit.store.blocks import crc_before
from ragkit.store.bm25_view import IndexUnusableError
from ragkit.store.dense import ExactScan
from ragkit.store.order import Scored, SortKeys, best, best_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from ragkit.encoder import Vectors
    from ragkit.store.blocks import SoundVectors
    from ragkit.store.catalog import State
    from ragkit.store.connections import ReadConnections
    from ragkit.store.quantised import Quantised
    from ragkit.store.words import View

__all__ = ["DenseArm"]

_LOG = logging.getLogger(__name__)

_LEAST_ROWS = 50_000
"""Live rows from which on an index is worth its memory: the exact scan of fewer takes about 1 ms."""

_MOST_TAIL = 0.25
"""Rows beyond the index for each in it. Each build covers a quarter more than the last, so all of them together cost
about five times the last one: seconds, where embedding the rows took many minutes."""

_K_OF_DEPTH = 20
"""Rows wanted for which the stamp's depth is deep enough: it was measured for ten."""

_MOST_QUERIES = 512
"""Answered together: each takes 40 kB while the rows are multiplied, however many rows there are."""

_MOST_DEAD = 0.2
_RETRIED_AT = 2.0
"""A collection on which the index found too little is tried again when it has grown so many times."""


class _Loaded(NamedTuple):
    """What was read of the index for a commit of the catalog."""

    sequence: int
    seen: tuple[int, int]
    """Time of change and inode of the stamp."""
    found: Quantised | None


class DenseArm:
    """Search by vectors, in any number of threads.

    Args:
        vectors: The rows.
        folder: Of the approximate index; need not exist.
        connections: To the catalog.
    """

    def __init__(self, vectors: SoundVectors, folder: Path, connections: ReadConnections) -> None:
        self._vectors = vectors
        self._folder = folder
        self._connections = connections
        self._scan: ExactScan | None = None
        self._tail: tuple[int, ExactScan] | None = None
        self._loaded: _Loaded | None = None
        self._lock = lock_of_threads()

    def scan(self, db: sqlite3.Connection, rows: int) -> ExactScan:
        """Give the exact scan of at least the first `rows` rows.

        Raises:
            StoreDamagedError: If the vector file is damaged.
        """
        with self._lock:
            if self._scan is None or self._scan.size < rows:
                self._scan = ExactScan(self._vectors.read(db, rows))
            return self._scan

    def search(
        self, db: sqlite3.Connection, queries: Vectors, view: View, k: int, sort_keys: SortKeys, *, exact: bool = False
    ) -> list[list[Scored]]:
        """Give the best rows for each query.

        Args:
            db: In the transaction of the view.
            queries: `(q, dim)` float32 of unit length or zero.
            view: What may be found.
            k: At least 1.
            sort_keys: What breaks ties.
            exact: Use no approximate index.

        Returns:
            For each query `min(k, passing)` rows by falling cosine in [-1, 1], each with its true score.

        Raises:
            StoreDamagedError: If the vector file is damaged.
        """
        scan = self.scan(db, view.state.rows)
        index = None if exact or view.filtered else self._index(db, view.state)
        found: list[list[Scored]] = []
        for start in range(0, len(queries), _MOST_QUERIES):
            found += self._search(scan, index, queries[start : start + _MOST_QUERIES], view, k, sort_keys)
        return found

    def _search(
        self, scan: ExactScan, index: Quantised | None, queries: Vectors, view: View, k: int, sort_keys: SortKeys
    ) -> list[list[Scored]]:
        if index is None or k * index.stamp.depth > _K_OF_DEPTH * index.stamp.entries // 4:
            return _as_cosines(scan.search(queries, view.mask, k, sort_keys))
        found = self._approximate(index, scan, queries, view, k, sort_keys)
        # Where the dead left too few, all are looked at.
        return _as_cosines(
            scan.search(queries[place : place + 1], view.mask, k, sort_keys)[0] if run is None else run
            for place, run in enumerate(found)
        )

    def _approximate(
        self, index: Quantised, scan: ExactScan, queries: Vectors, view: View, k: int, sort_keys: SortKeys
    ) -> list[list[Scored] | None]:
        deep = index.stamp.depth * max(k, _K_OF_DEPTH) // _K_OF_DEPTH
        fetch = -(-deep * view.state.rows // max(1, view.state.chunks))
        tails = self._beyond(index.stamp.rows, scan, queries, view, k, sort_keys)
        found: list[list[Scored] | None] = []
        for query, near, tail in zip(queries, index.candidates(queries, fetch), tails, strict=True):
            rows = near[(near >= 0) & (near < len(view.mask))]
            rows = rows[view.mask[rows]]
            enough = len(rows) >= max(k, deep // 2)
            found.append(
                best([*best_of(rows, scan.scores(query, rows), k, sort_keys), *tail], k, sort_keys) if enough else None
            )
        return found

    def _beyond(
        self, first: int, scan: ExactScan, queries: Vectors, view: View, k: int, sort_keys: SortKeys
    ) -> list[list[Scored]]:
        """Search the rows that the index does not cover."""
        if first >= view.state.rows:
            return [[] for _ in queries]
        tail = self._tail
        if tail is None or tail[0] != first or tail[1].size != scan.size - first:
            self._tail = tail = (first, scan.from_row(first))

        def keys(rows: Sequence[int]) -> dict[int, tuple[str, str]]:
            names = sort_keys([row + first for row in rows])
            return {row - first: name for row, name in names.items()}

        runs = tail[1].search(queries, view.mask[first:], k, keys)
        return [[Scored(item.row + first, item.score) for item in run] for run in runs]

    # The approximate index

    def _index(self, db: sqlite3.Connection, state: State) -> Quantised | None:
        """Give the index, if there is one that belongs to these rows."""
        if not _is_worth(state, self._vectors.file.dim):
            return None
        with self._lock:
            if self._loaded is None or self._loaded.sequence != state.sequence:
                self._loaded = self._look(db, state.sequence)
            index = self._loaded.found
        return index if index is not None and index.stamp.kind != "exact" else None

    def _look(self, db: sqlite3.Connection, sequence: int) -> _Loaded:
        seen = self._seen()
        try:
            if self._loaded is not None and self._loaded.seen == seen:
                index = self._loaded.found
            else:
                index = quantised.load(self._folder, self._vectors.file.dim)
            if index is not None and index.stamp.block != crc_before(db, index.stamp.rows):
                raise IndexUnusableError("it is of another vector file")
        except IndexUnusableError as error:
            if seen != (0, 0):
                _LOG.info("approximate index is not used, every row is scanned: %s", error)
            index = None
        return _Loaded(sequence, seen, index)

    def _seen(self) -> tuple[int, int]:
        try:
            found = quantised.stamp_path(self._folder).stat()
        except OSError:
            return 0, 0
        return found.st_mtime_ns, found.st_ino

    def follow(self) -> None:
        """Build the index if it is missing, or behind by more than is worth scanning; the caller is the writer.

        The commit stands whatever happens here: an index that cannot be written is a warning, and the scan goes on.

        Raises:
            StoreDamagedError: If the vector file is damaged.
        """
        with self._connections.reading() as db:
            self.after_write(db, catalog.read_state(db))

    def after_write(self, db: sqlite3.Connection, state: State) -> None:
        """Follow to the commit that the caller has just made; see `follow`.

        Args:
            db: In a transaction that sees the commit.
            state: Of that transaction.

        Raises:
            StoreDamagedError: If the vector file is damaged.
        """
        if not (_is_worth(state, self._vectors.file.dim) and self._is_behind(db, state)):
            return
        try:
            self._build(db, state)
        except StoreDamagedError:
            raise
        except (OSError, RuntimeError, MemoryError) as error:  # FAISS raises the second, also where memory is short
            _LOG.warning("approximate index cannot be built, every row is scanned: %s", str(error) or "memory is short")

    def _is_behind(self, db: sqlite3.Connection, state: State) -> bool:
        with self._lock:
            known = self._loaded
            # Another process may have built it again while it was the writer: then the stamp is another file.
            if known is None or known.found is None or known.seen != self._seen():
                self._loaded = known = self._look(db, state.sequence)
            index = known.found
        if index is None or index.stamp.rows > state.rows:
            return True
        stamp = index.stamp
        if stamp.kind == "exact":
            return state.chunks >= _RETRIED_AT * stamp.entries
        if state.rows - stamp.rows > _MOST_TAIL * stamp.entries:
            return True
        dead = state.rows - state.chunks
        return dead > _MOST_DEAD * stamp.entries and (
            stamp.entries - catalog.live_below(db, stamp.rows) > _MOST_DEAD * stamp.entries
        )

    def _build(self, db: sqlite3.Connection, state: State) -> None:
        live = np.ones(state.rows, dtype=np.bool_)
        live[catalog.dead_rows(db)] = False
        scan = self.scan(db, state.rows)
        index = quantised.build(scan, np.flatnonzero(live), rows=state.rows, block=crc_before(db, state.rows))
        index = quantised.save(index, self._folder)
        with self._lock:
            self._loaded = _Loaded(state.sequence, self._seen(), index)

    def info(self, db: sqlite3.Connection) -> dict[str, object]:
        """Give what answers an unfiltered query: kind, rows in the index, and recall@10 with how it was measured."""
        state = catalog.read_state(db)
        index = self._index(db, state)
        if index is None:
            return {"kind": "exact", "rows": state.chunks, "recall@10": 1.0, "queries": 0, "depth": None}
        stamp = index.stamp
        measured = {"recall@10": stamp.recall, "queries": stamp.queries, "depth": stamp.depth}
        return {"kind": stamp.kind, "rows": stamp.entries, **measured}


def _as_cosines(runs: Iterable[list[Scored]]) -> list[list[Scored]]:
    """Keep scores in [-1, 1]; only now, because the order of rows that were rounded to a length above 1 counts."""
    return [run if _within(run) else [Scored(row, min(1.0, max(-1.0, score))) for row, score in run] for run in runs]


def _within(run: Sequence[Scored]) -> bool:
    return not run or (run[0].score <= 1.0 and run[-1].score >= -1.0)  # best first


def _is_worth(state: State, dim: int) -> bool:
    return state.chunks >= _LEAST_ROWS and quantised.can_quantise(dim)
