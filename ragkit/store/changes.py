"""Changing the record of truth: documents in and out, inside the one transaction that its caller opened."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from ragkit.store.digests import digest_of, remember
from ragkit.store.fields import FieldValue, flatten, with_built_in
from ragkit.store.records import NewDocument, index_text, page_at
from ragkit.store.schema import BLOCK_CHARS

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping

__all__ = ["Changes"]


class Changes:
    """The changes of one transaction; `finish` writes the counters, nothing counts before.

    Args:
        db: The writer's connection, inside a write transaction.
        row: First free row of the vector file.
    """

    def __init__(self, db: sqlite3.Connection, row: int) -> None:
        self._db = db
        self._first = self._row = row
        self._documents = self._dead = 0
        self._field_ids: dict[tuple[str, str, bool], int] = {}
        self._field_documents: Counter[int] = Counter()
        self._embedded: list[tuple[bytes, int]] = []

    @property
    def row(self) -> int:
        """First row that is free after the changes so far."""
        return self._row

    def put(self, document: NewDocument, metadata: Mapping[str, Any]) -> None:
        """Insert or replace a document; its chunks take the next rows in order.

        Args:
            document: Checked by `records.check_document`.
            metadata: Its metadata, JSON-ready.
        """
        self.delete(document.doc_id)
        key = self._insert_document(document, json.dumps(metadata, ensure_ascii=False))
        self._insert_texts(key, document.text)
        self._insert_chunks(key, document)
        built_in = {"source": document.source, "title": document.title, "root": document.root}
        self._insert_fields(key, flatten(with_built_in(metadata, **built_in)))
        self._documents += 1

    def _insert_document(self, document: NewDocument, metadata: str) -> int:
        values = (
            document.doc_id,
            document.source,
            document.title,
            document.root,
            document.content_hash,
            len(document.text),
            len(document.chunks),
            metadata,
            json.dumps([list(page) for page in document.pages]),
        )
        cursor = self._db.execute(
            "INSERT INTO documents (doc_id, source, title, root, content_hash, chars, chunks, metadata, pages) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            values,
        )
        return int(cursor.lastrowid or 0)

    def _insert_texts(self, key: int, text: str) -> None:
        starts = range(0, len(text), BLOCK_CHARS)
        blocks = [(key, number, text[start : start + BLOCK_CHARS]) for number, start in enumerate(starts)]
        self._db.executemany("INSERT INTO texts VALUES (?, ?, ?)", blocks)

    def _insert_chunks(self, key: int, document: NewDocument) -> None:
        chunks = [
            (
                self._row + ordinal,
                key,
                ordinal,
                chunk.start,
                chunk.end,
                page_at(document.pages, chunk.start),
                chunk.context,
            )
            for ordinal, chunk in enumerate(document.chunks)
        ]
        self._db.executemany("INSERT INTO chunks VALUES (?, ?, ?, ?, ?, ?, ?)", chunks)
        texts = (index_text(document.text[chunk.start : chunk.end], chunk.context) for chunk in document.chunks)
        self._embedded += [(digest_of(text), row) for row, text in enumerate(texts, start=self._row)]
        self._row += len(chunks)

    def _insert_fields(self, key: int, values: Iterable[FieldValue]) -> None:
        rows = [(self._field_id(item), item.value, key) for item in values]
        self._db.executemany("INSERT OR IGNORE INTO field_values VALUES (?, ?, ?)", rows)
        self._field_documents.update({field for field, _, _ in rows})

    def _field_id(self, item: FieldValue) -> int:
        name = (item.name, item.kind, item.listed)
        if name not in self._field_ids:
            self._db.execute("INSERT OR IGNORE INTO fields (name, kind, listed, documents) VALUES (?, ?, ?, 0)", name)
            sql = "SELECT id FROM fields WHERE name = ? AND kind = ? AND listed = ?"
            (self._field_ids[name],) = self._db.execute(sql, name).fetchone()
        return self._field_ids[name]

    def delete(self, doc_id: str) -> bool:
        """Take a document out, if it is there; its rows become dead and are never used again."""
        sql = "SELECT id, source, title, root, metadata FROM documents WHERE doc_id = ?"
        found = self._db.execute(sql, (doc_id,)).fetchone()
        if found is None:
            return False
        key, source, title, root, metadata = found
        values = flatten(with_built_in(json.loads(metadata), source=source, title=title, root=root))
        rows = [(self._field_id(item), item.value, key) for item in values]
        self._db.executemany("DELETE FROM field_values WHERE field = ? AND value = ? AND document = ?", rows)
        self._field_documents.subtract({field for field, _, _ in rows})
        cursor = self._db.execute("INSERT INTO dead_rows SELECT row FROM chunks WHERE document = ?", (key,))
        self._dead += cursor.rowcount
        self._db.execute("DELETE FROM documents WHERE id = ?", (key,))
        self._documents -= 1
        return True

    def finish(self) -> None:
        """Write the counters and which texts have a vector; the transaction may be committed after this."""
        remember(self._db, self._embedded)
        fields = [(count, field) for field, count in self._field_documents.items() if count]
        self._db.executemany("UPDATE fields SET documents = documents + ? WHERE id = ?", fields)
        self._db.execute(
            "UPDATE state SET sequence = sequence + 1, rows = ?, documents = documents + ?, chunks = chunks + ?",
            (self._row, self._documents, self._row - self._first - self._dead),
        )
