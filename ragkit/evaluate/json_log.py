"""Append-only JSON lines that survive a crash: what was appended stays, a line that a crash cut short is dropped."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from ragkit.disk.files import sync_folder
from ragkit.disk.space import full_disk_named
from ragkit.errors import InputError, LoadError

__all__ = ["JsonLog", "json_line"]

T = TypeVar("T")


def json_line(document: Mapping[str, Any]) -> bytes:
    """Give `document` as one line of UTF-8 JSON with its newline; the same document gives the same bytes.

    Raises:
        InputError: If something in it is not JSON: a NaN, an infinity, or a value of another type.
    """
    try:
        text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise InputError(
            f"a line of the run is not JSON ({error}): use text, finite numbers, lists and dicts."
        ) from error
    # Half of a surrogate pair has no UTF-8; its escape is what JSON writes for it.
    return text.encode("utf-8", "backslashreplace") + b"\n"


class JsonLog:
    """A file of JSON lines that is read once and appended to. Not for several threads at once, nor several writers."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._end = 0
        self._glue = b""
        self._descriptor: int | None = None

    def load(self, parse: Callable[[Any], T]) -> list[T]:
        """Read every line; a last one that is no JSON was never acknowledged and is left out.

        So are lines with a byte of zero, which JSON never holds: a power cut leaves such holes in what was not synced.

        Args:
            parse: Makes something of a line's document; may raise KeyError, TypeError, AttributeError or ValueError.

        Raises:
            LoadError: If another line is no JSON, or `parse` cannot read one; names file and line.
        """
        self._end, self._glue = 0, b""
        if not self.path.exists():
            return []
        return [self._parsed(parse, number, document) for number, document in self._documents()]

    def append(self, document: Mapping[str, Any], *, sync: bool = True) -> None:
        """Add a line; after a failed write the file is as it was before.

        Args:
            document: Becomes the line.
            sync: Whether the line, and those before it, outlive a power cut on return. It outlives a kill in any case;
                a sync takes a millisecond, and several on a busy disk.

        Raises:
            InputError: If `document` is not JSON.
            StoreFullError: If the disk has no room.
        """
        line = self._glue + json_line(document)
        with full_disk_named(self.path):
            descriptor = self._open()
            try:
                _write_all(descriptor, line)
                if sync:
                    os.fsync(descriptor)
            except BaseException:
                os.ftruncate(descriptor, self._end)
                raise
        self._end, self._glue = self._end + len(line), b""

    def close(self) -> None:
        """Sync and close the file; a later append opens it again."""
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def _open(self) -> int:
        if self._descriptor is None:
            self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            os.ftruncate(self._descriptor, self._end)
            sync_folder(self.path.parent)
        return self._descriptor

    def _documents(self) -> Iterator[tuple[int, Any]]:
        broken: LoadError | None = None
        read = 0
        with self.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if broken is not None:
                    raise broken
                read += len(line)
                try:
                    document = json.loads(line)
                except ValueError as error:
                    broken = _damaged(self.path, number, error) if b"\0" not in line else None
                    continue
                yield number, document
                self._end, self._glue = read, b"" if line.endswith(b"\n") else b"\n"

    def _parsed(self, parse: Callable[[Any], T], number: int, document: Any) -> T:
        try:
            return parse(document)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise _damaged(self.path, number, error) from error


def _write_all(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _damaged(path: Path, number: int, error: Exception) -> LoadError:
    return LoadError(
        f"{path}:{number}",
        f"the line cannot be read ({type(error).__name__}: {error}); it was changed after it was written: restore it, "
        "or delete it to have its work done again.",
    )
