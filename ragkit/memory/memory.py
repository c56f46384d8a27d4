"""The seam of memory: what of a conversation the next call is shown, and what of it is kept.

A `Memory` stands on one session's history and keeps all of it; what it chooses to show is a `Selection`, and
`explain` tells it without asking any model.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import Runnable, RunnableConfig, run_in_executor

from ragkit.errors import InputError, ModelError
from ragkit.memory.adapted import KeptHistory, kept_history
from ragkit.memory.selection import Asked, MemoryExplanation, Selection
from ragkit.messages.counters import Counted, counter_of
from ragkit.messages.tokens import TokenCounter, Tool

if TYPE_CHECKING:
    from langchain_core.chat_history import BaseChatMessageHistory

__all__ = ["Ask", "Memory", "Steps"]


@dataclass(frozen=True, slots=True)
class Ask:
    """A prompt that a memory wants answered before it can go on."""

    model: Runnable[Any, Any]
    """A chat model, or whatever takes messages and gives a message or text."""
    messages: list[BaseMessage] = field(repr=False)
    name: str = "memory"
    """Of the run, in traces."""

    @property
    def config(self) -> RunnableConfig:
        """How it is called: LangGraph does not stream what bears this tag, for nobody waits for these words."""
        return {"tags": ["nostream"], "run_name": self.name}

    def answer(self) -> BaseMessage:
        """Ask the model.

        Raises:
            ModelError: Whatever went wrong.
        """
        try:
            return _message(self.model.invoke(self.messages, self.config))
        except ModelError:
            raise
        except Exception as error:  # each provider raises its own classes; what they have in common is only this
            raise ModelError(f"the model failed with {type(error).__name__}") from error

    async def aanswer(self) -> BaseMessage:
        """Ask the model, as `answer` does."""
        try:
            return _message(await self.model.ainvoke(self.messages, self.config))
        except ModelError:
            raise
        except Exception as error:  # as above
            raise ModelError(f"the model failed with {type(error).__name__}") from error


Steps: TypeAlias = Generator[Ask, BaseMessage, None]
"""Gives prompts and is sent the replies; a model's failure is thrown into it, always as a `ModelError`."""


class Memory(ABC):
    """What of a session's history the next call is shown.

    A subclass gives `rule` and `select`; one that needs a model's help to get ready, such as a summary, `prepare` too.
    """

    def __init__(self, history: BaseChatMessageHistory, *, counter: Counted = None) -> None:
        self._history = history
        self._kept = kept_history(history)
        self._counter = counter_of(counter)

    @property
    @abstractmethod
    def rule(self) -> str:
        """What is shown, in a sentence."""

    @abstractmethod
    def select(self, asked: Asked) -> Selection:
        """Choose what to show; asks no model.

        Raises:
            ContextLengthError: If what must be shown does not fit the memory's budget.
        """

    def prepare(self, asked: Asked) -> Steps:
        """Make ready for `select`, such as by a summary; nothing by default."""
        yield from ()

    @property
    def history(self) -> BaseChatMessageHistory:
        """The whole conversation: a memory only adds to it, and clears it when told to."""
        return self._history

    @property
    def kept(self) -> KeptHistory:
        """The history with numbered messages: `history` itself, or a view of it where LangChain's has no numbers."""
        return self._kept

    @property
    def counter(self) -> TokenCounter:
        """What counts tokens."""
        return self._counter

    def load(
        self, question: str = "", *, beside: Sequence[BaseMessage] = (), tools: Sequence[Tool] = ()
    ) -> list[BaseMessage]:
        """Give what of the conversation the next call is shown, oldest first.

        Tool calls come with all their results, or not at all; a call without results is shown only where it is the
        last and nobody speaks after it.

        Args:
            question: What the person asks now, if it is not saved yet: recall compares old turns with it, and it counts
                in the budget unless the last person's message in `beside` holds it. Empty once it is saved.
            beside: The other messages of the prompt (system, retrieved context, the question), counted in the budget.
            tools: The tools that the prompt offers, counted in the budget.

        Raises:
            ContextLengthError: If what must be shown does not fit the memory's budget.
        """
        asked = Asked(question=question, beside=beside, tools=tools)
        _run(self.prepare(asked))
        return self.select(asked).messages

    async def aload(
        self, question: str = "", *, beside: Sequence[BaseMessage] = (), tools: Sequence[Tool] = ()
    ) -> list[BaseMessage]:
        """Give what of the conversation the next call is shown, as `load` does."""
        asked = Asked(question=question, beside=beside, tools=tools)
        await _arun(self.prepare(asked))
        return (await run_in_executor(None, self.select, asked)).messages

    def explain(
        self, question: str = "", *, beside: Sequence[BaseMessage] = (), tools: Sequence[Tool] = ()
    ) -> MemoryExplanation:
        """Tell what would be shown as things stand, what not and why; asks no model, so that no summary is made.

        Raises:
            ContextLengthError: If what must be shown does not fit the memory's budget.
        """
        asked = Asked(question=question, beside=beside, tools=tools)
        chosen = self.select(asked)
        return MemoryExplanation(
            shown=tuple(chosen.messages),
            left_out=chosen.left_out,
            summarised=chosen.summarised,
            recalled=sum(len(part.messages) for part in chosen.parts if part.kind == "recalled"),
            tokens=asked.tokens(self._counter, chosen.messages),
            estimated=self._counter.estimated,
            why=self.rule,
            warnings=chosen.warnings,
        )

    def save(self, messages: Sequence[BaseMessage]) -> None:
        """Add messages to the history, all or none; asks no model.

        Raises:
            InputError: If they are no messages, or such as the history does not take.
        """
        self._history.add_messages(_checked(messages))

    async def asave(self, messages: Sequence[BaseMessage]) -> None:
        """Add messages to the history, as `save` does."""
        await self._history.aadd_messages(_checked(messages))

    def clear(self) -> None:
        """Forget the whole conversation, and what was made of it."""
        self._kept.clear()

    async def aclear(self) -> None:
        """Forget the whole conversation, and what was made of it."""
        await run_in_executor(None, self._kept.clear)


def _checked(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    given = list(messages)
    if not all(isinstance(message, BaseMessage) for message in given):
        raise InputError("a memory keeps a list of messages, such as [HumanMessage('Hi'), AIMessage('Hello')].")
    return given


def _run(steps: Steps) -> None:
    ask = next(steps, None)
    while ask is not None:
        reply = _answer(ask)
        ask = _next(steps, reply)


async def _arun(steps: Steps) -> None:
    # Steps read and write the history, which may be a file: not in the event loop's own thread.
    ask = await run_in_executor(None, next, steps, None)
    while ask is not None:
        reply = await _aanswer(ask)
        ask = await run_in_executor(None, _next, steps, reply)


def _next(steps: Steps, reply: BaseMessage | ModelError) -> Ask | None:
    try:
        return steps.throw(reply) if isinstance(reply, ModelError) else steps.send(reply)
    except StopIteration:
        return None


def _answer(ask: Ask) -> BaseMessage | ModelError:
    try:
        return ask.answer()
    except ModelError as error:
        return error


async def _aanswer(ask: Ask) -> BaseMessage | ModelError:
    try:
        return await ask.aanswer()
    except ModelError as error:
        return error


def _message(said: object) -> BaseMessage:
    if isinstance(said, str):
        return AIMessage(said)
    if isinstance(said, BaseMessage):
        return said
    raise ModelError(f"it gave {type(said).__name__}, which is no message")
