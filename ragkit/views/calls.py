"""What a call of the vector store may say besides the query and k, checked by name: a typing error is not ignored."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from ragkit.errors import InputError, WhereError, shorten

__all__ = ["SearchCall", "Where", "as_where", "check_options", "search_call"]

Where: TypeAlias = "str | Mapping[str, Any] | None"
"""A filter; see `ragkit.store.where`."""


@dataclass(frozen=True, slots=True)
class SearchCall:
    """The knobs of one search."""

    where: Where = None
    """What may be found."""
    exact: bool = False
    """Scan every vector, also where an approximate index would answer."""
    least: float | None = None
    """Only hits of at least this cosine."""


def search_call(options: Mapping[str, Any]) -> SearchCall:
    """Read what LangChain passes on as keyword arguments.

    Args:
        options: Some of `filter` or `where`, `exact`, `score_threshold`, and `fetch_k`, which FAISS needs for filters
            and which changes nothing here.

    Raises:
        InputError: If another name is among them.
        WhereError: If the filter is a function, or both filters are given.
    """
    check_options(options, ("exact", "fetch_k", "filter", "score_threshold", "where"))
    if options.get("filter") is not None and options.get("where") is not None:
        raise WhereError("filter and where are two names for one thing: give one of them.")
    where = options.get("where") if options.get("filter") is None else options["filter"]
    least = options.get("score_threshold")
    return SearchCall(as_where(where), bool(options.get("exact", False)), None if least is None else float(least))


def check_options(options: Mapping[str, Any], known: tuple[str, ...]) -> None:
    """Refuse a keyword argument that nobody would read.

    Raises:
        InputError: Naming the first such.
    """
    for name in options:
        if name not in known:
            raise InputError(f"{shorten(name)!r} is no argument of this call: expected some of {', '.join(known)}.")


def as_where(where: Where | Callable[..., object]) -> Where:
    """Give a filter as the store reads it; the mappings that LangChain's FAISS takes mean what they mean there.

    That is: a list as a value stands for any of its elements, None for a field that is missing, `$neq` for `!=`.

    Raises:
        WhereError: If it is a function.

    Example:
        >>> as_where({"lang": ["de", "en"], "year": {"$neq": 2020}, "draft": None})
        {'lang': {'in': ['de', 'en']}, 'year': {'!=': 2020}, 'draft': {'exists': False}}
    """
    if callable(where):
        raise WhereError(
            'a filter that is a function would have to see every document: write it as where="year >= 2020" or as a '
            "mapping."
        )
    return {name: _entry(name, value) for name, value in where.items()} if isinstance(where, Mapping) else where


def _entry(name: Any, value: Any) -> Any:
    if name in ("and", "or", "$and", "$or") and isinstance(value, list | tuple):
        return [as_where(part) for part in value]
    if name in ("not", "$not"):
        return as_where(value)
    if isinstance(value, list | tuple | set | frozenset):
        return {"in": list(value)}
    if isinstance(value, Mapping):
        return {"!=" if test == "$neq" else test: operand for test, operand in value.items()}
    return {"exists": False} if value is None else value
