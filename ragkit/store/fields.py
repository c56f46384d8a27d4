"""Metadata as filterable fields: what JSON can hold, flattened to typed values.

A nested mapping gives dotted names (`author.name`), a list gives one value for each element, and None counts as
absent. Dates become ISO 8601 text. `true` and `false` are a kind of their own, not numbers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import numpy as np

from ragkit.errors import InputError, shorten

__all__ = [
    "BUILT_IN",
    "CONTAINERS",
    "FieldValue",
    "Kind",
    "Scalar",
    "flatten",
    "json_ready",
    "kind_of",
    "with_built_in",
]

Scalar: TypeAlias = "str | int | float | bool"
Kind: TypeAlias = Literal["text", "number", "bool", "list", "object"]

BUILT_IN: Final = ("doc_id", "source", "title", "root", "page")
"""Fields every document has besides its metadata; where one is empty, metadata of the same name takes its place."""

CONTAINERS: Final = frozenset({"list", "object"})
"""Kinds that only say that a field is there; their value is the empty text."""

_INT64 = 2**63

_DEEPEST: Final = 200
"""Lists and mappings in one another; far below where Python and JSON give up."""


class FieldValue(NamedTuple):
    """One typed value of one field of a document."""

    name: str
    """Dotted for nested mappings."""
    kind: Kind
    """What the value is."""
    listed: bool
    """Whether it is an element of a list."""
    value: str | int | float
    """Bools are 0 and 1; containers the empty text."""


def kind_of(value: Scalar) -> Kind:
    """Give the kind of a scalar."""
    if isinstance(value, bool):
        return "bool"
    return "text" if isinstance(value, str) else "number"


def json_ready(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Give a copy of `metadata` as JSON holds it: dates as ISO 8601 text, tuples as lists, numpy scalars as numbers.

    Raises:
        InputError: If a key is not text, or a value is nested too deep or something JSON cannot hold (NaN and infinity
            included).
    """
    return {_key(key): _json_value(value, str(key), 1) for key, value in metadata.items()}


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise InputError(f"metadata keys must be text, got {shorten(repr(key))}.")
    _encodable(key, key)
    return key


def _encodable(text: str, name: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"metadata field {shorten(name)!a} holds a lone surrogate: {error}.") from error
    return text


def _json_value(value: Any, name: str, depth: int) -> Any:
    if depth > _DEEPEST:
        raise InputError(
            f"metadata field {shorten(name)!r} is nested more than {_DEEPEST} deep: store its inner part as text."
        )
    if isinstance(value, np.generic):
        value = value.item()
    match value:
        case None | bool():
            return value
        case str():
            return _encodable(str(value), name)
        case int():
            return _number(int(value), name)
        case float() if math.isfinite(value):
            return float(value)
        case date():
            return value.isoformat()
        case Mapping():
            return {_key(key): _json_value(item, f"{name}.{key}", depth + 1) for key, item in value.items()}
        case list() | tuple():
            return [_json_value(item, name, depth + 1) for item in value]
    raise InputError(
        f"metadata field {shorten(name)!r} is {shorten(repr(value))} ({type(value).__name__}); "
        "expected text, a finite number, true, false, None, a date, or lists and mappings of these."
    )


def _number(value: int, name: str) -> int:
    # Beyond this a float cannot hold it, and so neither can SQLite.
    if abs(value) > 2**1023:
        raise InputError(
            f"metadata field {shorten(name)!r} is an integer of {value.bit_length()} bits: store it as text."
        )
    return value


def flatten(metadata: Mapping[str, Any]) -> set[FieldValue]:
    """Give the typed values of a JSON-ready mapping.

    Example:
        >>> sorted(flatten({"year": 2020, "tags": ["a"]}))  # doctest: +NORMALIZE_WHITESPACE
        [FieldValue(name='tags', kind='list', listed=False, value=''),
         FieldValue(name='tags', kind='text', listed=True, value='a'),
         FieldValue(name='year', kind='number', listed=False, value=2020)]
    """
    return {item for name, value in metadata.items() for item in _values(name, value, listed=False)}


def _values(name: str, value: Any, *, listed: bool) -> Iterator[FieldValue]:
    match value:
        case None:
            return
        case bool():
            yield FieldValue(name, "bool", listed, int(value))
        case str():
            yield FieldValue(name, "text", listed, value)
        case int() | float():
            yield FieldValue(name, "number", listed, sql_number(value))
        case Mapping():
            yield FieldValue(name, "object", listed, "")
            for key, item in value.items():
                yield from _values(f"{name}.{key}", item, listed=listed)
        case _:
            yield FieldValue(name, "list", listed, "")
            for item in value:
                yield from _values(name, item, listed=True)


def sql_number(value: float) -> int | float:
    """Give a number as SQLite can hold it: integers beyond 64 bits become the nearest float."""
    return float(value) if isinstance(value, int) and not -_INT64 <= value < _INT64 else value


def with_built_in(metadata: Mapping[str, Any], **built_in: str | int | None) -> dict[str, Any]:
    """Give metadata with those built-in fields laid over it that are not empty."""
    return {**metadata, **{name: value for name, value in built_in.items() if value not in ("", None)}}
