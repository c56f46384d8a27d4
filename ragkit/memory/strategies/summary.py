"""A summary in place of what was said: alone, or before the newest turns that a budget holds."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile
from typing import Any

from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable

from ragkit.errors import ConfigError, ContextLengthError, shorten
from ragkit.memory.compaction import FAILED, NOTE, Summariser, Summary, SummaryOptions, newest_summary, warn
from ragkit.memory.fitting import Budget
from ragkit.memory.memory import Memory, Steps
from ragkit.memory.selection import Asked, Part, Selection
from ragkit.memory.strategies.recent import OVER, recent, within
from ragkit.memory.timeline import Turn, turns_of
from ragkit.messages.counters import Counted, counter_of

__all__ = ["SummarisingMemory", "SummaryBufferMemory", "SummaryMemory"]


class SummarisingMemory(Memory):
    """What memories with a summary share: when `due` names turns, `load` has a model sum them up before it chooses.

    The messages stay in the history whatever happens. If the model fails, or what it gives is no summary (nothing, a
    refusal, a tool call, too long, cut off), the messages stand for themselves, a `CompactionWarning` is given and
    `explain` tells why; the next try comes once something new was said, whichever memory of the session makes it.
    """

    def __init__(
        self,
        history: BaseChatMessageHistory,
        model: Runnable[Any, Any],
        *,
        options: SummaryOptions | None = None,
        counter: Counted = None,
    ) -> None:
        super().__init__(history, counter=model if counter is None else counter)
        self._summariser = Summariser(model, self.counter, options or SummaryOptions())

    @abstractmethod
    def due(self, asked: Asked) -> Sequence[Turn]:
        """Give the turns to sum up now: all from the end of the newest summary up to some turn."""

    @property
    def summary(self) -> Summary | None:
        """The summary that counts now; None where there is none."""
        return newest_summary(self.kept)

    def originals(self) -> list[BaseMessage]:
        """Give the messages that the summary stands for, as they were said."""
        upto = self._upto
        return [item.message for item in takewhile(lambda item: item.seq <= upto, self.kept.after(0))]

    def restore(self) -> list[BaseMessage]:
        """Forget the summary, so that the messages stand for themselves again; gives those that it stood for."""
        messages = self.originals()
        self.kept.drop_notes(NOTE)
        self.kept.drop_notes(FAILED)
        return messages

    def prepare(self, asked: Asked) -> Steps:
        """Have the turns summed up that are due."""
        while True:  # once more where the new summary itself leaves no room for some of the turns behind it
            after = self._upto  # read first: who writes a summary from now on makes this one void
            rounds = [part for turn in self.due(asked) for part in turn.rounds]
            if not rounds or self._failed_at(rounds[-1].items[-1].seq):
                return
            why = yield from self._summariser.compact(self.kept, rounds, after)
            if why:
                self._note_failure(rounds[-1].items[-1].seq, why)
                warn(why)
                return

    @property
    def _upto(self) -> int:
        """Give the last message that the summary stands for; 0 without one."""
        return self.summary.upto_seq if self.summary else 0

    def _shown(self) -> tuple[list[Part], int]:
        """Give the summary as it is shown, and how many messages it stands for."""
        summary = self.summary
        return ([self._summariser.shown(summary)], summary.messages) if summary else ([], 0)

    def _note_failure(self, seq: int, why: str) -> None:
        """Keep it beside the messages: a program may make this memory anew for each call."""
        before = self.kept.note(FAILED)
        self.kept.put_note(FAILED, seq, {"why": why}, after=before.upto_seq if before else 0)

    def _failed_at(self, seq: int) -> bool:
        failure = self.kept.note(FAILED)
        return failure is not None and failure.upto_seq == seq

    def _warnings(self) -> tuple[str, ...]:
        failure = self.kept.note(FAILED)
        if failure is None or failure.upto_seq <= self._upto:
            return ()
        return (f"no summary of the messages up to {failure.upto_seq}: {failure.content['why']}",)


class SummaryMemory(SummarisingMemory):
    """Shows a summary of all turns but the newest few.

    Each `load` after a finished turn asks the model for a new summary, made of the one before and what was said since.
    A turn that waits for an answer, or for a tool, is shown as it is.

    Args:
        history: The session.
        model: Sums up: a chat model, or whatever takes messages and gives a message or text.
        turns: How many of the newest turns are shown as they are and not summed up yet, at least 0.
        options: Prompts and limits.
        counter: What counts tokens; None for that of `model`.

    Raises:
        ConfigError: If `turns` is no whole number of at least 0, or `model` is none.
    """

    def __init__(
        self,
        history: BaseChatMessageHistory,
        model: Runnable[Any, Any],
        *,
        turns: int = 0,
        options: SummaryOptions | None = None,
        counter: Counted = None,
    ) -> None:
        if type(turns) is not int or turns < 0:
            raise ConfigError(f"turns must be a whole number of at least 0, got {shorten(repr(turns))}.")
        super().__init__(history, model, options=options, counter=counter)
        self._turns = turns

    @property
    def rule(self) -> str:
        """A summary, and so many turns."""
        return f"a summary, and the newest turns that it does not cover: {self._turns}, and one that is unfinished"

    def due(self, asked: Asked) -> Sequence[Turn]:
        """Give the finished turns but the newest few."""
        new = turns_of(self.kept.after(self._upto))
        if new and not new[-1].finished:
            new.pop()
        return new[: max(len(new) - self._turns, 0)]

    def select(self, asked: Asked) -> Selection:
        """Choose the summary, and all that it does not stand for."""
        parts, count = self._shown()
        chosen = recent(self.kept, asked, turns=None, summary=parts, summarised=count)
        return replace(chosen, warnings=self._warnings())


class SummaryBufferMemory(SummarisingMemory):
    """Shows the newest turns that fit a budget behind a summary of those before.

    The budget is that of the whole prompt: system, tools and retrieved context included. Once the turns do not fit any
    more, `load` has the oldest ones summed up, so many that the others take half the room, and not again until that is
    full. Where no summary can be made, the oldest turns are left out of this prompt, and stay in the history.

    Args:
        history: The session.
        model: Sums up: a chat model, or whatever takes messages and gives a message or text.
        max_tokens: Of the prompt, as `counter` counts it. Leave room for the reply.
        options: Prompts and limits; None for a summary of at most a quarter of `max_tokens`, and at most 400.
        counter: What counts tokens, such as the chat model that reads the prompt; None for that of `model`.

    Raises:
        ConfigError: If `max_tokens` is no whole number of at least 1, or `model` is none.
    """

    def __init__(
        self,
        history: BaseChatMessageHistory,
        model: Runnable[Any, Any],
        *,
        max_tokens: int,
        options: SummaryOptions | None = None,
        counter: Counted = None,
    ) -> None:
        budget = Budget(max_tokens, counter_of(model if counter is None else counter))
        most = min(SummaryOptions().max_summary_tokens, max(1, max_tokens // 4))
        fitting = SummaryOptions(max_summary_tokens=most) if options is None else options
        super().__init__(history, model, options=fitting, counter=budget.counter)
        self._budget = budget

    @property
    def rule(self) -> str:
        """A summary, and so many tokens."""
        most = self._budget.max_tokens
        return f"a summary and the newest turns with which the whole prompt has at most {most} tokens"

    def due(self, asked: Asked) -> Sequence[Turn]:
        """Give the oldest turns if not all fit: those beyond half the room, never the newest one."""
        parts, count = self._shown()
        chosen = within(self.kept, asked, self._budget, summary=parts, summarised=count)
        new = turns_of(self.kept.after(parts[0].seq if parts else 0))
        if len(new) < 2 or not any(one.why == OVER for one in chosen.left_out):
            return []
        kept = self._kept_from(asked, parts) or new[-1].seq
        return [turn for turn in new[:-1] if turn.seq < kept]

    def _kept_from(self, asked: Asked, summary: Sequence[Part]) -> int:
        """Give the first message of the oldest turn that half the room beside the summary holds; 0 if it holds none."""
        most = self._budget.max_tokens
        taken = self._budget.tokens(asked, [message for part in summary for message in part.messages])
        half = Budget(max(most - max(most - taken, 0) // 2, 1), self.counter)
        try:
            chosen = within(self.kept, asked, half, summary=summary)
        except ContextLengthError:
            return 0
        return min((part.turn for part in chosen.parts if part.kind == "turn"), default=0)

    def select(self, asked: Asked) -> Selection:
        """Choose the summary and the newest turns that fit."""
        parts, count = self._shown()
        chosen = within(self.kept, asked, self._budget, summary=parts, summarised=count)
        return replace(chosen, warnings=self._warnings())
