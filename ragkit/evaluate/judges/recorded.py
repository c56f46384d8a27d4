"""A model that is never asked the same thing twice: its replies are kept by their content address."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

from ragkit.errors import ConfigError, ModelError
from ragkit.evaluate.chat import Ask, ChatModel, Reply

__all__ = ["NotRecordedError", "RecordedModel", "Replies"]


class NotRecordedError(ModelError):
    """The recording has no reply to this question, and there is no model to ask."""


class Replies(Protocol):
    """Where replies are kept; `ragkit.evaluate.journal.Journal` is the one that survives a kill."""

    def get(self, key: str) -> Reply | None:
        """Give the reply to the question of this address, None where there is none."""
        ...

    def put(self, key: str, ask: Ask, reply: Reply) -> None:
        """Keep a reply; it is durable on return."""
        ...


class RecordedModel:
    """A chat model whose replies are recorded, and replayed bit for bit; safe from many threads.

    A question asked by several threads at once is paid for once.
    """

    def __init__(
        self, replies: Replies, inner: ChatModel | None = None, *, card: Mapping[str, Any] | None = None
    ) -> None:
        """Put a recording before a model.

        Args:
            replies: Where they are kept.
            inner: Who is asked what is not recorded; None replays only.
            card: The card of the model that was recorded; needed without `inner`, as it is part of every address.

        Raises:
            ConfigError: If there is neither a model nor a card.
        """
        if inner is None and card is None:
            raise ConfigError("a recording without a model cannot tell whose replies it holds: give the model's card.")
        self._replies = replies
        self._inner = inner
        self._card = card
        self._guard = threading.Lock()
        self._asked: dict[str, _Turn] = {}

    @property
    def card(self) -> Mapping[str, Any]:
        """The card of the model that is, or was, recorded."""
        return self._inner.card if self._inner is not None else self._card or {}

    def reply(self, ask: Ask) -> Reply:
        """Give the recorded reply, or ask and record.

        Raises:
            NotRecordedError: If it is not recorded and there is no model.
            ModelError: If the model fails; nothing is recorded then.
        """
        key = ask.key(self.card)
        with self._turn(key):
            known = self._replies.get(key)
            if known is not None:
                return known
            if self._inner is None:
                raise NotRecordedError(f"no reply is recorded for question {key[:12]}: run it once with the model.")
            said = self._inner.reply(ask)
            self._replies.put(key, ask, said)
            return said

    @contextmanager
    def _turn(self, key: str) -> Iterator[None]:
        """Let one thread at a time through for one question; others wait and find its reply."""
        with self._guard:
            turn = self._asked.setdefault(key, _Turn())
            turn.waiting += 1
        try:
            with turn.lock:
                yield
        finally:
            with self._guard:
                turn.waiting -= 1
                if not turn.waiting:
                    del self._asked[key]


class _Turn:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.waiting = 0
