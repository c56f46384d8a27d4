"""Messages as plain JSON values and back: a closed table of kinds, so that reading a file can run nothing.

LangChain's own `load` builds any class a file names; here the file names one of the kinds below or is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ChatMessage,
    ChatMessageChunk,
    FunctionMessage,
    FunctionMessageChunk,
    HumanMessage,
    HumanMessageChunk,
    RemoveMessage,
    SystemMessage,
    SystemMessageChunk,
    ToolMessage,
    ToolMessageChunk,
)
from pydantic import BaseModel, ValidationError

from ragkit.errors import InputError, shorten

__all__ = ["as_plain", "from_plain", "is_plain"]

_KINDS: Final[Mapping[str, type[BaseMessage]]] = {
    kind.model_fields["type"].default: kind
    for kind in (
        AIMessage,
        AIMessageChunk,
        ChatMessage,
        ChatMessageChunk,
        FunctionMessage,
        FunctionMessageChunk,
        HumanMessage,
        HumanMessageChunk,
        RemoveMessage,
        SystemMessage,
        SystemMessageChunk,
        ToolMessage,
        ToolMessageChunk,
    )
}
_USUAL: Final[Mapping[str, Mapping[str, Any]]] = {
    name: {
        at: field.get_default(call_default_factory=True)
        for at, field in kind.model_fields.items()
        if not field.is_required()
    }
    for name, kind in _KINDS.items()
}
# LangChain derives each of these from other fields when a message is made; what was said of them counts.
_DERIVED: Final = ("tool_calls", "invalid_tool_calls", "tool_call_chunks")


def as_plain(message: BaseMessage) -> dict[str, Any]:
    """Give a message as JSON values, whole: text, blocks, calls, usage, names, ids, metadata, a tool's artifact.

    Values are copies. A Pydantic value becomes the object it dumps to, an enumeration its value, a tuple a list, and
    a key of an object text, as in JSON. Fields that have their usual value are left out. A subclass of one's own
    becomes the kind of LangChain whose `type` it has.

    Raises:
        InputError: If the kind is unknown, or a value has no place in JSON (bytes, a set, one that holds itself).
    """
    if message.type not in _KINDS:
        raise InputError(f"a {type(message).__name__} is no kind of message that can be kept: {_known()}.")
    values = {name: getattr(message, name) for name in type(message).model_fields if name != "type"}
    values |= message.model_extra or {}
    try:
        plain = {name: _plain(value, name) for name, value in values.items()}
    except RecursionError:
        raise InputError(f"a value of the {message.type} message is nested too deeply, or holds itself.") from None
    usual = _USUAL[message.type]
    said = {name: value for name, value in plain.items() if name not in usual or not _same(value, usual[name])}
    return {"type": message.type, **said}


def from_plain(plain: Mapping[str, Any]) -> BaseMessage:
    """Make the message that `as_plain` described; values are not copied.

    Raises:
        InputError: If it is of no known kind, or its fields do not fit; the sentence names them, not their values.
    """
    kind = plain.get("type")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise InputError(f"{shorten(repr(kind))} is no kind of message: {_known()}.")
    try:
        # by keyword: the classes differ in what comes first; RemoveMessage takes no content
        fields = {name: value for name, value in plain.items() if kind != "remove" or name != "content"}
        message = _KINDS[kind](**fields)
    except ValidationError as error:
        names = sorted({str(at) for found in error.errors(include_input=False) for at in found["loc"][:1]})
        raise InputError(
            f"no {kind} message can be made of this: {', '.join(names) or 'its fields'} do not fit."
        ) from None
    except (AttributeError, TypeError, ValueError, KeyError) as error:
        raise InputError(f"no {kind} message can be made of this: {type(error).__name__}.") from None
    for name in _DERIVED:
        if name in type(message).model_fields and getattr(message, name) != plain.get(name, []):
            setattr(message, name, plain.get(name, []))
    return message


def is_plain(value: object) -> bool:
    """Tell whether a value has a place in JSON, as `as_plain` would write it."""
    try:
        _plain(value, "")
    except (InputError, RecursionError):
        return False
    return True


def _same(value: Any, usual: Any) -> bool:
    return type(value) is type(usual) and bool(value == usual)


def _known() -> str:
    return f"expected one of {', '.join(_KINDS)}"


def _plain(value: Any, where: str) -> Any:
    if isinstance(value, Enum):
        return _plain(value.value, where)
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, BaseModel):
        return _dumped(value, where)
    if isinstance(value, Mapping):
        return {_key(key, where): _plain(inner, where) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner, where) for inner in value]
    raise InputError(
        f"{where} of a message holds a {type(value).__name__}, which is no JSON value: give text or numbers."
    )


def _dumped(value: BaseModel, where: str) -> Any:
    try:
        return value.model_dump(mode="json")
    except ValueError:  # the error would show the value
        name = type(value).__name__
        raise InputError(f"{where} of a message holds a {name} that cannot be dumped as JSON: dump it first.") from None


def _key(key: Any, where: str) -> str:
    if isinstance(key, str):
        return key
    if key is None or isinstance(key, (bool, int, float)):
        return json.dumps(key)  # as JSON writes a key that is none
    raise InputError(f"{where} of a message has a {type(key).__name__} as key, which is no JSON value: give text.")
