"""The filter language, one for every store: `parse` reads it, `matches` says what it means, `to_sql` makes it fast.

A comparison needs the field to be there. `!=` is exactly `not =`, and `not in` exactly `not (in)`: both hold for
documents without the field. On a list a comparison holds if it holds for any element; `contains` means membership in
a list, part of a text. Dates are ISO 8601 text. `true` and `false` have no order.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ragkit.errors import WhereError, shorten
from ragkit.store.conditions import Compare, Condition, Contains, In, Node, conditions, matches
from ragkit.store.where_dict import read_mapping
from ragkit.store.where_sql import to_sql
from ragkit.store.where_text import read_text

if TYPE_CHECKING:
    from ragkit.store.fields import Scalar

__all__ = ["matches", "parse", "to_sql"]

_MOST_CONDITIONS = 500
_MOST_VALUES = 20_000


def parse(where: str | Mapping[str, Any] | None) -> Node | None:
    """Read a filter.

    Args:
        where: The text form, the mapping form, or None. Empty text and an empty mapping filter nothing, as None.

    Raises:
        WhereError: If it cannot be read, or is larger than a database can answer.

    Example:
        >>> parse("year >= 2020") == parse({"year": {"$gte": 2020}})
        True
    """
    if where is None or (isinstance(where, str | Mapping) and not (where.strip() if isinstance(where, str) else where)):
        return None
    if isinstance(where, str):
        node = read_text(where)
    elif isinstance(where, Mapping):
        node = read_mapping(where)
    else:
        raise WhereError(f"where must be text or a mapping, got {type(where).__name__}.")
    _check(node)
    return node


def _check(node: Node) -> None:
    leaves = list(conditions(node))
    values = [value for leaf in leaves for value in _values(leaf)]
    if len(leaves) > _MOST_CONDITIONS or len(values) > _MOST_VALUES:
        raise WhereError(
            f"the filter has {len(leaves)} conditions and {len(values)} values; at most {_MOST_CONDITIONS} and "
            f"{_MOST_VALUES} can be answered: split it."
        )
    for leaf in leaves:
        for value in _values(leaf):
            _check_value(leaf, value)


def _values(leaf: Condition) -> tuple[Scalar, ...]:
    match leaf:
        case In(_, values):
            return values
        case Compare(_, _, value) | Contains(_, value):
            return (value,)
    return ()


def _check_value(leaf: Condition, value: Scalar) -> None:
    if isinstance(value, bool) and isinstance(leaf, Compare) and leaf.op != "=":
        raise WhereError(f"field {leaf.field!r}: {str(value).lower()} has no order; use = or !=.")
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise WhereError(f"field {leaf.field!r} is compared with a lone surrogate: {error}.") from error
    elif not _finite(value):
        raise WhereError(f"field {leaf.field!r} is compared with {shorten(repr(value))}; expected a finite number.")


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        return False
