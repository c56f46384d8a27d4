"""Lines of plain or compressed text files with their numbers, read as a stream."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, cast

from ragkit.errors import LoadError, shorten

__all__ = ["DAMAGE", "bad_line", "file_in", "find_file", "numbered_lines", "open_bytes", "tab_rows"]

_LONGEST_LINE = 1 << 28
_COMPRESSED = ("", ".gz", ".bz2", ".xz")
_GZIP, _BZIP2, _XZ, _ZSTD = b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd"
DAMAGE = (EOFError, OSError, zlib.error, lzma.LZMAError, tarfile.TarError)
"""What reading a file that is broken off or damaged can raise."""


def bad_line(path: Path, number: int, reason: str) -> LoadError:
    """Give the error that names a line by its file and its number, from 1."""
    return LoadError(f"{path}:{number}", reason)


def find_file(folder: Path, *names: str) -> Path | None:
    """Give the first of `names` that stands in `folder`, each plain or with `.gz`, `.bz2` or `.xz` behind it."""
    candidates = (folder / (name + ending) for name in names for ending in _COMPRESSED)
    return next((path for path in candidates if path.is_file()), None)


def file_in(path: Path, *names: str) -> Path:
    """Give `path` itself if it is a file, else the first of `names` in it, as `find_file` looks for them.

    Raises:
        LoadError: If the folder has none of them.
    """
    if not path.is_dir():
        return path
    if (file := find_file(path, *names)) is None:
        raise LoadError(str(path), f"has no {' or '.join(names)} (plain, .gz, .bz2 or .xz).")
    return file


@contextmanager
def open_bytes(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading, unpacked: gzip, bzip2, xz, or a tar (compressed or not) with a single file inside.

    The first bytes decide, not the name. A tar is read as a stream and never unpacked to disk.

    Raises:
        LoadError: If there is no such file, it breaks off or is damaged, a tar holds several files, or the packing is
            not known here.
    """
    if not path.is_file():
        raise LoadError(str(path), "there is no such file." if not path.exists() else "this is a folder, not a file.")
    with path.open("rb") as raw:
        start = raw.read(6)
    if start.startswith(_ZSTD):
        raise LoadError(str(path), "is packed with zstd, which is not read here: unpack it first with `zstd -d`.")
    try:
        with _unpacked(path, start) as file, _single_file(path, file) as inner:
            yield inner
    except DAMAGE as error:
        raise LoadError(str(path), f"breaks off or is damaged ({shorten(error)}): fetch it again.") from error


def _unpacked(path: Path, start: bytes) -> IO[bytes]:
    if start.startswith(_GZIP):
        return cast("IO[bytes]", gzip.open(path, "rb"))
    if start.startswith(_BZIP2):
        return cast("IO[bytes]", bz2.open(path, "rb"))
    if start.startswith(_XZ):
        return cast("IO[bytes]", lzma.open(path, "rb"))
    return path.open("rb")


@contextmanager
def _single_file(path: Path, file: IO[bytes]) -> Iterator[IO[bytes]]:
    """Give the only file of a tar, or `file` itself where the name says no tar."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if not suffixes or (suffixes[-1] not in {".tar", ".tgz"} and ".tar" not in suffixes[-2:]):
        yield file
        return
    with tarfile.open(fileobj=file, mode="r|") as archive:
        members = (member for member in archive if member.isfile())
        first = next(members, None)
        inner = archive.extractfile(first) if first else None
        if first is None or inner is None:
            raise LoadError(str(path), "is an archive without a file in it.")
        yield inner
        # Looked for at the end: a stream cannot go back. A reader that stops early is not made to wait for it.
        if not inner.read(1) and (other := next(members, None)) is not None:
            reason = f"holds several files ({first.name}, {other.name}): unpack it and name the one you mean."
            raise LoadError(str(path), reason)


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Read a text file line by line, without the line ends.

    Only LF and CRLF end a line: the separators of Unicode and a lone CR occur inside real passages. Holds one line.

    Returns:
        The number, from 1, and the text of each line; a byte order mark is dropped.

    Raises:
        LoadError: If the file cannot be opened; with the line's number if it is not UTF-8,
            damaged, or longer than 256 MiB.
    """
    number = 0
    with open_bytes(path) as file:
        try:
            for number, raw in enumerate(iter(partial(file.readline, _LONGEST_LINE), b""), start=1):
                if len(raw) == _LONGEST_LINE:
                    raise bad_line(path, number, "is longer than 256 MiB: is this a text file with one row per line?")
                yield number, _decoded(path, number, raw)
        except DAMAGE as error:
            reason = f"the file breaks off or is damaged after this line ({shorten(error)}): fetch it again."
            raise bad_line(path, number, reason) from error


def _decoded(path: Path, number: int, raw: bytes) -> str:
    try:
        text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        reason = f"is not UTF-8 (byte {error.start + 1} of the line is {raw[error.start]:#04x}): convert the file."
        raise bad_line(path, number, reason) from error
    return text.removesuffix("\n").removesuffix("\r")


def tab_rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Read a file of columns divided by tabs; further tabs belong to the last column, empty lines are passed over.

    Args:
        path: The file.
        columns: What the columns are called, for messages.

    Raises:
        LoadError: With the line's number, if a line has fewer columns, or as `numbered_lines` says.
    """
    last = len(columns) - 1
    for number, line in numbered_lines(path):
        values = line.split("\t", last)
        if len(values) == len(columns):
            yield number, values
        elif line.strip():
            found = f"expected {len(columns)} columns divided by tabs ({', '.join(columns)})"
            raise bad_line(path, number, f"{found}, found {len(values)}: {shorten(line)!r}.")
