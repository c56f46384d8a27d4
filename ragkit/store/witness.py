"""The number of the last commit, kept beside the catalog: a catalog that stands behind it has lost its write-ahead log.

SQLite takes its log as far as it is whole and says nothing of the rest, so a log that was cut or removed would take
acknowledged changes with it unnoticed. The number is written after each commit and not synced: it survives a kill, and
where the power failed it is behind, which proves nothing and does no harm.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final
from zlib import crc32

from ragkit.errors import StoreDamagedError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["WITNESS", "check_commit", "note_commit", "noted_commit"]

WITNESS: Final = "last-commit"
"""Name of the note, in the folder of its generation."""


def note_commit(path: Path, sequence: int) -> None:
    """Note that a commit was made; the commit stands whether or not there is room for the note.

    Args:
        path: Of the note.
        sequence: Number of committed changes.
    """
    with suppress(OSError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
        try:
            os.pwrite(descriptor, _content(sequence), 0)
        finally:
            os.close(descriptor)


def noted_commit(path: Path) -> int:
    """Give the number that was noted last; 0 where there is no note, or no readable one."""
    try:
        content = path.read_bytes()
        sequence = int(content.split()[0])
    except (OSError, ValueError, IndexError):
        return 0
    return sequence if content == _content(sequence) else 0


def _content(sequence: int) -> bytes:
    number = b"%020d" % sequence
    return b"%b %08x\n" % (number, crc32(number))


def check_commit(catalog: Path, *, noted: int, sequence: int) -> None:
    """Check that a catalog holds every change that was acknowledged.

    Args:
        catalog: Its file, for the message.
        noted: From `noted_commit`, read before `sequence`.
        sequence: Number of committed changes in the catalog.

    Raises:
        StoreDamagedError: If it stands behind the note.
    """
    if sequence < noted:
        raise StoreDamagedError(
            f"{catalog} stands at change {sequence}, but change {noted} was acknowledged: its write-ahead log "
            f"({catalog.name}-wal) was lost or cut, or an old copy was put back; restore the whole folder from a "
            "backup, or run `ragkit reindex`, which goes on with what is there."
        )
