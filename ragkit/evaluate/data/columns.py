"""A JSON object of columns (`{"query": {"0": ..., "1": ...}, "answers": {...}}`, as pandas writes it), read by rows."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import zip_longest
from pathlib import Path
from typing import IO, Any

from ragkit.errors import LoadError, shorten
from ragkit.evaluate.data.lines import DAMAGE, open_bytes
from ragkit.evaluate.data.records import Record

__all__ = ["columns_as_records", "starts_with_columns"]

_BLANK = " \t\r\n"
_BLOCK = 1 << 16
_LARGEST_VALUE = 1 << 26
_LONGEST_NUMBER = 32


class _Cursor:
    """Walks through one JSON text, value by value, holding what it has read and not yet given."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self._path = path
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._decode = json.JSONDecoder().raw_decode
        self._held = ""
        self._at = 0
        self._before = 0

    @property
    def position(self) -> int:
        """Characters walked past."""
        return self._before + self._at

    def skip_to(self, position: int) -> None:
        """Walk on to a place found earlier."""
        while self._before + len(self._held) < position:
            self._before += len(self._held)
            self._held = self._read(_BLOCK) or self._broken()
        self._at = position - self._before

    def peek(self) -> str:
        """Give the next character that is no blank; empty at the end."""
        while True:
            while self._at < len(self._held):
                if self._held[self._at] not in _BLANK:
                    return self._held[self._at]
                self._at += 1
            if not self._more():
                return ""

    def take(self, *expected: str) -> str:
        """Walk past the next character, which must be one of those."""
        if (found := self.peek()) not in expected or not found:
            raise self._error(
                f"expected {' or '.join(expected)}, found {shorten(self._held[self._at : self._at + 20])!r}"
            )
        self._at += 1
        return found

    def value(self) -> Any:
        """Walk past the next value and give it."""
        self.peek()
        while True:
            try:
                value, end = self._decode(self._held, self._at)
            except (ValueError, RecursionError) as error:
                if len(self._held) - self._at > _LARGEST_VALUE or not self._more():
                    raise self._error(str(error)) from error
                continue
            # A number may go on in the next block, "0" as "0.5"; every other value shows its end.
            length = end - self._at
            if isinstance(value, int | float) and len(self._held) - end < _LONGEST_NUMBER and self._more():
                continue
            self._at += length
            return value

    def _more(self) -> bool:
        self._before += self._at
        self._held, self._at = self._held[self._at :], 0
        # Doubling: a value as long as many blocks is tried again a few times only.
        block = self._read(max(_BLOCK, len(self._held)))
        self._held += block
        return bool(block)

    def _read(self, size: int) -> str:
        """Give the next characters, at least one; none at the end."""
        try:
            while block := self._file.read(size):
                if text := self._decoder.decode(block):
                    return text
            return self._decoder.decode(b"", final=True)
        except (UnicodeDecodeError, *DAMAGE) as error:
            raise self._error(f"cannot be read on: {error}") from error

    def _broken(self) -> str:
        raise self._error("the file has become shorter while it was read")

    def _error(self, reason: str) -> LoadError:
        return LoadError(str(self._path), f"is no JSON object of columns: {reason} (character {self.position + 1:,}).")


def starts_with_columns(path: Path) -> bool:
    """Say whether a file is one object whose first value is an object: a file of columns, not of lines."""
    with open_bytes(path) as file:
        cursor = _Cursor(path, file)
        if cursor.peek() != "{":
            return False
        cursor.take("{")
        if cursor.peek() != '"':
            return False
        cursor.value()
        return cursor.peek() == ":" and bool(cursor.take(":")) and cursor.peek() == "{"


def columns_as_records(path: Path) -> Iterator[Record]:
    """Read a file of columns row by row, with one reader per column; all must have the same keys in the same order.

    Reads and unpacks the file once to find the columns and once more per column; holds one row.

    Raises:
        LoadError: If the file is no such object, or the columns disagree.
    """
    starts = _column_starts(path)
    with ExitStack() as stack:
        walks = [_column(path, stack.enter_context(open_bytes(path)), position) for position in starts.values()]
        for cells in zip_longest(*walks):
            keys = {cell[0] if cell else "(end)" for cell in cells}
            if len(keys) > 1:
                raise LoadError(str(path), f"its columns disagree about the rows, at {shorten(sorted(keys))}.")
            values = {name: cell[1] for name, cell in zip(starts, cells, strict=True)}
            yield Record(f"{path} row {keys.pop()}", values)


def _column(path: Path, file: IO[bytes], position: int) -> Iterator[tuple[str, Any]]:
    cursor = _Cursor(path, file)
    cursor.skip_to(position)
    return _members(cursor)


def _column_starts(path: Path) -> dict[str, int]:
    """Find where each column begins, in characters."""
    starts: dict[str, int] = {}
    with open_bytes(path) as file:
        cursor = _Cursor(path, file)
        cursor.take("{")
        while cursor.peek() != "}":
            name = cursor.value()
            cursor.take(":")
            cursor.peek()
            starts[str(name)] = cursor.position
            for _ in _members(cursor):
                pass
            if cursor.peek() != "}":
                cursor.take(",")
    return starts


def _members(cursor: _Cursor) -> Iterator[tuple[str, Any]]:
    cursor.take("{")
    if cursor.peek() == "}":
        cursor.take("}")
        return
    while True:
        key = cursor.value()
        cursor.take(":")
        yield str(key), cursor.value()
        if cursor.take(",", "}") == "}":
            return
