"""A JSON file: a list of rows with text is read as rows, anything else as one document of lines `path: value`.

Such a line reads like a sentence, is found by the words of its keys, and is cited whole.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ragkit.errors import LoadError, shorten
from ragkit.ingest.document import Failure, LoadedDocument, SourceFile
from ragkit.ingest.encoding import decode
from ragkit.ingest.loaders.rows import row_document
from ragkit.ingest.reading import read_whole
from ragkit.text.clean import normalise

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["MAX_JSON_BYTES", "flatten", "read_json"]

MAX_JSON_BYTES = 64 * 1024 * 1024
"""Largest JSON file; in memory its values take ten times as much."""
_MAX_STEPS = 6  # of a path, the last that are shown: what nests deep would be all path and no value
_MAX_KEY = 100
_TEXT_FIELDS = ("text", "contents")
_TITLES = ("title", "name")


def read_json(
    file: SourceFile, *, text_column: str = "text", at: Callable[[int], None] = lambda _: None
) -> Iterator[LoadedDocument | Failure]:
    """Read a file that is one JSON value.

    A list of objects that all have a text field is read as the same objects in JSONL would be, each a document.
    Anything else is one document: a line `path: value` for every value, with blank lines around what a member of the
    outermost object or list holds.

    Args:
        file: The file.
        text_column: Looked for before `text` and `contents`.
        at: Told how many bytes were read.

    Raises:
        LoadError: If it is no JSON, nests deeper than Python reads, is larger than 64 MiB, or holds no value.
    """
    data = read_whole(file.path, file.source, limit=MAX_JSON_BYTES)
    at(len(data))
    try:
        value = json.loads(decode(data, path=file.source))
    except (ValueError, RecursionError) as error:
        if isinstance(error, LoadError):
            raise
        reason = "nests too deep" if isinstance(error, RecursionError) else shorten(error)
        raise LoadError(file.source, f"is not valid JSON: {reason}") from error
    fields = tuple(dict.fromkeys((text_column, *_TEXT_FIELDS)))
    if isinstance(value, list) and value and all(_is_row(item, fields) for item in value):
        for number, row in enumerate(value, start=1):
            yield row_document(file, row, number=number, text_fields=fields)
        return
    text = normalise("\n".join(flatten(value)))
    if not text.strip():
        raise LoadError(file.source, "the file holds no value")
    yield LoadedDocument(doc_id=file.name, text=text, source=file.source, title=_title(value), syntax="lines")


def flatten(value: Any) -> Iterator[str]:
    r"""Give a line per value that is no object or list: its path, a colon and the value; `null` and `{}` give none.

    Example:
        >>> list(flatten({"name": "Ann", "pets": [{"kind": "cat"}], "none": None}))
        ['name: Ann', '', 'pets[0].kind: cat', '']
    """
    waiting: list[tuple[tuple[str, ...], Any]] = [((), value)]
    while waiting:
        path, item = waiting.pop()
        if isinstance(item, dict | list):
            waiting += reversed(_members(path, item) if path else _outermost(item))
        elif item is _END:
            yield ""
        elif item is not None and item != "":
            yield f"{_shown(path)}: {_said(item)}" if path else _said(item)


def _outermost(item: dict[str, Any] | list[Any]) -> list[tuple[tuple[str, ...], Any]]:
    """Give the members with blank lines around those that hold others."""
    steps: list[tuple[tuple[str, ...], Any]] = []
    for path, inner in _members((), item):
        holds = isinstance(inner, dict | list)
        if holds and steps and steps[-1][1] is not _END:
            steps.append((path, _END))
        steps.append((path, inner))
        if holds:
            steps.append((path, _END))
    return steps


_END = object()


def _members(path: tuple[str, ...], item: dict[str, Any] | list[Any]) -> list[tuple[tuple[str, ...], Any]]:
    kept = path[-_MAX_STEPS:]
    if isinstance(item, dict):
        return [((*kept, f".{key[:_MAX_KEY]}"), inner) for key, inner in item.items()]
    return [((*kept, f"[{number}]"), inner) for number, inner in enumerate(item)]


def _shown(path: Sequence[str]) -> str:
    whole = "".join(path[-_MAX_STEPS:])
    return ("…" if len(path) > _MAX_STEPS else "") + whole.removeprefix(".")


def _said(item: Any) -> str:
    return item if isinstance(item, str) else json.dumps(item)


def _is_row(item: Any, fields: Sequence[str]) -> bool:
    return isinstance(item, dict) and any(isinstance(item.get(name), str) for name in fields)


def _title(value: Any) -> str:
    titles = [value.get(name) for name in _TITLES] if isinstance(value, dict) else []
    return next(
        (" ".join(normalise(title).split()) for title in titles if isinstance(title, str) and title.strip()), ""
    )
