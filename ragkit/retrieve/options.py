"""How to search: the knobs, checked when made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from ragkit.errors import ConfigError, InputError, shorten

__all__ = ["Fusion", "Mode", "SearchOptions", "Unit", "as_mode"]

Mode = Literal["hybrid", "dense", "bm25"]
"""Which arms answer: both, the vectors, or the words."""
Fusion = Literal["minmax", "rrf"]
"""How two arms become one: by scaled scores, or by reciprocal ranks."""
Unit = Literal["chunk", "document"]
"""What one hit stands for: a chunk, or the best chunk of a document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOptions:
    """How to search, where the defaults do not fit.

    Raises:
        ConfigError: On construction, if a value does not fit.

    Example:
        >>> SearchOptions(weight=0.7).fusion
        'minmax'
    """

    weight: float = 0.5
    """Share of the dense arm in a hybrid search, from 0 (BM25 decides alone) to 1 (dense decides alone)."""
    fusion: Fusion = "minmax"
    """`"minmax"`: weighted sum of scaled scores; `"rrf"`: reciprocal ranks, constant 60."""
    pool: int = 100
    """Candidates per arm before fusing or diversifying, at least 1; a larger k raises it to k."""
    diversity: float | None = None
    """Lambda of maximal marginal relevance, from 1 (relevance only) to 0 (unlikeness only); None turns it off."""
    unit: Unit = "chunk"
    """`"document"` gives each document once, by its best chunk."""
    exact: bool = False
    """Compare the query with every vector, also where the collection has an approximate index."""

    def __post_init__(self) -> None:
        if not _is_fraction(self.weight):
            raise ConfigError(f"weight must be from 0 (BM25 alone) to 1 (dense alone), got {shorten(self.weight)}.")
        _check_choice("fusion", self.fusion, get_args(Fusion))
        if not isinstance(self.pool, int) or self.pool < 1:
            raise ConfigError(f"pool must be a whole number of at least 1, got {shorten(self.pool)}.")
        if self.diversity is not None and not _is_fraction(self.diversity):
            raise ConfigError(f"diversity must be from 0 to 1, or None to turn it off, got {shorten(self.diversity)}.")
        _check_choice("unit", self.unit, get_args(Unit))


def as_mode(mode: str) -> Mode:
    """Give `mode` as one of the three that exist.

    Raises:
        InputError: If it is none of them.
    """
    for known in get_args(Mode):
        if mode == known:
            return known  # type: ignore[no-any-return]  # get_args is untyped
    raise InputError(f"mode must be hybrid, dense or bm25, got {shorten(repr(mode))}.")


def _is_fraction(value: object) -> bool:
    return isinstance(value, int | float) and 0.0 <= value <= 1.0


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ConfigError(f"{name} must be {' or '.join(choices)}, got {shorten(repr(value))}.")
