"""The file of histories: transactions for any number of threads and processes, and a way to leave no byte behind."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Final
from weakref import finalize

from ragkit.disk.files import refuse_network_folder
from ragkit.disk.fork import lock_of_threads, on_fork
from ragkit.disk.sqlite import LEAST_BYTES, connect, damage_found, damage_named, migrate, transaction
from ragkit.errors import StoreDamagedError, StoreError, StoreLockedError
from ragkit.memory.histories.schema import APPLICATION, MIGRATIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["HistoryFile"]

_PATIENCE_S: Final = 30.0
_POLL_S: Final = 0.01
_TRY_AGAIN_S: Final = 0.001
_IN_MEMORY: Final = Path("the histories in memory")


class HistoryFile:
    """One SQLite database, in a file or in memory, for any number of threads.

    A forked child has no connection of its parent's; of a database in memory it has a copy.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path and path.absolute()  # whoever changes the working folder still means this file
        self._name = self.path or _IN_MEMORY
        self._idle: list[sqlite3.Connection] = []
        self._lock = RLock()  # held during a fork; in memory, also during a transaction
        self._writer = lock_of_threads()  # threads wait here, in turn, and not in SQLite, which has no queue
        self._closed = False
        self._identity = (0, 0)
        finalize(self, _close_each, self._idle)
        if self.path is not None:
            _check_place(self.path)
        self._prepare()
        on_fork(self)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Run a block on one consistent state of the data.

        Raises:
            StoreError: If closed, or the file cannot be used; `StoreDamagedError` if it is broken.
        """
        with self._using() as db, damage_found(db, self._name), transaction(db, write=False):
            yield db

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Run a block as one change: durable when it ends, or nothing of it. No code of a caller's may run inside.

        Raises:
            StoreError: As for `reading`; `StoreFullError` if the disk is full.
        """
        with self._writer, self._using() as db, damage_found(db, self._name):
            _as_soon_as_free(db, "BEGIN IMMEDIATE")
            with _whole(db):
                yield db

    def compact(self) -> bool:
        """Leave no byte of what was deleted, or only half written, in the file or beside it.

        Writes the file anew where something was deleted; gives whether it was.

        Raises:
            StoreError: If others read or write all the time; what was deleted stays so, and the next call goes on.
        """
        with self._writer, self._using() as db:
            (deletions, compacted) = db.execute("SELECT deletions, compacted FROM state").fetchone()
            if deletions > compacted:
                _rewrite(db)
            self._cut_log(db)  # in any case: a change that was undone, or whose writer was killed, may stand there
            if deletions > compacted:
                # Only now, and not more than was counted before: whoever is killed here starts again.
                db.execute("UPDATE state SET compacted = max(compacted, ?)", (deletions,))
        return bool(deletions > compacted)

    def close(self) -> None:
        """Close idle connections now, those in use when they come back."""
        with self._lock:
            self._closed = True
            _close_each(self._idle)

    def before_fork(self) -> None:
        """Let go of idle connections: a child must not have them; a database in memory it gets as a copy."""
        self._lock.acquire()
        if self.path is not None:
            _close_each(self._idle)

    def after_fork(self, *, child: bool) -> None:
        """Go on; whoever needs a connection makes a new one."""
        self._lock.release()

    def _cut_log(self, db: sqlite3.Connection) -> None:
        started = time.monotonic()
        # SQLite waits for readers by itself, but gives up where a writer was faster.
        while db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            if time.monotonic() - started > _PATIENCE_S:
                raise StoreError(
                    f"{self._name}: what was deleted is gone for every reader, but its bytes are still in the log, "
                    "because others keep reading it: call compact() when they have finished."
                )
            time.sleep(_POLL_S)

    @contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        if self.path is None:
            with self._lock, damage_named(self._name):
                self._check_open()
                yield self._idle[0]
            return
        process, db = os.getpid(), self._take()
        try:
            with damage_named(self.path), _patience_named(self.path):
                yield db
        finally:
            self._give(db, process)

    def _take(self) -> sqlite3.Connection:
        with self._lock:
            self._check_open()
            # SQLite would go on in the file that has no name any more, and acknowledge what nobody can find.
            if _identity(self._name) != self._identity:
                raise StoreError(f"{self._name} was deleted or replaced while it was open: open it again.")
            if self._idle:
                return self._idle.pop()
        return _tuned(connect(self._name, create=False))

    def _give(self, db: sqlite3.Connection, process: int) -> None:
        if process != os.getpid():
            return  # a fork copied it: it is the parent's
        with self._lock:
            if not (self._closed or db.in_transaction):
                self._idle.append(db)
                return
        db.close()

    def _check_open(self) -> None:
        if self._closed:
            raise StoreError(f"{self._name} is closed: open it again.")

    def _prepare(self) -> None:
        if self.path is None:
            db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
            migrate(db, MIGRATIONS)
            self._idle.append(_tuned(db))
        else:
            self._make(self.path)
            self._identity = _identity(self.path)

    def _make(self, path: Path) -> None:
        started = time.monotonic()
        while True:
            try:
                self._open(path)
            except StoreError as error:
                if not _others_make_it(error) or time.monotonic() - started > _PATIENCE_S:
                    raise
            else:
                return
            time.sleep(_POLL_S)

    def _open(self, path: Path) -> None:
        db = connect(path, application=APPLICATION)
        try:
            with damage_named(path):
                migrate(db, MIGRATIONS)
                self._idle.append(_tuned(db))
        except BaseException:
            db.close()
            raise


