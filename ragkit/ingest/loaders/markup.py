"""A stream of tags and text becomes Markdown: headings, paragraphs, lists, tables and code, nothing else.

Takes the tags of HTML; emphasis, links and images give their text only, so that a quote reads as the page does.
Works from events, not from a tree, so that no depth of nesting matters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Block", "MarkdownWriter", "first_heading", "join_blocks"]

_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BLOCKS = frozenset(
    {"address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "div", "dl", "dt"}
    | {"fieldset", "figcaption", "figure", "footer", "form", "header", "hr", "html", "legend", "main", "nav"}
    | {"optgroup", "option", "p", "quote", "section", "summary"}
)
_LAYOUT_CHARS = 1000  # a cell longer than this is a column of a page, not of a table
_BREAK = "\v"
_FOOTNOTE_MARK = re.compile(r"\s*\[[^\]]{1,12}\]\s*")
_EDIT_MARK = re.compile(r"\s*\[\s*(?:edit)?\s*\]$")
_LIKE_HEADING = re.compile(r"(?=#{1,6}\s)")
_LIKE_FENCE = re.compile(r"`{3,}")


@dataclass(slots=True)
class _Table:
    rows: list[list[str]] = field(default_factory=list)
    layout: bool = False


@dataclass(slots=True)
class _List:
    ordered: bool
    items: int = 0


@dataclass(frozen=True, slots=True)
class Block:
    """One piece of a page, already Markdown."""

    kind: str
    """`heading`, `paragraph`, `item`, `table` or `code`."""
    text: str
    """Without blank lines around it."""


class MarkdownWriter:
    """Feed it `start`, `data` and `end` in document order, then ask for `blocks()`."""

    def __init__(self) -> None:
        self.footnote_marks: set[str] = set()
        """Marks such as `[12]` that stood raised on the page and were left out."""
        self._blocks: list[Block] = []
        self._inline: list[str] = []
        self._lists: list[_List] = []
        self._tables: list[_Table] = []
        self._superscripts: list[int] = []
        self._heading = 0
        self._pre = 0
        self._in_cell = False
        self._marker = ""

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Open an element."""
        if tag in _HEADINGS:
            self._flush()
            self._heading = _HEADINGS[tag]
        elif tag in ("ul", "ol", "menu"):
            self._flush()
            self._lists.append(_List(ordered=tag == "ol"))
        elif tag == "li":
            self._start_item()
        elif tag in ("table", "tr", "td", "th"):
            self._start_table_part(tag)
        elif tag == "pre":
            self._flush()
            self._pre += 1
        elif tag == "br":
            self._inline.append(_BREAK)
        elif tag == "sup":
            self._superscripts.append(len(self._inline))
        elif tag in _BLOCKS:
            self._flush()

    def end(self, tag: str) -> None:
        """Close an element."""
        if tag in _HEADINGS:
            self._end_heading()
        elif tag in ("ul", "ol", "menu"):
            self._flush()
            self._lists = self._lists[:-1]
        elif tag in ("table", "tr", "td", "th"):
            self._end_table_part(tag)
        elif tag == "pre":
            self._end_code()
        elif tag == "sup":
            self._end_superscript()
        elif tag in _BLOCKS or tag == "li":
            self._flush()

    def data(self, text: str) -> None:
        """Take text between tags."""
        self._inline.append(text if self._pre else text.replace(_BREAK, " "))

    def item(self, text: str, *, marker: str, depth: int) -> None:
        """Take a list item whose marker, such as `3. `, and depth, from 0, are known."""
        self._flush()
        lines = [" ".join(line.split()) for line in text.split("\n")]
        inner = "  " * min(depth, 7)
        first, *others = [line for line in lines if line] or [""]
        shown = [inner + marker + first, *(inner + "  " + line for line in others)]
        self._blocks.append(Block("item", "\n".join(shown)))

    def blocks(self) -> list[Block]:
        """Give what has come so far."""
        self._flush()
        return list(self._blocks)

    def _take_inline(self) -> str:
        """Empty the buffer: white space collapsed, line breaks of the page kept."""
        raw, self._inline = "".join(self._inline), []
        self._superscripts = [0] * len(self._superscripts)
        lines = (" ".join(line.split()) for line in raw.split(_BREAK))
        return "\n".join(line for line in lines if line)

    def _flush(self) -> None:
        if self._pre:
            return
        if self._in_cell:
            self._inline.append(_BREAK)
            return
        if not (text := self._take_inline()):
            return
        if self._heading:
            self._add_heading(text)
        elif self._lists:
            self._add_item(text)
        else:
            self._blocks.append(Block("paragraph", _LIKE_HEADING.sub(r"\\", text, count=1)))

    def _end_heading(self) -> None:
        self._flush()
        self._heading = 0

    def _add_heading(self, text: str) -> None:
        text = _EDIT_MARK.sub("", text.replace("\n", " "))
        if text:
            self._blocks.append(Block("heading", f"{'#' * self._heading} {text}"))

    def _start_item(self) -> None:
        self._flush()
        if self._lists:
            self._lists[-1].items += 1
            self._marker = f"{self._lists[-1].items}. " if self._lists[-1].ordered else "- "

    def _add_item(self, text: str) -> None:
        indent = "  " * (min(len(self._lists), 8) - 1)
        lines = text.split("\n")
        first = indent + (self._marker or "  ") + lines[0]
        self._blocks.append(Block("item", "\n".join([first, *(f"{indent}  {line}" for line in lines[1:])])))
        self._marker = ""

    def _end_superscript(self) -> None:
        """Leave out a footnote's mark such as [12]: it is no part of the sentence, and citations look the same."""
        if self._superscripts:
            start = self._superscripts.pop()
            if _FOOTNOTE_MARK.fullmatch(mark := "".join(self._inline[start:])):
                self.footnote_marks.add(mark.strip())
                del self._inline[start:]

    def _end_code(self) -> None:
        self._pre = max(0, self._pre - 1)
        if self._pre or self._in_cell:
            return
        code, self._inline = "".join(self._inline).replace(_BREAK, "\n").strip("\n"), []
        if code.strip():
            fence = "`" * max([3, *(len(run) + 1 for run in _LIKE_FENCE.findall(code))])
            self._blocks.append(Block("code", f"{fence}\n{code}\n{fence}"))

    def _start_table_part(self, tag: str) -> None:
        if tag == "table":
            if self._in_cell:  # a table within a cell: the outer one only lays out the page
                self._in_cell = False
                self._emit_table(self._tables[-1])
                self._tables[-1] = _Table(layout=True)
            self._flush()
            self._tables.append(_Table())
        elif self._tables and not self._tables[-1].layout:
            if tag == "tr":
                self._tables[-1].rows.append([])
            else:
                self._inline = [] if self._in_cell or not "".join(self._inline).strip() else self._inline
                self._flush()
                self._in_cell = True

    def _end_table_part(self, tag: str) -> None:
        if not self._tables or (tag != "table" and self._tables[-1].layout):
            self._flush()
        elif tag == "table":
            self._in_cell = False
            self._flush()
            self._emit_table(self._tables.pop())
        elif tag != "tr" and self._in_cell:
            self._in_cell = False
            rows = self._tables[-1].rows
            if not rows:
                rows.append([])
            rows[-1].append(self._take_inline())

    def _emit_table(self, table: _Table) -> None:
        rows = [row for row in table.rows if any(row)]
        width = max(map(len, rows), default=0)
        if width < 2 or any(len(cell) > _LAYOUT_CHARS for row in rows for cell in row):
            lines = [line for row in rows for cell in row for line in cell.split("\n") if line]
            self._blocks.extend(Block("paragraph", line) for line in lines)
            return
        lines = [_row(row, width) for row in rows]
        lines.insert(1, "|" + " --- |" * width)
        self._blocks.append(Block("table", "\n".join(lines)))


def join_blocks(blocks: Sequence[Block]) -> str:
    """Give the Markdown of a page: items on lines of their own, other blocks with a blank line between."""
    parts: list[str] = []
    for index, block in enumerate(blocks):
        if index:
            parts.append("\n" if block.kind == blocks[index - 1].kind == "item" else "\n\n")
        parts.append(block.text)
    return "".join(parts)


def first_heading(blocks: Sequence[Block]) -> str:
    """Give the text of the first heading, empty where there is none."""
    return next((block.text.lstrip("# ") for block in blocks if block.kind == "heading"), "")


def _row(cells: list[str], width: int) -> str:
    flat = [cell.replace("\n", " ").replace("|", "\\|") for cell in cells]
    return "| " + " | ".join(flat + [""] * (width - len(flat))) + " |"
