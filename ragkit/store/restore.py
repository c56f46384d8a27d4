"""A copy of the manifest in every catalog, for the day when `manifest.json` is lost or garbled.

The copy is written last when a generation is built, after all that it needs is durable: a generation with a copy is
complete. One that was complete but not switched to holds the same documents as the one before it, because the next
writer removes it before it writes anything.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from ragkit.disk.sqlite import LEAST_BYTES, connect
from ragkit.errors import StoreDamagedError, StoreError
from ragkit.store.manifest import MANIFEST, Manifest, as_json, from_json
from ragkit.store.witness import WITNESS, noted_commit

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["restored", "write_copy"]


def write_copy(db: sqlite3.Connection, manifest: Manifest) -> None:
    """Keep a copy of the manifest in the catalog of the generation that it names."""
    db.execute("INSERT OR REPLACE INTO manifest VALUES (1, ?)", (as_json(manifest),))


def restored(generations: Mapping[int, Path], folder: Path, *, empty: bool) -> Manifest | None:
    """Give the manifest of the newest complete generation; None where nothing was ever acknowledged.

    Args:
        generations: The folder of each generation of which something is there, by number.
        folder: Of the collection.
        empty: Take one that nothing was ever written to, too; else it is what a killed creation left.

    Raises:
        StoreDamagedError: If something was acknowledged, but no generation is complete.
    """
    wreck: Path | None = None
    for number in sorted(generations, reverse=True):
        catalog = generations[number] / "catalog.sqlite"
        try:
            copy, sequence = _read(catalog)
            # A log that was lost takes the content with it, but not the note of what was acknowledged.
            sequence = max(sequence, noted_commit(generations[number] / WITNESS))
            if copy is not None and (sequence or empty):
                return replace(from_json(copy, folder), generation=number)
        except (StoreError, sqlite3.Error, ValueError, KeyError, TypeError):
            wreck = wreck or catalog
        else:
            wreck = wreck or (catalog if sequence else None)
    if wreck is not None:
        raise StoreDamagedError(
            f"{folder / MANIFEST} is missing or garbled, and {wreck} holds no copy of it: restore it from a backup, "
            "or delete the collection's folder and index again."
        )
    return None


def _read(catalog: Path) -> tuple[str | None, int]:
    """Give the copy, None where there is none, and the number of committed changes."""
    if not (catalog.exists() and catalog.stat().st_size >= LEAST_BYTES):
        return None, 0
    with closing(connect(catalog, read_only=True)) as db:
        names = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        found = db.execute("SELECT content FROM manifest").fetchone() if "manifest" in names else None
        sequence = db.execute("SELECT sequence FROM state").fetchone() if "state" in names else None
    return (found[0] if found else None), (sequence[0] if sequence else 0)
