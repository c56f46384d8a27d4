"""The end of a conversation: so many turns of it, or as much as a budget holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice, takewhile

from ragkit.memory.adapted import KeptHistory
from ragkit.memory.fitting import Budget, in_time
from ragkit.memory.selection import Asked, LeftOut, Part, Selection
from ragkit.memory.timeline import Round, Turn, newest_turns, parts_of, pieces, sound

__all__ = ["OLDER", "OVER", "Reader", "recent", "within"]

OLDER = "older than the turns shown"
"""Why a number of turns leaves messages out."""
OVER = "beyond max_tokens"
"""Why a budget leaves messages out."""


class Reader:
    """Reads a conversation from its end, and knows what it left out on the way.

    Args:
        history: The session.
        asked: What its messages are wanted for.
        after: Messages up to this number are not read.
        turns: How many turns are read at most; None for all.
    """

    def __init__(self, history: KeptHistory, asked: Asked, *, after: int = 0, turns: int | None = None) -> None:
        self._history, self._asked, self._after, self._turns = history, asked, after, turns
        self._read: list[Round] = []
        self._broken: dict[int, LeftOut] = {}
        self.waits = False
        """Whether the newest turn is one that the model is to answer; known once it was read."""

    def pieces(self) -> Iterator[list[Round]]:
        """Give what may be shown, the most wanted first."""
        items = takewhile(lambda item: item.seq > self._after, self._history.newest_first())
        for place, turn in enumerate(islice(newest_turns(items), self._turns)):
            newest = place == 0
            good, bad = sound(turn, self._asked, newest=newest)
            if newest:
                self.waits = bool(good) and not (Turn(tuple(good)).finished or self._asked.is_new)
            self._broken |= {one.first: one for one in bad}
            self._read += turn.rounds
            yield from pieces(good, newest=newest)

    def left_out(self, shown: Sequence[Part], why: str, *, summarised: int = 0) -> tuple[LeftOut, ...]:
        """Tell what is not shown: all before what was read, what was read and not chosen, and what is broken.

        Args:
            shown: The parts that are.
            why: What is wrong with those that were not chosen.
            summarised: How many messages before a summary stands for.
        """
        seen = {part.seq for part in shown}
        rest = sorted(
            (part for part in self._read if part.items[0].seq not in seen), key=lambda part: part.items[0].seq
        )
        found = self._before(why, summarised)
        for part in rest:
            one = self._broken.get(part.items[0].seq) or part.left_out(why)
            if found and found[-1].why == one.why:
                found[-1] = LeftOut(
                    first=found[-1].first, last=one.last, messages=found[-1].messages + one.messages, why=one.why
                )
            else:
                found.append(one)
        return tuple(found)

    def _before(self, why: str, summarised: int) -> list[LeftOut]:
        count = len(self._history) - summarised - sum(len(part.items) for part in self._read)
        if count < 1:
            return []
        oldest = min((part.items[0].seq for part in self._read), default=None)
        newest = next(iter(self._history.newest_first())).seq if oldest is None else oldest - 1
        return [LeftOut(first=self._after + 1 if summarised else 1, last=newest, messages=count, why=why)]


def recent(
    history: KeptHistory, asked: Asked, *, turns: int | None, summary: Sequence[Part] = (), summarised: int = 0
) -> Selection:
    """Choose the newest turns, behind a summary of those before; all of them where `turns` is None."""
    reader = Reader(history, asked, after=_end(summary), turns=turns)
    found = [parts_of(piece, needed=place == 0 and reader.waits) for place, piece in enumerate(reader.pieces())]
    shown = in_time(chain(summary, *found))
    told = reader.left_out(shown, OLDER, summarised=summarised)
    return Selection(parts=tuple(shown), left_out=told, summarised=summarised)


def within(
    history: KeptHistory, asked: Asked, budget: Budget, *, summary: Sequence[Part] = (), summarised: int = 0
) -> Selection:
    """Choose the newest messages that a budget holds, behind a summary of those before.

    First comes the round that the model is to answer, with what the person said; then the summary; then the newest
    turns, as long as the next one fits too.

    Raises:
        ContextLengthError: If even the first of these does not fit, or what stands beside the conversation does not.
    """
    reader = Reader(history, asked, after=_end(summary))
    source = reader.pieces()
    first = next(source, [])
    needed = parts_of(first, needed=True) if reader.waits else []
    budget.check(asked, needed)
    wanted = chain([[] if needed else parts_of(first), summary], map(parts_of, source))
    shown = in_time(budget.filled(asked, filter(None, wanted), needed=needed))
    told = summarised if any(part.kind == "summary" for part in shown) else 0
    left_out = reader.left_out(shown, OVER, summarised=told)
    return Selection(parts=tuple(shown), left_out=left_out, summarised=told)


def _end(summary: Sequence[Part]) -> int:
    return summary[-1].seq if summary else 0
