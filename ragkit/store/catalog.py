"""Reading the record of truth. Every function works inside a transaction that its caller opened."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ragkit.store.fields import BUILT_IN, CONTAINERS
from ragkit.store.records import StoredChunk, StoredDocument, chunk_name, index_text
from ragkit.store.schema import BLOCK_CHARS
from ragkit.store.where_sql import Field, Sql, check_fields, to_sql

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from ragkit.store.conditions import Node

__all__ = [
    "ChunkRow",
    "State",
    "chunk_rows",
    "chunks_of",
    "context_of",
    "dead_rows",
    "document_sql",
    "documents_after",
    "documents_of",
    "field_kinds",
    "find_document",
    "fingerprints",
    "indexed_texts",
    "live_below",
    "live_rows",
    "metadata_of",
    "passing_rows",
    "read_state",
    "roots",
    "row_of_chunk",
    "slices",
    "sort_keys",
]


_DIGITS = 18
"""Of an ordinal: what SQLite holds."""

_KEYS_AT_ONCE = 200
"""Of one statement: few different ones, so that SQLite's compiled ones are found again."""


class State(NamedTuple):
    """The counters of a collection at one committed moment."""

    sequence: int
    """Number of committed changes."""
    rows: int
    """Rows of the vector file that count."""
    documents: int
    """Documents in the collection."""
    chunks: int
    """Chunks in the collection."""


class ChunkRow(NamedTuple):
    """A chunk with its document's names, without text."""

    row: int
    document: int
    doc_id: str
    source: str
    title: str
    ordinal: int
    first: int
    last: int
    page: int | None


def read_state(db: sqlite3.Connection) -> State:
    """Give the counters."""
    return State(*db.execute("SELECT sequence, rows, documents, chunks FROM state").fetchone())


def dead_rows(db: sqlite3.Connection) -> NDArray[np.int64]:
    """Give the rows of deleted chunks, rising."""
    return _numbers(db.execute("SELECT row FROM dead_rows"))


def live_rows(db: sqlite3.Connection) -> NDArray[np.int64]:
    """Give the rows of chunks, rising."""
    return _numbers(db.execute("SELECT row FROM chunks ORDER BY row"))


def live_below(db: sqlite3.Connection, row: int) -> int:
    """Give the number of chunks in rows before `row`."""
    (dead,) = db.execute("SELECT count(*) FROM dead_rows WHERE row < ?", (row,)).fetchone()
    return row - int(dead)


def _numbers(found: Iterable[tuple[int]]) -> NDArray[np.int64]:
    return np.fromiter((number for (number,) in found), dtype=np.int64)


# Documents

_DOCUMENT = "SELECT id, doc_id, source, title, metadata, root, content_hash, chars, chunks, pages FROM documents"


def _stored(found: tuple[Any, ...]) -> StoredDocument:
    _, doc_id, source, title, metadata, root, content_hash, chars, chunks, pages = found
    return StoredDocument(
        doc_id=doc_id,
        source=source,
        title=title,
        metadata=json.loads(metadata),
        root=root,
        content_hash=content_hash,
        chars=chars,
        chunks=chunks,
        pages=tuple((page, start) for page, start in json.loads(pages)),
    )


def find_document(db: sqlite3.Connection, doc_id: str) -> tuple[int, StoredDocument] | None:
    """Give a document with its key, None where there is none."""
    if not _may_name(doc_id):
        return None
    found = db.execute(f"{_DOCUMENT} WHERE doc_id = ?", (doc_id,)).fetchone()
    return (found[0], _stored(found)) if found else None


def _may_name(name: object) -> bool:
    # What is no text or cannot be encoded names nothing, and SQLite would not take it.
    try:
        return isinstance(name, str) and name.encode() is not None
    except UnicodeEncodeError:
        return False


def documents_after(db: sqlite3.Connection, doc_id: str, condition: Sql, limit: int) -> list[StoredDocument]:
    """Give the next documents that pass, by rising `doc_id`, beginning after the one given."""
    sql = f"{_DOCUMENT} WHERE doc_id > ? AND {condition.text} ORDER BY doc_id LIMIT ?"  # built by to_sql, values bound
    return [_stored(found) for found in db.execute(sql, (doc_id, *condition.parameters, limit))]


