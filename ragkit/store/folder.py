"""The folder of a collection: its files, and how a new one comes to be."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ragkit.disk.files import refuse_network_folder, sync_folder
from ragkit.disk.lock import WriterLock
from ragkit.disk.sqlite import connect, migrate
from ragkit.errors import StoreDamagedError, StoreError
from ragkit.store.catalog import read_state
from ragkit.store.manifest import MANIFEST, Manifest, read_manifest, write_manifest
from ragkit.store.schema import MIGRATIONS

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Folder"]


@dataclass(frozen=True, slots=True)
class Folder:
    """Where each part of a collection lies."""

    path: Path
    """The folder itself."""

    @property
    def catalog(self) -> Path:
        """SQLite, the record of truth."""
        return self.path / "catalog.sqlite"

    @property
    def vectors(self) -> Path:
        """Raw float32 rows."""
        return self.path / "vectors.f32"

    @property
    def bm25(self) -> Path:
        """The derived word index."""
        return self.path / "bm25"

    @property
    def lock(self) -> Path:
        """Held by the one writer."""
        return self.path / "write.lock"

    def manifest(self) -> Manifest | None:
        """Read the manifest of a collection that is complete; None where there is no collection.

        Raises:
            StoreError: If the folder lies on a network file system, or was made by a newer version.
            StoreDamagedError: If a part that nothing else can replace is missing or unreadable.
        """
        refuse_network_folder(self.path)
        manifest = read_manifest(self.path)
        if manifest is not None and not (self.catalog.exists() and self.catalog.stat().st_size):
            raise StoreDamagedError(
                f"{self.catalog} is missing or empty: restore it from a backup, or delete the collection's folder and "
                "index again."
            )
        return manifest

    def create(self, manifest: Manifest, *, wait_s: float) -> Manifest:
        """Make an empty collection; the manifest comes last, so that a kill leaves none or a whole one.

        Returns:
            The manifest that counts: that of another process, if it was first.

        Raises:
            StoreError: If the folder holds something else.
            StoreDamagedError: If the folder holds a collection whose manifest is lost.
        """
        self._check_empty()
        self.path.mkdir(parents=True, exist_ok=True)
        lock = WriterLock(self.lock)
        lock.acquire(wait_s)
        try:
            if (others := read_manifest(self.path)) is not None:
                return others
            with closing(connect(self.catalog)) as db:
                migrate(db, MIGRATIONS)
                if read_state(db).sequence:
                    raise StoreDamagedError(
                        f"{self.path / MANIFEST} is missing beside a catalog: restore it from a backup."
                    )
            self.vectors.touch()
            sync_folder(self.path)
            write_manifest(self.path, manifest)
        finally:
            lock.release()
        return manifest

    def upgrade(self, *, wait_s: float) -> None:
        """Bring the catalog of an existing collection to this version's layout, if it is older.

        Raises:
            StoreError: If it is newer.
        """
        with closing(connect(self.catalog)) as db:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version == len(MIGRATIONS):
                return
            lock = WriterLock(self.lock)
            lock.acquire(wait_s)
            try:
                migrate(db, MIGRATIONS)
            finally:
                lock.release()

    def _check_empty(self) -> None:
        own = {MANIFEST, self.catalog.name, self.vectors.name, self.bm25.name, self.lock.name}
        own |= {f"{self.catalog.name}-{kind}" for kind in ("journal", "wal", "shm")}
        if self.path.exists() and not self.path.is_dir():
            raise StoreError(f"{self.path} is a file; expected a folder for the collection.")
        others = [path.name for path in self.path.iterdir()] if self.path.exists() else []
        foreign = sorted(name for name in others if name not in own and not name.startswith(f".{MANIFEST}."))
        if foreign:
            raise StoreError(
                f"{self.path} holds no collection but other files ({', '.join(foreign[:3])}): "
                "name an empty or new folder."
            )
