"""The word index kept up with the catalog: caught up, healed or built again, never from anything but the catalog."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from ragkit.errors import StoreError
from ragkit.store import catalog
from ragkit.store.blocks import crc_before
from ragkit.store.bm25 import Bm25Index
from ragkit.store.bm25_view import IndexUnusableError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from ragkit.store.bm25_view import Bm25View, Stamp
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
    filtered: bool = False
    """Whether there is a filter: else the mask only leaves out the dead."""


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
        self._checked = -1
        self._given_up: int | None = None
        self._fitting: Bm25View | None = None

    def ahead(
        self, db: sqlite3.Connection, texts: Iterable[tuple[int, str]], *, at: int, rows: int, sequence: int
    ) -> None:
        """Index what the next commit of the catalog will make visible; the caller is the writer.

        Readers mask rows that are not committed yet, so a document appears in both arms at one moment. If the commit
        never comes (a full disk, Ctrl-C, a kill), masks hide it on; the next commit could be of as many rows, so before
        that the index is discarded here, or built again by the next process that may write.

        Args:
            db: In the transaction of that commit, its vectors appended.
            texts: `(row, text to index)`.
            at: Committed number of rows.
            rows: Number of rows after the commit.
            sequence: Of that commit.

        Raises:
            StoreError: If the disk is full, or an index that is ahead of the catalog cannot be discarded.
        """
        if not self.index.whole:
            with suppress(IndexUnusableError):
                self.index.load()
        if not self.index.whole or self.index.rows > at or not self._belongs(db):
            self._discard()
        if not self.index.whole or self.index.rows != at:
            return  # unusable just now: `after_write` builds it after the commit
        try:
            self.index.append(texts, rows=rows, sequence=sequence, block=crc_before(db, rows))
        except IndexUnusableError as error:
            _LOG.warning("BM25 index failed in a write, and is built again after it: %s", error)

    def after_write(self, db: sqlite3.Connection, state: State) -> None:
        """Bring the index to the commit that the caller, who is the writer and stays it, has just made.

        The commit stands whatever happens here, so a disk that is full by now, or memory that is short, is not the
        caller's error: the next write or search brings the index up.
        """
        try:
            self._follow(db, state, wipe=False, seen=True)
        except (StoreError, MemoryError) as error:
            _LOG.warning("BM25 index is brought up later: %s", str(error) or "memory is short")

    def follow(self, *, wipe: bool = False) -> None:
        """Bring the index to the newest commit, if it is not there, and drop its dead; the caller is the writer.

        Args:
            wipe: Build it from nothing whatever it is.

        Raises:
            StoreError: If it cannot be written; the catalog is not touched.
        """
        with self._connections.reading() as db:
            self._follow(db, catalog.read_state(db), wipe=wipe, seen=False)

    def _follow(self, db: sqlite3.Connection, state: State, *, wipe: bool, seen: bool) -> None:
        """Follow to `state`; `seen` if the caller was the writer since it last did: nobody else changed the index."""
        try:
            block = crc_before(db, state.rows)
            usable = not wipe and self._usable(db, state, seen=seen)
            if usable and self.index.rows == state.rows:
                return
            if usable:
                texts = catalog.indexed_texts(db, self.index.rows)
                self.index.append(texts, rows=state.rows, sequence=state.sequence, block=block)
                return
        except IndexUnusableError as error:
            _LOG.info("BM25 index is built again from the catalog: %s", error)
            wipe = True
        try:
            texts = catalog.indexed_texts(db, 0)
            self.index.rebuild(texts, rows=state.rows, sequence=state.sequence, block=block, wipe=wipe)
        except IndexUnusableError as error:
            raise StoreError(f"the BM25 index in {self.index.folder} cannot be written: {error}.") from error

    def _usable(self, db: sqlite3.Connection, state: State, *, seen: bool) -> bool:
        if not (seen and self.index.whole):
            self.index.load()
        if self.index.rows > state.rows or self.index.sequence > state.sequence or not self._belongs(db):
            return False  # a commit never came, or the catalog was put back to an older one
        # The count of dead rows is linear in them: a delete must not wait for it.
        live = state.chunks if self.index.rows == state.rows else catalog.live_below(db, self.index.rows)
        return self.index.entries - live <= _MOST_DEAD * self.index.entries

    def _belongs(self, db: sqlite3.Connection) -> bool:
        """Tell whether what is loaded was made for commits that a transaction sees; told once for each view."""
        view = self.index.view
        if view is not self._fitting and view is not None and _is_of(view.stamp, db):
            self._fitting = view
        return view is self._fitting

    def _discard(self) -> None:
        try:
            self.index.discard()
        except OSError as error:
            raise StoreError(f"the BM25 index in {self.index.folder} cannot be written: {error}.") from error

    def at(self, db: sqlite3.Connection, state: State) -> Bm25View | None:
        """Give the index as it stands, once it covers `state`; None if it was built again since, without what died.

        Args:
            db: In the transaction of that state.
            state: What a search may see.

        Raises:
            StoreError: If the index is unusable and cannot be built again now.
        """
        self._prepare(state)
        if self.index.rows <= state.rows and not self._belongs(db):
            self._checked = -1  # another process may have built it again for this very commit
            self._prepare(state)
            if self.index.rows <= state.rows and not self._belongs(db) and not self._heal(wipe=True):
                raise self._unusable()
        view = self.index.view
        return view if view is not None and view.stamp.built <= state.sequence else None

    def search(
        self, queries: Sequence[str], view: View, k: int, sort_keys: SortKeys, *, at: Bm25View | None = None
    ) -> list[list[Scored]]:
        """Give the best rows for each query; see `Bm25Index.search`.

        Args:
            queries: Any texts.
            view: What may be found.
            k: At least 1.
            sort_keys: What breaks ties.
            at: From `at`; None for the index as it stands.

        Raises:
            StoreError: If the index is unusable and cannot be built again now.
        """
        if at is None:
            self._prepare(view.state)

        def ask(at: Bm25View | None) -> list[list[Scored]]:
            return [self.index.search(query, view.mask, k, sort_keys, at=at) for query in queries]

        return self._healed(lambda: ask(at), lambda: ask(None))

    def weights(self, terms: Iterable[str], state: State) -> dict[str, float]:
        """Give the inverse document frequency of terms; see `Bm25Index.weights`.

        Raises:
            StoreError: If the index is unusable and cannot be built again now.
        """
        self._prepare(state)
        asked = list(terms)
        return self._healed(lambda: self.index.weights(asked), lambda: self.index.weights(asked))

    def _healed(self, ask: Callable[[], _Answer], ask_again: Callable[[], _Answer]) -> _Answer:
        """Ask the index; if it breaks, build it again and ask once more."""
        try:
            return ask()
        except IndexUnusableError as error:
            _LOG.warning("BM25 index failed in a search: %s", error)
            if not self._heal(wipe=True):
                raise self._unusable() from error
        try:
            return ask_again()
        except IndexUnusableError as error:
            raise self._unusable() from error

    def _prepare(self, state: State) -> None:
        """Have an index that covers `state`: read it again, catch it up, or wait for who is changing it."""
        patience_s = 0.0 if self._given_up == self.index.rows else _PATIENCE_S
        deadline = time.monotonic() + patience_s
        while not (self._covers(state) or self._heal()):
            if time.monotonic() > deadline:
                self._give_up(state)
                return
            time.sleep(_POLL_S)

    def _give_up(self, state: State) -> None:
        known, self._given_up = self._given_up, self.index.rows
        if self.index.rows < 0:
            raise self._unusable()
        if known != self.index.rows:
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
            if self.index.rows >= state.rows:  # else whoever is changing it may be done at the next look
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


def _is_of(stamp: Stamp, db: sqlite3.Connection) -> bool:
    return stamp.block is None or stamp.block == crc_before(db, stamp.rows)
