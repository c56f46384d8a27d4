"""Summaries that stand for the beginning of a conversation, written only once a model gave one.

A summary is a note beside the messages: it says up to which message it stands for them, and they stay where they are.
So nothing is lost when a model fails, when the process dies, or when two processes compact at once: then the note of
the first one counts, and the other's is thrown away.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import Runnable

from ragkit.errors import ConfigError, ModelError, OutputParseError, shorten
from ragkit.memory.adapted import KeptHistory
from ragkit.memory.memory import Ask
from ragkit.memory.selection import Part
from ragkit.memory.timeline import Round
from ragkit.messages.bound import models_in, name_of
from ragkit.messages.tokens import TokenCounter
from ragkit.prompts.data import Source
from ragkit.prompts.library import load_prompt
from ragkit.prompts.parsers.texts import text_parser
from ragkit.prompts.prompt import Prompt

__all__ = [
    "FAILED",
    "NOTE",
    "CompactionWarning",
    "Summariser",
    "Summary",
    "SummaryOptions",
    "newest_summary",
    "summary_text",
    "warn",
]

NOTE = "summary"
"""The kind of the notes in a history that are summaries."""
FAILED = "no summary"
"""The kind of those that tell why there is none."""
_WORDS_PER_TOKEN = 0.6
# Thoughts, and calls in a provider's own form: told as tool calls already.
_NOT_TOLD = {"reasoning", "thinking", "redacted_thinking", "tool_use", "tool_call", "function_call", "input_json_delta"}
# How providers tell why a reply ended: OpenAI (chat, responses), Anthropic, Gemini, Ollama, Bedrock, Mistral.
_END = ("finish_reason", "stop_reason", "done_reason", "stopReason", "status")
_REFUSED = {
    *("content_filter", "content_filtered", "guardrail_intervened", "refusal"),
    *("blocklist", "prohibited_content", "recitation", "safety", "spii"),
}
_CUT_OFF = {"incomplete", "length", "max_tokens", "model_context_window_exceeded", "model_length"}
_FIXED = 0  # the mark of a rendering is then made of what it fences: the same conversation gives the same prompt


class CompactionWarning(UserWarning):
    """A summary could not be made: the messages that it would have stood for are shown as they are, or left out."""


class Summary(NamedTuple):
    """What stands for the beginning of a conversation."""

    text: str
    upto_seq: int
    """The last message that it stands for."""
    messages: int
    """How many it stands for."""


def newest_summary(history: KeptHistory) -> Summary | None:
    """Give the summary that counts; None where there is none."""
    note = history.note(NOTE)
    return Summary(note.content["text"], note.upto_seq, note.content["messages"]) if note else None


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryOptions:
    """How summaries are made and shown.

    Raises:
        ConfigError: If a number is too small, or a prompt lacks a variable.
    """

    prompt: Prompt | None = None
    """With `summary` and `turns` (kind documents) and, if it likes, `words`; None for `summarise-conversation`."""
    frame: Prompt | None = None
    """How a summary is shown, with `summary` (kind documents); None for `earlier-conversation`."""
    max_summary_tokens: int = 400
    """A longer reply is no summary; the model is told about as many words."""
    max_input_tokens: int = 4000
    """Of one prompt to the model that sums up: more messages take more calls, and one that is longer is shortened."""

    def __post_init__(self) -> None:
        for name in ("max_summary_tokens", "max_input_tokens"):
            if type(value := getattr(self, name)) is not int or value < 1:
                raise ConfigError(f"{name} must be a whole number of at least 1, got {shorten(repr(value))}.")
        for prompt, wanted in ((self.prompt, {"summary", "turns"}), (self.frame, {"summary"})):
            if prompt is not None and not wanted <= set(prompt.variable_names):
                raise ConfigError(
                    f"prompt {prompt.name} must have the variables {' and '.join(sorted(wanted))}, of kind documents."
                )


@dataclass(frozen=True)
class Summariser:
    """Has a model sum up rounds of a conversation, as many at a time as it can read.

    Raises:
        ConfigError: If `model` is none.
    """

    model: Runnable[Any, Any]
    counter: TokenCounter
    options: SummaryOptions = field(default_factory=SummaryOptions)

    def __post_init__(self) -> None:
        if not isinstance(self.model, Runnable):
            raise ConfigError(
                f"what sums up must be a chat model, such as ragkit.chat_model('openai:gpt-4o'), got "
                f"{type(self.model).__name__}."
            )

    @cached_property
    def prompt(self) -> Prompt:
        """What the model is told."""
        prompt = self.options.prompt or load_prompt("summarise-conversation")
        words = max(1, int(self.options.max_summary_tokens * _WORDS_PER_TOKEN))
        return prompt.with_defaults(words=words) if "words" in prompt.variable_names else prompt

    @cached_property
    def frame(self) -> Prompt:
        """How a summary is shown."""
        return self.options.frame or load_prompt("earlier-conversation")

    def shown(self, summary: Summary) -> Part:
        """Give a summary as part of a prompt: as data, in a person's turn, for it holds what people wrote."""
        messages = self.frame.render({"summary": [Source("", summary.text)]}, seed=_FIXED)
        return Part(kind="summary", messages=tuple(messages), seq=summary.upto_seq)

    def compact(self, history: KeptHistory, rounds: Sequence[Round], after: int) -> Generator[Ask, BaseMessage, str]:
        """Sum up rounds in as many steps as needed; each counts once it is written.

        Args:
            history: Where they are from.
            rounds: All that follow message `after`, up to some end.
            after: The last message that the newest summary stands for; 0 without one.

        Returns:
            Why it stopped before the end; empty if it did not, or another process was faster.
        """
        rest = list(rounds)
        while rest:
            before = newest_summary(history)
            if after != (before.upto_seq if before else 0):
                return ""
            taken, messages = self._batch(before, rest)
            if not taken:
                seq, most = rest[0].items[0].seq, self.options.max_input_tokens
                return f"the messages from {seq} on are too many for max_input_tokens={most}"
            try:
                text = self._text((yield Ask(self.model, messages, self.prompt.name)))
            except ModelError as error:
                return str(error) if type(error) is ModelError else type(error).__name__
            if not self._write(history, before, rest[:taken], text):
                return ""
            after = rest[taken - 1].items[-1].seq
            del rest[:taken]
        return ""

    def _batch(self, before: Summary | None, rest: Sequence[Round]) -> tuple[int, list[BaseMessage]]:
        """Give how many rounds are summed up next, and the prompt; 0 where even one, shortened, is too long."""
        most = _greatest(len(rest), lambda n: self._fits(self._messages(before, rest[:n])))
        whole = next((n for n in range(most, 0, -1) if n == len(rest) or rest[n].turn != rest[n - 1].turn), 0)
        if most := whole or most:
            return most, self._messages(before, rest[:most])
        longest = max(len(source.text) for source in _sources(rest[:1]))
        chars = _greatest(longest, lambda n: self._fits(self._messages(before, rest[:1], chars=n)))
        return (1, self._messages(before, rest[:1], chars=chars)) if chars else (0, [])

    def _messages(self, before: Summary | None, rounds: Sequence[Round], chars: int | None = None) -> list[BaseMessage]:
        sources = [_shortened(source, chars) for source in _sources(rounds)]
        summary = [Source("", before.text)] if before else []
        return self.prompt.render({"summary": summary, "turns": sources}, seed=_FIXED)

    def _fits(self, messages: Sequence[BaseMessage]) -> bool:
        return self.counter.messages(messages) <= self.options.max_input_tokens

    def _text(self, reply: BaseMessage) -> str:
        """Give the summary that a model replied with.

        Raises:
            ModelError: If it is none, in a few words without what was said.
        """
        text = summary_text(reply)
        if (tokens := self.counter.text(text)) > self.options.max_summary_tokens:
            raise ModelError(f"it gave {tokens} tokens, more than max_summary_tokens={self.options.max_summary_tokens}")
        return text

    def _write(self, history: KeptHistory, before: Summary | None, rounds: Sequence[Round], text: str) -> bool:
        count = sum(len(one.items) for one in rounds)
        model = next((name_of(found.model) or type(found.model).__name__ for found in models_in(self.model)), "")
        content = {
            "text": text,
            "messages": count + (before.messages if before else 0),
            "prompt": self.prompt.card,
            "model": model,
        }
        return history.put_note(NOTE, rounds[-1].items[-1].seq, content, after=before.upto_seq if before else 0)


