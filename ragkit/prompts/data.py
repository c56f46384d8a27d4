"""Documents enter a prompt as data: numbered, their control tokens broken, between lines that nobody can foresee.

Whoever writes a document may write into it that it ends here, or that another source begins. Every line that says so in
earnest bears a mark of fifteen digits that is drawn after the document was written: `mark_for` makes it, `fenced` lays
the sources out. Digits, for a tokenizer cuts them all alike: whatever is drawn takes equally many tokens.
"""

from __future__ import annotations

import dataclasses
import json
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from itertools import count
from pathlib import PurePath
from typing import Any

from langchain_core.documents import Document
from langchain_core.messages import BaseMessage

from ragkit.errors import InputError, shorten
from ragkit.prompts.control import escape_control
from ragkit.types import Hit

__all__ = ["Source", "as_source", "fenced", "mark_for"]

_DIGITS = 15
# Whatever may end a line for a tokenizer, a terminal or `str.splitlines`, and half characters.
_NOT_ON_ONE_LINE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


@dataclass(frozen=True, slots=True)
class Source:
    """A retrieved text and what a model is told of it.

    Raises:
        InputError: If a field is of another type.
    """

    id: str
    """Names it for the program, not for the model, which sees its number; empty where it has no name."""
    text: str = field(repr=False)
    """What it says."""
    title: str = field(default="", repr=False)
    """Its title; empty where it has none."""
    origin: str = ""
    """Where it came from, such as a path or an address; empty where nobody said."""
    page: int | None = None
    """Page on which it starts; None where there are no pages."""

    def __post_init__(self) -> None:
        """Check the types."""
        for name in ("id", "text", "title", "origin"):
            if not isinstance(value := getattr(self, name), str):
                raise InputError(f"a source's {name} must be text, got {type(value).__name__}.")
        if self.page is not None and type(self.page) is not int:
            raise InputError(f"a source's page must be a whole number or None, got {type(self.page).__name__}.")


def as_source(value: Any, /) -> Source:  # Any: whatever retrievers give
    """Give what a retriever found as a `Source`.

    Args:
        value: A `Source`, a text, a `Hit`, a LangChain `Document` (title, source, page and doc_id of its metadata are
            read), or a mapping with `text` (or `page_content`) and any of `id`, `title`, `origin` or `source`, `page`.

    Raises:
        InputError: If it is none of these, or its text is missing; what it says is not shown.

    Example:
        >>> as_source({"text": "BM25 ranks by words.", "source": "notes.md"}).origin
        'notes.md'
    """
    match value:
        case Source():
            return value
        case str():
            return Source("", value)
        case Hit():
            return Source(value.chunk_id or value.doc_id, value.text, value.title, value.source, value.page)
        case Document():
            told = _told(value.metadata)
            return Source(value.id or told["id"], value.page_content, told["title"], told["origin"], told["page"])
        case Mapping():
            return _of_mapping(value)
    raise InputError(
        f"a document must be a text, a Source, a Hit, a LangChain Document or a mapping with text, "
        f"got {shorten(type(value).__name__)}."
    )


def _of_mapping(value: Mapping[Any, Any]) -> Source:
    text = next((value[name] for name in ("text", "page_content") if name in value), None)
    if not isinstance(text, str):
        raise InputError(f"a document given as a mapping needs its text under 'text', got {type(text).__name__}.")
    inner = value.get("metadata")
    return Source(text=text, **_told({**(inner if isinstance(inner, Mapping) else {}), **value}))


def _told(metadata: Mapping[Any, Any]) -> dict[str, Any]:
    """Read the fields of a source out of metadata, where anything may stand under any name."""
    page = metadata.get("page")
    return {
        "id": _word(metadata, "id", "chunk_id", "doc_id"),
        "title": _word(metadata, "title"),
        "origin": _word(metadata, "origin", "source"),
        "page": page if type(page) is int else None,
    }


