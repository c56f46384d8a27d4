"""Which keys a caller has indexed, when, and as part of what: kept in the catalog, as durable as the documents.

It is what LangChain calls a record manager; `views/record_manager.py` shows it as one. Keys need not name documents.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from threading import Lock
from typing import TYPE_CHECKING, TypeAlias

from ragkit.errors import InputError, shorten

if TYPE_CHECKING:
    import sqlite3

__all__ = ["Ledger", "Transaction"]

Transaction: TypeAlias = "Callable[[], AbstractContextManager[sqlite3.Connection]]"
"""Opens one transaction on the catalog for the length of a block."""

_UPSERT = (
    "INSERT INTO ledger (namespace, key, group_id, updated_at) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (namespace, key) DO UPDATE SET updated_at = excluded.updated_at"
)


class Ledger:
    """The keys of one namespace, each with a group and the time of its last update; safe in threads.

    Time is the wall clock's, in seconds since 1970, but never goes back: it is always later than every time kept, so
    that what was updated after a moment can be told from what was updated before it, whatever the clock does.

    Args:
        namespace: Any text; ledgers of different names know nothing of each other.
        reading: Opens a read transaction.
        changing: Opens a write transaction, durable when it ends.
        clock: Seconds since 1970.
    """

    def __init__(
        self, namespace: str, *, reading: Transaction, changing: Transaction, clock: Callable[[], float] = time.time
    ) -> None:
        self.namespace = _text(namespace, "namespace")
        self._reading = reading
        self._changing = changing
        self._clock = clock
        self._latest = 0.0
        self._lock = Lock()

    def now(self) -> float:
        """Give the time, later than that of every key."""
        with self._reading() as db:
            return self._now(db)

    def _now(self, db: sqlite3.Connection) -> float:
        sql = "SELECT coalesce(max(updated_at), 0) FROM ledger WHERE namespace = ?"
        (kept,) = db.execute(sql, (self.namespace,)).fetchone()
        with self._lock:
            self._latest = max(self._clock(), self._latest, math.nextafter(kept, math.inf))
            return self._latest

    def update(
        self, keys: Sequence[str], groups: Sequence[str | None] | None = None, *, at_least: float | None = None
    ) -> None:
        """Note keys as updated now, in one transaction; durable on return.

        Args:
            keys: New ones and known ones; of a key given twice the last counts.
            groups: One for each key; None leaves known keys in their groups and puts new ones in none.
            at_least: A time from `now` that must not lie in the future.

        Raises:
            InputError: If the numbers differ, a key is no text, or `at_least` lies in the future.
            StoreLockedError: If another process writes.
        """
        _check_lengths(keys, groups)
        sql = _UPSERT if groups is None else f"{_UPSERT}, group_id = excluded.group_id"
        of_key = [None] * len(keys) if groups is None else groups
        pairs = [(_text(key, "key"), _group(group)) for key, group in zip(_listed(keys), of_key, strict=True)]
        with self._changing() as db:
            now = self._now(db)
            if at_least is not None and at_least > now:
                raise InputError(f"time_at_least is {at_least}, but it is {now} now: take it from get_time.")
            db.executemany(sql, [(self.namespace, key, group, now) for key, group in pairs])

    def exists(self, keys: Sequence[str]) -> list[bool]:
        """Tell for each key whether it is there."""
        sql = "SELECT 1 FROM ledger WHERE namespace = ? AND key = ?"
        names = [_text(key, "key") for key in _listed(keys)]
        with self._reading() as db:
            return [db.execute(sql, (self.namespace, key)).fetchone() is not None for key in names]

    def keys(
        self,
        *,
        before: float | None = None,
        after: float | None = None,
        groups: Sequence[str] | None = None,
        limit: int | None = None,
    ) -> list[str]:
        """Give keys by rising time of their update, group by group where groups are named.

        Args:
            before: Only those updated earlier than this.
            after: Only those updated later than this.
            groups: Only those of these groups; None or none at all for every key.
            limit: At most this many; None or 0 for all.
        """
        sql = "SELECT key FROM ledger WHERE namespace = ? AND updated_at < ? AND updated_at > ?"
        between = (math.inf if before is None else before, -math.inf if after is None else after)
        most = limit or -1
        with self._reading() as db:
            if not groups:
                found = db.execute(f"{sql} ORDER BY updated_at, key LIMIT ?", (self.namespace, *between, most))
                return [key for (key,) in found]
            keys: list[str] = []
            for group in dict.fromkeys(_text(group, "group id") for group in _listed(groups)):
                left = most - len(keys) if limit else -1
                bound = (self.namespace, *between, group, left)
                found = db.execute(f"{sql} AND group_id = ? ORDER BY updated_at, key LIMIT ?", bound)
                keys += [key for (key,) in found]
            return keys

    def delete(self, keys: Sequence[str]) -> None:
        """Forget keys in one transaction; one that is not there is no error.

        Raises:
            StoreLockedError: If another process writes.
        """
        names = [(self.namespace, _text(key, "key")) for key in _listed(keys)]
        with self._changing() as db:
            db.executemany("DELETE FROM ledger WHERE namespace = ? AND key = ?", names)


def _check_lengths(keys: Sequence[str], groups: Sequence[str | None] | None) -> None:
    if groups is not None and len(_listed(groups)) != len(_listed(keys)):
        raise InputError(f"got {len(keys)} keys and {len(groups)} group ids: give one for each key.")


def _listed(keys: Sequence[str | None]) -> Sequence[str]:
    if isinstance(keys, str):
        raise InputError(f"expected a list of keys, got the text {shorten(keys)!r}: put it in a list.")
    return keys  # type: ignore[return-value]  # only looked at; each is checked by _text


def _group(group: str | None) -> str | None:
    return None if group is None else _text(group, "group id")


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise InputError(f"a {name} must be text, got {shorten(repr(value))}.")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"{name} {shorten(value)!a} holds a lone surrogate: {error}.") from error
    return value
