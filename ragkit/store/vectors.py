"""The file of vectors: raw rows, appended, never changed; SQLite's committed count bounds it.

A crash may leave rows beyond the committed count. Nobody reads them, and the next writer writes over them. Rows have
no header and no checksum of their own: `blocks.py` keeps those in SQLite.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, get_args
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ragkit.errors import ConfigError, StoreDamagedError, shorten

if TYPE_CHECKING:
    from pathlib import Path

    from ragkit.encoder import Vectors

__all__ = ["Block", "FileStamp", "Precision", "StoredRows", "VectorFile", "as_precision"]

Precision = Literal["float16", "float32"]
"""How a component of a vector is stored: in 2 bytes (rounded by at most 2**-11 of itself) or in 4."""

StoredRows: TypeAlias = "NDArray[np.float16] | NDArray[np.float32]"
"""Rows as they are stored, `(n, dim)`, of the file's precision."""

_TYPES: dict[Precision, np.dtype[Any]] = {"float16": np.dtype("<f2"), "float32": np.dtype("<f4")}


class Block(NamedTuple):
    """Rows that were appended together."""

    first: int
    rows: int
    crc: int
    """crc32 of their bytes."""


class FileStamp(NamedTuple):
    """What tells a file that nobody touched since from one that somebody did."""

    size: int
    mtime_ns: int
    inode: int


def as_precision(name: str) -> Precision:
    """Give `name` as one of the precisions that exist.

    Raises:
        ConfigError: If it is none of them.
    """
    for known in get_args(Precision):
        if name == known:
            return known  # type: ignore[no-any-return]  # get_args is untyped
    raise ConfigError(f"precision must be float16 or float32, got {shorten(repr(name))}.")


class VectorFile:
    """Rows of `dim` values in one file without a header."""

    def __init__(self, path: Path, dim: int, precision: Precision = "float32") -> None:
        self._path = path
        self._dim = dim
        self._type = _TYPES[precision]

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    @property
    def dim(self) -> int:
        """Length of a row."""
        return self._dim

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return self._type.itemsize * self._dim

    def append(self, vectors: Vectors | StoredRows, *, at: int) -> Block:
        """Write rows from row `at` on, rounded to the file's precision, durable on return; SQLite says if they count.

        Args:
            vectors: `(n, dim)` float32, or rows as they are stored.
            at: The committed number of rows.

        Returns:
            What was written, for the catalog to keep.

        Raises:
            StoreDamagedError: If the file is shorter than that.
        """
        self.check(at)
        content = np.ascontiguousarray(vectors, dtype=self._type)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        with os.fdopen(descriptor, "r+b") as file:
            offset = at * self.row_bytes
            file.truncate(offset)
            file.seek(offset)
            file.write(content.data)
            file.flush()
            os.fsync(file.fileno())
        return Block(at, len(content), crc32(content.data))

    def read(self, rows: int) -> StoredRows:
        """Give the first `rows` rows as a read-only map of the file, `(rows, dim)`; nothing is read yet.

        Raises:
            StoreDamagedError: If the file is shorter than that.
        """
        if not rows:
            return np.zeros((0, self._dim), dtype=self._type)
        self.check(rows)
        return np.asarray(np.memmap(self._path, dtype=self._type, mode="r", shape=(rows, self._dim)))

    def check(self, rows: int) -> None:
        """Check that the file holds the first `rows` rows.

        Raises:
            StoreDamagedError: If the file is shorter than that.
        """
        if (size := self.stamp().size) < rows * self.row_bytes:
            raise StoreDamagedError(
                f"{self._path} holds {size // self.row_bytes} vectors, the catalog counts {rows}: the file was cut or "
                "replaced; run `ragkit reindex`, which embeds the stored texts again, or restore it from a backup."
            )

    def stamp(self) -> FileStamp:
        """Give size, time of change and inode; zeros where there is no file."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return FileStamp(0, 0, 0)
        return FileStamp(found.st_size, found.st_mtime_ns, found.st_ino)
