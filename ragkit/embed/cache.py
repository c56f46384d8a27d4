"""Vectors already computed, kept in one SQLite file that processes share.

A row is found by the sha256 of model, revision, settings, engine, prompt and text: the text itself is not kept, but its
vector is, and a vector tells something of its text. Delete the file at any time; nothing but time is lost.
"""

from __future__ import annotations

import hashlib
import sqlite3
import warnings
import zlib
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np

from ragkit.embed.batches import TextVector

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path


__all__ = ["CacheWarning", "VectorCache"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS vectors (
    number INTEGER PRIMARY KEY,
    key BLOB NOT NULL UNIQUE,
    tokens INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    vector BLOB NOT NULL
) STRICT
"""
_DROP_OLDEST = """
DELETE FROM vectors WHERE number <= (SELECT min(number) + (max(number) - min(number)) / 10 FROM vectors)
"""
_ASKED_AT_ONCE = 500


class CacheWarning(UserWarning):
    """The cache could not be read or written; the work was done without it."""


class VectorCache:
    """A file of vectors of one model; safe from many threads and processes (a connection per call, WAL)."""

    def __init__(self, folder: Path, *, space: str, dim: int, limit_bytes: int = 2 << 30) -> None:
        """Use `folder/embeddings.sqlite3`, made at the first write.

        Args:
            folder: The cache folder.
            space: What must be equal for two vectors of one text to be the same: model, revision, engine, settings.
            dim: Length of a vector; rows of another length are not used.
            limit_bytes: Size above which the oldest tenth leaves.
        """
        self._path = folder / "embeddings.sqlite3"
        self._space = space
        self._dim = dim
        self._limit_bytes = limit_bytes

    def get(self, texts: Sequence[str]) -> dict[str, TextVector]:
        """Give what is known of `texts`, which carry their prompt; unknown or damaged ones are absent."""
        found: dict[str, TextVector] = {}
        if not self._path.is_file():
            return found
        keys = {self._key(text): text for text in texts}
        try:
            with closing(self._connect()) as connection:
                for key, tokens, crc, raw in _select(connection, list(keys)):
                    if len(raw) == 4 * self._dim and zlib.crc32(raw) == crc:
                        found[keys[key]] = TextVector(np.frombuffer(raw, dtype="<f4").astype(np.float32), tokens)
        except (sqlite3.Error, OSError) as error:
            self._warn(error)
        return found

    def put(self, vectors: Mapping[str, TextVector]) -> None:
        """Keep vectors of texts, in one transaction."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._connect()) as connection, connection:
                connection.executemany(
                    "INSERT OR REPLACE INTO vectors (key, tokens, crc, vector) VALUES (?, ?, ?, ?)", self._rows(vectors)
                )
                if _used_bytes(connection) > self._limit_bytes:
                    connection.execute(_DROP_OLDEST)
        except (sqlite3.Error, OSError) as error:
            self._warn(error)

    def _rows(self, vectors: Mapping[str, TextVector]) -> Iterator[tuple[bytes, int, int, bytes]]:
        for text, (vector, tokens) in vectors.items():
            raw = np.ascontiguousarray(vector, dtype="<f4").tobytes()
            yield self._key(text), tokens, zlib.crc32(raw), raw

    def _key(self, text: str) -> bytes:
        return hashlib.sha256(f"{self._space}\0{text}".encode("utf-8", "surrogatepass")).digest()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=5.0)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(_SCHEMA)
        return connection

    def _warn(self, error: Exception) -> None:
        warnings.warn(
            f"the cache {self._path} cannot be used ({error}): texts are embedded anew; delete it if this stays so.",
            CacheWarning,
            stacklevel=2,
        )


def _select(connection: sqlite3.Connection, keys: Sequence[bytes]) -> Iterable[tuple[bytes, int, int, bytes]]:
    for start in range(0, len(keys), _ASKED_AT_ONCE):
        some = keys[start : start + _ASKED_AT_ONCE]
        marks = ",".join("?" * len(some))
        yield from connection.execute(f"SELECT key, tokens, crc, vector FROM vectors WHERE key IN ({marks})", some)  # noqa: S608  # marks only


def _used_bytes(connection: sqlite3.Connection) -> int:
    pages, free, size = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size
