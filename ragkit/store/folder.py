"""The folder of a collection: its files, generation by generation, and how a new one comes to be."""

from __future__ import annotations

import fcntl
import logging
import os
import re
import shutil
import stat
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from ragkit.disk.files import refuse_network_folder, sync_folder
from ragkit.disk.lock import WriterLock
from ragkit.disk.sqlite import LEAST_BYTES, connect, migrate, transaction
from ragkit.errors import StoreDamagedError, StoreError
from ragkit.store.manifest import MANIFEST, Manifest, read_manifest, write_manifest
from ragkit.store.restore import restored, write_copy
from ragkit.store.schema import MIGRATIONS
from ragkit.store.witness import WITNESS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ragkit.store.vectors import Precision

__all__ = ["Folder", "Found", "Mark", "Parts", "bytes_in"]

_LOG = logging.getLogger(__name__)
_GENERATION: Final = re.compile(r"generation-([1-9][0-9]*)")
_SUFFIXES: Final = {"float16": "f16", "float32": "f32"}
_POLL_S: Final = 0.01


class Mark(NamedTuple):
    """What tells that the manifest was replaced."""

    inode: int
    mtime_ns: int
    size: int


class Found(NamedTuple):
    """What a folder says of itself just now."""

    manifest: Manifest
    mark: Mark | None
    """Of the manifest's file, taken before it was read; None where the file is missing."""
    lost: bool
    """Whether the manifest's file is missing or garbled, and this one comes from a catalog."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Where each part of one generation lies."""

    path: Path
    """Its folder; the collection's own for generation 0."""
    precision: Precision
    """Of its vectors."""

    @property
    def catalog(self) -> Path:
        """SQLite, the record of truth."""
        return self.path / "catalog.sqlite"

    @property
    def vectors(self) -> Path:
        """Raw rows."""
        return self.path / f"vectors.{_SUFFIXES[self.precision]}"

    @property
    def bm25(self) -> Path:
        """The derived word index."""
        return self.path / "bm25"

    @property
    def dense(self) -> Path:
        """The derived index of vectors, where its kind is approximate."""
        return self.path / "dense"

    @property
    def witness(self) -> Path:
        """Number of the last commit; see `witness.py`."""
        return self.path / WITNESS


