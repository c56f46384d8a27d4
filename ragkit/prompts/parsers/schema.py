"""Is this JSON what a JSON schema says? For the words that chat models are given; others are refused when it is read.

Source: JSON Schema 2020-12, Validation. `format` and what describes (`title`, `examples` …) asserts nothing there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from ragkit.errors import ConfigError, shorten

__all__ = ["check_schema", "complaint"]

Schema: TypeAlias = Mapping[str, Any] | bool

_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: _TYPES["number"](value) and value == int(value),
}
_SAYS_NOTHING = {"$comment", "$defs", "$id", "$schema", "default", "definitions", "deprecated", "description"} | {
    "discriminator", "examples", "format", "readOnly", "strict", "title", "writeOnly",
}  # fmt: skip
_IN_PLACE = ("anyOf", "oneOf", "allOf")
_NAMED = ("properties", "$defs", "definitions")


def check_schema(schema: Schema) -> None:
    """Check that `complaint` can hold JSON against every part of a schema.

    Raises:
        ConfigError: For a word or type that is not known or is given what it does not take, a reference that leads
            nowhere or in a circle, or a pattern that is none.
    """
    for part in _parts(schema):
        for word in part.keys() & _FORMS.keys():
            if not _FORMS[word](part[word]):
                raise ConfigError(f"the schema's {word} cannot be {shorten(repr(part[word]))}: see JSON Schema.")
        if unknown := part.keys() - _SAYS_NOTHING - _WORDS.keys() - {"$ref", *_IN_PLACE}:
            raise ConfigError(f"the schema word {min(unknown)!r} is not checked here: use a pydantic class instead.")
        for kind in _listed(part.get("type", [])):
            if kind not in _TYPES:
                raise ConfigError(f"the schema has a type {shorten(repr(kind))}: expected one of {', '.join(_TYPES)}.")
        try:
            re.compile(part.get("pattern", ""))
        except re.error as error:
            raise ConfigError(f"the pattern {shorten(repr(part['pattern']))} cannot be read: {error}.") from error
        _check_no_circle(schema, part, ())


def complaint(schema: Schema, value: Any, *, root: Schema | None = None, path: str = "") -> str | None:
    """Say the first thing in which `value` is not as the schema says, with the place; None where it is.

    Args:
        schema: Checked with `check_schema`; `True` and `False` are schemas as well.
        value: JSON as Python reads it.
        root: Where `$ref` looks; None for the schema itself.
        path: The place of `value` in the whole.

    Example:
        >>> complaint({"properties": {"a": {"type": "integer"}}}, {"a": "1"})
        'a is a text of length 1; expected integer'
    """
    root = schema if root is None else root
    if isinstance(schema, bool):
        return None if schema else f"{path or 'the value'} is not expected"
    if "$ref" in schema and (said := complaint(_target(root, schema["$ref"]), value, root=root, path=path)):
        return said
    for word, argument in schema.items():
        check = _WORDS.get(word)
        if check is not None and (said := check(argument, value, root, path, schema)):
            return said
    return _in_place(schema, value, root, path)


def _in_place(schema: Mapping[str, Any], value: Any, root: Schema, path: str) -> str | None:
    for part in schema.get("allOf", ()):
        if said := complaint(part, value, root=root, path=path):
            return said
    for word, most in (("anyOf", len(schema.get("anyOf", ()))), ("oneOf", 1)):
        said_of = [complaint(part, value, root=root, path=path) for part in schema.get(word, ())]
        fits = said_of.count(None)
        if said_of and not 1 <= fits <= most:
            several = f"{_named(path, value)} fits {fits} forms of which it must be one"
            return several if fits or len(said_of) > 2 else said_of[0]
    return None


def _type(kinds: Any, value: Any, root: Schema, path: str, schema: Mapping[str, Any]) -> str | None:
    names = _listed(kinds)
    fits = any(_TYPES[name](value) for name in names)
    return None if fits else f"{_named(path, value)}; expected {' or '.join(names)}"


def _enum(choices: Sequence[Any], value: Any, root: Schema, path: str, schema: Mapping[str, Any]) -> str | None:
    fits = any(_same(choice, value) for choice in choices)
    return None if fits else f"{_named(path, value)}; expected one of {shorten(', '.join(map(repr, choices)))}"


def _const(only: Any, value: Any, root: Schema, path: str, schema: Mapping[str, Any]) -> str | None:
    return _enum([only], value, root, path, schema)


def _properties(
    parts: Mapping[str, Schema], value: Any, root: Schema, path: str, schema: Mapping[str, Any]
) -> str | None:
    if not isinstance(value, dict):
        return None
    said = (complaint(parts[name], value[name], root=root, path=_at(path, name)) for name in parts if name in value)
    return next(filter(None, said), None)


def _additional(part: Any, value: Any, root: Schema, path: str, schema: Mapping[str, Any]) -> str | None:
    if not isinstance(value, dict):
        return None
    others = [name for name in value if name not in schema.get("properties", {})]
    if part is False and others:
        return f"{path or 'the value'} has keys that are not expected"
    said = (complaint(part, value[name], root=root, path=_at(path, "…")) for name in others)
    return next(filter(None, said), None)


def _required(names: Sequence[str], value: Any, root: Schema, path: str, schema: Mapping[str, Any]) -> str | None:
    missing = [name for name in names if isinstance(value, dict) and name not in value]
    return f"{_at(path, missing[0])} is missing" if missing else None


def _items(part: Any, value: Any, root: Schema, path: str, schema: Mapping[str, Any]) -> str | None:
    if not isinstance(value, list):
        return None
    said = (complaint(part, item, root=root, path=f"{path}[{place}]") for place, item in enumerate(value))
    return next(filter(None, said), None)


def _pattern(pattern: str, value: Any, root: Schema, path: str, schema: Mapping[str, Any]) -> str | None:
    fits = not isinstance(value, str) or re.search(pattern, value)
    return None if fits else f"{_named(path, value)}; expected the pattern {pattern}"


def _bound(
    kind: str, measure: Callable[[Any], Any], fits: Callable[[Any, Any], bool], wanted: str
) -> Callable[[Any, Any, Schema, str, Mapping[str, Any]], str | None]:
    def check(limit: Any, value: Any, root: Schema, path: str, schema: Mapping[str, Any]) -> str | None:
        if not _TYPES[kind](value) or fits(measure(value), limit):
            return None
        return f"{_named(path, value)}; expected {wanted.format(limit)}"

    return check


_WORDS: Mapping[str, Callable[[Any, Any, Schema, str, Mapping[str, Any]], str | None]] = {
    "type": _type,
    "enum": _enum,
    "const": _const,
    "properties": _properties,
    "additionalProperties": _additional,
    "required": _required,
    "items": _items,
    "pattern": _pattern,
    "minimum": _bound("number", lambda value: value, lambda value, limit: value >= limit, "at least {}"),
    "maximum": _bound("number", lambda value: value, lambda value, limit: value <= limit, "at most {}"),
    "exclusiveMinimum": _bound("number", lambda value: value, lambda value, limit: value > limit, "more than {}"),
    "exclusiveMaximum": _bound("number", lambda value: value, lambda value, limit: value < limit, "less than {}"),
    "minLength": _bound("string", len, lambda size, limit: size >= limit, "at least {} characters"),
    "maxLength": _bound("string", len, lambda size, limit: size <= limit, "at most {} characters"),
    "minItems": _bound("array", len, lambda size, limit: size >= limit, "at least {} items"),
    "maxItems": _bound("array", len, lambda size, limit: size <= limit, "at most {} items"),
}


_FORMS: Mapping[str, Callable[[Any], bool]] = {
    "type": lambda given: isinstance(given, str) or _is_list(given, str),
    "enum": lambda given: _is_list(given, object),
    "required": lambda given: isinstance(given, list | tuple) and all(isinstance(name, str) for name in given),
    "pattern": lambda given: isinstance(given, str),
    **dict.fromkeys(_NAMED, lambda given: isinstance(given, Mapping)),
    **dict.fromkeys(_IN_PLACE, lambda given: _is_list(given, object)),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _TYPES["number"]),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), _TYPES["integer"]),
}
"""What each word takes."""


def _is_list(given: Any, kind: type) -> bool:
    return isinstance(given, list | tuple) and bool(given) and all(isinstance(one, kind) for one in given)


def _same(one: Any, other: Any) -> bool:
    """Compare as JSON does: `1` is `1.0`, and neither is `true`."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
    return bool(one == other)


