"""Sentences as exact slices of a text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ragkit.text.blocks import Block, split_blocks
from ragkit.text.prose import split_prose
from ragkit.text.spans import Span

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["split_sentences"]

_LINE = re.compile(r"\S(?:[^\n]*\S)?")
_DELIMITER_ROW = re.compile(r"[|:\-\s]+\Z")


def split_sentences(text: str) -> list[Span]:
    """Split `text` into sentences and units like them, in order, without overlap.

    A heading, a list item's sentences, a row of a table and a whole fenced code block are units; the delimiter row of
    a Markdown table belongs to its header. A blank line always ends a sentence, a soft line wrap never. In doubt two
    sentences stay together: an abbreviation, an initial or a dotted name ends a sentence only before a word that
    often begins one. Linear in the length of `text`.

    Args:
        text: Cleaned text, plain or Markdown; pieces of documents are fine.

    Returns:
        Slices without whitespace around them, which hold every character of `text` that is no whitespace.

    Example:
        >>> text = "Dr. Smith paid 3.5 %. Then he left!"
        >>> [text[start:end] for start, end in split_sentences(text)]
        ['Dr. Smith paid 3.5 %.', 'Then he left!']
    """
    return [span for block in split_blocks(text, markdown=True) for span in block_units(text, block)]


def block_units(text: str, block: Block) -> Iterator[Span]:
    """Give the units of one block of `text`: its sentences, its rows, or the whole of it."""
    if block.kind == "table":
        yield from _rows(text, block)
    elif block.kind in ("heading", "code"):
        yield trimmed(text, block.start, block.end)
    else:
        yield from split_prose(text, block.start, block.end)


def trimmed(text: str, start: int, end: int) -> Span:
    """Give `text[start:end]` without whitespace around it."""
    piece = text[start:end]
    start += len(piece) - len(piece.lstrip())
    return Span(start, start + len(piece.strip()))


def _rows(text: str, block: Block) -> list[Span]:
    rows: list[Span] = []
    for line in _LINE.finditer(text, block.start, block.end):
        if rows and _DELIMITER_ROW.match(line.group()):
            rows[-1] = Span(rows[-1].start, line.end())
        else:
            rows.append(Span(line.start(), line.end()))
    return rows
