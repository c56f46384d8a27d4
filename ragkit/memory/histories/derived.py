"""What is derived from a session's messages and deleted with them: notes such as summaries, and embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from ragkit.errors import InputError, shorten
from ragkit.memory.histories.kept import Note, Packed, note_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["MessageVectors", "add_note", "add_vectors", "checked_vectors", "drop_notes", "read_notes", "read_vectors"]

_NOTES: Final = """
SELECT kind, upto_seq, at, crc, content FROM notes WHERE session = ? AND kind = ? ORDER BY id DESC LIMIT ?
"""
_ADD_NOTE: Final = "INSERT INTO notes (session, kind, upto_seq, at, crc, content) VALUES (?, ?, ?, ?, ?, ?)"
_VECTORS: Final = "SELECT seq, vector FROM vectors WHERE session = ? AND model = ? AND seq > ? ORDER BY seq"
# From the message itself: of one that is gone, nothing is kept.
_ADD_VECTOR: Final = """
INSERT OR REPLACE INTO vectors SELECT session, ?, seq, ? FROM messages WHERE seq = ? AND session = ?
"""


class MessageVectors(NamedTuple):
    """Embeddings of messages."""

    seqs: list[int]
    """Ascending."""
    rows: NDArray[np.float32]
    """`(len(seqs), dim)`; `(0, 0)` if there is none."""


def read_notes(db: sqlite3.Connection, session: int, kind: str, *, newest: int = -1) -> list[Note]:
    """Give the newest notes of a kind, oldest first; -1 for all."""
    return [note_of(row) for row in db.execute(_NOTES, (session, kind, newest))][::-1]


def add_note(db: sqlite3.Connection, session: int, kind: str, upto_seq: int, at: int, content: Packed) -> None:
    """Keep a note; the caller is in a transaction that writes."""
    db.execute(_ADD_NOTE, (session, kind, upto_seq, at, content.crc, content.content))


def drop_notes(db: sqlite3.Connection, session: int, kind: str) -> int:
    """Delete the notes of a kind; the caller is in a transaction that writes."""
    dropped = db.execute("DELETE FROM notes WHERE session = ? AND kind = ?", (session, kind)).rowcount
    db.execute("UPDATE state SET deletions = deletions + (? > 0)", (dropped,))
    return dropped


def read_vectors(db: sqlite3.Connection, session: int, model_key: str, *, after: int) -> MessageVectors:
    """Give the embeddings of messages after one."""
    found = db.execute(_VECTORS, (session, model_key, after)).fetchall()
    if not found:
        return MessageVectors([], np.zeros((0, 0), np.float32))
    rows = np.frombuffer(b"".join(vector for _, vector in found), "<f4").reshape(len(found), -1)
    return MessageVectors([seq for seq, _ in found], rows.astype(np.float32))


def checked_vectors(seqs: Sequence[int], vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give vectors as they are kept.

    Raises:
        InputError: If they are not of shape `(len(seqs), dim)`, dim at least 1, or not finite.
    """
    rows = np.asarray(vectors, "<f4")
    if rows.ndim != 2 or len(rows) != len(seqs) or (len(rows) and not rows.shape[1]):
        raise InputError(f"vectors must be of shape ({len(seqs)}, dim), one for each message, got {rows.shape}.")
    if not np.isfinite(rows).all():
        raise InputError("vectors must be finite: what made them failed.")
    return rows


def add_vectors(
    db: sqlite3.Connection, session: int, model_key: str, seqs: Sequence[int], rows: NDArray[np.float32]
) -> None:
    """Keep embeddings; the caller is in a transaction that writes.

    Raises:
        InputError: If those kept before have another length.
    """
    kept = db.execute("SELECT length(vector) / 4 FROM vectors WHERE session = ? AND model = ?", (session, model_key))
    before = kept.fetchone()
    if len(rows) and before not in (None, (rows.shape[1],)):
        raise InputError(
            f"{shorten(repr(model_key))} has vectors of {before[0]} numbers here, got {rows.shape[1]}: "
            "give another model another key."
        )
    db.executemany(
        _ADD_VECTOR, [(model_key, row.tobytes(), int(seq), session) for seq, row in zip(seqs, rows, strict=True)]
    )
