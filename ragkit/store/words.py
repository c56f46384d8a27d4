"""The word index kept up with the catalog: caught up, healed or built again, never from anything but the catalog."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from ragkit.errors import StoreError
from ragkit.store import catalog
from ragkit.store.bm25 import Bm25Index, IndexUnusableError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from ragkit.store.catalog import State
    from ragkit.store.connections import ReadConnections
    from ragkit.store.order import Scored, SortKeys
    from ragkit.store.writer import Writer

__all__ = ["View", "Words"]

_LOG = logging.getLogger(__name__)
_MOST_DEAD = 0.1
_PATIENCE_S = 3.0
"""How long a search waits for an index that another process is changing."""
_POLL_S = 0.005
_Answer = TypeVar("_Answer")


class View(NamedTuple):
    """What a search may see: a committed moment and the rows that pass its filter."""

    state: State
    mask: NDArray[np.bool_]


class Words:
    """The BM25 arm of one collection.

    Args:
        index: Of the collection's folder.
        connections: To the catalog.
        writer: None where nothing may be written; a lagging index is then used as it is.
    """

    def __init__(self, index: Bm25Index, connections: ReadConnections, writer: Writer | None) -> None:
        self.index = index
        self._connections = connections
        self._writer = writer
        self._checked = self._given_up = -1

    def ahead(self, texts: Iterable[tuple[int, str]], *, at: int, rows: int, sequence: int) -> None:
        """Index what the next commit of the catalog will make visible; the caller is the writer.

        Readers mask rows that are not committed yet, so a document appears in both arms at one moment. If the commit
        never comes, the next writer sees an index ahead of the catalog and builds it again.

        Args:
            texts: `(row, text to index)`.
            at: Committed number of rows.
            rows: Number of rows after the commit.
            sequence: Of that commit.
        """
        if self.index.rows != at:
            return  # unusable just now: `follow` builds it after the commit
        try:
            self.index.append(texts, rows=rows, sequence=sequence)
        except IndexUnusableError as error:
            _LOG.warning("BM25 index failed in a write, and is built again after it: %s", error)

    def follow(self, *, wipe: bool = False) -> None:
        """Bring the index to the newest commit, if it is not there, and drop its dead; the caller is the writer.

        Args:
            wipe: Build it from nothing whatever it is.

        Raises:
            StoreError: If it cannot be written; the catalog is not touched.
        """
        with self._connections.reading() as db:
            state = catalog.read_state(db)
            try:
                usable = not wipe and self._usable(db, state)
                if usable and self.index.rows == state.rows:
                    return
                if usable:
                    texts = catalog.indexed_texts(db, self.index.rows)
                    self.index.append(texts, rows=state.rows, sequence=state.sequence)
                    return
            except IndexUnusableError as error:
                _LOG.info("BM25 index is built again from the catalog: %s", error)
                wipe = True
            try:
                texts = catalog.indexed_texts(db, 0)
                self.index.rebuild(texts, rows=state.rows, sequence=state.sequence, wipe=wipe)
            except IndexUnusableError as error:
                raise StoreError(f"the BM25 index in {self.index.folder} cannot be written: {error}.") from error

    def _usable(self, db: sqlite3.Connection, state: State) -> bool:
        self.index.load()
        if self.index.rows > state.rows or self.index.sequence > state.sequence:
            return False  # a writer died before its commit, or the catalog was put back to an older one
        dead = self.index.entries - catalog.live_below(db, self.index.rows)
        return dead <= _MOST_DEAD * self.index.entries

    def search(self, queries: Sequence[str], view: View, k: int, sort_keys: SortKeys) -> list[list[Scored]]:
        """Give the best rows for each query; see `Bm25Index.search`, and ask `fits` afterwards.

        Raises:
            StoreError: If the index is unusable and cannot be built again now.
        """
        self._prepare(view.state)
        return self._healed(lambda: [self.index.search(query, view.mask, k, sort_keys) for query in queries])

    def fits(self, state: State) -> bool:
        """Tell whether all that was alive at `state` is in the index; false if it was built again since."""
        return self.index.built <= state.sequence

    def weights(self, terms: Iterable[str], state: State) -> dict[str, float]:
        """Give the inverse document frequency of terms; see `Bm25Index.weights`.

        Raises:
            StoreError: If the index is unusable and cannot be built again now.
        """
        self._prepare(state)
        asked = list(terms)
        return self._healed(lambda: self.index.weights(asked))

    def _healed(self, ask: Callable[[], _Answer]) -> _Answer:
        """Ask the index; if it breaks, build it again and ask once more."""
        try:
            return ask()
        except IndexUnusableError as error:
            _LOG.warning("BM25 index failed in a search: %s", error)
            if not self._heal(wipe=True):
                raise self._unusable() from error
        try:
            return ask()
        except IndexUnusableError as error:
            raise self._unusable() from error

    def _prepare(self, state: State) -> None:
        """Have an index that covers `state`: read it again, catch it up, or wait for who is changing it."""
        patience_s = 0.0 if self._given_up == self.index.rows >= 0 else _PATIENCE_S
        deadline = time.monotonic() + patience_s
        while not (self._covers(state) or self._heal()):
            if time.monotonic() > deadline:
                self._give_up(state)
                return
            time.sleep(_POLL_S)

    def _give_up(self, state: State) -> None:
        if self.index.rows < 0:
            raise self._unusable()
        if self._given_up != self.index.rows:
            self._given_up = self.index.rows
            _LOG.warning(
                "BM25 index covers %d of %d rows: the newest are not found by words until their writer is done",
                self.index.rows,
                state.rows,
            )

    def _covers(self, state: State) -> bool:
        if self._checked != state.sequence:
            # Also when it seems to cover enough: what a dead writer left ahead of the catalog was replaced since.
            try:
                self.index.load()
            except IndexUnusableError as error:
                _LOG.info("BM25 index is not usable as it stands: %s", error)
                return False
            self._checked = state.sequence
        return self.index.rows >= state.rows

    def _heal(self, *, wipe: bool = False) -> bool:
        if self._writer is None:
            return False
        with self._writer.if_free() as free:
            if free:
                self.follow(wipe=wipe)
        return free

    def _unusable(self) -> StoreError:
        advice = "open it once for writing" if self._writer is None else "try again when its writer is done"
        return StoreError(f"the BM25 index in {self.index.folder} is missing or unusable: {advice}.")
