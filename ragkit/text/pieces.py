"""The pieces that chunks are packed from: sentences, rows, code and headings with their cost in tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from ragkit.errors import InputError, shorten
from ragkit.text.sentences import block_units, trimmed
from ragkit.text.spans import Span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ragkit.text.blocks import Block
    from ragkit.text.outline import Section

__all__ = ["Piece", "Ruler"]

PieceKind: TypeAlias = Literal["heading", "sentence", "line", "part"]
_Measured: TypeAlias = tuple[int, int, PieceKind, int]  # start, end, kind, cost

_LINE = re.compile(r"[^\n]*\S")
_WORD = re.compile(r"\S+")
_MOST_CHARS_PER_TOKEN = 8  # of a section that is measured as a whole; English has about 4.5
_CHARS_PER_TOKEN = 64  # no model reads more of a text in one token, but for a word it does not know


class Piece(NamedTuple):
    """What is never cut further: the slice `text[start:end]`."""

    start: int
    """First character."""
    end: int
    """One past the last character."""
    kind: PieceKind
    """`line` is a row, a line of code or the whole of a table or fence; `part` a part of something too long."""
    block: int
    """First character of the block it belongs to."""
    cost: int
    """Tokens it adds to a chunk, whitespace after it included."""
    headings: tuple[str, ...]
    """Titles above a chunk that begins with it."""


@dataclass(frozen=True, slots=True)
class Ruler:
    """Measures and cuts the pieces of one text."""

    text: str
    """The whole text."""
    count: Callable[[str], int]
    """Tokens of a text."""
    overhead: int
    """Tokens of the empty text, paid once per chunk."""

    def pieces(self, section: Section, budget: int) -> list[Piece]:
        """Give the pieces of a section, each of which alone counts at most `budget`.

        Raises:
            InputError: If a single character counts more.
        """
        found: list[Piece] = []
        limits = [*(block.start for block in section.blocks[1:]), section.blocks[-1].end]
        for block, limit in zip(section.blocks, limits, strict=True):
            headings = section.above if block.kind == "heading" else section.path
            for start, end, kind, cost in self._of_block(block, limit, budget):
                found.append(Piece(start, end, kind, block.start, cost, headings))
        return found

    def whole(self, section: Section, budget: int) -> int | None:
        """Give the tokens that a section adds to a chunk; None if it does not fit, or is too long to try."""
        start, end = section.blocks[0].start, section.blocks[-1].end
        if end - start > budget * _MOST_CHARS_PER_TOKEN:
            return None
        cost = self._cost(start, end)
        return cost if cost + self.overhead <= budget else None

    def fits(self, start: int, end: int, budget: int) -> bool:
        """Tell whether the slice counts at most `budget`."""
        return self.count(self.text[start:end]) <= budget

    def _of_block(self, block: Block, limit: int, budget: int) -> Iterator[_Measured]:
        """Give the pieces of one block, after which `limit` is the first character of the next."""
        kind: PieceKind = "sentence"
        if block.kind == "heading":
            kind = "heading"
        elif block.kind in ("code", "table"):
            kind = "line"
            cost = self._cost(block.start, limit)
            if cost + self.overhead <= budget or self.fits(block.start, block.end, budget):
                yield block.start, block.end, kind, cost
                return
        units = self._lines(block) if block.kind == "code" else list(block_units(self.text, block))
        for unit, after in zip(units, [*(unit.start for unit in units[1:]), limit], strict=True):
            cost = self._cost(unit.start, after)
            if cost + self.overhead <= budget or self.fits(unit.start, unit.end, budget):
                yield unit.start, unit.end, kind, cost
            else:
                yield from self._parts(unit, budget)

    def _cost(self, start: int, end: int) -> int:
        return max(0, self.count(self.text[start:end]) - self.overhead)

    def _lines(self, block: Block) -> list[Span]:
        return [Span(line.start(), line.end()) for line in _LINE.finditer(self.text, block.start, block.end)]

    def _parts(self, unit: Span, budget: int) -> Iterator[_Measured]:
        """Cut what is too long at spaces into parts of about half a chunk's characters, then as far as needed."""
        start = end = unit.start
        for word in _WORD.finditer(self.text, unit.start, unit.end):
            if end > start and word.end() - start > budget // 2:
                yield from self._halves(Span(start, end), budget)
                start = word.start()
            end = word.end()
            # Halving a word of any length would measure all of it again and again.
            while end - start > budget * _CHARS_PER_TOKEN:
                yield from self._halves(Span(start, start + budget * _CHARS_PER_TOKEN // 2), budget)
                start += budget * _CHARS_PER_TOKEN // 2
        yield from self._halves(Span(start, end), budget)

    def _halves(self, span: Span, budget: int) -> Iterator[_Measured]:
        """Give `span` if it fits, else its halves, cut at the space or else the character nearest the middle."""
        todo = [span]
        while todo:
            start, end = todo.pop()
            if start == end:  # what was cut off was all whitespace
                continue
            if self.fits(start, end, budget):
                yield start, end, "part", self._cost(start, end)
                continue
            if end - start == 1:
                raise InputError(
                    f"max_tokens leaves room for {budget} tokens, but {shorten(repr(self.text[start:end]))} alone "
                    f"counts {self.count(self.text[start:end])}: raise max_tokens."
                )
            cut = self._middle(start, end)
            todo += [trimmed(self.text, cut, end), trimmed(self.text, start, cut)]

    def _middle(self, start: int, end: int) -> int:
        middle = (start + end) // 2
        spaces = (found.start() for found in re.compile(r"\s").finditer(self.text, start, end))
        return min(spaces, key=lambda at: abs(at - middle), default=middle)