def metadata_of(db: sqlite3.Connection, documents: Iterable[int]) -> dict[int, dict[str, Any]]:
    """Give the metadata of documents by their keys."""
    found = _among(db, "SELECT id, metadata FROM documents WHERE id IN", list(set(documents)))
    return {key: json.loads(metadata) for key, metadata in found}


def fingerprints(db: sqlite3.Connection) -> dict[str, tuple[str, str]]:
    """Give `(root, content_hash)` of every document by `doc_id`."""
    found = db.execute("SELECT doc_id, root, content_hash FROM documents")
    return {doc_id: (root, content_hash) for doc_id, root, content_hash in found}


def roots(db: sqlite3.Connection) -> list[str]:
    """Give the roots that documents belong to, sorted."""
    return [root for (root,) in db.execute("SELECT DISTINCT root FROM documents WHERE root > '' ORDER BY root")]


# Chunks and texts

_CHUNK = (
    "SELECT chunks.row, chunks.document, documents.doc_id, documents.source, documents.title, chunks.ordinal, "
    "chunks.first, chunks.last, chunks.page FROM chunks JOIN documents ON documents.id = chunks.document"
)


def chunk_rows(db: sqlite3.Connection, rows: Iterable[int]) -> list[ChunkRow]:
    """Give chunks by their rows, in the order given; unknown rows are left out."""
    wanted = [int(row) for row in rows]
    found = {row[0]: ChunkRow(*row) for row in _among(db, f"{_CHUNK} WHERE chunks.row IN", wanted)}
    return [found[row] for row in wanted if row in found]


def _among(db: sqlite3.Connection, sql: str, keys: Sequence[int]) -> Iterator[tuple[Any, ...]]:
    """Give the rows of a query that ends in `IN` for these keys, in no order."""
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        part = keys[start : start + _KEYS_AT_ONCE]
        yield from db.execute(f"{sql} ({', '.join('?' * len(part))})", part)


def documents_of(db: sqlite3.Connection, rows: Iterable[int]) -> dict[int, int]:
    """Give the key of each row's document."""
    return dict(_among(db, "SELECT row, document FROM chunks WHERE row IN", [int(row) for row in rows]))


def sort_keys(db: sqlite3.Connection, rows: Iterable[int]) -> dict[int, tuple[str, str]]:
    """Give `(doc_id, chunk_id)` for each row: what breaks ties."""
    return {item.row: (item.doc_id, chunk_name(item.doc_id, item.ordinal)) for item in chunk_rows(db, rows)}


def row_of_chunk(db: sqlite3.Connection, chunk_id: str) -> int | None:
    """Give the row of a chunk, None where there is none."""
    if not _may_name(chunk_id):
        return None
    doc_id, _, ordinal = chunk_id.rpartition("#")
    if (
        not ordinal.isascii()
        or not ordinal.isdigit()
        or len(ordinal) > _DIGITS
        or chunk_name(doc_id, int(ordinal)) != chunk_id
    ):
        return None
    found = db.execute(
        "SELECT row FROM chunks WHERE document = (SELECT id FROM documents WHERE doc_id = ?) AND ordinal = ?",
        (doc_id, int(ordinal)),
    ).fetchone()
    return int(found[0]) if found else None


def context_of(db: sqlite3.Connection, row: int) -> str:
    """Give the title or headings of a chunk."""
    return str(db.execute("SELECT context FROM chunks WHERE row = ?", (row,)).fetchone()[0])


def chunks_of(db: sqlite3.Connection, document: int, doc_id: str) -> list[StoredChunk]:
    """Give a document's chunks in order."""
    sql = "SELECT ordinal, first, last, page, context FROM chunks WHERE document = ? ORDER BY ordinal"
    found = db.execute(sql, (document,)).fetchall()
    texts = slices(db, [(document, first, last) for _, first, last, _, _ in found])
    return [
        StoredChunk(
            chunk_id=chunk_name(doc_id, ordinal),
            doc_id=doc_id,
            start=first,
            end=last,
            text=text,
            context=context,
            page=page,
        )
        for (ordinal, first, last, page, context), text in zip(found, texts, strict=True)
    ]


