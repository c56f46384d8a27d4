"""Deleting from the file of histories, together with all that was derived from what is deleted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ragkit.memory.histories.kept import kept_of
from ragkit.messages.rounds import rounds

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

__all__ = ["Removed", "delete_older", "delete_sessions"]

_DERIVED: Final = ("words", "vectors", "notes")


@dataclass(frozen=True, slots=True)
class Removed:
    """What was deleted."""

    sessions: int
    """Of which nothing is left."""
    messages: int
    """In these and in others."""

    def __add__(self, other: Removed) -> Removed:
        return Removed(self.sessions + other.sessions, self.messages + other.messages)


def delete_sessions(db: sqlite3.Connection, sessions: Iterable[int]) -> Removed:
    """Delete sessions, by their numbers, and what was derived from them; the caller is in a transaction that writes."""
    found = messages = 0
    for session in sessions:
        for table in _DERIVED:
            db.execute(f"DELETE FROM {table} WHERE session = ?", (session,))  # noqa: S608  # our own names
        messages += db.execute("DELETE FROM messages WHERE session = ?", (session,)).rowcount
        found += db.execute("DELETE FROM sessions WHERE id = ?", (session,)).rowcount
    if found:
        _count_deletion(db)
    return Removed(found, messages)


def delete_older(db: sqlite3.Connection, session: int, cutoff: int) -> Removed:
    """Delete what is older than a moment from a session; the caller is in a transaction that writes.

    A round of which a part is older goes as a whole: every model refuses a result whose call is gone.
    """
    rows = db.execute(
        "SELECT seq, at, crc, message FROM messages WHERE session = ? ORDER BY seq", (session,)
    ).fetchall()
    old = sum(at < cutoff for _, at, _, _ in rows)  # moments never fall within a session
    if not old:
        return Removed(0, 0)
    if old < len(rows):
        whole = rounds([kept_of(row).message for row in rows])
        old = next(part.stop for part in whole if part.stop >= old)
    if old == len(rows):
        return delete_sessions(db, [session])
    return Removed(0, _delete_before(db, session, rows[old][0]))


def _delete_before(db: sqlite3.Connection, session: int, first_kept: int) -> int:
    """Delete the messages of a session before one that stays, and what was derived from them; give how many.

    Every note goes with them: each stands for the session from its beginning.
    """
    for table in ("words", "vectors"):
        db.execute(f"DELETE FROM {table} WHERE session = ? AND seq < ?", (session, first_kept))  # noqa: S608  # ours
    db.execute("DELETE FROM notes WHERE session = ?", (session,))
    removed = db.execute("DELETE FROM messages WHERE session = ? AND seq < ?", (session, first_kept)).rowcount
    db.execute(
        "UPDATE sessions SET messages = messages - ?2, first = (SELECT at FROM messages WHERE seq = ?3) WHERE id = ?1",
        (session, removed, first_kept),
    )
    _count_deletion(db)
    return removed


def _count_deletion(db: sqlite3.Connection) -> None:
    db.execute("UPDATE state SET deletions = deletions + 1")
