"""A summary in place of the conversation, or of all but its newest messages.

Summaries are the notes of `ragkit.memory.compaction`: `SummaryMemory` and `SummaryBufferMemory` go on with what was
written here.
"""

from __future__ import annotations

import warnings
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import BaseMessage, SystemMessage
from langchain_core.runnables import run_in_executor
from pydantic import Field, PrivateAttr

from ragkit.errors import ConfigError, ModelError
from ragkit.memory.adapted import KeptHistory, Numbered, kept_history
from ragkit.memory.classic.buffer import count_for
from ragkit.memory.classic.context import ChatContextMemory, LanguageModel, PromptTemplate
from ragkit.memory.compaction import NOTE, CompactionWarning, Summary, newest_summary, summary_text
from ragkit.memory.memory import Ask
from ragkit.messages.rounds import rounds, sound
from ragkit.prompts.library import load_prompt

__all__ = ["ConversationSummaryBufferMemory", "ConversationSummaryMemory", "SummaryContextMemory"]


class SummaryContextMemory(ChatContextMemory):
    """Has a model sum up the beginning of the conversation; what no summary stands for is shown as it is."""

    llm: LanguageModel = Field(repr=False)
    """Sums up; a chat model or one of texts."""
    prompt: PromptTemplate | None = Field(default=None, repr=False)
    """With the variables `summary` and `new_lines`; None for ragkit's `summarise-conversation`."""
    summary_message_cls: type[BaseMessage] = SystemMessage
    """The kind of message that shows a summary. `HumanMessage` is safer: a summary holds what people said."""

    _kept: KeptHistory = PrivateAttr()
    _start: Summary = PrivateAttr()
    _given: ClassVar[str] = "buffer"

    def __init__(self, **options: Any) -> None:
        text = options.pop(self._given, "")
        super().__init__(**options)
        if self.prompt is not None and set(self.prompt.input_variables) != {"summary", "new_lines"}:
            told = ", ".join(self.prompt.input_variables)
            raise ConfigError(f"the prompt must have the variables summary and new_lines, it has: {told}.")
        self._kept = kept_history(self.chat_memory)
        # A summary that is handed in stands for all that was said before.
        last = next(iter(self._kept.newest_first()), None) if text else None
        self._start = Summary(text, last.seq if last else 0, len(self._kept) if text else 0)

    def predict_new_summary(self, messages: Sequence[BaseMessage], existing_summary: str) -> str:
        """Ask for one summary in place of an earlier one and of messages; keeps nothing.

        Raises:
            ModelError: If the model failed, called a tool, refused, was cut off or gave no text.
        """
        ask = Ask(self.llm, self._prompt(messages, existing_summary), "summarise-conversation")
        return summary_text(ask.answer())

    async def apredict_new_summary(self, messages: Sequence[BaseMessage], existing_summary: str) -> str:
        """Ask for one summary in place of an earlier one and of messages, as `predict_new_summary` does."""
        ask = Ask(self.llm, self._prompt(messages, existing_summary), "summarise-conversation")
        return summary_text(await ask.aanswer())

    @property
    def buffer_as_messages(self) -> list[BaseMessage]:
        """The summary, and what it does not stand for."""
        summary = self._summary()
        return [*self._shown(summary.text), *_taken(self._pending(summary))]

    def clear(self) -> None:
        """Forget the conversation and its summary."""
        self._kept.clear()
        self._start = Summary("", 0, 0)

    def _prompt(self, messages: Sequence[BaseMessage], existing: str) -> list[BaseMessage]:
        lines = self.text(messages)
        if self.prompt is not None:
            return self.prompt.format_prompt(summary=existing, new_lines=lines).to_messages()
        values = {"summary": [existing] if existing else [], "turns": [self.text([message]) for message in messages]}
        return load_prompt("summarise-conversation").render(values, seed=0)

    def _summary(self) -> Summary:
        return newest_summary(self._kept) or self._start

    def _pending(self, summary: Summary) -> Sequence[Numbered]:
        """Give the messages that a summary does not stand for."""
        return self._kept.after(summary.upto_seq)

    def _sum_up(self, before: Summary, items: Sequence[Numbered]) -> bool:
        """Have a summary stand for these messages too, which follow `before`; if it cannot be made, they stay.

        Of two who do so at once, the first one's counts.

        Returns:
            Whether a summary was made.
        """
        try:
            text = self.predict_new_summary([item.message for item in items], before.text)
        except ModelError as error:
            warnings.warn(f"no summary was made, the turns are kept: {error}", CompactionWarning, stacklevel=4)
            return False
        content = {"text": text, "messages": before.messages + len(items)}
        after = 0 if before is self._start else before.upto_seq
        self._kept.put_note(NOTE, items[-1].seq, content, after=after)
        return True

    def _shown(self, text: str) -> list[BaseMessage]:
        """Give a summary as messages."""
        return [self.summary_message_cls(content=text)] if text else []


