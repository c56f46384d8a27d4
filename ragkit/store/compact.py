"""Compacting: what is alive, copied into the next generation as it stands; nothing is cut or embedded again."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from ragkit.disk.sqlite import connect, damage_named, transaction
from ragkit.store import catalog
from ragkit.store.digests import digest_of, remember
from ragkit.store.schema import CARRIED

if TYPE_CHECKING:
    import sqlite3

    from ragkit.store.generation import Generation

__all__ = ["CompactReport", "copy_live", "note_digests", "reclaimable_rows", "worth_compacting"]

_PAGE_ROWS: Final = 65_536
_FREE_SHARE: Final = 0.01

# Keys of documents stay, rows of chunks become 0, 1, 2 … in their old order. What belongs to no document any more, such
# as the name of a field, stays behind.
_COPY: Final = """
INSERT INTO main.documents SELECT * FROM old.documents;
INSERT INTO main.texts SELECT * FROM old.texts WHERE document IN (SELECT id FROM old.documents);
INSERT INTO main.chunks
    SELECT row_number() OVER (ORDER BY row) - 1, document, ordinal, first, last, page, context
    FROM old.chunks WHERE document IN (SELECT id FROM old.documents);
INSERT INTO main.fields SELECT * FROM old.fields WHERE documents > 0;
INSERT INTO main.field_values SELECT * FROM old.field_values WHERE document IN (SELECT id FROM old.documents);
UPDATE main.state SET (sequence, rows, documents, chunks) =
    (SELECT sequence + 1, chunks, documents, chunks FROM old.state)
"""

# A key is the id of a document, or of one of its chunks.
_KEPT_KEYS: Final = (
    "WHERE key IN (SELECT doc_id FROM old.documents) "
    "OR rtrim(rtrim(key, '0123456789'), '#') IN (SELECT doc_id FROM old.documents)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompactReport:
    """What compacting did."""

    compacted: bool
    """False when there was nothing to reclaim, and so nothing was done."""
    secure: bool
    """Whether it was asked to leave no byte of what was deleted."""
    generation: int
    """The one that counts now."""
    documents: int
    """In the collection."""
    chunks: int
    """In the collection."""
    rows_dropped: int
    """Vectors of deleted chunks that left."""
    bytes_before: int
    """Of all files in the folder."""
    bytes_after: int
    """Of all files in the folder."""
    seconds: float
    """Time taken."""

    def as_dict(self) -> dict[str, Any]:
        """Give the report as the JSON of `ragkit compact --json`."""
        return {**asdict(self), "seconds": round(self.seconds, 3)}


def reclaimable_rows(db: sqlite3.Connection) -> int:
    """Give the number of vectors whose chunks are deleted."""
    state = catalog.read_state(db)
    return state.rows - state.chunks


def worth_compacting(db: sqlite3.Connection) -> bool:
    """Tell whether there is a dead row, or more than a hundredth of the catalog is free."""
    (free,), (pages,) = (db.execute(f"PRAGMA {name}").fetchone() for name in ("freelist_count", "page_count"))
    return bool(reclaimable_rows(db) or free > _FREE_SHARE * pages)


def copy_live(current: Generation, successor: Generation, *, secure: bool) -> None:
    """Fill an empty generation with all that is alive in another one, page by page; nobody may write meanwhile.

    Args:
        current: Sound, at least in its catalog and vectors.
        successor: From `succession.beginning`.
        secure: Leave out what callers noted about documents that are gone, too.

    Raises:
        StoreDamagedError: If the vector file is damaged.
    """
    _copy_catalog(current, successor, secure=secure)
    with closing(connect(successor.parts.catalog, create=False)) as db:
        # Nothing of this generation counts yet, so a commit need not wait for the disk.
        db.execute("PRAGMA synchronous = OFF")
        _copy_vectors(current, successor, db)
        note_digests(db)
    successor.words.follow()
    successor.dense.follow()


def _copy_catalog(current: Generation, successor: Generation, *, secure: bool) -> None:
    path = successor.parts.catalog
    with damage_named(current.parts.catalog), closing(connect(path, create=False)) as db:
        db.execute("PRAGMA journal_mode = OFF")
        db.execute("PRAGMA synchronous = OFF")
        db.execute("PRAGMA foreign_keys = OFF")
        db.execute("ATTACH ? AS old", (f"{current.parts.catalog.absolute().as_uri()}?mode=ro",))
        with transaction(db, write=True):
            for statement in _COPY.strip().split(";\n"):
                db.execute(statement)
            for table in CARRIED:
                kept = _KEPT_KEYS if secure else ""
                db.execute(f"INSERT INTO main.{table} SELECT * FROM old.{table} {kept}")  # noqa: S608  # our own names
        db.execute("DETACH old")


def _copy_vectors(current: Generation, successor: Generation, db: sqlite3.Connection) -> None:
    with current.connections.reading() as old:
        rows = current.vectors.read(old, catalog.read_state(old).rows)
        live = catalog.live_rows(old)
    for at in range(0, len(live), _PAGE_ROWS):
        with transaction(db, write=True):
            successor.vectors.append(db, rows[live[at : at + _PAGE_ROWS]], at=at)


def note_digests(db: sqlite3.Connection) -> None:
    """Note the digest of every chunk's text; the caller is the writer, outside of a transaction."""
    found = ((digest_of(text), row) for row, text in catalog.indexed_texts(db, 0))
    while page := list(islice(found, _PAGE_ROWS)):
        with transaction(db, write=True):
            remember(db, page)
