"""Several memories as one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from ragkit.errors import ConfigError
from ragkit.memory.fitting import Budget, in_time
from ragkit.memory.memory import Memory, Steps
from ragkit.memory.selection import Asked, LeftOut, Part, Selection
from ragkit.memory.strategies.recent import OVER
from ragkit.messages.counters import Counted

__all__ = ["CombinedMemory"]


class CombinedMemory(Memory):
    """Shows what any of several memories of one session shows: no message twice, in time order, summaries first.

    With `max_tokens` they share a budget, which is that of the whole prompt. What does not fit is left out in this
    order: recalled turns, the least like first; the oldest turns; summaries; at last the newest turn. What the model is
    to answer is always shown.

    Args:
        memories: At least one; all on the same history.
        max_tokens: Of the whole prompt, as `counter` counts it; None for no limit but each memory's own.
        counter: The chat model that will read the prompt, its name, or a counter; None for that of the first memory.

    Raises:
        ConfigError: If these are no memories, they have different histories, or `max_tokens` is below 1.
    """

    def __init__(self, memories: Sequence[Memory], *, max_tokens: int | None = None, counter: Counted = None) -> None:
        given = memories if isinstance(memories, Sequence) else ()
        if not given or not all(isinstance(memory, Memory) for memory in given):
            raise ConfigError(
                "CombinedMemory needs a list of memories, at least one; those with classic names go into "
                "ragkit.memory.classic.CombinedMemory."
            )
        first = memories[0]
        if any(memory.history is not first.history for memory in memories):
            raise ConfigError(
                "CombinedMemory needs memories of one history: make them all with the same history object."
            )
        super().__init__(first.history, counter=first.counter if counter is None else counter)
        self._memories = tuple(memories)
        self._budget = None if max_tokens is None else Budget(max_tokens, self.counter)

    @property
    def rule(self) -> str:
        """All rules."""
        most = "" if self._budget is None else f"; all within {self._budget.max_tokens} tokens of the whole prompt"
        return "; and ".join(memory.rule for memory in self._memories) + most

    def prepare(self, asked: Asked) -> Steps:
        """Make each memory ready."""
        for memory in self._memories:
            yield from memory.prepare(asked)

    def select(self, asked: Asked) -> Selection:
        """Choose what any of them chooses, as far as it fits."""
        chosen = [memory.select(asked) for memory in self._memories]
        parts = in_time(_merged(part for one in chosen for part in one.parts))
        shown = parts if self._budget is None else self._budget.shared(asked, parts)
        summed_up = any(part.kind == "summary" for part in shown)
        summarised = max(one.summarised for one in chosen) if summed_up else 0
        return Selection(
            parts=tuple(shown),
            left_out=tuple(self._left_out(chosen, parts, shown, summarised)),
            summarised=summarised,
            warnings=tuple(dict.fromkeys(warning for one in chosen for warning in one.warnings)),
        )

    def _left_out(
        self, chosen: Sequence[Selection], parts: Sequence[Part], shown: Sequence[Part], summarised: int
    ) -> Iterator[LeftOut]:
        upto = max((part.seq for part in shown if part.kind == "summary"), default=0)
        summed = summarised - _count(part for part in parts if part.seq <= upto)
        missing = len(self.kept) - _count(parts) - max(summed, 0)
        told = [left for one in chosen for left in one.left_out]
        if not upto:  # what a summary without room stands for
            told += [
                LeftOut(first=1, last=part.seq, messages=missing, why=OVER) for part in parts if part.kind == "summary"
            ]
        if missing > 0 and told:
            first, last = min(one.first for one in told), max(one.last for one in told)
            why = "; ".join(dict.fromkeys(one.why for one in told))
            yield LeftOut(first=first, last=last, messages=missing, why=why)
        there = {part.seq for part in shown}
        dropped = [part for part in parts if part.kind != "summary" and part.seq > upto and part.seq not in there]
        if dropped:
            yield LeftOut(first=dropped[0].seq, last=dropped[-1].seq, messages=_count(dropped), why=OVER)


def _merged(parts: Iterable[Part]) -> list[Part]:
    """Give each round and each summary once: as one of the newest turns rather than as recalled."""
    found: dict[tuple[bool, int], Part] = {}
    for part in parts:
        key = (part.kind == "summary", part.seq)
        known = found.get(key, part)
        best = max(known, part, key=lambda one: (one.kind != "recalled", len(one.messages)))
        found[key] = replace(best, needed=known.needed or part.needed)
    return list(found.values())


def _count(parts: Iterable[Part]) -> int:
    return sum(len(part.messages) for part in parts if part.kind != "summary")
