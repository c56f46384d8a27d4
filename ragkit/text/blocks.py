"""The blocks a text is made of: headings, paragraphs, list items, tables and fenced code."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Block", "BlockKind", "split_blocks"]

BlockKind: TypeAlias = Literal["heading", "paragraph", "code", "table", "list"]


@dataclass(frozen=True, slots=True)
class Block:
    """One block: the slice `text[start:end]`, without blank lines around it."""

    kind: BlockKind
    """A `list` block is one item with its marker; a `table` or `code` block is the whole of it."""
    start: int
    """First character that is no whitespace; of code, the start of its line, so that indentation stays."""
    end: int
    """One past the last character that is no whitespace."""
    level: int = 0
    """1 to 6 for a heading, else 0."""


class _Line(NamedTuple):
    start: int
    """First character that is no whitespace."""
    end: int
    """One past the last such character; `start` for a blank line."""
    text: str
    """The line without whitespace around it."""
    indent: int
    """Characters of whitespace before it."""


_HEADING = re.compile(r"(#{1,6})(?:[ \t]|$)")
_SETEXT = re.compile(r"(?:=+|-{2,})$")
_FENCE = re.compile(r"(`{3,})[^`]*$|(~{3,})")
_RULE = re.compile(r"(?:\*[ \t]*){3,}$|(?:-[ \t]*){3,}$|(?:_[ \t]*){3,}$")
_DELIMITER_ROW = re.compile(r"\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?$")
_BULLET = re.compile(r"[-*+•‣◦▪●○■□►·][ \t]+\S|[•‣◦▪●■►]")
_DASH = re.compile(r"[–—][ \t]+\S")
_NUMBER = re.compile(r"\(?(\d{1,3}|[A-Za-z]|[ivxIVX]{2,5})[.)][ \t]+\S")
_STOPS = frozenset(".!?:;。！？：；")
_BRACKETS = "\"')]}”’»*_"


def split_blocks(text: str, *, markdown: bool) -> list[Block]:
    r"""Split `text` into blocks that hold every character that is no whitespace, in order, without overlap.

    A blank line ends a block, except in fenced code. Plain text has paragraphs and list items only. Markdown is
    read as CommonMark does, with these differences: indented text is never code (extracted text is indented for
    many reasons); a setext heading is one line; a fence that is never closed ends at the next blank line; each list
    item is a block of its own and a nested one is not told apart; lines that begin with `|` are a table even without
    its delimiter row. A number or letter marks a list item where a sentence can have ended before it, or after an item.

    Args:
        text: Cleaned text (`ragkit.text.clean`), front matter removed.
        markdown: Whether headings, fences, tables and rules are looked for.

    Example:
        >>> [(block.kind, block.level) for block in split_blocks("# Title\n\nText.\n\n- item", markdown=True)]
        [('heading', 1), ('paragraph', 0), ('list', 0)]
    """
    lines = _read_lines(text)
    if markdown:
        return list(_markdown_blocks(lines))
    return list(_prose_blocks(lines, 0, len(lines)))


def _read_lines(text: str) -> list[_Line]:
    lines: list[_Line] = []
    at = 0
    for raw in text.split("\n"):
        stripped = raw.strip()
        indent = len(raw) - len(raw.lstrip()) if stripped else 0
        lines.append(_Line(at + indent, at + indent + len(stripped), stripped, indent))
        at += len(raw) + 1
    return lines


def _markdown_blocks(lines: list[_Line]) -> Iterator[Block]:
    unclosed: dict[str, int] = {}  # fence sign -> shortest fence known to stay open, so that no scan is repeated
    at = pending = 0
    while at < len(lines):
        block, after = _structure_at(lines, at, unclosed, fresh=at == pending)
        if block is None:
            at += 1
            continue
        yield from _prose_blocks(lines, pending, at)
        yield block
        at = pending = after
    yield from _prose_blocks(lines, pending, at)


def _structure_at(lines: list[_Line], at: int, unclosed: dict[str, int], *, fresh: bool) -> tuple[Block | None, int]:
    """Give the heading, code, rule or table that begins at line `at`, and the line after it."""
    line = lines[at]
    if not line.text:
        return None, at
    if fence := _FENCE.match(line.text):
        return _code(lines, at, fence.group(1) or fence.group(2), unclosed)
    if line.indent > 3:
        return _table(lines, at)
    if heading := _HEADING.match(line.text):
        return Block("heading", line.start, line.end, len(heading.group(1))), at + 1
    if _is_setext(lines, at, fresh=fresh):
        return Block("heading", line.start, lines[at + 1].end, 1 if lines[at + 1].text[0] == "=" else 2), at + 2
    if _RULE.match(line.text):
        return Block("paragraph", line.start, line.end), at + 1
    return _table(lines, at)


def _is_setext(lines: list[_Line], at: int, *, fresh: bool) -> bool:
    """Tell whether line `at`, alone in its paragraph, is underlined by the next."""
    if at + 1 == len(lines) or not (fresh or not lines[at - 1].text):
        return False
    under, text = lines[at + 1], lines[at].text
    return bool(_SETEXT.match(under.text)) and under.indent <= 3 and not _BULLET.match(text) and text[0] not in "|>"


def _code(lines: list[_Line], at: int, fence: str, unclosed: dict[str, int]) -> tuple[Block, int]:
    sign, size = fence[0], len(fence)
    last = at
    if size < unclosed.get(sign, size + 1):
        last = next((i for i in range(at + 1, len(lines)) if _closes(lines[i].text, sign, size)), at)
    if last == at:
        unclosed[sign] = min(size, unclosed.get(sign, size))
        while last + 1 < len(lines) and lines[last + 1].text:
            last += 1
    return Block("code", lines[at].start - lines[at].indent, lines[last].end), last + 1


def _closes(text: str, sign: str, size: int) -> bool:
    return len(text) >= size and text == sign * len(text)


def _table(lines: list[_Line], at: int) -> tuple[Block | None, int]:
    after = at
    has_delimiter = at + 1 < len(lines) and "|" in lines[at + 1].text and _DELIMITER_ROW.match(lines[at + 1].text)
    if "|" in lines[at].text and (has_delimiter or lines[at].text[0] == "|"):
        while after < len(lines) and "|" in lines[after].text and (has_delimiter or lines[after].text[0] == "|"):
            after += 1
    return (Block("table", lines[at].start, lines[after - 1].end), after) if after > at else (None, at)


def _prose_blocks(lines: list[_Line], first: int, after: int) -> Iterator[Block]:
    """Cut lines without other structure into paragraphs and list items."""
    kind: BlockKind = "paragraph"
    start = end = -1
    listed = ""
    for i in range(first, after):
        line = lines[i]
        if not line.text:
            if start >= 0:
                yield Block(kind, start, end)
            start = -1
            continue
        begins = start < 0
        marker = _marker(line.text, "" if begins else lines[i - 1].text, "" if begins else listed)
        if marker:
            if not begins:
                yield Block(kind, start, end)
            kind, start, listed = "list", line.start, marker
        elif begins:
            kind, start, listed = "paragraph", line.start, ""
        end = line.end
    if start >= 0:
        yield Block(kind, start, end)


def _marker(text: str, before: str, listed: str) -> str:
    """Name the marker of the list item that a line begins; empty where it begins none.

    Args:
        text: The line.
        before: The line before it in the same block, empty for none.
        listed: The marker of the item that `before` belongs to, empty for none.
    """
    if _BULLET.match(text):
        return "" if _RULE.match(text) else "bullet"
    can_begin = not before or before.rstrip(_BRACKETS)[-1:] in _STOPS
    if _DASH.match(text):
        return "dash" if can_begin or listed == "dash" else ""
    if number := _NUMBER.match(text):
        kind = "digit" if number.group(1).isdigit() else "letter"
        return kind if can_begin or listed == kind or number.group(1) == "1" else ""
    return ""
