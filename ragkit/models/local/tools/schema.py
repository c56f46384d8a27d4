"""JSON schemas out of what callers bind, in the words that constrained decoding understands."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.utils.function_calling import convert_to_json_schema, convert_to_openai_tool

from ragkit.errors import ConfigError, shorten

__all__ = ["arguments_schema", "as_schema", "as_tools", "closed", "tool_name"]

_FORMATS = frozenset(
    {"date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "unknown", "uri", "uuid"}
)
_NAMED_PARTS = frozenset({"$defs", "definitions", "patternProperties", "properties"})
_MARK_LIKE = re.compile(r"[<>{}\n]")
_LOOK_AROUND = re.compile(r"\(\?<?[=!]")
_NOTES = frozenset({"description", "title"})
_ANY_OBJECT: dict[str, Any] = {"type": "object"}
_MERGED_WITH_OTHERS = frozenset({"$ref", "allOf", "anyOf", "oneOf", "patternProperties", "additionalProperties"})


def as_tools(tools: Sequence[Any], *, strict: bool | None = None) -> list[dict[str, Any]]:
    """Describe tools as OpenAI does: `{"type": "function", "function": {"name", "description", "parameters"}}`.

    Args:
        tools: LangChain tools, functions, Pydantic classes (also of version 1), TypedDicts, JSON schemas with a title,
            or such descriptions.
        strict: Noted in each description; False lets arguments be any JSON object.

    Raises:
        ConfigError: If one of them can be none of these, has a name like a mark, or two of one name take different
            arguments.
    """
    described: dict[str, dict[str, Any]] = {}
    for tool in tools:
        one = _described(tool, strict)
        first = described.setdefault(tool_name(one), one)
        if _unannotated(first["function"].get("parameters")) != _unannotated(one["function"].get("parameters")):
            name = shorten(tool_name(one))
            raise ConfigError(f"two tools are called {name} and take different arguments: rename one of them.")
    return list(described.values())


def _unannotated(schema: Any) -> Any:
    """Drop what tells nothing of which values are valid."""
    if isinstance(schema, list):
        return [_unannotated(part) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    return {
        key: _each(part, _unannotated) if key in _NAMED_PARTS else _unannotated(part)
        for key, part in schema.items()
        if key not in _NOTES
    }


def _each(parts: Any, change: Callable[[Any], Any]) -> Any:
    return {name: change(part) for name, part in parts.items()} if isinstance(parts, Mapping) else parts


def _described(tool: Any, strict: bool | None) -> dict[str, Any]:
    try:
        described = convert_to_openai_tool(tool)
    except (TypeError, ValueError) as error:
        raise _no_tool(tool) from error
    if described.get("type") != "function":
        raise ConfigError(f"a local model cannot call tools of type {shorten(described.get('type'))}: bind a function.")
    function = described.get("function")
    if not (isinstance(function, Mapping) and isinstance(function.get("name"), str)):
        raise _no_tool(tool)
    if odd := _MARK_LIKE.search(function["name"]):
        name = shorten(function["name"])
        raise ConfigError(
            f"a tool cannot be called {name}: without {odd[0]!r} it is told apart from the call around it."
        )
    return described if strict is None else {**described, "function": {**function, "strict": strict}}


def _no_tool(tool: Any) -> ConfigError:
    expected = "expected a LangChain tool, a function with types, a Pydantic class, a TypedDict or a JSON schema"
    return ConfigError(f"cannot bind {shorten(repr(tool))} as a tool: {expected}.")


def as_schema(schema: Any) -> dict[str, Any]:
    """Give the JSON schema of a Pydantic class, a TypedDict, a function or a JSON schema.

    Raises:
        ConfigError: If it is none of these, or a JSON schema without a title (LangChain names tools by it).
    """
    try:
        return convert_to_json_schema(schema)
    except (TypeError, ValueError) as error:
        expected = "expected a Pydantic class, a TypedDict or a JSON schema with a title"
        raise ConfigError(f"cannot read a schema from {shorten(repr(schema))}: {expected}.") from error


def tool_name(tool: Mapping[str, Any]) -> str:
    """Give the name of a described tool."""
    return str(tool["function"]["name"])


def arguments_schema(tool: Mapping[str, Any]) -> dict[str, Any]:
    """Give the schema that a described tool's arguments are held to."""
    function = tool["function"]
    if function.get("strict") is False:
        return dict(_ANY_OBJECT)
    return {"type": "object", "properties": {}, **(function.get("parameters") or {})}


def closed(schema: Any) -> Any:
    """Rewrite a schema for constrained decoding; what is valid under the result is valid under `schema`.

    - Objects that list their properties take no others, unless they say so or require some: a model would invent some.
    - Of alternatives, those with a pattern that looks around are left out: Pydantic writes one beside a `Decimal`.
    - A `format` that is not enforced anywhere (`password`, `binary`) is dropped: JSON Schema calls it an annotation.
    """
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    kept = {key: _closed_part(key, value) for key, value in schema.items() if not _mere_note(key, value)}
    properties = schema.get("properties")
    if isinstance(properties, Mapping) and not _MERGED_WITH_OTHERS & schema.keys():
        required = schema.get("required", ())
        if not (isinstance(required, Sequence) and set(required) - properties.keys()):
            kept["additionalProperties"] = False
    return kept


def _closed_part(key: str, value: Any) -> Any:
    if key in _NAMED_PARTS:
        return _each(value, closed)
    if key in ("allOf", "enum", "const", "default", "examples"):
        return value  # parts of allOf hold together: closing one would shut out the properties of the others
    if key == "anyOf" and isinstance(value, Sequence):
        return [closed(part) for part in value if not _looks_around(part)] or value
    return closed(value)


def _looks_around(schema: Any) -> bool:
    pattern = schema.get("pattern") if isinstance(schema, Mapping) else None
    return isinstance(pattern, str) and _LOOK_AROUND.search(pattern) is not None


def _mere_note(key: str, value: Any) -> bool:
    return key == "format" and isinstance(value, str) and value not in _FORMATS
