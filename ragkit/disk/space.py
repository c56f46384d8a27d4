"""A disk without room, said in one sentence whatever noticed it."""

from __future__ import annotations

import contextlib
import errno
import re
import sqlite3
from typing import TYPE_CHECKING, Final

from ragkit.errors import StoreFullError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["full_disk", "full_disk_named", "says_full"]

_NUMBERS: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
# A limit on the size of files reaches SQLite as a failed write; only a disk without room has a code of its own.
_SQLITE_CODES: Final = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR_WRITE,
        sqlite3.SQLITE_IOERR_TRUNCATE,
        sqlite3.SQLITE_IOERR_SHMSIZE,
    }
)
_IN_RUST: Final = re.compile(r"\(os error (\d+)\)|\bcode: (\d+)")


def says_full(error: BaseException) -> bool:
    """Tell whether an error of the system, of SQLite or of an engine written in Rust means that no room is left."""
    if isinstance(error, OSError) and error.errno in _NUMBERS:
        return True
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", None) in _SQLITE_CODES
    return any(int(plain or debug) in _NUMBERS for plain, debug in _IN_RUST.findall(str(error)))


@contextlib.contextmanager
def full_disk_named(path: Path) -> Iterator[None]:
    """Translate what any part says of a disk without room into `StoreFullError`; other errors pass.

    Args:
        path: What was being written, for the message.
    """
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        if not says_full(error):
            raise
        raise full_disk(path, error) from error


def full_disk(path: Path, error: BaseException) -> StoreFullError:
    """Give the sentence for a write to `path` that found no room."""
    return StoreFullError(
        f"{path} cannot be written: the disk is full, or a quota or size limit is reached ({error}); "
        "what was acknowledged is kept: free some space and try again."
    )
