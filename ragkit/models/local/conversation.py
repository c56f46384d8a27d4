"""LangChain messages as what chat templates read: plain dicts of role and text."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from ragkit.errors import InputError, shorten

__all__ = [
    "Turn",
    "as_turns",
    "calls_in_text",
    "one_call_each",
    "simplified",
    "strings_in",
    "text_of",
    "with_instructions",
]

Turn = dict[str, Any]
"""One message as chat templates know it: `role`, `content`; some have `name`, `tool_calls`, `tool_call_id`."""

_ROLES: Mapping[type[BaseMessage], str] = {
    HumanMessage: "user",
    AIMessage: "assistant",
    SystemMessage: "system",
    ToolMessage: "tool",
    FunctionMessage: "tool",
}
# What a model thought, did or was told of its own work; templates read calls elsewhere and thoughts not at all.
_LEFT_OUT = {
    "reasoning",
    "thinking",
    "redacted_thinking",
    "function_call",
    "tool_use",
    "tool_call",
    "tool_call_chunk",
    "invalid_tool_call",
    "input_json_delta",
}


def as_turns(messages: Sequence[BaseMessage]) -> list[Turn]:
    """Give the messages as dicts for a chat template.

    Raises:
        InputError: For no messages, for images, audio and other content that is not text, and for kinds of message that
            are none of a conversation.
    """
    if not messages:
        raise InputError("there is no message to answer: expected at least one.")
    return [_turn(message) for message in messages]


def text_of(message: BaseMessage) -> str:
    """Give the text of a message, whether it is a string or a list of blocks.

    Raises:
        InputError: If a block holds something other than text.
    """
    if isinstance(message.content, str):
        return message.content
    return "".join(_texts(message.content))


def _texts(blocks: Iterable[str | dict[str, Any]]) -> Iterable[str]:
    for block in blocks:
        if isinstance(block, str):
            yield block
            continue
        kind = block.get("type", "text")
        if kind == "text" and isinstance(block.get("text"), str):
            yield block["text"]
        elif kind not in _LEFT_OUT:
            raise InputError(
                f"a message holds content of type {shorten(kind)!r}, which a local model cannot read: expected text; "
                "put what it says into words, or choose a model that takes it."
            )


def _turn(message: BaseMessage) -> Turn:
    turn: Turn = {"role": _role(message), "content": text_of(message)}
    if message.name:
        turn["name"] = message.name
    if isinstance(message, AIMessage) and message.tool_calls:
        turn["tool_calls"] = [
            {"type": "function", "id": call["id"], "function": {"name": call["name"], "arguments": call["args"]}}
            for call in message.tool_calls
        ]
    if isinstance(message, ToolMessage):
        turn["tool_call_id"] = message.tool_call_id
    return turn


def _role(message: BaseMessage) -> str:
    if isinstance(message, ChatMessage):
        return message.role
    role = next((role for kind, role in _ROLES.items() if isinstance(message, kind)), None)
    if role is None:
        raise InputError(f"a message of type {shorten(message.type)!r} is not part of a conversation.")
    return role


def with_instructions(turns: Sequence[Turn], instructions: str) -> list[Turn]:
    """Put `instructions` at the head of the system message, which is made where there is none."""
    if turns and turns[0]["role"] == "system":
        return [{**turns[0], "content": f"{instructions}\n\n{turns[0]['content']}"}, *turns[1:]]
    return [{"role": "system", "content": instructions}, *turns]


def calls_in_text(turns: Sequence[Turn]) -> list[Turn]:
    """Write tool calls and their results into the text, as Hermes models do, for templates with no place for them."""
    return [_spelt_out(turn) for turn in turns]


def _spelt_out(turn: Turn) -> Turn:
    if turn["role"] == "tool":
        return {"role": "user", "content": f"<tool_response>\n{turn['content']}\n</tool_response>"}
    if "tool_calls" not in turn:
        return turn
    calls = [
        f"<tool_call>\n{json.dumps(call['function'], ensure_ascii=False)}\n</tool_call>" for call in turn["tool_calls"]
    ]
    rest = {key: value for key, value in turn.items() if key != "tool_calls"}
    return {**rest, "content": "\n".join([turn["content"], *calls] if turn["content"] else calls)}


def simplified(turns: Sequence[Turn]) -> list[Turn]:
    """Say the same with a leading user message and strictly alternating roles, for templates that refuse all else.

    System text goes before the first user message's, neighbours of one role become one message, and ids of tool calls
    become nine letters and digits, as Mistral's templates ask.
    """
    system = "\n\n".join(turn["content"] for turn in turns if turn["role"] == "system")
    rest = [_short_ids(turn) for turn in turns if turn["role"] != "system"]
    if system and (not rest or rest[0]["role"] != "user"):
        rest.insert(0, {"role": "user", "content": system})
    elif system:
        rest[0] = {**rest[0], "content": f"{system}\n\n{rest[0]['content']}"}
    merged: list[Turn] = []
    for turn in rest:
        if merged and turn["role"] == merged[-1]["role"] != "tool":
            merged[-1] = _joined(merged[-1], turn)
        else:
            merged.append(turn)
    return merged


def one_call_each(turns: Sequence[Turn]) -> list[Turn]:
    """Let each call be a message of its own with its result after it, for templates that know one call at a time."""
    results = {turn["tool_call_id"]: turn for turn in turns if "tool_call_id" in turn}
    apart: list[Turn] = []
    placed: set[str] = set()
    for turn in turns:
        calls = turn.get("tool_calls", ())
        if len(calls) < 2:
            apart += [turn] if turn.get("tool_call_id") not in placed else []
            continue
        for number, call in enumerate(calls):
            apart.append({**turn, "content": "" if number else turn["content"], "tool_calls": [call]})
            apart += [results[call["id"]]] if call["id"] in results else []
            placed.add(call["id"])
    return apart


def _joined(first: Turn, second: Turn) -> Turn:
    text = "\n\n".join(turn["content"] for turn in (first, second) if turn["content"])
    calls = [*first.get("tool_calls", ()), *second.get("tool_calls", ())]
    return {**first, **second, "content": text, **({"tool_calls": calls} if calls else {})}


def _short_ids(turn: Turn) -> Turn:
    short = dict(turn)
    if "tool_call_id" in turn:
        short["tool_call_id"] = _nine(turn["tool_call_id"])
    if "tool_calls" in turn:
        short["tool_calls"] = [{**call, "id": _nine(call["id"])} for call in turn["tool_calls"]]
    return short


def _nine(call_id: object) -> str:
    text = str(call_id)
    return text if len(text) == 9 and text.isalnum() else hashlib.sha256(text.encode()).hexdigest()[:9]


def strings_in(value: object) -> Iterable[str]:
    """Give every text within nested dicts and lists, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from strings_in(key)
            yield from strings_in(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from strings_in(item)