class ConversationSummaryMemory(SummaryContextMemory):
    """Shows a summary of the whole conversation, made anew after each turn.

    `buffer=` hands in a summary of what is in `chat_memory`.
    """

    @classmethod
    def from_messages(
        cls, llm: LanguageModel, chat_memory: BaseChatMessageHistory, *, summarize_step: int = 2, **options: Any
    ) -> Self:
        """Make a memory of a conversation that there is, summed up about `summarize_step` messages at a time."""
        memory = cls(llm=llm, chat_memory=chat_memory, **options)
        made = True
        while made and (pending := memory._pending(summary := memory._summary())):
            ends = [part.stop for part in rounds([item.message for item in pending])]
            end = next((stop for stop in ends if stop >= summarize_step), ends[-1])
            made = memory._sum_up(summary, pending[:end])
        return memory

    @property
    def buffer(self) -> str:
        """The summary, without what it does not stand for yet."""
        return self._summary().text

    @property
    def buffer_as_str(self) -> str:
        """The summary, and what it does not stand for."""
        summary = self._summary()
        return "\n".join(filter(None, [summary.text, self.text(_taken(self._pending(summary)))]))

    def save_context(self, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> None:
        """Add the question and the answer, and sum up."""
        super().save_context(inputs, outputs)
        summary = self._summary()
        if pending := self._pending(summary):  # none where another program was faster
            self._sum_up(summary, pending)


class ConversationSummaryBufferMemory(SummaryContextMemory):
    """Shows the newest messages within `max_token_limit` tokens, and before them a summary of all others.

    `moving_summary_buffer=` hands in a summary of what is in `chat_memory`.
    """

    max_token_limit: int = 2000
    """Of the messages that no summary stands for, as `llm` counts them."""

    _given: ClassVar[str] = "moving_summary_buffer"

    @property
    def moving_summary_buffer(self) -> str:
        """The summary."""
        return self._summary().text

    @property
    def buffer(self) -> Any:
        """What `load_memory_variables` gives."""
        return self.load_memory_variables({})[self.memory_key]

    async def abuffer(self) -> Any:
        """What `load_memory_variables` gives."""
        return (await self.aload_memory_variables({}))[self.memory_key]

    def save_context(self, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> None:
        """Add the question and the answer; sum up the oldest messages if there are too many tokens."""
        super().save_context(inputs, outputs)
        self.prune()

    def prune(self) -> None:
        """Sum up the oldest messages if there are too many tokens."""
        summary = self._summary()
        pending = self._pending(summary)
        messages, count = [item.message for item in pending], count_for(self.llm)
        ends = [0, *(part.stop for part in rounds(messages))]
        start = ends[bisect_left(ends[:-1], True, key=lambda end: count(messages[end:]) <= self.max_token_limit)]
        if start:
            self._sum_up(summary, pending[:start])

    async def aprune(self) -> None:
        """Sum up the oldest messages if there are too many tokens."""
        await run_in_executor(None, self.prune)


def _taken(items: Sequence[Numbered]) -> list[BaseMessage]:
    return sound([item.message for item in items], waits=False)
