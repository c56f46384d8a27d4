"""Old turns that are like the question, beside the newest ones."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import Any, NamedTuple

import numpy as np
from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from ragkit.encoder import Vectors, as_encoder
from ragkit.errors import ConfigError, shorten
from ragkit.memory.adapted import Numbered
from ragkit.memory.fitting import Budget, in_time
from ragkit.memory.memory import Memory
from ragkit.memory.selection import Asked, LeftOut, Part, Selection
from ragkit.memory.strategies.recent import OLDER, OVER
from ragkit.memory.strategies.recent import recent as newest_of
from ragkit.memory.timeline import Turn, parts_of, sound, turns_of
from ragkit.messages.counters import Counted

__all__ = ["RecallMemory"]

_AT_ONCE = 64
_NOT_RECALLED = "older than the newest turns, and not like the question"


class _Indexed(NamedTuple):
    """The turns that have a vector: by the number of their first message, in order."""

    seqs: Sequence[int]
    vectors: Vectors
    """Rows of unit length, or of zeros for a turn without words."""
    end: int
    """The first message of the newest turn, which has none yet."""


class RecallMemory(Memory):
    """Shows the newest turns, and before them, in time order, the old ones that are most like the question.

    A turn is compared by what the person said and the model answered in it, by exact cosine; an encoder reads the first
    `card.max_tokens` of that. Vectors are kept in the history, and each call reads all of them: linear in the turns of
    the session. What is recalled bears `response_metadata["ragkit"]`, with `recalled`, `seq` and `score`.

    Args:
        history: The session.
        encoder: A ragkit encoder, or any LangChain `Embeddings`.
        k: How many old turns at most, at least 0.
        recent: How many of the newest turns, at least 1.
        min_score: Only turns with a higher cosine are recalled, from -1 to 1.
        max_tokens: Of the whole prompt, as `counter` counts it: what is recalled is left out first, the least like
            first, then the oldest of the newest turns. None for no limit.
        counter: The chat model that will read the prompt, its name, or a counter; None for an estimate.

    Raises:
        ConfigError: If a number is out of its range.
    """

    def __init__(
        self,
        history: BaseChatMessageHistory,
        encoder: Any,  # Any: an Encoder or whatever has embed_documents and embed_query
        *,
        k: int = 3,
        recent: int = 3,
        min_score: float = 0.0,
        max_tokens: int | None = None,
        counter: Counted = None,
    ) -> None:
        for name, value, least in (("k", k, 0), ("recent", recent, 1)):
            if type(value) is not int or value < least:
                raise ConfigError(f"{name} must be a whole number of at least {least}, got {shorten(repr(value))}.")
        if not -1 <= min_score <= 1:
            raise ConfigError(f"min_score must be from -1 to 1, got {shorten(repr(min_score))}.")
        super().__init__(history, counter=counter)
        self._encoder = as_encoder(encoder)
        self._k, self._recent, self._min_score = k, recent, min_score
        self._budget = None if max_tokens is None else Budget(max_tokens, self.counter)

    @property
    def rule(self) -> str:
        """So many old turns and so many new ones."""
        most = "" if self._budget is None else f", within {self._budget.max_tokens} tokens of the whole prompt"
        return f"the newest {self._recent} turns, and of the older ones the {self._k} most like the question{most}"

    def select(self, asked: Asked) -> Selection:
        """Choose the newest turns and those like the question; embeds turns that are new since the last time."""
        newest = newest_of(self.kept, asked, turns=self._recent)
        question = asked.question or _last_words([*newest.messages, *asked.beside])
        before = min((one.turn for one in newest.parts), default=None)
        recalled = [part for turn, score in self._like(question, before) for part in _marked(turn, score, asked)]
        parts = in_time([*newest.parts, *recalled])
        shown = parts if self._budget is None else self._budget.shared(asked, parts)
        return Selection(parts=tuple(shown), left_out=tuple(_left_out(newest.left_out, parts, shown)))

    def _like(self, question: str, before: int | None) -> list[tuple[Turn, float]]:
        """Give the turns most like the question that begin before a message, with their cosine; ties: the newer one."""
        if not self._k or not question.strip():
            return []
        known = self._indexed()
        count = bisect_left(known.seqs, known.end if before is None else before)
        if not count:
            return []
        query = _unit(self._encoder.encode_queries([question]))[0]
        # Rounded, so that equal texts tie whatever the order in which their products are added up.
        scores = (known.vectors[:count].astype(np.float64) @ query).round(6)
        ranked = sorted(np.flatnonzero(scores > self._min_score).tolist(), key=lambda row: (-scores[row], -row))[
            : self._k
        ]
        ends = [*known.seqs[1:], known.end]
        return [(self._turn(known.seqs[row], ends[row]), float(scores[row])) for row in ranked]

    def _indexed(self) -> _Indexed:
        """Embed the turns that have no vector yet, but the newest one, which may still grow."""
        card = self._encoder.card
        key = f"turns by {card.model} {card.revision} {card.dim}"
        seqs, vectors = self.kept.vectors(key)
        last = seqs[-1] if seqs else 0
        turns = turns_of(self.kept.after(max(last - 1, 0)))
        new = [turn for turn in turns[:-1] if turn.seq > last]
        for start in range(0, len(new), _AT_ONCE):
            some = new[start : start + _AT_ONCE]
            self.kept.put_vectors(key, [turn.seq for turn in some], self._vectors(some))
        if new:
            seqs, vectors = self.kept.vectors(key)
        return _Indexed(seqs, vectors, turns[-1].seq if turns else 0)

    def _vectors(self, turns: Sequence[Turn]) -> Vectors:
        texts = [_words(turn) for turn in turns]
        rows = np.zeros((len(texts), self._encoder.card.dim), dtype=np.float32)
        said = [place for place, text in enumerate(texts) if text]
        if said:
            rows[said] = _unit(self._encoder.encode_documents([texts[place] for place in said]))
        return rows

    def _turn(self, first: int, end: int) -> Turn:
        """Read the messages from `first` to before `end`, which are a turn."""
        items: list[Numbered] = []
        while page := self.kept.after(items[-1].seq if items else first - 1, limit=_AT_ONCE):
            items += takewhile(lambda item: item.seq < end, page)
            if page[-1].seq >= end:
                break
        return turns_of(items)[0]


def _words(turn: Turn) -> str:
    said = (item.message for item in turn.items if isinstance(item.message, HumanMessage | AIMessage))
    return "\n".join(filter(str.strip, (str(message.text) for message in said)))


def _last_words(messages: Sequence[BaseMessage]) -> str:
    return next((str(one.text) for one in reversed(messages) if isinstance(one, HumanMessage)), "")


def _marked(turn: Turn, score: float, asked: Asked) -> list[Part]:
    good, _ = sound(turn, asked, newest=False)
    return [
        replace(part, messages=tuple(_mark(message, part.seq, score) for message in part.messages))
        for part in parts_of(good, kind="recalled", score=score)
    ]


def _mark(message: BaseMessage, seq: int, score: float) -> BaseMessage:
    mark = {"recalled": True, "seq": seq, "score": score}
    return message.model_copy(update={"response_metadata": {**message.response_metadata, "ragkit": mark}})


def _unit(vectors: Vectors) -> Vectors:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    rows: Vectors = np.divide(vectors, norms, out=np.zeros_like(vectors, dtype=np.float32), where=norms > 0)
    return rows


def _left_out(of_newest: Sequence[LeftOut], parts: Sequence[Part], shown: Sequence[Part]) -> Iterator[LeftOut]:
    recalled = sum(len(part.messages) for part in parts if part.kind == "recalled")
    for one in of_newest:
        if one.why != OLDER:
            yield one
        elif one.messages > recalled:
            yield replace(one, messages=one.messages - recalled, why=_NOT_RECALLED)
    there = {part.seq for part in shown}
    dropped = [part for part in parts if part.seq not in there]
    if dropped:
        count = sum(len(part.messages) for part in dropped)
        yield LeftOut(first=dropped[0].seq, last=dropped[-1].seq, messages=count, why=OVER)
