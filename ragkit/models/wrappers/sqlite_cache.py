"""Replies already paid for, kept in one SQLite file that threads and processes share.

A row is found by the sha256 of the prompt and of what decides the reply; neither is kept, the reply is. Delete the file
at any time; nothing but replies is lost.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
import warnings
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from langchain_core.caches import RETURN_VAL_TYPE, BaseCache
from langchain_core.outputs import Generation

from ragkit.errors import ConfigError, StoreError, shorten
from ragkit.models.wrappers.reply_json import generations_from, json_of

__all__ = ["CacheWarning", "SQLiteCache"]

# "rkrc": SQLite's own place for a number that tells whose file it is.
_APPLICATION: Final = 0x726B7263
_LAYOUT: Final = 1
_BUSY_S: Final = 10.0
_ROW_BYTES: Final = 96
_SCHEMA: Final = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS replies (
    key BLOB PRIMARY KEY,
    used INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    reply BLOB NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS replies_by_use ON replies (used, bytes);
CREATE TABLE IF NOT EXISTS total (bytes INTEGER NOT NULL) STRICT;
INSERT INTO total SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM total);
CREATE TRIGGER IF NOT EXISTS replies_more AFTER INSERT ON replies BEGIN
    UPDATE total SET bytes = bytes + new.bytes; END;
CREATE TRIGGER IF NOT EXISTS replies_less AFTER DELETE ON replies BEGIN
    UPDATE total SET bytes = bytes - old.bytes; END;
PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = {_LAYOUT};
COMMIT;
"""  # noqa: S608  # constants
_FIND: Final = """
SELECT crc, reply, used < (SELECT (min(used) + max(used)) / 2.0 FROM replies) FROM replies WHERE key = ?
"""
_NEXT_USE: Final = "(SELECT coalesce(max(used), 0) + 1 FROM replies)"
_DROP_LEAST_USED: Final = "DELETE FROM replies WHERE key = (SELECT key FROM replies ORDER BY used LIMIT 1)"


class CacheWarning(UserWarning):
    """The cache could not be read or written; the model was asked, or its reply was not kept."""


