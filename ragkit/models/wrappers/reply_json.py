"""Replies as JSON and back: plain values only, so that reading a file can run nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, Generation
from pydantic import BaseModel, ValidationError

__all__ = ["generations_from", "json_of"]

_MESSAGE = ("content", "additional_kwargs", "response_metadata", "id", "name", "tool_calls", "invalid_tool_calls")


def json_of(generations: Sequence[Generation]) -> str:
    """Write generations as JSON; a Pydantic value inside becomes a plain object.

    Raises:
        TypeError: If something in them is no JSON value, or a message is not an `AIMessage`.
        ValueError: If a number in them is not finite.
    """
    return json.dumps(
        [_plain(generation) for generation in generations],
        ensure_ascii=False,
        allow_nan=False,
        separators=(",", ":"),
        default=_value,
    )


def generations_from(text: str) -> list[Generation]:
    """Read what `json_of` wrote.

    Raises:
        ValueError: If the text is not of that form.
    """
    read = json.loads(text)
    if not isinstance(read, list) or not all(isinstance(one, dict) for one in read):
        raise ValueError("not a list of replies")
    try:
        return [_generation(one) for one in read]
    except (KeyError, TypeError, ValidationError) as error:
        raise ValueError(f"not a reply: {type(error).__name__}") from error


def _plain(generation: Generation) -> dict[str, Any]:
    if not isinstance(generation, ChatGeneration):
        return {"text": generation.text, "generation_info": generation.generation_info}
    message = generation.message
    if not isinstance(message, AIMessage):
        raise TypeError(f"a reply is an AIMessage, not a {type(message).__name__}")
    fields: dict[str, Any] = {name: getattr(message, name) for name in _MESSAGE}
    fields["usage_metadata"] = message.usage_metadata
    return {
        "message": {name: value for name, value in fields.items() if value not in (None, [], {})},
        "generation_info": generation.generation_info,
    }


def _generation(plain: Mapping[str, Any]) -> Generation:
    info = plain["generation_info"]
    if "message" not in plain:
        return Generation(text=plain["text"], generation_info=info)
    fields = {"content": "", **plain["message"]}
    if unknown := set(fields) - {*_MESSAGE, "usage_metadata"}:
        raise KeyError(*unknown)
    return ChatGeneration(message=AIMessage(**fields), generation_info=info)


def _value(value: object) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"a {type(value).__name__} is no JSON value")