def _word(metadata: Mapping[Any, Any], *names: str) -> str:
    found = (metadata[name] for name in names if isinstance(metadata.get(name), str | int | PurePath))
    return next((str(value) for value in found if str(value)), "")


def fenced(sources: Iterable[Any], *, mark: str) -> str:  # Any: whatever retrievers give
    r"""Lay sources out, numbered from 1, between lines that bear `mark`.

    A source begins with the line `[n] mark`, followed by its title, and in brackets its origin and page. Control tokens
    are broken (`escape_control`), and no title, however many lines it has, leaves its line.

    Args:
        sources: What `as_source` takes, in the order of their numbers.
        mark: Of `mark_for`; every line that bears it was written here.

    Raises:
        InputError: If a source holds the mark, or is none.

    Example:
        >>> print(fenced([Source("a", "Tea is hot.", "On tea", "tea.md", 2)], mark="271828182845904"))
        <<<SOURCES 271828182845904
        [1] 271828182845904 On tea (tea.md, page 2)
        Tea is hot.
        SOURCES 271828182845904>>>
    """
    numbered = enumerate(map(as_source, sources), 1)
    parts = [f"{_header(n, source, mark)}\n{escape_control(source.text)}" for n, source in numbered]
    body = "".join(f"{part}\n" for part in parts)
    if body.count(mark) != len(parts):
        raise InputError("a source holds the mark that is to fence it: draw another one with mark_for.")
    return f"<<<SOURCES {mark}\n{body}SOURCES {mark}>>>"


def _header(number: int, source: Source, mark: str) -> str:
    place = ", ".join(filter(None, [_line(source.origin), "" if source.page is None else f"page {source.page}"]))
    return " ".join(filter(None, [f"[{number}]", mark, _line(source.title), place and f"({place})"]))


def _line(text: str) -> str:
    return escape_control(_NOT_ON_ONE_LINE.sub(" ", text).strip())


def mark_for(values: Mapping[str, Any], seed: int | None = None) -> str:
    """Draw fifteen digits that stand in none of `values`.

    Args:
        values: All that fills the prompt, by variable: texts, numbers, sources, documents, messages, examples, and
            lists and mappings of them.
        seed: None draws anew on each call. A number makes the same mark for the same values, in every process: it is a
            hash of them, so that whoever writes one of them would have to write its own hash into it. What no model
            reads of a message or a document, such as ids, scores and metadata, changes nothing.

    Raises:
        InputError: If a value is nested hundreds deep, as the arguments of a tool call may be, or holds itself.
    """
    try:
        told = json.dumps(_plain(values), ensure_ascii=False, sort_keys=True)
    except RecursionError:
        raise InputError("a value of the prompt is nested too deeply, or holds itself: leave it out.") from None
    drawn = (_random() if seed is None else _hashed(f"{seed}\0{n}\0{told}") for n in count())
    return next(mark for mark in drawn if mark not in told)


def _random() -> str:
    return f"{secrets.randbelow(10**_DIGITS):0{_DIGITS}}"


def _hashed(told: str) -> str:
    digest = sha256(told.encode("utf-8", "surrogatepass")).digest()
    return f"{int.from_bytes(digest) % 10**_DIGITS:0{_DIGITS}}"


def _plain(value: Any) -> Any:
    """Give what a model may read of a value in JSON's types, the same in every process."""
    match value:
        case None | bool() | str() | int():
            return value
        case float() | date() | PurePath():
            return str(value)
        case bytes() | bytearray():
            return sha256(value).hexdigest()
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
        case Hit() | Document():
            return _plain(as_source(value))
        case BaseMessage():
            return [value.type, value.name, _plain(value.content), _plain(getattr(value, "tool_calls", None))]
        case Sequence():
            return [_plain(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {part.name: _plain(getattr(value, part.name)) for part in dataclasses.fields(value)}
    return type(value).__name__  # nothing of it is ever shown
