"""The conversations of all users in one SQLite file: found, exported, expired, and erased to the last byte."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ragkit.errors import InputError
from ragkit.memory.histories.erasing import Removed, delete_older, delete_sessions
from ragkit.memory.histories.exchange import export_rows, restore_rows
from ragkit.memory.histories.file import HistoryFile
from ragkit.memory.histories.history import ChatHistory
from ragkit.memory.histories.kept import Kept, kept_of, microseconds, moment
from ragkit.memory.histories.names import name_of, user_of
from ragkit.memory.histories.words import find, renew_words, words_are_known

if TYPE_CHECKING:
    import sqlite3
    from types import TracebackType

__all__ = ["ChatHistories", "Found", "Session"]

_MESSAGE: Final = """
SELECT session_id, seq, at, crc, message FROM messages JOIN sessions ON id = session WHERE seq = ?
"""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Session:
    """What is known of a session without reading it."""

    user_id: str
    session_id: str
    messages: int
    """How many."""
    first: datetime
    """When its first message was added, UTC."""
    last: datetime
    """When its last one was."""


@dataclass(frozen=True, slots=True)
class Found:
    """A message that a search found."""

    session_id: str
    kept: Kept
    score: float
    """Above 0; see `ChatHistories.search`."""


class ChatHistories:
    """Every user's sessions in one file, for any number of threads and processes at once; use it with `with`.

    Example:
        >>> with ChatHistories() as histories:
        ...     histories.session("monday", user_id="ann").add_user_message("Will it rain in Rome?")
        ...     [found.session_id for found in histories.search("raining", user_id="ann")]
        ['monday']
    """

    def __init__(self, path: Path | str | None = None, *, clock: Callable[[], datetime] = _now) -> None:
        """Open the file, or make it.

        Args:
            path: The file; its folder is made where it is missing. None or `":memory:"` keeps nothing on the disk.
            clock: Gives the moment, with its time zone.

        Raises:
            StoreError: If the file cannot be used, or holds something else; `StoreDamagedError` if it is broken.
        """
        self._path = None if path is None or str(path) == ":memory:" else Path(path)
        self._file = HistoryFile(self._path)
        self._clock = clock
        with self._file.reading() as db:
            known = words_are_known(db)
        if not known:
            with self._file.writing() as db:
                renew_words(db)

    def __repr__(self) -> str:
        return f"ChatHistories({str(self._path or ':memory:')!r})"

    def __enter__(self) -> ChatHistories:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file; what was in memory is gone."""
        self._file.close()

    @property
    def path(self) -> Path | None:
        """The file; None in memory."""
        return self._path

    def session(self, session_id: str, *, user_id: str = "") -> ChatHistory:
        """Give one session of one user, new or not; costs nothing until it is used.

        Raises:
            InputError: If `session_id` is empty, or a name cannot be written as UTF-8.
        """
        return ChatHistory(self._file, name_of(session_id, "session_id"), user_id=user_of(user_id), clock=self._clock)

    def sessions(self, user_id: str | None = None) -> list[Session]:
        """Give the sessions of a user, or of all (None), the one used last first."""
        with self._file.reading() as db:
            rows = db.execute(
                "SELECT user_id, session_id, messages, first, last FROM sessions WHERE ?1 IS NULL OR user_id = ?1 "
                "ORDER BY last DESC, id DESC",
                (_any_user(user_id),),
            ).fetchall()
        return [Session(user, name, said, moment(first), moment(last)) for user, name, said, first, last in rows]

    def users(self) -> list[str]:
        """Give all users who have a session, in order."""
        with self._file.reading() as db:
            return [user for (user,) in db.execute("SELECT DISTINCT user_id FROM sessions ORDER BY user_id")]

    def search(self, query: str, *, user_id: str, session_id: str | None = None, k: int = 10) -> list[Found]:
        """Find what was said by words, in any language; in one user's sessions only.

        The query is words and nothing else: no sign in it has a meaning of its own.

        Args:
            query: Words; a message with any of them is found, rarer words count more.
            user_id: Whose messages; no other's are read.
            session_id: Only in this one.
            k: At most so many, at least 1.

        Returns:
            The best first, of equal ones the newest.

        Raises:
            InputError: If k < 1.
        """
        if k < 1:
            raise InputError(f"k must be at least 1, got {k}.")
        with self._file.reading() as db:
            scores = find(db, query, user_id=user_of(user_id), session_id=_any_session(session_id), k=k)
            return [_found(db, seq, score) for seq, score in scores]

    def export(self, *, user_id: str, session_id: str | None = None) -> Iterator[dict[str, Any]]:
        """Give all that is kept of a user, or of one session, as JSON values: a row for each message and note.

        Read a page at a time, so that nobody waits for the reader. Embeddings are left out: they can be made again.
        """
        return export_rows(self._file, user_of(user_id), _any_session(session_id))

    def restore(self, rows: Iterable[Mapping[str, Any]]) -> int:
        """Take in what `export` gave, all of it or nothing; messages get new numbers, in the same order.

        Args:
            rows: In the order of the export; held in memory until the last one is read.

        Returns:
            The number of messages.

        Raises:
            InputError: If a row is not of that form, or one of the sessions has messages here already.
        """
        return restore_rows(self._file, rows)

    def expire(self, older_than: timedelta, *, user_id: str | None = None) -> Removed:
        """Delete messages older than this, and leave no byte of them; what was derived from them goes too.

        A summary of a conversation goes once any of the messages it stands for does: it tells what they told. A tool
        call and its result go together, as soon as one of them is too old. Each session is one change.

        Args:
            older_than: At least 0.
            user_id: Only this user's; None for all.

        Raises:
            InputError: If `older_than` is negative.
        """
        if older_than < timedelta(0):
            raise InputError(f"older_than must be at least 0, got {older_than}.")
        age, removed = older_than // timedelta(microseconds=1), Removed(0, 0)
        cutoff = max(microseconds(self._clock()) - age, 0)
        for session in self._numbers("first < ?1 AND (?2 IS NULL OR user_id = ?2)", cutoff, _any_user(user_id)):
            with self._file.writing() as db:
                removed += delete_older(db, session, cutoff)
        self._file.compact()
        return removed

    def erase_session(self, session_id: str, *, user_id: str = "") -> Removed:
        """Delete a session, and leave no byte of it in the file or beside it; writes the file anew."""
        return self._erase("user_id = ? AND session_id = ?", user_of(user_id), name_of(session_id, "session_id"))

    def erase_user(self, user_id: str) -> Removed:
        """Delete all of a user, and leave no byte of it in the file or beside it; writes the file anew.

        Gone are messages, notes, embeddings, words for search and names. Not reached: what was exported, backups, and
        what a disk keeps below its files. Once it was interrupted or raised, call it again: it goes on where it was.
        """
        return self._erase("user_id = ?", user_of(user_id))

    def compact(self) -> bool:
        """Leave no byte of what was deleted in the file or beside it; gives whether something was."""
        return self._file.compact()

    def _numbers(self, which: str, *values: Any) -> list[int]:
        with self._file.reading() as db:
            return [row[0] for row in db.execute(f"SELECT id FROM sessions WHERE {which}", values)]  # noqa: S608  # ours

    def _erase(self, which: str, *names: str) -> Removed:
        with self._file.writing() as db:
            ids = [row[0] for row in db.execute(f"SELECT id FROM sessions WHERE {which}", names)]  # noqa: S608  # ours
            removed = delete_sessions(db, ids)
        self._file.compact()
        return removed


def _found(db: sqlite3.Connection, seq: int, score: float) -> Found:
    session, *row = db.execute(_MESSAGE, (seq,)).fetchone()
    return Found(session, kept_of(row), score)


def _any_user(user_id: str | None) -> str | None:
    return None if user_id is None else user_of(user_id)


def _any_session(session_id: str | None) -> str | None:
    return None if session_id is None else name_of(session_id, "session_id")
