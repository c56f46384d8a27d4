"""The vector file with the checksums that the catalog keeps of it: rows are used only if they are what was written.

A file that looks as its last writer left it (size, time of change, inode) is trusted; any other is read once by each
process that uses it, about 1 GB/s, before a row of it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np

from ragkit.disk.fork import lock_of_threads
from ragkit.errors import StoreDamagedError, StoreError
from ragkit.store.vectors import Block, FileStamp

if TYPE_CHECKING:
    import sqlite3

    from numpy.typing import NDArray

    from ragkit.encoder import Vectors
    from ragkit.store.vectors import StoredRows, VectorFile

__all__ = ["SoundVectors", "crc_before"]

_BLOCK_ROWS = 65_536
_NORM_ERROR = 0.01


class SoundVectors:
    """The rows of one vector file that this process may use; safe in threads.

    Args:
        file: Where they lie.
    """

    def __init__(self, file: VectorFile) -> None:
        self.file = file
        self._inode = self._sound = 0
        self._lock = lock_of_threads()

    def read(self, db: sqlite3.Connection, rows: int) -> StoredRows:
        """Give the first `rows` rows as a read-only map of the file, `(rows, dim)`, once they are known to be sound.

        Args:
            db: In the transaction that says how many rows count.
            rows: That number.

        Raises:
            StoreDamagedError: If the file is shorter, or holds other bytes than were written.
            StoreError: If the folder of the file was removed: another generation has taken its place.
        """
        self._check(db, rows)
        return self.file.read(rows)

    def append(self, db: sqlite3.Connection, vectors: Vectors | StoredRows, *, at: int) -> None:
        """Write rows from row `at` on, durable on return, and keep their checksum.

        Rows before them that no block covers, of a collection from before there were blocks, are taken as they are.

        Args:
            db: In the write transaction that will make the rows count.
            vectors: `(n, dim)`, rounded to the file's precision.
            at: The committed number of rows.

        Raises:
            StoreDamagedError: If the rows before them are damaged; nothing is written then.
        """
        self._check(db, at, distrust=True)  # the stamp of a file that was garbled before must not be renewed
        blocks = _cut(self.file.read(at), _covered(db))
        blocks.append(self.file.append(vectors, at=at))
        db.executemany("INSERT INTO vector_blocks VALUES (?, ?, ?)", blocks)
        db.execute("INSERT OR REPLACE INTO vector_file VALUES (1, ?, ?, ?)", self.file.stamp())

    def sound_rows(self, db: sqlite3.Connection, rows: int) -> NDArray[np.bool_]:
        """Tell of each of the first `rows` rows whether it is what was written; reads the whole file.

        A row that no block covers is taken as sound if it is finite and of unit length, or zero.
        """
        size = self.file.stamp().size // self.file.row_bytes
        content = self.file.read(min(rows, size))
        sound = np.zeros(rows, dtype=np.bool_)
        blocks = _blocks(db, 0, rows)
        for block in blocks:
            part = content[block.first : block.first + block.rows]
            sound[block.first : block.first + block.rows] = len(part) == block.rows and _crc(part) == block.crc
        bare = blocks[-1].first + blocks[-1].rows if blocks else 0
        for first in range(bare, len(content), _BLOCK_ROWS):
            part = content[first : first + _BLOCK_ROWS]
            with np.errstate(all="ignore"):  # bytes of anything may be very large, or no numbers
                norms = np.linalg.norm(part.astype(np.float64), axis=1)
                sound[first : first + len(part)] = (np.abs(norms - 1) < _NORM_ERROR) | (norms == 0)
        return sound

    def _check(self, db: sqlite3.Connection, rows: int, *, distrust: bool = False) -> None:
        """Verify what is not known to be sound; with `distrust` all of a file that was touched since its last write."""
        with self._lock:
            self._check_there()
            self.file.check(rows)
            stamp = self.file.stamp()
            if stamp.inode != self._inode or (distrust and self._sound and _recorded_stamp(db) != stamp):
                self._inode, self._sound = stamp.inode, 0
            if rows > self._sound:
                if _recorded_stamp(db) != stamp:
                    self._verify(db, rows)
                self._sound = rows

    def _check_there(self) -> None:
        folder = self.file.path.parent
        if not folder.exists():
            raise StoreError(
                f"{folder} is not there any more: the collection was compacted or built again, and what was still "
                "read from the old files took longer than the writer waits for; search again."
            )

    def _verify(self, db: sqlite3.Connection, rows: int) -> None:
        content = self.file.read(rows)
        for block in _blocks(db, self._sound, rows):
            if _crc(content[block.first : block.first + block.rows]) != block.crc:
                raise StoreDamagedError(
                    f"{self.file.path} is damaged between rows {block.first} and {block.first + block.rows}: run "
                    "`ragkit reindex`, which embeds the stored texts again (search by words, mode bm25, goes on)."
                )


def crc_before(db: sqlite3.Connection, row: int) -> int | None:
    """Give the checksum of the block that ends before `row`; None where none does."""
    if not _has_tables(db):
        return None
    sql = "SELECT first + rows, crc FROM vector_blocks WHERE first < ? ORDER BY first DESC LIMIT 1"
    last, crc = db.execute(sql, (row,)).fetchone() or (None, None)
    return crc if last == row else None


def _crc(rows: StoredRows) -> int:
    return crc32(np.ascontiguousarray(rows).data) if rows.size else 0


def _cut(content: StoredRows, first: int) -> list[Block]:
    """Give blocks for the rows from `first` on."""
    starts = range(first, len(content), _BLOCK_ROWS)
    parts = ((start, content[start : start + _BLOCK_ROWS]) for start in starts)
    return [Block(start, len(part), _crc(part)) for start, part in parts]


def _covered(db: sqlite3.Connection) -> int:
    """Give the first row that no block covers."""
    found = db.execute("SELECT first + rows FROM vector_blocks ORDER BY first DESC LIMIT 1").fetchone()
    return int(found[0]) if found else 0


def _has_tables(db: sqlite3.Connection) -> bool:
    # A folder that cannot be written keeps the layout it was made with.
    return db.execute("SELECT 1 FROM sqlite_master WHERE name = 'vector_blocks'").fetchone() is not None


def _recorded_stamp(db: sqlite3.Connection) -> FileStamp | None:
    if not _has_tables(db):
        return None
    found = db.execute("SELECT size, mtime_ns, inode FROM vector_file").fetchone()
    return FileStamp(*found) if found else None


def _blocks(db: sqlite3.Connection, first: int, rows: int) -> list[Block]:
    """Give the blocks of the rows from `first` on, below `rows`; both are ends of commits, and so of blocks."""
    if not _has_tables(db):
        return []
    sql = "SELECT first, rows, crc FROM vector_blocks WHERE first >= ? AND first < ? ORDER BY first"
    return [Block(*found) for found in db.execute(sql, (first, rows))]
