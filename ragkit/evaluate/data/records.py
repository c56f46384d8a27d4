"""Rows of JSON and CSV files, whose fields are asked for by name and kind; a wrong one is named by its place."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from ragkit.errors import LoadError, shorten
from ragkit.evaluate.data.lines import bad_line, numbered_lines, open_bytes

__all__ = ["Record", "csv_records", "distinct", "json_document", "json_records"]


class _HasId(Protocol):
    @property
    def id(self) -> str: ...


T = TypeVar("T", bound=_HasId)


@dataclass(frozen=True, slots=True)
class Record:
    """One row and where it stands."""

    place: str
    """File and line, or file and position, for messages."""
    values: Mapping[str, Any]

    def error(self, reason: str) -> LoadError:
        """Give the error that names this row."""
        return LoadError(self.place, reason)

    def text(self, *names: str, default: str | None = None) -> str:
        """Give the text under the first of `names` that is there.

        Raises:
            LoadError: If none is there and there is no default, or it is not text.
        """
        value = self._first(names, default)
        if not isinstance(value, str):
            raise self._wrong(names, "text", value)
        return value

    def identifier(self, *names: str) -> str:
        """Give the id under the first of `names` that is there, as text: the number 7 becomes `7`.

        Raises:
            LoadError: If none is there, or it is neither text nor a whole number, or it is empty.
        """
        value = self._first(names, None)
        if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
            raise self._wrong(names, "an id (text or a whole number, not empty)", value)
        return str(value)

    def whole(self, *names: str) -> int:
        """Give the whole number under the first of `names`, also where it is written as text.

        Raises:
            LoadError: If none is there or it is no whole number.
        """
        value = self._first(names, None)
        if isinstance(value, str) and value.strip().lstrip("+-").isdecimal():
            return int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self._wrong(names, "a whole number", value)
        return value

    def texts(self, *names: str, default: list[str] | None = None) -> list[str]:
        """Give the list of texts under the first of `names`.

        Raises:
            LoadError: If none is there and there is no default, or it is not a list of texts.
        """
        value = self._first(names, default)
        if not isinstance(value, list) or not all(isinstance(part, str) for part in value):
            raise self._wrong(names, "a list of texts", value)
        return value

    def rows(self, *names: str) -> list[Record]:
        """Give the list of objects under the first of `names`, each knowing its place.

        Raises:
            LoadError: If none is there or it is not a list of objects.
        """
        value = self._first(names, None)
        if not isinstance(value, list) or not all(isinstance(part, dict) for part in value):
            raise self._wrong(names, "a list of objects", value)
        return [Record(f"{self.place} {names[0]}[{at}]", part) for at, part in enumerate(value)]

    def row(self, *names: str) -> Record:
        """Give the object under the first of `names`.

        Raises:
            LoadError: If none is there or it is no object.
        """
        value = self._first(names, None)
        if not isinstance(value, dict):
            raise self._wrong(names, "an object", value)
        return Record(f"{self.place} {names[0]}", value)

    def _first(self, names: tuple[str, ...], default: Any) -> Any:
        for name in names:
            if self.values.get(name) is not None:
                return self.values[name]
        if default is None:
            known = ", ".join(map(str, self.values)) or "none"
            raise self.error(f"has no field {' or '.join(map(repr, names))}; its fields are {shorten(known)}.")
        return default

    def _wrong(self, names: tuple[str, ...], expected: str, value: object) -> LoadError:
        named = next((name for name in names if self.values.get(name) is not None), names[0])
        return self.error(f"field {named!r} must be {expected}, got {shorten(repr(value))}.")


def json_records(path: Path) -> Iterator[Record]:
    """Read a file with one JSON object per line; empty lines are passed over.

    Raises:
        LoadError: With the line's number, if a line is no JSON object, or as `numbered_lines` says.
    """
    for number, line in numbered_lines(path):
        if not line or line.isspace():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise bad_line(path, number, f"is not JSON ({error}): {shorten(line)!r}.") from error
        if not isinstance(value, dict):
            raise bad_line(path, number, f"expected a JSON object, got {shorten(line)!r}.")
        yield Record(f"{path}:{number}", value)


def json_document(path: Path) -> Any:
    """Read a whole file as one JSON document, plain or compressed; held in memory.

    Raises:
        LoadError: If it is not UTF-8 or not JSON; the message has line and column.
    """
    with open_bytes(path) as file:
        content = file.read()
    try:
        return json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise LoadError(str(path), f"is not JSON: {error}.") from error


def csv_records(path: Path, *, columns: tuple[str, ...] = (), delimiter: str = ",") -> Iterator[Record]:
    """Read a CSV file; quoted fields may hold line breaks, which stay as LF.

    Args:
        path: The file.
        columns: Names of the columns where the file has no header; empty if the first row is the header.
        delimiter: What divides the columns.

    Raises:
        LoadError: With the number of the row's last line, if a row has another number of columns.
    """
    lines = (line + "\n" for _, line in numbered_lines(path))
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    names = list(columns)
    try:
        for row in reader:
            if not names:
                names = row
            elif len(row) == len(names):
                yield Record(f"{path}:{reader.line_num}", dict(zip(names, row, strict=True)))
            elif row:
                reason = f"expected {len(names)} columns ({', '.join(names)}), found {len(row)}."
                raise bad_line(path, reader.line_num, shorten(reason, 300))
    except csv.Error as error:
        raise bad_line(path, reader.line_num, f"is not CSV: {error}.") from error


def distinct(rows: Iterable[tuple[str, T]]) -> Iterator[T]:
    """Pass rows on with their places, and refuse an id that came before; holds the ids.

    Raises:
        LoadError: Naming the place of the second.
    """
    seen: set[str] = set()
    for place, row in rows:
        if row.id in seen:
            raise LoadError(place, f"the id {row.id!r} stands here a second time.")
        seen.add(row.id)
        yield row
