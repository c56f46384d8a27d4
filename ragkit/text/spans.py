"""A slice of a text."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Span"]


class Span(NamedTuple):
    """The characters `text[start:end]`, counted in Unicode code points.

    Example:
        >>> span = Span(0, 5)
        >>> "Hello world"[span.start : span.end]
        'Hello'
    """

    start: int
    """First character, from 0."""
    end: int
    """One past the last character."""