def slices(db: sqlite3.Connection, spans: Sequence[tuple[int, int, int]]) -> list[str]:
    """Give slices of texts, each span `(document, first, last)`; reads only the blocks they touch."""
    blocks: dict[tuple[int, int], str] = {}

    def block(document: int, number: int) -> str:
        if (document, number) not in blocks:
            sql = "SELECT text FROM texts WHERE document = ? AND block = ?"
            blocks[document, number] = db.execute(sql, (document, number)).fetchone()[0]
        return blocks[document, number]

    def joined(document: int, first: int, last: int) -> str:
        if last <= first:
            return ""
        numbers = range(first // BLOCK_CHARS, (last - 1) // BLOCK_CHARS + 1)
        offset = numbers[0] * BLOCK_CHARS
        return "".join(block(document, number) for number in numbers)[first - offset : last - offset]

    return [joined(*span) for span in spans]


def indexed_texts(db: sqlite3.Connection, first_row: int, page_rows: int = 2_000) -> Iterator[tuple[int, str]]:
    """Give `(row, text to index)` of every chunk from `first_row` on, by rising row."""
    sql = "SELECT row, document, first, last, context FROM chunks WHERE row >= ? ORDER BY row LIMIT ?"
    while found := db.execute(sql, (first_row, page_rows)).fetchall():
        texts = slices(db, [(document, first, last) for _, document, first, last, _ in found])
        for (row, _, _, _, context), text in zip(found, texts, strict=True):
            yield row, index_text(text, context)
        first_row = found[-1][0] + 1


# Fields and filters


def field_kinds(db: sqlite3.Connection) -> dict[str, str]:
    """Give every metadata field with what it holds, such as `{"tags": "list of text", "year": "number"}`."""
    found: dict[str, list[tuple[str, bool]]] = {}
    sql = "SELECT name, kind, listed FROM fields WHERE documents > 0 ORDER BY name, kind, listed"
    for name, kind, listed in db.execute(sql):
        found.setdefault(name, []).append((kind, bool(listed)))
    return {name: _kinds(of_name) for name, of_name in found.items()}


def _kinds(found: Sequence[tuple[str, bool]]) -> str:
    # That something is a list is said by its elements, unless it has none.
    values = [f"list of {kind}" if listed else kind for kind, listed in found if kind not in CONTAINERS]
    return " or ".join(values or [kind for kind, _ in found])


def _fields_named(db: sqlite3.Connection, name: str) -> list[Field]:
    sql = "SELECT id, kind, listed FROM fields WHERE name = ? AND documents > 0 ORDER BY id"
    return [Field(key, kind, bool(listed)) for key, kind, listed in db.execute(sql, (name,))]


def _translate(db: sqlite3.Connection, node: Node, *, document: str, page: str | None) -> Sql:
    def lookup(name: str) -> list[Field]:
        return _fields_named(db, name)

    if read_state(db).documents:
        check_fields(node, lookup, lambda: sorted({*BUILT_IN, *field_kinds(db)}))
    return to_sql(node, lookup, document=document, page=page)


def document_sql(db: sqlite3.Connection, node: Node | None) -> Sql:
    """Give a filter as a condition on the table of documents.

    Raises:
        WhereError: If a field is unknown, holds other kinds of values, or belongs to chunks.
    """
    return Sql("1", []) if node is None else _translate(db, node, document="documents.id", page=None)


def passing_rows(db: sqlite3.Connection, node: Node) -> NDArray[np.int64]:
    """Give the rows of the chunks that pass a filter, in no order.

    Raises:
        WhereError: If a field is unknown or holds other kinds of values.
    """
    condition = _translate(db, node, document="chunks.document", page="chunks.page")
    sql = f"SELECT row FROM chunks WHERE {condition.text}"  # noqa: S608  # built by to_sql, values bound
    return _numbers(db.execute(sql, condition.parameters))
