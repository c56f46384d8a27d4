"""One session of one user, kept in SQLite: LangChain's history, and what memories need beside it."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import BaseMessage, RemoveMessage, ToolMessage
from langchain_core.messages.base import BaseMessageChunk
from langchain_core.messages.utils import message_chunk_to_message
from numpy.typing import NDArray

from ragkit.errors import InputError, shorten
from ragkit.memory.histories.derived import (
    MessageVectors,
    add_note,
    add_vectors,
    checked_vectors,
    drop_notes,
    read_notes,
    read_vectors,
)
from ragkit.memory.histories.erasing import delete_sessions
from ragkit.memory.histories.kept import Kept, Note, Packed, kept_of, microseconds, packed, packed_message
from ragkit.memory.histories.names import name_of
from ragkit.memory.histories.words import note_words
from ragkit.messages.plain import is_plain

if TYPE_CHECKING:
    import sqlite3

    from ragkit.memory.histories.file import HistoryFile

__all__ = ["ChatHistory", "HistoryWarning", "Opened", "append", "open_session", "row_of"]

_PAGE: Final = 64
_NONE: Final = 0  # the number of no session


class HistoryWarning(UserWarning):
    """Something that no model is shown could not be kept, such as a tool's artifact that is no JSON value."""


class Opened(NamedTuple):
    """A session that is being written."""

    session: int
    """Its number in the file."""
    messages: int
    """How many it has."""
    at: int
    """Microseconds since 1970: the moment of what is added."""


