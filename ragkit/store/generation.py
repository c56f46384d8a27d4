"""One generation of a collection: the files that were built together, and are replaced together.

A reader uses the generation that the manifest names. When a writer has built another one beside it and replaced the
manifest, each read that begins afterwards uses the new one, and those under way finish on the old one: they hold a
shared lock on its folder, for which the writer waits before it removes it.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING
from weakref import finalize

import numpy as np

from ragkit.disk.fork import on_fork
from ragkit.errors import IndexMismatchError
from ragkit.store import catalog
from ragkit.store.blocks import SoundVectors
from ragkit.store.bm25 import Bm25Index
from ragkit.store.connections import ReadConnections
from ragkit.store.dense_arm import DenseArm
from ragkit.store.digests import known_rows
from ragkit.store.snapshot import Snapshot
from ragkit.store.vectors import VectorFile
from ragkit.store.words import View, Words

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator

    from ragkit.encoder import Vectors
    from ragkit.store.conditions import Node
    from ragkit.store.folder import Folder, Found, Mark
    from ragkit.store.manifest import Manifest
    from ragkit.store.writer import Writer

__all__ = ["Generation"]


class Generation:
    """The open files of one generation; any number of threads."""

    manifest: Manifest
    """What it was built with."""
    mark: Mark | None
    """Of the manifest's file when it was read: another one now means that something was replaced."""

    def __init__(
        self, folder: Folder, found: Found, writer: Writer | None, *, read_only: bool, foreign: bool = False
    ) -> None:
        """Open what the manifest names; next to nothing is read yet.

        Args:
            folder: Of the collection.
            found: What it says of itself.
            writer: None where nothing may be written.
            read_only: Whether SQLite may not write either.
            foreign: Its vectors are of another model than the collection was opened with.

        Raises:
            FileNotFoundError: If it is not there (any more).
        """
        self.manifest, self.mark, self.lost = found.manifest, found.mark, found.lost
        self.parts = folder.parts(found.manifest)
        self.foreign = foreign
        self._descriptor = os.open(self.parts.path, os.O_RDONLY)
        self._closing = finalize(self, os.close, self._descriptor)
        self._inode = os.fstat(self._descriptor).st_ino
        self._users = self._forks = 0
        self._retired = self._closed = False
        self._lock = Lock()
        self.vectors = SoundVectors(VectorFile(self.parts.vectors, self.manifest.dim, self.manifest.precision))
        self.connections = ReadConnections(self.parts.catalog, read_only=read_only)
        self.words = Words(Bm25Index(self.parts.bm25, self.manifest.analyser), self.connections, writer)
        self._snapshot: Snapshot | None = None
        self.dense = DenseArm(self.vectors, self.parts.dense, self.connections)
        on_fork(self)

    # What is found in it

    def view(self, db: sqlite3.Connection, node: Node | None) -> View:
        """Give what a search may see in the moment of a transaction of `connections`."""
        self._snapshot = snapshot = Snapshot.read(db, self._snapshot)
        return View(snapshot.state, snapshot.mask(db, node), filtered=node is not None)

    def known_vectors(self, db: sqlite3.Connection, texts: Iterable[str]) -> dict[str, Vectors]:
        """Give `(dim,)` float32 for each of these indexed texts that has a vector here."""
        known = known_rows(db, texts)
        every = self.vectors.read(db, catalog.read_state(db).rows)
        rows = every[np.fromiter(known.values(), dtype=np.int64, count=len(known))].astype(np.float32)
        return dict(zip(known, rows, strict=True))

    def after_write(self) -> None:
        """Bring the derived indexes to the commit that the caller, who is the writer and stays it, has just made."""
        with self.connections.reading() as db:
            state = catalog.read_state(db)
            self.words.after_write(db, state)
            self.dense.after_write(db, state)

    def check_model(self) -> None:
        """Check that vectors of the model that the collection was opened with may be compared with these.

        Raises:
            IndexMismatchError: If the collection was built again with another model since.
        """
        if self.foreign:
            card = self.manifest.card
            raise IndexMismatchError(
                f"the collection was rebuilt with {card.model if card else 'other vectors'} ({self.manifest.dim} "
                "dimensions) since it was opened: open it again."
            )

    # Its life

    @contextmanager
    def used(self) -> Iterator[bool]:
        """Keep the files from being removed while a block runs; told false where they were closed before."""
        if not self._enter():
            yield False
            return
        forks = self._forks
        try:
            yield True
        finally:
            self._leave(forks)

    def _enter(self) -> bool:
        with self._lock:
            if self._closed:
                return False
            if not self._users:
                fcntl.flock(self._descriptor, fcntl.LOCK_SH)
            self._users += 1
            return True

    def _leave(self, forks: int) -> None:
        with self._lock:
            if forks != self._forks:
                return  # entered in the process that this one was forked from
            self._users -= 1
            if not self._users:
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)
                if self._retired:
                    self._close()

    def is_still(self, folder: Folder, found: Found) -> bool:
        """Tell whether a manifest that was replaced names this very generation."""
        path = folder.parts(found.manifest).path
        return path == self.parts.path and path.is_dir() and path.stat().st_ino == self._inode

    def renew(self, found: Found) -> None:
        """Take over what a replaced manifest says of this generation."""
        self.manifest, self.mark, self.lost = found.manifest, found.mark, found.lost

    def retire(self) -> None:
        """Close its files now, or when the last read that is under way ends."""
        with self._lock:
            self._retired = True
            if not self._users:
                self._close()

    def _close(self) -> None:
        if not self._closed:
            self._closed = True
            self.connections.close()
            self.words.index.close()
            self._closing()

    def before_fork(self) -> None:
        """Let go of what a child must not have, until `after_fork`."""
        self._lock.acquire()  # before that of the connections, as in `_close`
        self.connections.before_fork()

    def after_fork(self, *, child: bool) -> None:
        """Go on; the child with its own descriptor: unlocking the one that it was given would unlock its parent's."""
        try:
            if child and not self._closed:
                shared = self._closing
                self._descriptor = os.open(".", os.O_RDONLY, dir_fd=self._descriptor)  # though it may be removed by now
                self._closing = finalize(self, os.close, self._descriptor)
                shared()
                self._users, self._forks = 0, self._forks + 1
                if self._retired:
                    self._close()
        finally:
            self.connections.after_fork()
            self._lock.release()
