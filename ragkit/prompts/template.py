"""Text with slots: `{{name}}` is a slot, every other brace is text, and what fills a slot is never read again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["Piece", "Slot", "Template"]

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
# Backslashes before a slot are its escape and come in pairs, as in most languages; anywhere else they are text.
# The look behind lets no match begin inside a row of them, which would cost the square of its length.
_SLOT = re.compile(rf"(?<!\\)(\\*)\{{\{{[ \t]*({_NAME})[ \t]*\}}\}}")


class Slot(NamedTuple):
    """Where a variable stands."""

    name: str
    offset: int
    """First character of its braces in the template."""


class Piece(NamedTuple):
    """A part of a message: fixed words, or what fills a slot."""

    variable: str
    """The slot's name; empty for fixed words."""
    text: str


@dataclass(frozen=True, slots=True)
class Template:
    r"""Text with slots, read once.

    `{{name}}` and `{{ name }}` are slots; `\{{name}}` is the text `{{name}}`, `\\{{name}}` a backslash and a slot.

    Example:
        >>> [slot.name for slot in Template('{"a": {{value}}} and {this}').slots]
        ['value']
    """

    source: str

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The slots, in order; a name may stand more than once."""
        return tuple(
            Slot(match[2], match.start() + len(match[1]))
            for match in _SLOT.finditer(self.source)
            if len(match[1]) % 2 == 0
        )

    def pieces(self) -> Iterator[Piece]:
        """Give fixed words and slots in order; the text of a slot is empty."""
        at = 0
        for match in _SLOT.finditer(self.source):
            backslashes, is_text = divmod(len(match[1]), 2)
            braces = match[0][len(match[1]) :] if is_text else ""
            if fixed := self.source[at : match.start()] + "\\" * backslashes + braces:
                yield Piece("", fixed)
            if not is_text:
                yield Piece(match[2], "")
            at = match.end()
        if rest := self.source[at:]:
            yield Piece("", rest)
