"""Histories as rows of JSON values, for a person who asks for their data, a backup, or another file."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ragkit.errors import InputError, shorten
from ragkit.memory.derived import add_note
from ragkit.memory.history import append, open_session, row_of
from ragkit.memory.kept import Packed, kept_of, microseconds, note_of, packed
from ragkit.messages.plain import as_plain, from_plain

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping

    from ragkit.memory.file import HistoryFile

__all__ = ["export_rows", "restore_rows"]

_PAGE: Final = 256
_SESSIONS: Final = """
SELECT id, user_id, session_id FROM sessions WHERE user_id = ?1 AND (?2 IS NULL OR session_id = ?2) ORDER BY id
"""
_MESSAGES: Final = """
SELECT seq, at, crc, message FROM messages WHERE session = ? AND seq > ? ORDER BY seq LIMIT ?
"""
_NOTES: Final = "SELECT kind, upto_seq, at, crc, content FROM notes WHERE session = ? ORDER BY id"


def export_rows(file: HistoryFile, user_id: str, session_id: str | None) -> Iterator[dict[str, Any]]:
    """Give a row for each message, then for each note, session by session."""
    with file.reading() as db:
        sessions = db.execute(_SESSIONS, (user_id, session_id)).fetchall()
    for session, *names in sessions:
        about = dict(zip(("user_id", "session_id"), names, strict=True))
        yield from ({**about, **row} for row in _messages(file, session))
        with file.reading() as db:
            notes = [note_of(row) for row in db.execute(_NOTES, (session,))]
        for note in notes:
            row = {"note": note.kind, "upto_seq": note.upto_seq, "at": note.at.isoformat(), "content": note.content}
            yield {**about, **row}


def _messages(file: HistoryFile, session: int) -> Iterator[dict[str, Any]]:
    last = 0
    while True:
        with file.reading() as db:
            page = [kept_of(row) for row in db.execute(_MESSAGES, (session, last, _PAGE))]
        for kept in page:
            yield {"seq": kept.seq, "at": kept.at.isoformat(), "message": as_plain(kept.message)}
        if not page:
            return
        last = page[-1].seq


class _Row(NamedTuple):
    names: tuple[str, str]
    seq: int
    at: int
    packed: Packed
    text: str = ""
    note: str | None = None


def restore_rows(file: HistoryFile, rows: Iterable[Mapping[str, Any]]) -> int:
    """Add rows as one change; give the number of messages."""
    # read to the end before the file is locked: a caller's code gives them
    read = [_row(number, row) for number, row in enumerate(rows, start=1)]
    with file.writing() as db:
        _check_new(db, {row.names for row in read})
        _add(db, read)
    return sum(row.note is None for row in read)


def _row(number: int, row: Mapping[str, Any]) -> _Row:
    try:
        names, at = (row["user_id"], row["session_id"]), microseconds(datetime.fromisoformat(row["at"]))
        if not all(isinstance(name, str) for name in names) or not names[1]:
            raise TypeError("a name is a text")
        if "note" in row:
            return _Row(names, int(row["upto_seq"]), at, packed(row["content"]), note=str(row["note"]))
        return _Row(names, int(row["seq"]), at, *row_of(from_plain(row["message"])))
    except InputError as error:
        raise InputError(f"row {number} is none that was exported: {error}") from None
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f"row {number} is none that was exported ({type(error).__name__}): nothing was restored."
        ) from None


def _check_new(db: sqlite3.Connection, names: Iterable[tuple[str, str]]) -> None:
    for name in names:
        if db.execute("SELECT 1 FROM sessions WHERE user_id = ? AND session_id = ?", name).fetchone():
            raise InputError(
                f"session {shorten(repr(name[1]))} has messages here already: erase it first, or restore into another "
                "file; nothing was restored."
            )


def _add(db: sqlite3.Connection, rows: Iterable[_Row]) -> None:
    now: dict[tuple[tuple[str, str], int], int] = {}  # the new number of each message
    for row in rows:
        opened = open_session(db, *row.names, row.at)
        if row.note is None:
            (now[row.names, row.seq],) = append(db, opened, [(row.packed, row.text)])
            continue
        upto = now.get((row.names, row.seq)) if row.seq else 0
        if upto is None:
            raise InputError(f"a note stands for messages up to {row.seq}, which is not there: nothing was restored.")
        add_note(db, opened.session, row.note, upto, row.at, row.packed)
