"""The outline of source code: which lines belong to which definition, told by indentation and one pattern each.

Nothing is parsed, so nothing can fail: a file with a syntax error has an outline like any other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from ragkit.text.blocks import Block, split_blocks
from ragkit.text.outline import Section
from ragkit.text.syntax import SYNTAXES, Syntax

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["definitions"]

_MAX_OUTLINED_CHARS = 8_000_000  # longer than any program a person wrote: it is cut between its lines only
_MAX_LINE_CHARS = 300  # of a line, what is looked at for a definition
_MAX_DEPTH = 6
_MAX_NAME = 100
_GOES_ON = re.compile(
    r"[)\]}{#]|-(?:\s|$)|end\b|else\b|elif\b|except\b|finally\b|rescue\b|catch\b|(?:public|private|protected):"
)
_LEADS = re.compile(r"@|#\[|\[[A-Z]|template\b")
_COMMENT_SIGNS = frozenset("#/*-%")
_SIGN = re.compile(r"\S")


class _Line(NamedTuple):
    start: int
    """First character of the line."""
    at: int
    """First that is no whitespace; the line's end for a blank line."""
    end: int
    """One past the last that is no whitespace."""
    text: str
    """What is looked at of it, from `at` on, comments and strings blanked; empty for a blank line."""
    quiet: bool
    """Whether it is blank, or nothing but comment or string."""
    is_comment: bool
    """Whether it is nothing but comment."""


class _Mark(NamedTuple):
    """A section begins."""

    line: int
    """Number of its first line."""
    level: int
    """Depth; 1 for what stands at the top."""
    above: tuple[str, ...]
    """Names of the definitions around it."""
    name: str
    """Its own; empty for what goes on after an inner definition."""


@dataclass(slots=True)
class _Scope:
    """The definitions that a line stands in, outermost first."""

    indents: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    @property
    def path(self) -> tuple[str, ...]:
        return tuple(self.names)

    def leave(self, indent: int) -> bool:
        """Leave every definition indented as far or further; tell whether there was one."""
        before = len(self.indents)
        while self.indents and self.indents[-1] >= indent:
            self.indents.pop()
            self.names.pop()
        return len(self.indents) < before

    def enter(self, indent: int, name: str) -> None:
        self.indents.append(indent)
        self.names.append(name)


def definitions(text: str, syntax: str) -> list[Section]:
    r"""Group the lines of `text` into sections: one per definition, and one for what stands between two.

    A definition begins with the decorators, attributes and comments directly above it, and ends where a line is
    indented no further than its first, unless that line only closes it (`}`, `end`, `else`). Definitions deeper than
    six belong to the sixth.

    Args:
        text: Cleaned text (`ragkit.text.clean`).
        syntax: A key of `SYNTAXES`.

    Returns:
        Sections in order, whose blocks hold every character that is no whitespace: runs of lines without a blank
        line between, or for prose its paragraphs and list items.

    Raises:
        KeyError: If there is no such syntax.

    Example:
        >>> text = "import os\n\nclass Cat:\n    def sleep(self):\n        pass\n"
        >>> [section.path for section in definitions(text, "python")]
        [(), ('Cat',), ('Cat', 'sleep')]
    """
    known = SYNTAXES[syntax]
    if len(text) > _MAX_OUTLINED_CHARS:
        known = SYNTAXES["lines"]
    lines = _read_lines(text, known)
    marks = _marks(lines, known) if known.define else []
    if not marks or marks[0].line > 0:
        marks.insert(0, _Mark(0, 0, (), ""))
    sections = []
    for mark, after in zip(marks, [*(mark.line for mark in marks[1:]), len(lines)], strict=True):
        if blocks := _blocks(text, lines[mark.line : after], prose=known.prose):
            sections.append(Section(mark.level, mark.above, mark.name, tuple(blocks)))
    return sections


def _read_lines(text: str, syntax: Syntax) -> list[_Line]:
    bare = syntax.quiet.sub(_blank, text) if syntax.quiet else text
    lines = []
    start = 0
    while start <= len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        first = _SIGN.search(text, start, end)
        at = first.start() if first else end
        seen = bare[at : min(end, at + _MAX_LINE_CHARS)]
        quiet = not seen.strip()
        last = at + len(text[at:end].rstrip())
        lines.append(_Line(start, at, last, seen, quiet, quiet and at < end and text[at] in _COMMENT_SIGNS))
        start = end + 1
    return lines


def _blank(match: re.Match[str]) -> str:
    """Give as many signs that say nothing, line ends kept."""
    found = match.group()
    return "\n".join(" " * len(line) for line in found.split("\n")) if "\n" in found else " " * len(found)


def _marks(lines: Sequence[_Line], syntax: Syntax) -> list[_Mark]:
    scope = _Scope()
    marks: list[_Mark] = []
    left = False
    for number, line in enumerate(lines):
        found = syntax.define.match(line.text) if syntax.define and not line.quiet else None
        if line.quiet or (syntax.flat and not found):
            continue
        left |= scope.leave(_depth(line, found, syntax))
        if found and len(scope.names) < _MAX_DEPTH:
            first = _lead(lines, number)
            while marks and marks[-1].line >= first:
                marks.pop()
            name = " ".join(found[found.lastindex or 0].split())[:_MAX_NAME]
            marks.append(_Mark(first, len(scope.names) + 1, scope.path, name))
            scope.enter(_depth(line, found, syntax), name)
            left = False
        elif left and not _GOES_ON.match(line.text):  # a closing bracket stays with what it closes
            marks.append(_Mark(number, len(scope.names) + 1, scope.path, ""))
            left = False
    return marks


def _depth(line: _Line, found: re.Match[str] | None, syntax: Syntax) -> int:
    """Give what definitions are compared by: indentation, or the level of a heading."""
    if syntax.flat:
        return len(found["depth"]) if found and "depth" in found.groupdict() else 0
    indent = line.at - line.start
    return indent + 1 if found is None and _GOES_ON.match(line.text) else indent


def _lead(lines: Sequence[_Line], number: int) -> int:
    """Give the first of the comments, decorators and attributes directly above a definition, or itself."""
    while number and (lines[number - 1].is_comment or _LEADS.match(lines[number - 1].text)):
        number -= 1
    return number


def _blocks(text: str, lines: Sequence[_Line], *, prose: bool) -> list[Block]:
    if prose:
        start, end = lines[0].start, lines[-1].end
        found = split_blocks(text[start:end], markdown=False)
        return [replace(block, start=block.start + start, end=block.end + start) for block in found]
    runs: list[Block] = []
    goes_on = False
    for line in lines:
        if line.text:
            runs.append(Block("code", runs.pop().start if goes_on else line.start, line.end))
        goes_on = bool(line.text)
    return runs