class ChatHistory(BaseChatMessageHistory):
    """The messages of one session, in the order in which they were added.

    From `ChatHistories.session`. What is added is on the disk when the call returns. Safe for threads and processes at
    once; objects of the same session show the same. A message's chunk is kept as the message it stands for.
    """

    def __init__(self, file: HistoryFile, session_id: str, *, user_id: str, clock: Callable[[], datetime]) -> None:
        super().__init__()
        self._file = file
        self._names = (user_id, session_id)
        self._clock = clock

    @property
    def user_id(self) -> str:
        """Whose session it is; empty where nobody was named."""
        return self._names[0]

    @property
    def session_id(self) -> str:
        """Its name, one of this user's."""
        return self._names[1]

    def __repr__(self) -> str:
        return f"ChatHistory({shorten(self.session_id)!r})"

    def __bool__(self) -> bool:
        return True  # an empty history is one: `given or another` must not forget it

    def __len__(self) -> int:
        with self._file.reading() as db:
            row = db.execute(
                "SELECT messages FROM sessions WHERE user_id = ? AND session_id = ?", self._names
            ).fetchone()
        return 0 if row is None else int(row[0])

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override]  # declared as a field there
        """All of them, oldest first; copies."""
        return [kept.message for kept in self._select("ORDER BY seq")]

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Add messages, all of them or, if this raises, none.

        Raises:
            InputError: If one is an instruction to a graph (`RemoveMessage`), holds what is no JSON value, or was
                changed into what cannot be read again (`content = None`). Only what no model is shown (a tool's
                artifact, response_metadata) is left out instead, with a `HistoryWarning`.
            StoreError: If the file cannot be used.
        """
        if not messages:
            return
        rows = list(map(row_of, messages))
        at = microseconds(self._clock())
        with self._file.writing() as db:
            append(db, open_session(db, *self._names, at), rows)

    def clear(self) -> None:
        """Delete the session and what was derived from it; `ChatHistories.compact` leaves no byte of it either."""
        with self._file.writing() as db:
            session = self._number(db)
            delete_sessions(db, [] if session is None else [session])

    def last(self, n: int) -> list[Kept]:
        """Give the newest `n` messages, oldest first; reads no others."""
        return self._select("ORDER BY seq DESC LIMIT ?", max(n, 0))[::-1]

    def after(self, seq: int, *, limit: int | None = None) -> list[Kept]:
        """Give the messages added after one, oldest first, at most `limit`; `after(0)` gives all."""
        return self._select("AND seq > ? ORDER BY seq LIMIT ?", seq, -1 if limit is None else limit)

    def newest_first(self) -> Iterator[Kept]:
        """Walk back from the newest message, reading a page at a time; what is added meanwhile does not come."""
        page = self._select("ORDER BY seq DESC LIMIT ?", _PAGE)
        while page:
            yield from page
            page = self._select("AND seq < ? ORDER BY seq DESC LIMIT ?", page[-1].seq, _PAGE)

    def get(self, seqs: Sequence[int]) -> list[Kept]:
        """Give messages by number, ascending; those that are not (or no longer) of this session are left out."""
        return self._select(
            "AND seq IN (SELECT value FROM json_each(?)) ORDER BY seq", json.dumps(list(map(int, seqs)))
        )

    def put_note(self, kind: str, upto_seq: int, content: Mapping[str, Any], *, after: int | None = None) -> bool:
        """Keep something derived from the messages up to one; it goes when any of these is deleted.

        Args:
            kind: Your name for it, such as `summary`.
            upto_seq: The last message it stands for; 0 for none.
            content: JSON values.
            after: Keep it only if the newest note of this kind stands for messages up to here (0: if there is none),
                so that of two who write at once the second one hears of it. None keeps it in any case.

        Returns:
            Whether it was kept: not if another came first, or message `upto_seq` is gone.

        Raises:
            InputError: If `content` is no JSON.
        """
        row, at, upto_seq = packed(content), microseconds(self._clock()), int(upto_seq)
        name_of(kind, "kind")
        with self._file.writing() as db:
            session = self._number(db)
            if session is None or (upto_seq and not _has(db, session, upto_seq)):
                return False
            newest = read_notes(db, session, kind, newest=1)
            if after is not None and after != (newest[0].upto_seq if newest else 0):
                return False
            add_note(db, session, kind, upto_seq, at, row)
        return True

    def note(self, kind: str) -> Note | None:
        """Give the newest note of a kind; None if there is none."""
        found = self._notes(kind, newest=1)
        return found[0] if found else None

    def notes(self, kind: str) -> list[Note]:
        """Give all notes of a kind, oldest first."""
        return self._notes(kind, newest=-1)

    def drop_notes(self, kind: str) -> int:
        """Delete all notes of a kind, so that the messages stand for themselves again; give how many there were."""
        with self._file.writing() as db:
            session = self._number(db)
            return 0 if session is None else drop_notes(db, session, name_of(kind, "kind"))

    def vectors(self, model_key: str, *, after: int = 0) -> MessageVectors:
        """Give the embeddings kept for messages after one, in order.

        Args:
            model_key: What names the model and all that decides its vectors.
            after: A message's number; 0 for all.
        """
        with self._file.reading() as db:
            return read_vectors(db, self._number(db) or _NONE, name_of(model_key, "model_key"), after=after)

    def put_vectors(self, model_key: str, seqs: Sequence[int], vectors: NDArray[np.float32]) -> None:
        """Keep embeddings of messages, in place of those there were; of a message that is gone none is kept.

        Args:
            model_key: What names the model and all that decides its vectors.
            seqs: Numbers of messages of this session.
            vectors: `(len(seqs), dim)`, finite; dim at least 1 and as before.

        Raises:
            InputError: If the shape does not fit, or a value is not finite.
        """
        rows = checked_vectors(seqs, vectors)
        name_of(model_key, "model_key")
        with self._file.writing() as db:
            add_vectors(db, self._number(db) or _NONE, model_key, seqs, rows)

    def _number(self, db: sqlite3.Connection) -> int | None:
        row = db.execute("SELECT id FROM sessions WHERE user_id = ? AND session_id = ?", self._names).fetchone()
        return None if row is None else int(row[0])

    def _select(self, rest: str, *values: int | str) -> list[Kept]:
        query = f"SELECT seq, at, crc, message FROM messages WHERE session = ? {rest}"  # noqa: S608  # our own words
        with self._file.reading() as db:
            return [kept_of(row) for row in db.execute(query, (self._number(db) or _NONE, *values))]

    def _notes(self, kind: str, *, newest: int) -> list[Note]:
        with self._file.reading() as db:
            return read_notes(db, self._number(db) or _NONE, name_of(kind, "kind"), newest=newest)


def open_session(db: sqlite3.Connection, user_id: str, session_id: str, at: int) -> Opened:
    """Give a session, made if it is new, and a moment that is not before its last; in a transaction that writes."""
    db.execute(
        "INSERT INTO sessions (user_id, session_id, messages, last_block, first, last) VALUES (?1, ?2, 0, 0, ?3, ?3) "
        "ON CONFLICT DO UPDATE SET last = max(last, ?3)",
        (user_id, session_id, at),
    )
    found = db.execute(
        "SELECT id, messages, last FROM sessions WHERE user_id = ? AND session_id = ?", (user_id, session_id)
    ).fetchone()
    return Opened(*found)


def append(db: sqlite3.Connection, opened: Opened, rows: Sequence[tuple[Packed, str]]) -> list[int]:
    """Add messages, each as its bytes and its text, to a session; in a transaction that writes."""
    seqs = [
        db.execute(
            "INSERT INTO messages (session, at, crc, message) VALUES (?, ?, ?, ?)",
            (opened.session, opened.at, row.crc, row.content),
        ).lastrowid
        or 0
        for row, _ in rows
    ]
    texts = zip(seqs, (text for _, text in rows), strict=True)
    note_words(db, opened.session, texts, before=opened.messages)
    db.execute("UPDATE sessions SET messages = messages + ? WHERE id = ?", (len(seqs), opened.session))
    return seqs


def _whole(message: BaseMessage) -> BaseMessage:
    if isinstance(message, RemoveMessage):
        raise InputError("a RemoveMessage tells a graph to forget a message, it is none: use clear().")
    return message_chunk_to_message(message) if isinstance(message, BaseMessageChunk) else message


def row_of(message: BaseMessage) -> tuple[Packed, str]:
    """Give a message as what is kept of it: its bytes, and its text, by whose words it is found.

    Raises:
        InputError: As `ChatHistory.add_messages`.
    """
    whole = _whole(message)
    return _packed(whole), whole.text


def _packed(message: BaseMessage) -> Packed:
    try:
        return packed_message(message)
    except InputError as error:
        kept = packed_message(_without_asides(message))  # raises again where the fault is in what was said
        warnings.warn(f"not all that comes with a message was kept: {error}", HistoryWarning, stacklevel=4)
        return kept


def _without_asides(message: BaseMessage) -> BaseMessage:
    """Leave out what no model is ever shown, where JSON cannot say it: a tool's artifact, a server's remarks."""
    given = message.response_metadata if isinstance(message.response_metadata, dict) else {}
    remarks = {key: value for key, value in given.items() if is_plain(value)}
    artifact = {"artifact": None} if isinstance(message, ToolMessage) and not is_plain(message.artifact) else {}
    return message.model_copy(update={"response_metadata": remarks, **artifact})


def _has(db: sqlite3.Connection, session: int, seq: int) -> bool:
    return db.execute("SELECT 1 FROM messages WHERE seq = ? AND session = ?", (seq, session)).fetchone() is not None
