"""Documents and chunks by their ids, with their texts: what views over a collection read, in one moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ragkit.store import catalog
from ragkit.store.records import StoredChunk, StoredDocument, chunk_name

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

__all__ = ["Named", "kept_ids", "look_up"]


class Named(NamedTuple):
    """What an id names."""

    document: StoredDocument
    """The document, or that of the chunk."""
    text: str
    """Of the document as a whole, or of the chunk."""
    chunk: StoredChunk | None
    """None if the id is a `doc_id`."""


def look_up(db: sqlite3.Connection, ids: Iterable[str]) -> dict[str, Named]:
    """Give what each id names, in their order: a `doc_id`, else a `chunk_id`; what is not there is left out."""
    found = ((name, _document(db, name) or _chunk(db, name)) for name in dict.fromkeys(ids))
    return {name: item for name, item in found if item is not None}


def _document(db: sqlite3.Connection, doc_id: str) -> Named | None:
    if (found := catalog.find_document(db, doc_id)) is None:
        return None
    key, document = found
    (text,) = catalog.slices(db, [(key, 0, document.chars)])
    return Named(document, text, None)


def _chunk(db: sqlite3.Connection, chunk_id: str) -> Named | None:
    if (row := catalog.row_of_chunk(db, chunk_id)) is None:
        return None
    (place,) = catalog.chunk_rows(db, [row])
    found = catalog.find_document(db, place.doc_id)
    assert found is not None, "a chunk has a document, by a foreign key"  # noqa: S101  # never on input
    (text,) = catalog.slices(db, [(place.document, place.first, place.last)])
    chunk = StoredChunk(
        chunk_id=chunk_name(place.doc_id, place.ordinal),
        doc_id=place.doc_id,
        start=place.first,
        end=place.last,
        text=text,
        context=catalog.context_of(db, row),
        page=place.page,
    )
    return Named(found[1], text, chunk)


def kept_ids(db: sqlite3.Connection, doc_id: str, *, including: bool, limit: int) -> list[str]:
    """Give the next ids, rising, of documents that have no chunks and belong to no root.

    Args:
        db: In a transaction.
        doc_id: Where to begin.
        including: Whether with this id itself, if it is one, or after it.
        limit: At most this many.
    """
    sign = ">=" if including else ">"
    sql = f"SELECT doc_id FROM documents WHERE chunks = 0 AND root = '' AND doc_id {sign} ? ORDER BY doc_id LIMIT ?"  # noqa: S608  # a sign
    return [kept for (kept,) in db.execute(sql, (doc_id, limit))]