def _parts(schema: Any) -> Iterator[Mapping[str, Any]]:
    """Give a schema and every schema inside it."""
    if isinstance(schema, bool):
        return
    if not isinstance(schema, Mapping):
        raise ConfigError(f"a schema is an object, true or false, got {shorten(repr(schema))}.")
    yield schema
    inner = [schema[word] for word in ("items", "additionalProperties") if word in schema]
    for word in _IN_PLACE:
        inner += schema.get(word, [])
    for word in _NAMED:
        inner += schema.get(word, {}).values()
    for part in inner:
        yield from _parts(part)


def _target(root: Schema, reference: Any) -> Any:
    part: Any = root
    for name in str(reference).removeprefix("#").split("/")[1:]:
        name = name.replace("~1", "/").replace("~0", "~")
        part = part.get(name) if isinstance(part, Mapping) else None
    if not str(reference).startswith("#") or part is None:
        raise ConfigError(f"the schema's $ref {shorten(repr(reference))} leads nowhere: expected #/$defs/<name>.")
    return part


def _check_no_circle(root: Schema, part: Any, passed: tuple[int, ...]) -> None:
    if not isinstance(part, Mapping):
        return
    if id(part) in passed:
        raise ConfigError("the schema refers to itself without a property or an item between: it describes nothing.")
    here = [inner for word in _IN_PLACE for inner in part.get(word, ())]
    here += [_target(root, part["$ref"])] if "$ref" in part else []
    for inner in here:
        _check_no_circle(root, inner, (*passed, id(part)))


def _listed(kinds: Any) -> list[Any]:
    return [kinds] if isinstance(kinds, str) else list(kinds)


def _at(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _named(path: str, value: Any) -> str:
    """Name a place and what stands there; of texts, keys and lists only their size, for they may be people's words."""
    place = path or "the value"
    if isinstance(value, str):
        return f"{place} is a text of length {len(value):,}"
    if isinstance(value, list | dict):
        return f"{place} is {'a list' if isinstance(value, list) else 'an object'} of length {len(value):,}"
    return f"{place} is {shorten(json.dumps(value), 40)}"
