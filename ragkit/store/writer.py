"""The one writer: its lock, its connection, and the order of writes that makes a kill harmless.

Vectors are appended and synced, the word index takes the same rows, and then SQLite commits the documents with the
count of rows in one transaction. Whatever dies before leaves the last commit: rows beyond the count are nobody's in
the vector file, and a word index that is ahead is built again by the next process that may write.
"""

from __future__ import annotations

from contextlib import contextmanager
from threading import TIMEOUT_MAX, RLock
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import finalize

import numpy as np

from ragkit.disk.fork import on_fork
from ragkit.disk.lock import WriterLock
from ragkit.disk.sqlite import connect, damage_found, damage_named, transaction
from ragkit.errors import StoreLockedError
from ragkit.store.catalog import document_sql, read_state
from ragkit.store.changes import Changes
from ragkit.store.fields import json_ready
from ragkit.store.records import NewDocument, check_document, check_vectors, index_text
from ragkit.store.witness import note_commit

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from ragkit.encoder import Vectors
    from ragkit.store.conditions import Node
    from ragkit.store.generation import Generation

__all__ = ["Prepared", "Writer", "prepared"]


class Prepared(NamedTuple):
    """A document that is fit to be written."""

    document: NewDocument
    metadata: Mapping[str, Any]
    vectors: Vectors


def prepared(document: NewDocument, vectors: Any, dim: int) -> Prepared:
    """Check a document, its metadata and its vectors.

    Raises:
        InputError: With the first thing that does not fit.
    """
    check_document(document)
    metadata = json_ready(document.metadata)
    rows = check_vectors(vectors, rows=len(document.chunks), dim=dim, doc_id=document.doc_id)
    return Prepared(document, metadata, rows)


def _texts(group: Iterable[Prepared]) -> Iterator[str]:
    for document, _, _ in group:
        for chunk in document.chunks:
            yield index_text(document.text[chunk.start : chunk.end], chunk.context)


class Writer:
    """Changes of one collection from this process; threads take turns."""

    def __init__(self, lock: Path, *, wait_s: float) -> None:
        """Write nothing yet.

        Args:
            lock: File of the writer's lock.
            wait_s: How long to wait for another process or thread.
        """
        self._folder = lock.parent
        self._wait_s = wait_s
        self._turn = RLock()
        self._lock = WriterLock(lock)
        self._db: sqlite3.Connection | None = None
        self._catalog: Path | None = None
        self._closing: finalize[Any, Any] | None = None
        self._forking = False
        on_fork(self)

    @contextmanager
    def writing(self, prepare: Callable[[bool], None]) -> Iterator[None]:
        """Run a block as the one writer; the lock is kept until `release`.

        Args:
            prepare: Called before the block, told whether the lock was only now taken; if that raises, what was taken
                is given back, so that the next turn prepares again.

        Raises:
            StoreLockedError: If another process or thread writes for longer than the collection waits.
        """
        with self._in_turn():
            fresh = not self._lock.held
            try:
                self._lock.acquire(self._wait_s)
                prepare(fresh)
            except BaseException:
                if fresh:
                    self._lock.release()
                raise
            yield

    @contextmanager
    def _in_turn(self) -> Iterator[None]:
        turn = self._turn  # a fork replaces it
        if not turn.acquire(timeout=min(max(0.0, self._wait_s), TIMEOUT_MAX)):
            raise StoreLockedError(
                f"{self._folder} is being written by another thread of this process: waited {self._wait_s:g} s; "
                "wait for it to finish, or open the collection with a longer wait_s."
            )
        try:
            yield
        finally:
            turn.release()

    @contextmanager
    def if_free(self) -> Iterator[bool]:
        """Run a block, told whether it may write: true if no other thread or process does; the lock is not kept."""
        turn = self._turn
        if not turn.acquire(blocking=False):
            yield False
            return
        held = self._lock.held
        try:
            yield self._lock.try_acquire()
        finally:
            if not held:
                self._lock.release()
            turn.release()

    def put(self, generation: Generation, group: Sequence[Prepared]) -> None:
        """Insert or replace documents in one transaction; inside `writing`.

        Args:
            generation: The current one.
            group: At least one document.
        """
        with self.changing(generation) as db:
            state = read_state(db)
            changes = Changes(db, state.rows)
            for item in group:
                changes.put(item.document, item.metadata)
            if changes.row > state.rows:
                generation.vectors.append(db, np.concatenate([item.vectors for item in group]), at=state.rows)
                texts = enumerate(_texts(group), start=state.rows)
                generation.words.ahead(db, texts, at=state.rows, rows=changes.row, sequence=state.sequence + 1)
            changes.finish()

    def delete(self, generation: Generation, doc_ids: Sequence[str], node: Node | None) -> int:
        """Take out these documents and those that pass the filter, if one is given; inside `writing`.

        Returns:
            How many there were.
        """
        with self.changing(generation) as db:
            chosen = list(dict.fromkeys(doc_ids))
            if node is not None:
                condition = document_sql(db, node)
                sql = f"SELECT doc_id FROM documents WHERE {condition.text}"  # noqa: S608  # built by to_sql, values bound
                chosen += [doc_id for (doc_id,) in db.execute(sql, condition.parameters)]
            changes = Changes(db, read_state(db).rows)
            gone = sum(changes.delete(doc_id) for doc_id in chosen)
            if gone:
                changes.finish()
        return gone

    @contextmanager
    def changing(self, generation: Generation) -> Iterator[sqlite3.Connection]:
        """Run a block as one write transaction on a generation's catalog; inside `writing`."""
        self.check_turn()
        catalog = generation.parts.catalog
        with damage_named(catalog):
            own = self._connection(catalog)
            try:
                with damage_found(own, catalog), transaction(own, write=True) as db:
                    yield db
                    self.check_turn()
                    sequence = read_state(db).sequence
            finally:
                if own.in_transaction and own is self._db:  # an interrupt came before it was taken back
                    self.disconnect()
            note_commit(generation.parts.witness, sequence)

    def _connection(self, catalog: Path) -> sqlite3.Connection:
        if self._db is None or self._catalog != catalog:
            self.disconnect()
            self._db, self._catalog = connect(catalog, create=False), catalog
            self._closing = finalize(self, self._db.close)
        return self._db

    @property
    def has_turn(self) -> bool:
        """Whether this process holds the lock."""
        return self._lock.held

    def check_turn(self) -> None:
        """Check that the lock is held by this process.

        Raises:
            StoreLockedError: If a block of `writing` goes on in a forked child, which has no turn.
        """
        if not self.has_turn:
            raise StoreLockedError(
                f"{self._folder} cannot be written here: this process was forked from the one that writes; begin the "
                "write again after the fork."
            )

    def before_fork(self) -> None:
        """Close the catalog unless it is in use: a child must not have the connection."""
        self._forking = self._turn.acquire(blocking=False)
        if self._forking and self._db is not None and not self._db.in_transaction:
            self.disconnect()

    def after_fork(self, *, child: bool) -> None:
        """Go on; the child without a turn, which no thread of it has."""
        if self._forking:
            self._turn.release()
        if child:
            self._turn = RLock()
            self._db = None
            if self._closing is not None:
                self._closing.detach()

    def release(self) -> None:
        """Let other processes write."""
        with self._turn:
            self.disconnect()
            self._lock.release()

    def disconnect(self) -> None:
        """Close the catalog; the next change opens it again."""
        if self._db is not None:
            self._db.close()
            self._db = None
            if self._closing is not None:
                self._closing.detach()
