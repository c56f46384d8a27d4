"""Values of memory: what it is asked for, what it shows, what it leaves out and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage, ToolMessage

from ragkit.messages.tokens import TokenCounter, Tool

__all__ = ["Asked", "LeftOut", "MemoryExplanation", "Part", "Selection"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a memory is asked for: the rest of the prompt that its messages will be part of."""

    question: str = field(default="", repr=False)
    """What the person asks now, if anything: what recall compares with. It counts unless it stands in `beside`."""
    beside: Sequence[BaseMessage] = field(default=(), repr=False)
    """The other messages of the prompt: system, retrieved context, the question, results of tools still at work."""
    tools: Sequence[Tool] = field(default=(), repr=False)
    """The tools that the prompt offers."""

    def around(self, messages: Sequence[BaseMessage]) -> list[BaseMessage]:
        """Give the prompt as far as it is known: what is `beside` with `messages` in their place, behind the system's.

        The question is added unless the last message of a person `beside` holds it.
        """
        last = next((one for one in reversed(self.beside) if isinstance(one, HumanMessage)), None)
        known = not self.question or (last is not None and self.question in str(last.text))
        rest = [*self.beside] if known else [*self.beside, HumanMessage(self.question)]
        system = [one for one in rest if isinstance(one, SystemMessage)]
        return [*system, *messages, *(one for one in rest if not isinstance(one, SystemMessage))]

    def tokens(self, counter: TokenCounter, messages: Sequence[BaseMessage]) -> int:
        """Count the prompt as far as it is known, with `messages` in it; 0 where there is none yet."""
        prompt = self.around(messages)
        return counter.messages(prompt, self.tools or None) if prompt else 0

    @property
    def is_new(self) -> bool:
        """Whether a person speaks, so that whatever the conversation was still waiting for is over."""
        return bool(self.question) or bool(self.beside and isinstance(self.beside[-1], HumanMessage))

    @property
    def results(self) -> list[ToolMessage]:
        """Give the results of tools in `beside`."""
        return [message for message in self.beside if isinstance(message, ToolMessage)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What is shown or dropped as one: a round of the conversation, or a summary that stands for many."""

    kind: Literal["turn", "recalled", "summary"]
    messages: tuple[BaseMessage, ...] = field(repr=False)
    seq: int
    """Where it stands in time; a summary stands where what it stands for ends."""
    turn: int = 0
    """The first number of the turn it belongs to: turns are dropped as one."""
    score: float = 0.0
    """Of what is recalled: its cosine with the question."""
    needed: bool = False
    """Whether the model is to answer it, so that it must be shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Messages of the history that are neither shown nor summed up."""

    first: int
    """They have no number below this."""
    last: int
    """They have no number above this; others between the two may be shown."""
    messages: int
    """How many they are."""
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What a memory shows, in time order, and what not."""

    parts: tuple[Part, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    summarised: int = 0
    """How many messages a summary stands for."""
    warnings: tuple[str, ...] = ()
    """What went wrong, such as a summary that could not be made."""

    @property
    def messages(self) -> list[BaseMessage]:
        """Give the messages of all parts."""
        return [message for part in self.parts for message in part.messages]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryExplanation:
    """What the next call will be shown of a conversation, and why."""

    shown: tuple[BaseMessage, ...] = field(repr=False)
    left_out: tuple[LeftOut, ...]
    summarised: int
    """How many messages a summary stands for."""
    recalled: int
    """How many of the messages shown are recalled from earlier."""
    tokens: int
    """Of the prompt as far as it is known: what is shown, what stands beside it, and the tools."""
    estimated: bool
    """Whether `tokens` is an estimate, rather too high than too low."""
    why: str
    """The rule of this memory, in a sentence."""
    warnings: tuple[str, ...] = ()
