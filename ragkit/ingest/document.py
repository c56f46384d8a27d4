"""The values of this room: a file to read, the document that came out, and what could not be read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Failure", "LoadedDocument", "PageStart", "SourceFile"]


class PageStart(NamedTuple):
    """Where a page begins in the stored text."""

    page: int
    """From 1, as a PDF viewer counts."""
    start: int
    """Offset of the page's first character."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file found under one of the paths given."""

    path: Path
    """Where to open it."""
    root: str
    """Absolute path of the root it belongs to."""
    name: str
    """Path relative to the root, in posix form: the `doc_id` of its document."""
    source: str
    """The path as the user gave it, joined with `name`: relative where it was given relative."""
    size: int = 0
    """Bytes, for progress only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedDocument:
    """One document as text, before it is cut."""

    doc_id: str
    """Unique in its collection."""
    text: str
    """As it will be stored: offsets of pages and chunks count its characters."""
    source: str = ""
    """Where it came from, as the user wrote the path."""
    title: str = ""
    """From metadata, front matter or the first heading; empty where none is known."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """What else the file says of itself."""
    pages: tuple[PageStart, ...] = ()
    """Pages that hold text, in order; empty for formats without pages."""
    line: int = 0
    """Line on which a row begins, from 1; 0 for a file that is one document."""
    markdown: bool = False
    """Whether `text` is Markdown, so that headings, tables and code blocks guide the cutting."""
    syntax: str = ""
    """A key of `ragkit.text.syntax.SYNTAXES`, so that definitions guide the cutting; empty for prose and Markdown."""

    @property
    def place(self) -> str:
        """Where it stands, for messages: `source`, or `source:line` for a row."""
        return f"{self.source}:{self.line}" if self.line else self.source


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A file, folder or row that gave no document; everything else went on."""

    path: str
    """The path as the user gave it; `path:line` for a row."""
    reason: str
    """One sentence."""
    doc_id: str = ""
    """The document it would have been, where that is known; empty for a row that could not be parsed."""

    def as_dict(self) -> dict[str, str]:
        """Give the failure as in the JSON of `ragkit index --json`."""
        return {"path": self.path, "reason": self.reason}