class SQLiteCache(BaseCache):
    """LangChain's cache in a file: exact matches, replies long unused leave first, safe to share.

    Serves any LangChain model (`cache=`, `set_llm_cache`) and `CachedChatModel`. Works with many threads and processes
    at once (a connection per call, WAL). What is read back is plain JSON: no pickle, no class named by the file.
    """

    def __init__(self, path: Path | str, *, max_bytes: int = 256 << 20) -> None:
        """Open or make the file.

        Args:
            path: The file; its folder is made where it is missing.
            max_bytes: What replies may take, at least 1; the file is a little larger than what it holds.

        Raises:
            ConfigError: If `max_bytes` is below 1.
            StoreError: If the file cannot be used, is damaged, or holds something else.
        """
        if max_bytes < 1:
            raise ConfigError(f"max_bytes must be at least 1, got {max_bytes}.")
        self._path = Path(path)
        self._max_bytes = max_bytes
        self._prepare()

    def __repr__(self) -> str:
        return f"SQLiteCache({str(self._path)!r}, max_bytes={self._max_bytes})"

    def lookup(self, prompt: str, llm_string: str) -> RETURN_VAL_TYPE | None:
        """Give the reply kept for a prompt and what decides it, or None; it counts as used."""
        key = _key(prompt, llm_string)
        row: tuple[int, bytes, int] | None = None
        with self._warned("the model is asked"), self._connected() as db, db:
            row = db.execute(_FIND, (key,)).fetchone()
            # A write costs more than all else here: what was used of late stays where it is in the line.
            if row is not None and row[2]:
                db.execute(f"UPDATE replies SET used = {_NEXT_USE} WHERE key = ?", (key,))  # noqa: S608  # a constant
        return None if row is None else self._read(key, *row[:2])

    def update(self, prompt: str, llm_string: str, return_val: RETURN_VAL_TYPE) -> None:
        """Keep a reply, in place of the one there was; one larger than `max_bytes` is not kept."""
        try:
            reply = json_of(return_val).encode("utf-8", "surrogatepass")
        except (TypeError, ValueError) as error:
            self._warn(f"the reply was not kept: {error}")
            return
        key, size = _key(prompt, llm_string), len(reply) + _ROW_BYTES
        with self._warned("the reply was not kept"), self._connected() as db, db:
            db.execute("BEGIN IMMEDIATE")
            db.execute("DELETE FROM replies WHERE key = ?", (key,))
            if size <= self._max_bytes:
                db.execute(
                    f"INSERT INTO replies VALUES (?, {_NEXT_USE}, ?, ?, ?)",  # noqa: S608  # a constant
                    (key, size, zlib.crc32(reply), reply),
                )
            while db.execute("SELECT bytes FROM total").fetchone()[0] > self._max_bytes:
                db.execute(_DROP_LEAST_USED)

    def clear(self, **kwargs: Any) -> None:
        """Forget every reply.

        Raises:
            StoreError: If the file cannot be used.
        """
        with self._named(), self._connected() as db, db:
            db.execute("DELETE FROM replies")

    def _read(self, key: bytes, crc: int, reply: bytes) -> list[Generation] | None:
        if zlib.crc32(reply) == crc:
            try:
                return generations_from(reply.decode("utf-8", "surrogatepass"))
            except ValueError as error:
                self._warn(f"a reply in it cannot be read ({error}): the model is asked")
        else:
            self._warn("a reply in it is damaged: the model is asked")
        with self._warned("a damaged reply stays"), self._connected() as db, db:
            db.execute("DELETE FROM replies WHERE key = ?", (key,))
        return None

    def _prepare(self) -> None:
        with self._named():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            started = time.monotonic()
            while True:
                try:
                    with self._connected():
                        return
                except sqlite3.OperationalError as error:
                    # Whoever switches a new file to WAL locks it without waiting for others who do the same.
                    if "locked" not in str(error) or time.monotonic() - started > _BUSY_S:
                        raise
                time.sleep(0.01)

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=_BUSY_S)) as db:
            if not _is_ours(db):
                db.execute("PRAGMA journal_mode = WAL")
                db.executescript(_SCHEMA)
            db.execute("PRAGMA synchronous = NORMAL")
            yield db

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"{self._path} cannot be used as a cache of replies: {self._told(error)}.") from error

    @contextmanager
    def _warned(self, outcome: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            self._warn(f"{self._told(error)}: {outcome}")

    def _told(self, error: Exception) -> str:
        return f"{shorten(' '.join(str(error).split()), 120)}; delete it or name another file if this stays so"

    def _warn(self, told: str) -> None:
        warnings.warn(f"the cache of replies {self._path}: {told}.", CacheWarning, stacklevel=4)


def _is_ours(db: sqlite3.Connection) -> bool:
    """Tell a file of this cache from a new one; raise on any other."""
    # One view of the file: another process may be making it.
    db.execute("BEGIN")
    (application,) = db.execute("PRAGMA application_id").fetchone()
    (layout,) = db.execute("PRAGMA user_version").fetchone()
    (tables,) = db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    db.execute("COMMIT")
    if application != _APPLICATION and tables:
        raise sqlite3.DatabaseError("it holds something else")
    if application == _APPLICATION and layout != _LAYOUT:
        raise sqlite3.DatabaseError("it was made by another version of ragkit")
    return bool(application == _APPLICATION)


def _key(prompt: str, llm_string: str) -> bytes:
    digest = hashlib.sha256()
    for part in (prompt, llm_string):
        raw = part.encode("utf-8", "surrogatepass")
        digest.update(len(raw).to_bytes(8, "big") + raw)
    return digest.digest()
