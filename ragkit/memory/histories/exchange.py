"""Histories as rows of JSON values, for a person who asks for their data, a backup, or another file."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ragkit.errors import InputError, shorten
from ragkit.memory.histories.derived import add_note
from ragkit.memory.histories.history import append, open_session, row_of
from ragkit.memory.histories.kept import Kept, Note, Packed, kept_of, microseconds, note_of, packed
from ragkit.memory.histories.names import name_of, user_of
from ragkit.messages.plain import as_plain, from_plain

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping

    from ragkit.memory.histories.file import HistoryFile

__all__ = ["export_rows", "restore_rows"]

_PAGE: Final = 256
_SESSIONS: Final = """
SELECT id, user_id, session_id FROM sessions WHERE user_id = ?1 AND (?2 IS NULL OR session_id = ?2) ORDER BY id
"""
_MESSAGES: Final = """
SELECT seq, at, crc, message FROM messages WHERE session = ? AND seq > ? ORDER BY seq LIMIT ?
"""
_NOTES: Final = """
SELECT kind, upto_seq, at, crc, content FROM notes WHERE session = ? AND upto_seq <= ? ORDER BY id
"""


def export_rows(file: HistoryFile, user_id: str, session_id: str | None) -> Iterator[dict[str, Any]]:
    """Give a row for each message, then for each note, session by session."""
    with file.reading() as db:
        sessions = db.execute(_SESSIONS, (user_id, session_id)).fetchall()
    for session, *names in sessions:
        about = dict(zip(("user_id", "session_id"), names, strict=True))
        last = 0
        for kept in _messages(file, session):
            last = kept.seq
            yield {**about, "seq": last, "at": kept.at.isoformat(), "message": as_plain(kept.message)}
        for note in _notes(file, session, last):
            row = {"note": note.kind, "upto_seq": note.upto_seq, "at": note.at.isoformat(), "content": note.content}
            yield {**about, **row}


def _messages(file: HistoryFile, session: int) -> Iterator[Kept]:
    last = 0
    while True:
        with file.reading() as db:
            page = [kept_of(row) for row in db.execute(_MESSAGES, (session, last, _PAGE))]
        yield from page
        if not page:
            return
        last = page[-1].seq


def _notes(file: HistoryFile, session: int, last: int) -> list[Note]:
    """Give the notes on what was exported, and none on what was said since."""
    with file.reading() as db:
        return [note_of(row) for row in db.execute(_NOTES, (session, last))] if last else []


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
        names = (user_of(row["user_id"]), name_of(row["session_id"], "session_id"))
        at = microseconds(datetime.fromisoformat(row["at"]))
        if "note" in row:
            kind, content = name_of(row["note"], "note"), packed(dict(row["content"]))
            return _Row(names, int(row["upto_seq"]), at, content, note=kind)
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
    now: dict[tuple[tuple[str, str], int], tuple[int, int]] = {}  # of each message: its session, its new number
    for row in rows:
        if row.note is None:
            opened = open_session(db, *row.names, row.at)
            (seq,) = append(db, opened, [(row.packed, row.text)])
            now |= {(row.names, 0): (opened.session, 0), (row.names, row.seq): (opened.session, seq)}
        elif (row.names, row.seq) in now:
            session, upto = now[row.names, row.seq]
            add_note(db, session, row.note, upto, row.at, row.packed)
        else:
            raise InputError(f"a note stands for messages up to {row.seq}, which is not there: nothing was restored.")
