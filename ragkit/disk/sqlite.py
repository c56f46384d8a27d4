"""SQLite as a record that outlives a kill: WAL mode, full sync, migrations by `user_version`."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from typing import TYPE_CHECKING
from urllib.parse import quote

from ragkit.errors import StoreDamagedError, StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["UnchangingConnection", "connect", "damage_named", "migrate", "transaction"]

_BUSY_S = 10.0


class UnchangingConnection(sqlite3.Connection):
    """Takes the file as unchanging: once another account has written, what it gives is garbled. Not for keeping."""


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Open a database in autocommit mode, usable from any one thread at a time.

    Args:
        path: The file; created unless `read_only`.
        read_only: Refuse every change. In a folder that cannot be written and where nobody writes, the file is
            taken as unchanging (SQLite's `immutable`), because WAL mode would need to write beside it; the
            connection is an `UnchangingConnection` then.

    Raises:
        StoreDamagedError: If the file is not a database.
        StoreError: If it cannot be opened.
    """
    unchanging = read_only and _unchanging(path)
    with damage_named(path):
        connection = sqlite3.connect(
            _uri(path, read_only=read_only, unchanging=unchanging),
            uri=True,
            timeout=_BUSY_S,
            isolation_level=None,
            check_same_thread=False,
            factory=UnchangingConnection if unchanging else sqlite3.Connection,
        )
        try:
            if not read_only:
                connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except BaseException:
            connection.close()
            raise
    return connection


def _unchanging(path: Path) -> bool:
    # A write-ahead log beside it means that someone may be writing: then SQLite must read that too.
    return not (os.access(path.parent, os.W_OK) or path.with_name(f"{path.name}-wal").exists())


def _uri(path: Path, *, read_only: bool, unchanging: bool) -> str:
    location = "file:" + quote(str(path.absolute()))
    if not read_only:
        return location
    return location + ("?mode=ro&immutable=1" if unchanging else "?mode=ro")


@contextlib.contextmanager
def damage_named(path: Path) -> Iterator[None]:
    """Translate what SQLite says of a broken file into `StoreDamagedError`, of one it cannot open into `StoreError`."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StoreError(f"{path} cannot be used: {error}; check that it exists and may be read.") from error
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
        raise
    except sqlite3.DatabaseError as error:
        raise StoreDamagedError(f"{path} is damaged ({error}): restore it from a backup, or index again.") from error


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
            f"the catalog has layout {version}, this ragkit reads up to {len(migrations)}: upgrade ragkit to open it."
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
    connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
