"""The layout of `catalog.sqlite`, the record of truth."""

from __future__ import annotations

from typing import Final

__all__ = ["BLOCK_CHARS", "CARRIED", "MIGRATIONS"]

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

_VECTOR_BLOCKS: Final = """
-- Checksums of the vector file: a block for each append, first rows without gaps from 0.
CREATE TABLE vector_blocks (
    first INTEGER PRIMARY KEY,      -- row
    rows INTEGER NOT NULL,
    crc INTEGER NOT NULL            -- crc32 of the bytes
);

-- The file as its last writer left it: one that still looks like this was not touched since.
CREATE TABLE vector_file (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL
);
"""

_EMBEDDED_AND_LEDGER: Final = """
-- Which texts have a vector; see digests.py. Rows of deleted chunks too, while the vector file holds them.
CREATE TABLE embedded (
    digest BLOB PRIMARY KEY,
    row INTEGER NOT NULL
) WITHOUT ROWID;

-- What callers keep beside the documents: which keys they indexed when; see ledger.py.
CREATE TABLE ledger (
    namespace TEXT NOT NULL,
    key TEXT NOT NULL,
    group_id TEXT,
    updated_at REAL NOT NULL,       -- seconds since 1970
    PRIMARY KEY (namespace, key)
) WITHOUT ROWID;
CREATE INDEX ledger_by_group ON ledger (namespace, group_id, updated_at);
CREATE INDEX ledger_by_time ON ledger (namespace, updated_at);

-- Documents that are kept and never found, in the order of their ids.
CREATE INDEX documents_kept ON documents (doc_id) WHERE chunks = 0 AND root = '';
"""

CARRIED: Final = ("ledger",)
"""Tables that refer to no row of the vector file: a new generation takes them over as they are. (Its `embedded` is
written anew with its chunks: a digest may point to a dead row while a live chunk has the same text.)"""

_MANIFEST_COPY: Final = """
-- What manifest.json says, for the day when that is lost; written last, so that it says: this generation is complete.
CREATE TABLE manifest (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    content TEXT NOT NULL           -- JSON
);
"""

MIGRATIONS: Final = (_FIRST, _VECTOR_BLOCKS, _EMBEDDED_AND_LEDGER, _MANIFEST_COPY)
"""Oldest first; a released one is never edited, a change of layout is appended."""
