"""Which texts have a vector already: digests of indexed texts, each with a row of the vector file.

Rows of deleted chunks are kept here as long as the vector file holds them, so that a text that was moved, put back or
stands in several documents is embedded once. The vectors are of the model of the collection, so the digests live with
them, in one generation.
"""

from __future__ import annotations

import hashlib
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

__all__ = ["digest_of", "known_rows", "remember"]

_BYTES = 16
_PAGE = 500


def digest_of(text: str) -> bytes:
    """Give the 16-byte digest of an indexed text.

    Two texts that collide would share a vector and nobody would notice, so it is one that cannot be forged: BLAKE2b.
    """
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=_BYTES).digest()


def remember(db: sqlite3.Connection, rows: Iterable[tuple[bytes, int]]) -> None:
    """Note rows of the vector file by the digest of their text; of rows of one text the highest counts.

    Costs about 30 µs a text at a million: random keys touch a page each, so pass what is committed together at once.

    Args:
        db: The writer's connection, inside a write transaction.
        rows: `(digest, row)`, none below the rows that are noted already.
    """
    # By rising digest: what falls on one page is then written together.
    db.executemany("INSERT OR REPLACE INTO embedded VALUES (?, ?)", sorted(rows))


def known_rows(db: sqlite3.Connection, texts: Iterable[str]) -> dict[str, int]:
    """Give the row of each of these texts that has one; unknown texts are left out."""
    if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'embedded'").fetchone() is None:
        return {}  # made by an older version, and opened read-only
    wanted = iter({digest_of(text): text for text in texts}.items())
    found: dict[str, int] = {}
    while page := dict(islice(wanted, _PAGE)):
        sql = f"SELECT digest, row FROM embedded WHERE digest IN ({', '.join('?' * len(page))})"  # noqa: S608  # marks
        found.update((page[digest], row) for digest, row in db.execute(sql, list(page)))
    return found
