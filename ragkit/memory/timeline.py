"""A history in turns and rounds, read from its end and no further back than needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from ragkit.memory.adapted import Numbered
from ragkit.memory.selection import Asked, LeftOut, Part
from ragkit.messages.rounds import CallKey, call_keys, is_whole, pending, result_key, rounds, together, turns

__all__ = ["Round", "Turn", "fault", "newest_turns", "parts_of", "pieces", "sound", "turns_of"]


@dataclass(frozen=True, slots=True)
class Round:
    """Messages that are shown or left out as one."""

    items: tuple[Numbered, ...]
    turn: int
    """The number of the first message of its turn."""

    @property
    def messages(self) -> list[BaseMessage]:
        """Its messages, each result directly behind the call that it answers."""
        return together([item.message for item in self.items])

    def left_out(self, why: str) -> LeftOut:
        """Say that it is not shown."""
        return LeftOut(first=self.items[0].seq, last=self.items[-1].seq, messages=len(self.items), why=why)


@dataclass(frozen=True, slots=True)
class Turn:
    """What a person said, with all that followed."""

    rounds: tuple[Round, ...]

    @property
    def items(self) -> list[Numbered]:
        """Its messages."""
        return [item for part in self.rounds for item in part.items]

    @property
    def seq(self) -> int:
        """The number of its first message."""
        return self.rounds[0].turn

    @property
    def finished(self) -> bool:
        """Whether a model had the last word: nobody waits for an answer, and no tool is at work."""
        messages = self.rounds[-1].messages
        return isinstance(messages[-1], AIMessage) and not pending(messages)


def turns_of(items: Sequence[Numbered]) -> list[Turn]:
    """Cut numbered messages into turns, oldest first."""
    return [_turn(items[part]) for part in turns([item.message for item in items])]


def newest_turns(items: Iterable[Numbered]) -> Iterator[Turn]:
    """Give turns, the newest first, from messages with the newest first; reads on only when asked for the next one.

    A tool result whose call is missing makes it read to the beginning before it gives the turn.
    """
    behind: list[Numbered] = []
    uncalled: set[CallKey] = set()
    for item in items:
        behind.append(item)
        if (key := result_key(item.message)) is not None:
            uncalled.add(key)
        uncalled.difference_update(call_keys(item.message))
        if isinstance(item.message, HumanMessage) and not uncalled:
            yield from reversed(turns_of(behind[::-1]))
            behind = []
    yield from reversed(turns_of(behind[::-1]))


def _turn(items: Sequence[Numbered]) -> Turn:
    parts = rounds([item.message for item in items])
    return Turn(tuple(Round(tuple(items[part]), items[0].seq) for part in parts))


def fault(part: Round, asked: Asked, *, newest: bool) -> str:
    """Say why a server would refuse a round; empty if it would not.

    A call that still waits for results is none where it is the newest of all and either its results come `beside` it,
    or nobody says anything new.
    """
    messages = part.messages
    if not is_whole(messages):
        return "a tool call without all its results, or a result without its call"
    if not pending(messages):
        return ""
    if newest and (not asked.is_new or not pending([*messages, *asked.results])):
        return ""
    return "a tool call without all its results"


def sound(turn: Turn, asked: Asked, *, newest: bool) -> tuple[list[Round], list[LeftOut]]:
    """Part the rounds of a turn in those that a server takes, and those left out."""
    good: list[Round] = []
    bad: list[LeftOut] = []
    for part in turn.rounds:
        why = fault(part, asked, newest=newest and part is turn.rounds[-1])
        if why:
            bad.append(part.left_out(why))
        else:
            good.append(part)
    return good, bad


def pieces(good: Sequence[Round], *, newest: bool) -> list[list[Round]]:
    """Cut a turn into what a budget takes one after the other, the most wanted first.

    A turn is one piece, but the newest: of it first what the person said with the newest round, then the other rounds,
    the newest first. So an agent at work for long keeps its task and what it did last.
    """
    if not newest or len(good) < 2:
        return [list(good)] if good else []
    said = isinstance(good[0].items[0].message, HumanMessage)
    first, between = ([good[0], good[-1]], good[1:-1]) if said else ([good[-1]], good[:-1])
    return [first, *([part] for part in reversed(between))]


def parts_of(
    kept: Iterable[Round], *, kind: Literal["turn", "recalled"] = "turn", score: float = 0.0, needed: bool = False
) -> list[Part]:
    """Give rounds as parts of a selection."""
    return [
        Part(kind=kind, messages=tuple(one.messages), seq=one.items[0].seq, turn=one.turn, score=score, needed=needed)
        for one in kept
    ]
