"""Any LangChain history as one whose messages have numbers, with a place for what is derived from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from threading import RLock
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

import numpy as np

from ragkit.errors import InputError, shorten

if TYPE_CHECKING:
    from langchain_core.chat_history import BaseChatMessageHistory
    from langchain_core.messages import BaseMessage

    from ragkit.encoder import Vectors

__all__ = ["KeptHistory", "Noted", "Numbered", "NumberedHistory", "kept_history"]


class Numbered(Protocol):
    """A message with its number: numbers rise in a session, and a message keeps its own."""

    @property
    def seq(self) -> int:
        """At least 1."""
        ...

    @property
    def message(self) -> BaseMessage:
        """What was said."""
        ...


class Noted(Protocol):
    """Something derived from the messages up to a number."""

    @property
    def upto_seq(self) -> int:
        """The last message that it stands for; 0 for none."""
        ...

    @property
    def content(self) -> Mapping[str, Any]:
        """What was derived, in JSON's types."""
        ...


class KeptHistory(Protocol):
    """What memories need of a history; `ChatHistory` has it."""

    def __len__(self) -> int: ...

    def newest_first(self) -> Iterator[Numbered]:
        """Give all messages, the newest first; reads no more than is taken."""
        ...

    def after(self, seq: int, *, limit: int | None = None) -> Sequence[Numbered]:
        """Give the messages with a higher number, in order, at most `limit`."""
        ...

    def clear(self) -> None:
        """Forget all messages, and what was derived from them."""
        ...

    def note(self, kind: str) -> Noted | None:
        """Give the newest note of a kind."""
        ...

    def notes(self, kind: str) -> Sequence[Noted]:
        """Give all notes of a kind, oldest first."""
        ...

    def put_note(self, kind: str, upto_seq: int, content: Mapping[str, Any], *, after: int) -> bool:
        """Write a note if the newest one of its kind stands for messages up to `after` (0: there is none)."""
        ...

    def drop_notes(self, kind: str) -> int:
        """Forget all notes of a kind; gives how many."""
        ...

    def vectors(self, model_key: str, *, after: int = 0) -> tuple[Sequence[int], Vectors]:
        """Give the numbers of the messages that a model embedded, in order, and their vectors `(n, dim)`."""
        ...

    def put_vectors(self, model_key: str, seqs: Sequence[int], vectors: Vectors) -> None:
        """Keep the vectors of messages."""
        ...


def kept_history(history: BaseChatMessageHistory) -> KeptHistory:
    """Give `history` if its messages have numbers (`ChatHistory`), else a view of it that counts them.

    Raises:
        InputError: If it is no history.
    """
    if hasattr(history, "newest_first") and hasattr(history, "put_note"):
        return cast("KeptHistory", history)
    if hasattr(history, "messages") and hasattr(history, "add_messages"):
        return NumberedHistory(history)
    raise InputError(
        f"a memory needs a chat history, got {shorten(type(history).__name__)}: pass a session of ChatHistories, or "
        "any LangChain BaseChatMessageHistory."
    )


class _Item(NamedTuple):
    seq: int
    message: BaseMessage


class _Note(NamedTuple):
    upto_seq: int
    content: Mapping[str, Any]
    last: BaseMessage


class NumberedHistory:
    """Any LangChain history, its messages counted from 1.

    Every call reads all messages, and notes and vectors last as long as this object: a history without numbers gives
    no more. What was derived from messages that somebody cleared behind its back is passed over.
    """

    def __init__(self, history: BaseChatMessageHistory) -> None:
        self._history = history
        self._lock = RLock()
        self._notes: dict[str, list[_Note]] = {}
        self._vectors: dict[str, dict[int, tuple[BaseMessage, Any]]] = {}

    def __len__(self) -> int:
        return len(self._history.messages)

    def newest_first(self) -> Iterator[Numbered]:
        """Give all messages, the newest first."""
        return reversed(self._items())

    def after(self, seq: int, *, limit: int | None = None) -> Sequence[Numbered]:
        """Give the messages with a higher number."""
        return self._items()[max(seq, 0) :][:limit]

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._history.clear()
            self._notes.clear()
            self._vectors.clear()

    def note(self, kind: str) -> Noted | None:
        """Give the newest note of a kind."""
        return next(reversed(self.notes(kind)), None)

    def notes(self, kind: str) -> Sequence[Noted]:
        """Give the notes of a kind that stand for messages still there, oldest first."""
        items = self._items()
        return [note for note in self._notes.get(kind, ()) if _is_there(items, note.upto_seq, note.last)]

    def put_note(self, kind: str, upto_seq: int, content: Mapping[str, Any], *, after: int) -> bool:
        """Write a note if the newest one stands for messages up to `after`, and message `upto_seq` is there."""
        with self._lock:
            newest, items = self.note(kind), self._items()
            if after != (newest.upto_seq if newest else 0) or not 0 < upto_seq <= len(items):
                return False
            note = _Note(upto_seq, dict(content), items[upto_seq - 1].message)
            self._notes[kind] = [*self._notes.get(kind, ()), note]
            return True

    def drop_notes(self, kind: str) -> int:
        """Forget all notes of a kind."""
        return len(self._notes.pop(kind, ()))

    def vectors(self, model_key: str, *, after: int = 0) -> tuple[Sequence[int], Vectors]:
        """Give the numbers of embedded messages, and their vectors."""
        items = self._items()
        with self._lock:
            known = dict(self._vectors.get(model_key, {}))
        seqs = [seq for seq in sorted(known) if seq > after and _is_there(items, seq, known[seq][0])]
        return seqs, np.stack([known[seq][1] for seq in seqs]) if seqs else np.zeros((0, 0), dtype=np.float32)

    def put_vectors(self, model_key: str, seqs: Sequence[int], vectors: Vectors) -> None:
        """Keep the vectors of messages."""
        items = self._items()
        rows = {seq: (items[seq - 1].message, row) for seq, row in zip(seqs, vectors, strict=True) if seq <= len(items)}
        with self._lock:
            self._vectors.setdefault(model_key, {}).update(rows)

    def _items(self) -> list[_Item]:
        return [_Item(seq, message) for seq, message in enumerate(self._history.messages, 1)]


def _is_there(items: Sequence[_Item], seq: int, message: BaseMessage) -> bool:
    return seq <= len(items) and items[seq - 1].message == message
