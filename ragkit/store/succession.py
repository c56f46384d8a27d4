"""The next generation: filled beside the current one, sealed, and only then named by the manifest.

A kill before the manifest is replaced leaves the current generation; what was built of the next one is removed by the
next writer. A kill after it leaves the next one; then the old one is what is removed.
"""

from __future__ import annotations

import os
from contextlib import closing
from typing import TYPE_CHECKING

from ragkit.disk.files import sync_folder
from ragkit.disk.sqlite import connect, transaction
from ragkit.store.folder import Found
from ragkit.store.generation import Generation
from ragkit.store.restore import write_copy
from ragkit.store.schema import CARRIED

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from ragkit.store.folder import Folder
    from ragkit.store.manifest import Manifest

__all__ = ["beginning", "carry_over", "seal"]


def beginning(folder: Folder, manifest: Manifest) -> Generation:
    """Make the files of the generation that `manifest` names, empty; nobody reads them yet.

    Raises:
        OSError: If they cannot be made.
    """
    folder.prepare(manifest, complete=False)
    return Generation(folder, Found(manifest, None, lost=False), None, read_only=False)


def carry_over(db: sqlite3.Connection, old: Path, sequence: int) -> None:
    """Take over what belongs to no document, and go on counting the changes.

    Args:
        db: To the catalog of the next generation, outside of a transaction.
        old: The catalog of the current one.
        sequence: Number of its committed changes.
    """
    db.execute("ATTACH ? AS old", (f"{old.absolute().as_uri()}?mode=ro",))
    with transaction(db, write=True):
        for table in CARRIED:
            db.execute(f"INSERT INTO main.{table} SELECT * FROM old.{table}")  # noqa: S608  # names of our own
        db.execute("UPDATE main.state SET sequence = ?", (sequence,))
    db.execute("DETACH old")


def seal(successor: Generation) -> None:
    """Make all that was built durable, then say that it is complete; it is closed afterwards.

    Raises:
        OSError, StoreError: If it cannot be written.
    """
    successor.retire()
    for path in (successor.parts.path, *successor.parts.path.rglob("*")):
        if path.is_dir():
            sync_folder(path)
        else:
            _sync(path)
    with closing(connect(successor.parts.catalog, create=False)) as db, transaction(db, write=True):
        write_copy(db, successor.manifest)
    sync_folder(successor.parts.path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