def summary_text(reply: BaseMessage) -> str:
    """Give the words that a model replied with, if it said all that it had to say.

    Raises:
        ModelError: If it called a tool, refused, was cut off or gave no text; in a few words without what was said.
    """
    if isinstance(reply, AIMessage) and (reply.tool_calls or reply.invalid_tool_calls):
        raise ModelError("it called a tool")
    if (end := _unfinished(reply)) is not None:
        raise ModelError(end)
    try:
        return text_parser().parse(str(reply.text))
    except OutputParseError as error:
        raise ModelError("it gave no text") from error


def warn(why: str) -> None:
    """Tell the program that a summary could not be made."""
    warnings.warn(f"a conversation was not summed up: {why}; its messages are kept.", CompactionWarning, stacklevel=2)


def _greatest(most: int, fits: Callable[[int], bool]) -> int:
    """Give the greatest number up to `most` that fits; 0 if not even 1 does. A greater one never fits better."""
    low, step = 0, 1
    while low < most and fits(reached := min(low + step, most)):
        low, step = reached, 2 * step
    high = min(low + step, most + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def _sources(rounds: Sequence[Round]) -> list[Source]:
    return [Source("", _told(message), _role(message)) for one in rounds for message in one.messages]


def _shortened(source: Source, chars: int | None) -> Source:
    if chars is None or len(source.text) <= chars:
        return source
    half = chars // 2
    return replace(source, text=f"{source.text[: chars - half]}…{source.text[len(source.text) - half :]}")


def _role(message: BaseMessage) -> str:
    return " ".join(filter(None, [message.type, message.name]))


def _told(message: BaseMessage) -> str:
    """Give what a message says and calls; of an image or a file, that it was there."""
    blocks = [message.content] if isinstance(message.content, str) else message.content
    told = [text for block in blocks if (text := _block(block))]
    calls = message.tool_calls if isinstance(message, AIMessage) else []
    told += [json.dumps({call["name"]: call["args"]}, ensure_ascii=False, default=str) for call in calls]
    return "\n".join(told)


def _block(block: str | Mapping[str, Any]) -> str:
    if isinstance(block, str):
        return block
    if isinstance(text := block.get("text"), str):
        return text
    kind = str(block.get("type", "?"))
    return "" if kind in _NOT_TOLD else f"[{kind}]"


def _unfinished(reply: BaseMessage) -> str | None:
    """Say how a reply shows that it is none; None if it does not."""
    blocks = [block.get("type") for block in reply.content if isinstance(block, dict)]
    if reply.additional_kwargs.get("refusal") or "refusal" in blocks:
        return "it refused"
    ends = {str(reply.response_metadata.get(name)).lower() for name in _END}
    return "it refused" if ends & _REFUSED else "its reply was cut off" if ends & _CUT_OFF else None
