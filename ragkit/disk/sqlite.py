"""SQLite as a record that outlives a kill: WAL mode, full sync, migrations by `user_version`."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from typing import TYPE_CHECKING, Final
from urllib.parse import quote
from weakref import WeakSet

from ragkit.disk.fork import on_fork
from ragkit.disk.space import full_disk_named
from ragkit.errors import RagkitError, StoreDamagedError, StoreError, shorten

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["LEAST_BYTES", "UnchangingConnection", "connect", "damage_found", "damage_named", "migrate", "transaction"]

_BUSY_S = 10.0

LEAST_BYTES: Final = 512
"""Of a database with anything in it; SQLite takes a shorter file, cut however it was, for a new and empty one."""


class UnchangingConnection(sqlite3.Connection):
    """Takes the file as unchanging: once another account has written, what it gives is garbled. Not for keeping."""


class _Connection(sqlite3.Connection):
    """Known to be open until it is closed."""

    file = ""

    def close(self) -> None:
        _opened.connections.discard(self)
        super().close()


class _Opened:
    """The connections of this process, and the files that a child of it must not open.

    SQLite shares what it knows of a file's locks between the connections of a process, and a fork takes over that
    but not the locks: a child would read or write without any.
    """

    def __init__(self) -> None:
        self.connections: WeakSet[_Connection] = WeakSet()
        self._kept: list[_Connection] = []
        self.inherited: list[_Connection] = []  # closing them could harm the parent's

    def before_fork(self) -> None:
        """Keep alive what is open: whoever has a connection that is not in use closes it."""
        self._kept = list(self.connections)

    def after_fork(self, *, child: bool) -> None:
        if child:
            self.inherited += self.connections
            self.connections = WeakSet()
        self._kept = []

    def check(self, path: Path) -> None:
        if self.inherited and any(db.file == os.path.realpath(path) for db in self.inherited):
            raise StoreError(
                f"{path} was in use when this process was forked: fork before it is read or written, or start the "
                "process in another way (multiprocessing's spawn or forkserver)."
            )


_opened = _Opened()
on_fork(_opened)


def connect(
    path: Path, *, read_only: bool = False, create: bool = True, application: int | None = None
) -> sqlite3.Connection:
    """Open a database in autocommit mode, usable from any one thread at a time.

    Args:
        path: The file.
        create: Make the file if it is missing, unless `read_only`.
        application: SQLite's `application_id`: a database with anything in it that has another one is refused, and
            not a byte of it changed.
        read_only: Refuse every change. In a folder that cannot be written and where nobody writes, the file is
            taken as unchanging (SQLite's `immutable`), because WAL mode would need to write beside it; the
            connection is an `UnchangingConnection` then.

    Raises:
        StoreDamagedError: If the file is not a database.
        StoreError: If it cannot be opened, is another application's, or was in use when this process was forked.
    """
    _opened.check(path)
    unchanging = read_only and _unchanging(path)
    with damage_named(path):
        connection = sqlite3.connect(
            _uri(path, read_only=read_only, unchanging=unchanging, create=create),
            uri=True,
            timeout=_BUSY_S,
            isolation_level=None,
            check_same_thread=False,
            factory=UnchangingConnection if unchanging else _Connection,
        )
        try:
            if isinstance(connection, _Connection):
                connection.file = os.path.realpath(path)
                _opened.connections.add(connection)
            if application is not None:
                _check_ours(connection, path, application)
            if not read_only:
                connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except BaseException:
            connection.close()
            raise
    return connection


def _check_ours(connection: sqlite3.Connection, path: Path, application: int) -> None:
    with transaction(connection, write=False):  # one view: another process may be making it
        (found,) = connection.execute("PRAGMA application_id").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables and found != application:
        raise StoreError(f"{path} holds something else: name another file.")


def _unchanging(path: Path) -> bool:
    # A write-ahead log beside it means that someone may be writing: then SQLite must read that too.
    return not (os.access(path.parent, os.W_OK) or path.with_name(f"{path.name}-wal").exists())


def _uri(path: Path, *, read_only: bool, unchanging: bool, create: bool) -> str:
    location = "file:" + quote(str(path.absolute()))
    if not read_only:
        return location if create else location + "?mode=rw"
    return location + ("?mode=ro&immutable=1" if unchanging else "?mode=ro")


@contextlib.contextmanager
def damage_named(path: Path) -> Iterator[None]:
    """Translate what SQLite says: a broken file is a `StoreDamagedError`, one it cannot open or fill a `StoreError`."""
    try:
        with full_disk_named(path):
            yield
    except sqlite3.OperationalError as error:
        need = "it and its folder may be written" if _refuses_writing(error) else "it exists and may be read"
        raise StoreError(f"{path} cannot be used: {error}; check that {need}.") from error
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
        raise
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        raise _damaged(path, error) from error


def _refuses_writing(error: sqlite3.OperationalError) -> bool:
    # an error that Python's own layer raises has no code
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_READONLY


def _damaged(path: Path, error: Exception) -> StoreDamagedError:
    told = str(error) if isinstance(error, sqlite3.Error) else f"its rows contradict each other, {error!r}"
    if isinstance(error, UnicodeDecodeError):
        told = "a text in it is no text"  # the error would show it
    reason = " ".join(shorten(told, 120).split())
    return StoreDamagedError(f"{path} is damaged ({reason}): restore it from a backup, or delete it and begin anew.")


@contextlib.contextmanager
def damage_found(connection: sqlite3.Connection, path: Path) -> Iterator[None]:
    """Translate errors that come of rows which contradict each other into `StoreDamagedError`.

    A garbled page may still be read: then what it gives makes no sense to the code that asked. So after such an error
    the file is checked, and only if it is damaged is the error called that; a mistake in the code stays one.

    Args:
        connection: Outside of a transaction, or in one that only reads.
        path: Of its file, for the message.
    """
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, sqlite3.IntegrityError) as error:
        if isinstance(error, RagkitError) or not (isinstance(error, json.JSONDecodeError) or _is_damaged(connection)):
            raise
        raise _damaged(path, error) from error


def _is_damaged(connection: sqlite3.Connection) -> bool:
    try:
        sound = connection.execute("PRAGMA integrity_check(1)").fetchone() == ("ok",)
        return not sound or connection.execute("PRAGMA foreign_key_check").fetchone() is not None
    except sqlite3.DatabaseError:
        return True


def migrate(connection: sqlite3.Connection, migrations: Sequence[str]) -> None:
    """Bring a database to the newest layout; migration n (from 1) leads to `user_version` n, each in one transaction.

    Args:
        connection: From `connect`.
        migrations: Scripts of SQL statements, oldest first; released ones are never edited.

    Raises:
        StoreError: If the database was made by a newer version with more migrations.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(migrations):
        raise StoreError(
            f"the database has layout {version}, this ragkit reads up to {len(migrations)}: upgrade ragkit to open it."
        )
    for number, script in enumerate(migrations[version:], start=version + 1):
        try:
            connection.executescript(f"BEGIN IMMEDIATE; {script}; PRAGMA user_version = {number}; COMMIT;")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection, *, write: bool) -> Iterator[sqlite3.Connection]:
    """Run a block as one transaction: all of its changes or none, and one consistent view of the data."""
    inside = connection.in_transaction
    try:
        connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction and not inside:
            connection.execute("ROLLBACK")
        raise
