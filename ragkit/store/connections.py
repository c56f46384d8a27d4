"""Connections for reading, as many as are used at once, kept for the next reader if they see what is written."""

from __future__ import annotations

import os
from contextlib import contextmanager
from threading import RLock
from typing import TYPE_CHECKING
from weakref import finalize

from ragkit.disk.sqlite import UnchangingConnection, connect, damage_found, damage_named, transaction
from ragkit.errors import StoreError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["ReadConnections"]


def _close_each(idle: list[sqlite3.Connection]) -> None:
    while idle:
        idle.pop().close()


class ReadConnections:
    """Read transactions on one database for any number of threads."""

    def __init__(self, path: Path, *, read_only: bool) -> None:
        self._path = path
        self._read_only = read_only
        self._idle: list[sqlite3.Connection] = []
        self._lock = RLock()  # held during a fork, after which a generation may close these
        self._closed = False
        finalize(self, _close_each, self._idle)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Run a block on one consistent state of the data, whatever is written meanwhile.

        Raises:
            StoreError: If closed, or the file cannot be used; `StoreDamagedError` if it is broken.
        """
        process, db = os.getpid(), self._take()
        try:
            with damage_named(self._path), damage_found(db, self._path), transaction(db, write=False):
                yield db
        finally:
            self._give(db, process)

    def _take(self) -> sqlite3.Connection:
        with self._lock:
            if self._closed:
                raise StoreError(f"the collection {self._path.parent} is closed: open it again.")
            if self._idle:
                return self._idle.pop()
        return connect(self._path, read_only=self._read_only, create=False)

    def _give(self, db: sqlite3.Connection, process: int) -> None:
        if process != os.getpid():
            return  # a fork copied it: it is the parent's
        with self._lock:
            # What an interrupt left in a transaction would give the next reader its old state, or none.
            if not (self._closed or db.in_transaction or isinstance(db, UnchangingConnection)):
                self._idle.append(db)
                return
        db.close()

    def before_fork(self) -> None:
        """Close idle connections, and let none be idle until `after_fork`: a child must not have them."""
        self._lock.acquire()
        _close_each(self._idle)

    def after_fork(self) -> None:
        """Go on; the next reader connects again."""
        self._lock.release()

    def close(self) -> None:
        """Close idle connections now, those in use when they come back."""
        with self._lock:
            self._closed = True
            _close_each(self._idle)
