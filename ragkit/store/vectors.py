"""The file of vectors: raw float32 rows, appended, never changed; SQLite's committed count bounds it.

A crash may leave rows beyond the committed count. Nobody reads them, and the next writer writes over them.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from ragkit.errors import StoreDamagedError

if TYPE_CHECKING:
    from pathlib import Path

    from ragkit.encoder import Vectors

__all__ = ["VectorFile"]


class VectorFile:
    """Rows of `dim` float32 values in one file without a header."""

    def __init__(self, path: Path, dim: int) -> None:
        self._path = path
        self._dim = dim

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    def append(self, vectors: Vectors, *, at: int) -> None:
        """Write rows from row `at` on, durable on return; they count when SQLite says so.

        Args:
            vectors: `(n, dim)` float32.
            at: The committed number of rows.

        Raises:
            StoreDamagedError: If the file is shorter than that.
        """
        self._check_length(at)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        with os.fdopen(descriptor, "r+b") as file:
            offset = at * self._row_bytes
            file.truncate(offset)
            file.seek(offset)
            file.write(np.ascontiguousarray(vectors, dtype="<f4").data)
            file.flush()
            os.fsync(file.fileno())

    def read(self, rows: int) -> Vectors:
        """Give the first `rows` rows as a read-only map of the file, `(rows, dim)` float32; nothing is read yet.

        Raises:
            StoreDamagedError: If the file is shorter than that.
        """
        if not rows:
            return np.zeros((0, self._dim), dtype=np.float32)
        self._check_length(rows)
        return np.asarray(np.memmap(self._path, dtype="<f4", mode="r", shape=(rows, self._dim)))

    @property
    def _row_bytes(self) -> int:
        return 4 * self._dim

    def check(self, rows: int) -> None:
        """Check that the file holds the first `rows` rows.

        Raises:
            StoreDamagedError: If the file is shorter than that.
        """
        self._check_length(rows)

    def _check_length(self, rows: int) -> None:
        size = self._path.stat().st_size if self._path.exists() else 0
        if size < rows * self._row_bytes:
            raise StoreDamagedError(
                f"{self._path} holds {size // self._row_bytes} vectors, the catalog counts {rows}: the file was cut or "
                "replaced; restore it from a backup, or delete the collection's folder and index again."
            )
