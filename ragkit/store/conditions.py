"""A filter as a tree of small values, and what it means: `matches`, the definition that every store must equal."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from ragkit.store.fields import CONTAINERS, FieldValue, Scalar, flatten, kind_of, sql_number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "And",
    "Compare",
    "Comparison",
    "Condition",
    "Contains",
    "Exists",
    "In",
    "Node",
    "Not",
    "Or",
    "conditions",
    "matches",
]

Comparison: TypeAlias = Literal["=", "<", "<=", ">", ">="]

_COMPARE: Final = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True, slots=True)
class Compare:
    """The field has a value of the same kind that stands in this relation; text compares by code points."""

    field: str
    op: Comparison
    value: Scalar


@dataclass(frozen=True, slots=True)
class In:
    """The field has one of these values."""

    field: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Contains:
    """A list has the value as an element, or a text has it as a part; upper and lower case differ."""

    field: str
    value: Scalar


@dataclass(frozen=True, slots=True)
class Exists:
    """The field is there and not None."""

    field: str


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold; so it holds for documents without the field."""

    part: Node


@dataclass(frozen=True, slots=True)
class And:
    """All parts hold."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one part holds."""

    parts: tuple[Node, ...]


Condition: TypeAlias = Compare | In | Contains | Exists
Node: TypeAlias = Condition | Not | And | Or


def conditions(node: Node) -> Iterator[Condition]:
    """Give the leaves of a filter, from left to right."""
    match node:
        case Not(part):
            yield from conditions(part)
        case And(parts) | Or(parts):
            for part in parts:
                yield from conditions(part)
        case _:
            yield node


def matches(node: Node | None, metadata: Mapping[str, Any]) -> bool:
    """Tell whether a document passes; None passes everything.

    Args:
        node: From `where.parse`.
        metadata: JSON-ready, with the built-in fields laid over it (`fields.with_built_in`).

    Example:
        >>> matches(Compare("year", ">=", 2020), {"year": 2021})
        True
    """
    return node is None or _holds(node, flatten(metadata))


def _holds(node: Node, values: set[FieldValue]) -> bool:
    match node:
        case Not(part):
            return not _holds(part, values)
        case And(parts):
            return all(_holds(part, values) for part in parts)
        case Or(parts):
            return any(_holds(part, values) for part in parts)
    return any(_satisfies(node, item) for item in values if item.name == node.field)


def _satisfies(condition: Condition, item: FieldValue) -> bool:
    match condition:
        case Exists():
            return True
        case Compare(_, op, value):
            return _comparable(item, value) and bool(_COMPARE[op](item.value, sql_value(value)))
        case In(_, values):
            return any(_comparable(item, value) and item.value == sql_value(value) for value in values)
    if item.listed:
        return _comparable(item, condition.value) and item.value == sql_value(condition.value)
    return item.kind == "text" and isinstance(condition.value, str) and condition.value in str(item.value)


def _comparable(item: FieldValue, value: Scalar) -> bool:
    return item.kind not in CONTAINERS and item.kind == kind_of(value)


def sql_value(value: Scalar) -> str | int | float:
    """Give a scalar as the field values hold it: bools as 0 and 1, integers beyond 64 bits as floats."""
    return value if isinstance(value, str) else sql_number(value) if not isinstance(value, bool) else int(value)
