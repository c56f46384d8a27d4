"""The layout of `catalog.sqlite`, the record of truth."""

from __future__ import annotations

from typing import Final

__all__ = ["BLOCK_CHARS", "MIGRATIONS"]

BLOCK_CHARS: Final = 16_384
"""A text is kept in blocks of this many characters, so that a slice of a long one is read without the rest."""

_FIRST: Final = """
CREATE TABLE state (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    sequence INTEGER NOT NULL,      -- number of committed changes
    rows INTEGER NOT NULL,          -- rows of the vector file that count; whatever lies beyond was never committed
    documents INTEGER NOT NULL,
    chunks INTEGER NOT NULL         -- live ones; rows minus the dead
);
INSERT INTO state VALUES (1, 0, 0, 0, 0);

CREATE TABLE documents (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    doc_id TEXT NOT NULL UNIQUE,
    source TEXT NOT NULL,
    title TEXT NOT NULL,
    root TEXT NOT NULL,
    content_hash TEXT NOT NULL,
    chars INTEGER NOT NULL,
    chunks INTEGER NOT NULL,
    metadata TEXT NOT NULL,         -- JSON
    pages TEXT NOT NULL             -- JSON: [[page, first character], ...]
);
CREATE INDEX documents_by_root ON documents (root);

CREATE TABLE texts (
    document INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    block INTEGER NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (document, block)
);

CREATE TABLE chunks (
    row INTEGER PRIMARY KEY,        -- of the vector file; never used again
    document INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,          -- one past the last character
    page INTEGER,
    context TEXT NOT NULL
);
CREATE UNIQUE INDEX chunks_of_document ON chunks (document, ordinal);

CREATE TABLE dead_rows (row INTEGER PRIMARY KEY);

CREATE TABLE fields (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,             -- text, number, bool, list, object
    listed INTEGER NOT NULL,        -- whether the values are elements of lists
    documents INTEGER NOT NULL,     -- how many have it
    UNIQUE (name, kind, listed)
);

-- One small tree: a filter reads (field, value), a delete computes its keys again from the metadata.
CREATE TABLE field_values (
    field INTEGER NOT NULL,
    value NOT NULL,
    document INTEGER NOT NULL,
    PRIMARY KEY (field, value, document)
) WITHOUT ROWID;
"""

MIGRATIONS: Final = (_FIRST,)
"""Oldest first; a released one is never edited, a change of layout is appended."""
