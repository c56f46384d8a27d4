"""The filter language as a mapping: `{"year": {">=": 2020}, "lang": "en"}`.

Fields of one mapping must all pass. `and`, `or` take a list of filters, `not` one filter. Operators are those of the
text form; the names LangChain users know (`$eq $ne $lt $lte $gt $gte $in $nin $contains $exists $and $or $not`) too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ragkit.errors import WhereError, shorten
from ragkit.store.conditions import And, Compare, Comparison, Contains, Exists, In, Node, Not, Or

if TYPE_CHECKING:
    from ragkit.store.fields import Scalar

__all__ = ["read_mapping"]

_SAME_AS = {
    "==": "=",
    "$eq": "=",
    "$ne": "!=",
    "$lt": "<",
    "$lte": "<=",
    "$gt": ">",
    "$gte": ">=",
    "$in": "in",
    "$nin": "not in",
    "$contains": "contains",
    "$exists": "exists",
    "$and": "and",
    "$or": "or",
    "$not": "not",
}
_OPERATORS = "= != < <= > >= in, not in, contains, not contains, exists, not"
_DEEPEST = 50


def read_mapping(where: Mapping[str, Any]) -> Node:
    """Read a filter that is not empty.

    Raises:
        WhereError: Naming the key or value that does not fit.
    """
    return _filter(where, 0)


def _filter(where: Any, depth: int) -> Node:
    if not isinstance(where, Mapping) or not where:
        raise WhereError(f"a filter must be a mapping with at least one field, got {shorten(repr(where))}.")
    if depth > _DEEPEST:
        raise WhereError(f"the filter is nested more than {_DEEPEST} deep: write it flatter.")
    return _all([_entry(key, value, depth + 1) for key, value in where.items()])


def _all(parts: Sequence[Node]) -> Node:
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def _entry(key: Any, value: Any, depth: int) -> Node:
    if not isinstance(key, str):
        raise WhereError(f"a field name must be text, got {shorten(repr(key))}.")
    match _SAME_AS.get(key, key):
        case "and":
            return _all(_filters(key, value, depth))
        case "or":
            parts = _filters(key, value, depth)
            return parts[0] if len(parts) == 1 else Or(tuple(parts))
        case "not":
            return Not(_filter(value, depth))
    if key.startswith("$"):
        raise WhereError(f"unknown operator {shorten(key)!r}: expected a field name, and, or, not.")
    return _tests(key, value, depth)


def _filters(key: str, value: Any, depth: int) -> list[Node]:
    if not isinstance(value, list | tuple) or not value:
        raise WhereError(f"{key!r} takes a list of at least one filter, got {shorten(repr(value))}.")
    return [_filter(item, depth) for item in value]


def _tests(field: str, value: Any, depth: int) -> Node:
    if not isinstance(value, Mapping):
        return Compare(field, "=", _scalar(field, value))
    if not value:
        raise WhereError(f"field {field!r} is given no test: expected one of {_OPERATORS}.")
    if depth > _DEEPEST:
        raise WhereError(f"the filter is nested more than {_DEEPEST} deep: write it flatter.")
    return _all([_test(field, op, operand, depth + 1) for op, operand in value.items()])


def _test(field: str, op: Any, operand: Any, depth: int) -> Node:
    match _SAME_AS.get(op, op):
        case "=" | "<" | "<=" | ">" | ">=" as sign:
            return Compare(field, cast("Comparison", sign), _scalar(field, operand))
        case "!=":
            return Not(Compare(field, "=", _scalar(field, operand)))
        case "in":
            return In(field, _scalars(field, operand))
        case "not in":
            return Not(In(field, _scalars(field, operand)))
        case "contains":
            return Contains(field, _scalar(field, operand))
        case "not contains":
            return Not(Contains(field, _scalar(field, operand)))
        case "exists" if isinstance(operand, bool):
            return Exists(field) if operand else Not(Exists(field))
        case "exists":
            raise WhereError(f"exists of field {field!r} takes true or false, got {shorten(repr(operand))}.")
        case "not" if isinstance(operand, Mapping):
            return Not(_tests(field, operand, depth))
    raise WhereError(f"unknown operator {shorten(repr(op))} for field {field!r}: expected one of {_OPERATORS}.")


def _scalars(field: str, value: Any) -> tuple[Scalar, ...]:
    if not isinstance(value, list | tuple | set | frozenset):
        raise WhereError(f"in of field {field!r} takes a list of values, got {shorten(repr(value))}.")
    return tuple(_scalar(field, item) for item in value)


def _scalar(field: str, value: Any) -> Scalar:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str | int | float):
        return value
    hint = '; use {"exists": false} for a missing field' if value is None else '; use {"in": [...]} for several'
    raise WhereError(
        f"field {field!r} is compared with {shorten(repr(value))}; expected text, a number, true, false "
        f"or a date{hint}."
    )
