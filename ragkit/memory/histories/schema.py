"""The layout of the file of histories."""

from __future__ import annotations

from typing import Final

__all__ = ["APPLICATION", "MIGRATIONS"]

APPLICATION: Final = 0x726B6368
"""`rkch`, in SQLite's own place for a number that tells whose file it is."""

_FIRST: Final = f"""
PRAGMA application_id = {APPLICATION};

CREATE TABLE state (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    analyser TEXT NOT NULL,         -- that made the words
    deletions INTEGER NOT NULL,     -- how often something was deleted
    compacted INTEGER NOT NULL      -- how many of these have left no byte
) STRICT;
INSERT INTO state VALUES (1, '', 0, 0);

CREATE TABLE sessions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    messages INTEGER NOT NULL,      -- how many
    last_block INTEGER NOT NULL,    -- of words, below
    first INTEGER NOT NULL,         -- microseconds since 1970: of the first message, and of the last
    last INTEGER NOT NULL,
    UNIQUE (user_id, session_id)
) STRICT;

-- seq is never used again, not even after a session was erased: what was derived from a message, by whomever, never
-- comes to stand for another.
CREATE TABLE messages (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    session INTEGER NOT NULL REFERENCES sessions (id),
    at INTEGER NOT NULL,            -- microseconds since 1970; never falls within a session
    crc INTEGER NOT NULL,           -- crc32 of the message
    message BLOB NOT NULL           -- JSON, UTF-8 with lone surrogates as they are
) STRICT;
CREATE INDEX messages_of_session ON messages (session, seq);

-- For search. Ordinary rows and not FTS5: counts are of one user's words only, and a deleted word is gone (FTS5 keeps
-- it in older segments until SQLite 3.42). In blocks of some messages each, so that appending touches the few pages of
-- the newest block and not a page for each word; a search looks into every block.
CREATE TABLE words (
    session INTEGER NOT NULL REFERENCES sessions (id),
    block INTEGER NOT NULL,
    term TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (session, block, term, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE notes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    session INTEGER NOT NULL REFERENCES sessions (id),
    kind TEXT NOT NULL,
    upto_seq INTEGER NOT NULL,      -- the last message it stands for
    at INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    content BLOB NOT NULL           -- JSON
) STRICT;
CREATE INDEX notes_of_session ON notes (session, kind, id);

CREATE TABLE vectors (
    session INTEGER NOT NULL REFERENCES sessions (id),
    model TEXT NOT NULL,
    seq INTEGER NOT NULL,
    vector BLOB NOT NULL,           -- float32, little-endian
    PRIMARY KEY (session, model, seq)
) STRICT;
"""  # noqa: S608  # a constant

MIGRATIONS: Final = (_FIRST,)
"""Oldest first; a released one is never edited, a change of layout is appended."""
