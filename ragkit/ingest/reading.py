"""Opening files without harm: only regular ones, only readable ones, never more than fits in memory."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, BinaryIO

from ragkit.errors import LoadError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["MAX_FILE_BYTES", "open_regular", "read_whole"]

MAX_FILE_BYTES = 256 * 1024 * 1024
"""Largest file read as one document; JSONL and CSV are streamed and have no limit."""


def open_regular(path: Path, source: str) -> BinaryIO:
    """Open a regular file for reading; a pipe, socket or device is refused without waiting for it.

    Raises:
        LoadError: If it is missing, unreadable or not a regular file.
    """
    try:
        # Without O_NONBLOCK the open itself waits on a pipe that nobody writes to.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise LoadError(source, f"cannot be opened: {error.strerror}") from error
    except ValueError as error:
        raise LoadError(source, f"is no file name: {error}") from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise LoadError(source, "is not a regular file")
    return os.fdopen(handle, "rb")


def read_whole(path: Path, source: str, *, limit: int = MAX_FILE_BYTES) -> bytes:
    """Read a file of at most `limit` bytes.

    Raises:
        LoadError: As `open_regular`; also when the file is larger, or reading fails half way.
    """
    with open_regular(path, source) as file:
        try:
            # The size is only a first word: files grow, and those of /proc say 0.
            too_large = os.fstat(file.fileno()).st_size > limit
            data = b"" if too_large else file.read(limit + 1)
        except OSError as error:
            raise LoadError(source, f"cannot be read: {error.strerror}") from error
    if too_large or len(data) > limit:
        raise LoadError(source, f"is larger than {limit // 2**20} MiB: split it, or write it as JSONL")
    return data