@dataclass(frozen=True, slots=True)
class Folder:
    """What lies in the folder beside and above the generations."""

    path: Path
    """The folder itself."""

    @property
    def lock(self) -> Path:
        """Held by the one writer."""
        return self.path / "write.lock"

    def parts(self, manifest: Manifest) -> Parts:
        """Give where the generation lies that a manifest names."""
        number = manifest.generation
        return Parts(self.path / f"generation-{number}" if number else self.path, manifest.precision)

    def generations(self) -> dict[int, Path]:
        """Give the folder of every generation of which something is there, half-built ones too, by number."""
        found = {}
        for path in self.path.iterdir() if self.path.is_dir() else ():
            if match := _GENERATION.fullmatch(path.name):
                found[int(match[1])] = path
            elif path.name == "catalog.sqlite":
                found[0] = self.path
        return found

    def mark(self) -> Mark | None:
        """Give the mark of the manifest as it is now; None where it is missing."""
        try:
            status = (self.path / MANIFEST).stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return Mark(status.st_ino, status.st_mtime_ns, status.st_size)

    def found(self) -> Found | None:
        """Read the manifest, or restore it from the newest complete generation; None where there is no collection.

        Nothing is written.

        Raises:
            StoreError: If the folder was made by a newer version.
            StoreDamagedError: If a part that nothing else can replace is missing or unreadable.
        """
        mark, reason, error = self.mark(), f"{self.path / MANIFEST} is missing", None
        try:
            manifest = read_manifest(self.path)
            if manifest is not None:
                catalog = self.parts(manifest).catalog
                if catalog.exists() and catalog.stat().st_size >= LEAST_BYTES:
                    return Found(manifest, mark, lost=False)
                reason = f"{catalog} is missing or empty"
                error = StoreDamagedError(
                    f"{reason}: restore it from a backup, or delete the collection's folder and index again."
                )
        except StoreDamagedError as damage:
            error, reason = damage, str(damage).partition(":")[0]
        try:
            copy = restored(self.generations(), self.path, empty=error is not None)
        except StoreDamagedError as wreck:
            raise error or wreck from None
        if copy is not None:
            _LOG.warning("%s: the manifest is restored from generation %d", reason, copy.generation)
            return Found(copy, mark, lost=True)
        if error is not None:
            raise error
        return None

    def manifest(self) -> Manifest | None:
        """Give the manifest of the collection in this folder; None where there is none.

        Raises:
            StoreError: As `found`, and if the folder lies on a network file system.
        """
        refuse_network_folder(self.path)
        found = self.found()
        return found.manifest if found else None

    def create(self, manifest: Manifest, *, wait_s: float) -> Manifest:
        """Make an empty collection; the manifest comes last, so that a kill leaves none or a whole one.

        Returns:
            The manifest that counts: that of another process, if it was first.

        Raises:
            StoreError: If the folder holds something else.
        """
        self._check_empty()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock = WriterLock(self.lock)
            lock.acquire(wait_s)
        except PermissionError as error:
            raise StoreError(
                f"a collection cannot be made in {self.path} ({error}): name a folder that this account may write to."
            ) from error
        try:
            if (others := self.found()) is not None:
                return others.manifest
            self.remove_leftovers(None, wait_s=0.0)
            self.prepare(manifest, complete=True)
            write_manifest(self.path, manifest)
        finally:
            lock.release()
        return manifest

    def prepare(self, manifest: Manifest, *, complete: bool) -> Parts:
        """Make the empty files of a generation, durable on return.

        Args:
            manifest: Names it.
            complete: Say that there is nothing more to come; see `restore.py`.
        """
        parts = self.parts(manifest)
        if manifest.generation and parts.path.is_dir():  # left by a replacement that failed under this very lock
            shutil.rmtree(parts.path)
        parts.path.mkdir()
        with closing(connect(parts.catalog)) as db:
            migrate(db, MIGRATIONS)
            if complete:
                write_copy(db, manifest)
        parts.vectors.touch()
        sync_folder(parts.path)
        sync_folder(self.path)
        return parts

    def upgrade(self, manifest: Manifest, *, wait_s: float) -> None:
        """Bring the catalog of an existing collection to this version's layout, if it is older.

        Raises:
            StoreError: If it is newer.
        """
        with closing(connect(self.parts(manifest).catalog, create=False)) as db:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version == len(MIGRATIONS):
                return
            lock = WriterLock(self.lock)
            lock.acquire(wait_s)
            try:
                migrate(db, MIGRATIONS)
                write_copy(db, manifest)
            finally:
                lock.release()

    def record(self, manifest: Manifest) -> None:
        """Write a manifest that differs in its chunker, and its copy; the caller is the writer."""
        with closing(connect(self.parts(manifest).catalog, create=False)) as db, transaction(db, write=True):
            write_copy(db, manifest)
        write_manifest(self.path, manifest)

    def remove_leftovers(self, current: Manifest | None, *, wait_s: float) -> None:
        """Remove every generation but the current one, and what a killed replacement left; the caller is the writer.

        Args:
            current: None if there is no collection yet.
            wait_s: How long to wait for reads that began before their generation was replaced; those that take
                longer go on with the files they have open.

        Raises:
            OSError: If something cannot be removed.
        """
        for beside in self.path.glob(f".{MANIFEST}.*.tmp"):
            beside.unlink(missing_ok=True)
        for number, path in self.generations().items():
            if current is None or number != current.generation:
                _wait_for_readers(path, wait_s)
                self._remove(number, path)

    def _remove(self, number: int, path: Path) -> None:
        # The catalog first: without it nobody can open what is left.
        for name in _flat_names():
            part = path / name
            if part.is_dir():
                shutil.rmtree(part)
            else:
                part.unlink(missing_ok=True)
        if number:
            shutil.rmtree(path)
        sync_folder(self.path)

    def _check_empty(self) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise StoreError(f"{self.path} is a file; expected a folder for the collection.")
        own = {MANIFEST, self.lock.name, *_flat_names()}
        others = [path.name for path in self.path.iterdir()] if self.path.exists() else []
        foreign = sorted(
            name
            for name in others
            if name not in own and not name.startswith(f".{MANIFEST}.") and not _GENERATION.fullmatch(name)
        )
        if foreign:
            raise StoreError(
                f"{self.path} holds no collection but other files ({', '.join(foreign[:3])}): "
                "name an empty or new folder."
            )


def _flat_names() -> Iterator[str]:
    """Give the names of all that may lie in the folder of a generation, the catalog first."""
    yield from ("catalog.sqlite", *(f"catalog.sqlite-{kind}" for kind in ("journal", "wal", "shm")))
    yield from (f"vectors.{suffix}" for suffix in _SUFFIXES.values())
    yield from ("bm25", "dense", WITNESS)


def _wait_for_readers(path: Path, wait_s: float) -> None:
    """Wait until no read is under way in a generation, or the time is over; see `Generation.used`."""
    deadline = time.monotonic() + wait_s
    descriptor = os.open(path, os.O_RDONLY)
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    return
                time.sleep(_POLL_S)
            else:
                return
    finally:
        os.close(descriptor)


def bytes_in(path: Path) -> int:
    """Give the size of a file, or of all files below a folder; 0 where nothing is, and for what vanishes meanwhile."""
    if not path.is_dir():
        return _size(path)
    return sum(_size(Path(folder) / name) for folder, _, names in os.walk(path) for name in names)


def _size(path: Path) -> int:
    with suppress(OSError):  # a writer may be replacing files
        status = path.stat()
        return status.st_size if stat.S_ISREG(status.st_mode) else 0
    return 0
