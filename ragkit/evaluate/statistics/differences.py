"""Which measures are differences of two values of one row: below 0 is possible even where no row happens to be."""

from __future__ import annotations

import re

__all__ = ["is_difference"]

_WORDS = frozenset({"change", "difference", "gap"})
_MINUS = re.compile(r"(\w+)@[\d.]+-\1@[\d.]+")  # right@0.8-right@0


def is_difference(measure: str) -> bool:
    """Tell from a measure's name whether it is a difference, from -1 to 1 where what it is of is from 0 to 1.

    Example:
        >>> is_difference("right_change"), is_difference("name/first: support_gap"), is_difference("support")
        (True, True, False)
    """
    return not _WORDS.isdisjoint(re.findall(r"[a-z]+", measure.lower())) or bool(_MINUS.fullmatch(measure))