def _as_soon_as_free(db: sqlite3.Connection, statement: str) -> None:
    """Run a statement that begins to write, as soon as no other process does.

    SQLite would wait longer from try to try, up to 0.1 s, so that whoever waited longest comes last.
    """
    started = time.monotonic()
    db.execute("PRAGMA busy_timeout = 0")
    try:
        while True:
            try:
                db.execute(statement)
            except sqlite3.OperationalError as error:
                if not _busy(error) or time.monotonic() - started > _PATIENCE_S:
                    raise
            else:
                return
            time.sleep(_TRY_AGAIN_S)
    finally:
        db.execute(f"PRAGMA busy_timeout = {_PATIENCE_S * 1000:.0f}")


def _busy(error: sqlite3.OperationalError) -> bool:
    # an error that Python's own layer raises has no code
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY


@contextmanager
def _whole(db: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _close_each(idle: list[sqlite3.Connection]) -> None:
    while idle:
        idle.pop().close()


def _tuned(db: sqlite3.Connection) -> sqlite3.Connection:
    db.execute("PRAGMA foreign_keys = ON")
    db.execute("PRAGMA secure_delete = ON")
    db.execute("PRAGMA temp_store = MEMORY")  # what is undone half-way would pass through a temporary file
    db.execute(f"PRAGMA busy_timeout = {_PATIENCE_S * 1000:.0f}")
    return db


def _rewrite(db: sqlite3.Connection) -> None:
    # through a file, for it is all that is kept: only what lives is in it
    db.execute("PRAGMA temp_store = FILE")
    try:
        _as_soon_as_free(db, "VACUUM")
    finally:
        db.execute("PRAGMA temp_store = MEMORY")


def _identity(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_dev, found.st_ino


@contextmanager
def _patience_named(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        if not _busy(error):
            raise
        raise StoreLockedError(
            f"{path} is written by others all the time: waited {_PATIENCE_S:g} s; try again."
        ) from error


def _check_place(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        size = path.stat().st_size if path.exists() else 0
    except OSError as error:
        raise StoreError(f"{path} cannot be used: {error.strerror}; check that it exists and may be read.") from error
    refuse_network_folder(path.parent)
    if 0 < size < LEAST_BYTES:
        raise StoreDamagedError(f"{path} is damaged ({size} bytes are left of it): restore it from a backup.")


def _others_make_it(error: StoreError) -> bool:
    """Tell whether another process is making the same new file: whoever does so locks it without waiting."""
    cause = error.__cause__
    return isinstance(cause, sqlite3.OperationalError) and any(
        sign in str(cause) for sign in ("locked", "already exists")
    )
