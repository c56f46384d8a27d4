"""The one writer: its lock, its connection, and the order of writes that makes a kill harmless.

Vectors are appended and synced, the word index takes the same rows, and then SQLite commits the documents with the
count of rows in one transaction. Whatever dies before leaves the last commit: rows beyond the count are nobody's in
the vector file, and a word index that is ahead is built again by the next process that may write.
"""

from __future__ import annotations

from contextlib import contextmanager
from threading import RLock
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ragkit.disk.lock import WriterLock
from ragkit.disk.sqlite import connect, damage_found, damage_named, transaction
from ragkit.store.catalog import document_sql, read_state
from ragkit.store.changes import Changes
from ragkit.store.fields import json_ready
from ragkit.store.records import NewDocument, check_document, check_vectors, index_text
from ragkit.store.witness import note_commit

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping, Sequence
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
            wait_s: How long to wait for another process.
        """
        self._wait_s = wait_s
        self._turn = RLock()
        self._lock = WriterLock(lock)
        self._db: sqlite3.Connection | None = None
        self._catalog: Path | None = None

    @contextmanager
    def writing(self) -> Iterator[bool]:
        """Run a block as the one writer, told whether the lock was only now taken; it is kept until `release`.

        Raises:
            StoreLockedError: If another process writes for longer than the collection waits.
        """
        with self._turn:
            fresh = not self._lock.held
            self._lock.acquire(self._wait_s)
            yield fresh

    @contextmanager
    def if_free(self) -> Iterator[bool]:
        """Run a block, told whether it may write: true if no other thread or process does; the lock is not kept."""
        if not self._turn.acquire(blocking=False):
            yield False
            return
        held = self._lock.held
        try:
            yield self._lock.try_acquire()
        finally:
            if not held:
                self._lock.release()
            self._turn.release()

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
                generation.words.ahead(texts, at=state.rows, rows=changes.row, sequence=state.sequence + 1)
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
        catalog = generation.parts.catalog
        with damage_named(catalog):
            if self._db is None or self._catalog != catalog:
                self.disconnect()
                self._db, self._catalog = connect(catalog, create=False), catalog
            with damage_found(self._db, catalog), transaction(self._db, write=True) as db:
                yield db
                sequence = read_state(db).sequence
            note_commit(generation.parts.witness, sequence)

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
