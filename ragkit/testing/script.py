"""What a `ScriptedChatModel` is told to say, and what it remembers: plain values and how they become chunks."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeAlias

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import tool_call, tool_call_chunk

from ragkit.errors import InputError

__all__ = ["Call", "Delay", "Line", "Pieces", "Step", "count_words", "reply_of", "steps_of", "words"]

Cut: TypeAlias = Callable[[str], Sequence[str]]
"""Cuts a text into the pieces that a stream gives; joined they are the text."""


@dataclass(frozen=True, slots=True)
class Delay:
    """Wait before what follows, in seconds."""

    seconds: float


@dataclass(frozen=True, slots=True, init=False)
class Pieces:
    """One reply, piece by piece as a stream gives it; an error among them breaks the stream off there.

    Example:
        >>> Pieces("Good ", Delay(0.5), "morn", ConnectionError("the line went dead"))
        Pieces(items=('Good ', Delay(seconds=0.5), 'morn', ConnectionError('the line went dead')))
    """

    items: tuple[str | AIMessageChunk | Delay | Exception, ...]

    def __init__(self, *items: str | AIMessageChunk | Delay | Exception) -> None:
        """Take texts, chunks, delays and errors in their order."""
        object.__setattr__(self, "items", items)


Line: TypeAlias = "str | AIMessage | Sequence[Mapping[str, Any]] | Pieces | Delay | Exception"
"""One line of a script.

A text; a whole message; a list of tool calls (`{"name", "args", "id"?}`); pieces; an error that is raised; a delay,
which comes before the next line.
"""

Step: TypeAlias = "AIMessageChunk | Delay | Exception"
"""What happens next in a stream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What the model was asked once; copies, so that later changes of the caller's objects do not show."""

    messages: tuple[BaseMessage, ...]
    stop: tuple[str, ...] | None = None
    tools: tuple[Mapping[str, Any], ...] = ()
    """As OpenAI describes them, whatever they were bound as."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Every other keyword that was bound or given: `tool_choice`, `response_format`, `temperature` …"""
    streamed: bool = False

    @classmethod
    def of(
        cls, messages: Sequence[BaseMessage], stop: Sequence[str] | None, keywords: Mapping[str, Any], *, streamed: bool
    ) -> Call:
        """Copy a call's arguments."""
        options = copy.deepcopy(dict(keywords))
        tools = tuple(options.pop("tools", None) or ())
        return cls(
            messages=tuple(message.model_copy(deep=True) for message in messages),
            stop=None if stop is None else tuple(stop),
            tools=tools,
            options=MappingProxyType(options),
            streamed=streamed,
        )

    @property
    def text(self) -> str:
        """The text of the last message."""
        return self.messages[-1].text if self.messages else ""


def words(text: str) -> list[str]:
    """Cut a text before each word, so that joined pieces are the text.

    Example:
        >>> words("Good  morning, you.")
        ['Good', '  morning,', ' you.']
    """
    return re.findall(r"\s*\S+|\s+$", text)


def count_words(text: str) -> int:
    """Count the tokens of a scripted model: one for each word."""
    return len(text.split())


def reply_of(line: str | AIMessage | Sequence[Mapping[str, Any]], *, call_id: str, stop: Sequence[str]) -> AIMessage:
    """Make the whole message that a line stands for.

    Args:
        line: A text, a message (copied) or tool calls.
        call_id: Begins the ids of tool calls that have none.
        stop: The text ends before the first of these.

    Raises:
        InputError: If it is none of those.
    """
    if isinstance(line, str):
        return AIMessage(content=_before(line, stop))
    if isinstance(line, AIMessage):
        message = line.model_copy(deep=True)
        if isinstance(message.content, str):
            message.content = _before(message.content, stop)
        return message
    if isinstance(line, list | tuple) and all(isinstance(item, Mapping) and "name" in item for item in line):
        calls = [
            tool_call(name=item["name"], args=dict(item.get("args") or {}), id=item.get("id") or f"{call_id}_{place}")
            for place, item in enumerate(line)
        ]
        return AIMessage(content="", tool_calls=calls)
    raise InputError(
        f"a line of the script is a {type(line).__name__}: use a text, an AIMessage, a list of tool calls "
        '({"name", "args"}), Pieces, a Delay or an exception.'
    )


def steps_of(message: AIMessage, cut: Cut) -> Iterator[Step]:
    """Cut a message into chunks that add up to it: the text, then the tool calls, then what is known at the end.

    Args:
        message: Its `id` is left to LangChain, which gives each call its own.
        cut: Cuts the text, and the arguments of tool calls.
    """
    if isinstance(message.content, str):
        yield from (AIMessageChunk(content=piece) for piece in cut(message.content))
    else:
        yield AIMessageChunk(content=copy.deepcopy(message.content))
    for index, (name, arguments, call_id) in enumerate(_calls(message)):
        first, *rest = list(cut(arguments)) or [""]
        yield AIMessageChunk(
            content="", tool_call_chunks=[tool_call_chunk(name=name, args=first, id=call_id, index=index)]
        )
        for piece in rest:
            yield AIMessageChunk(content="", tool_call_chunks=[tool_call_chunk(args=piece, index=index)])
    yield AIMessageChunk(
        content="",
        additional_kwargs=message.additional_kwargs,
        response_metadata=message.response_metadata,
        usage_metadata=message.usage_metadata,
        chunk_position="last",
    )


def usage_of(messages: Sequence[BaseMessage], reply: BaseMessage) -> UsageMetadata:
    """Count words, those of tool calls included; a reply that says something has at least one token."""
    spent = sum(count_words(message.text) for message in messages)
    made = count_words(reply.text)
    if isinstance(reply, AIMessage):
        made += sum(count_words(f"{name} {arguments}") for name, arguments, _ in _calls(reply))
    return UsageMetadata(input_tokens=spent, output_tokens=made, total_tokens=spent + made)


def _calls(message: AIMessage) -> list[tuple[str | None, str, str | None]]:
    valid = [(call["name"], json.dumps(call["args"], ensure_ascii=False), call["id"]) for call in message.tool_calls]
    invalid = [(call["name"], call["args"] or "", call["id"]) for call in message.invalid_tool_calls]
    return [*valid, *invalid]


def _before(text: str, stop: Sequence[str]) -> str:
    ends = [place for word in stop if word and (place := text.find(word)) >= 0]
    return text[: min(ends)] if ends else text
