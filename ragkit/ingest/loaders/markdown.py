"""Markdown stays as it is written; a front matter block becomes metadata."""

from __future__ import annotations

import re
from typing import Any

import yaml

from ragkit.errors import LoadError, shorten
from ragkit.ingest.document import LoadedDocument, SourceFile
from ragkit.ingest.encoding import decode
from ragkit.text.clean import normalise

__all__ = ["front_matter", "load_markdown"]

_FRONT_MATTER = re.compile(r"---[ \t]*\n(.*?\n)??(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_HEADING = re.compile(
    r"^ {0,3}#{1,6}[ \t]+(.+?)[ \t]*#*[ \t]*$|^(?![-=#>`|\s])([^\n]+)\n(?:={2,}|-{2,})[ \t]*$", re.MULTILINE
)
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,}).*?(?:^ {0,3}\1|\Z)", re.DOTALL | re.MULTILINE)


def load_markdown(file: SourceFile, data: bytes) -> LoadedDocument:
    """Read a Markdown file; the title is that of the front matter, else the first heading.

    Raises:
        LoadError: If the bytes are no text, the front matter is no YAML mapping, or nothing follows it.
    """
    about, text = front_matter(normalise(decode(data, path=file.source)), path=file.source)
    if not text.strip():
        raise LoadError(file.source, "the file holds no text" + (" beyond its front matter" if about else ""))
    title = about.pop("title", None)
    return LoadedDocument(
        doc_id=file.name,
        text=text,
        source=file.source,
        title=str(title) if title is not None else _first_heading(text),
        metadata=about,
        markdown=True,
    )


def front_matter(text: str, *, path: str) -> tuple[dict[str, Any], str]:
    """Part the leading `---` block from the text; no block gives an empty mapping.

    Raises:
        LoadError: If the block is not a YAML mapping.
    """
    match = _FRONT_MATTER.match(text)
    if match is None:
        return {}, text
    try:
        about = yaml.safe_load(match.group(1) or "")
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a date such as 2024-13-45
        problem = " ".join(str(getattr(error, "problem", None) or error).split())
        raise LoadError(path, f"the front matter is not valid YAML: {shorten(problem)}") from error
    if about is None:
        return {}, text[match.end() :]
    if not isinstance(about, dict):
        # A thematic break may open a file too; then the block is text, not a broken mapping.
        return {}, text
    return {str(key): value for key, value in about.items()}, text[match.end() :]


def _first_heading(text: str) -> str:
    match = _HEADING.search(_FENCE.sub("", text))
    return (match.group(1) or match.group(2)).strip() if match else ""
