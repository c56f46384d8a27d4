"""Replacing, hashing and placing files so that a crash leaves the old or the new content, never half of it."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from pathlib import Path

from ragkit.disk.space import full_disk_named
from ragkit.errors import StoreError

__all__ = [
    "NETWORK_FILE_SYSTEMS",
    "atomic_write",
    "file_system_of",
    "refuse_network_folder",
    "sha256_of",
    "sync_folder",
]

NETWORK_FILE_SYSTEMS = frozenset({"afs", "cifs", "fuse.sshfs", "nfs", "nfs4", "smb", "smb3", "smbfs"})
"""Types in the system's mount table on which file locks and shared memory of SQLite cannot be trusted."""

_MOUNTS = Path("/proc/mounts")


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable: a new or renamed file may otherwise be lost with the power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def atomic_write(path: Path, content: bytes) -> None:
    """Put `content` at `path`, durable on return; a crash leaves the old file or the new one.

    The file is written beside its place (`.NAME.*.tmp`), synced, and renamed over it.

    Raises:
        StoreFullError: If there is no room; `path` is unchanged then.
        OSError: If the folder cannot be written; `path` is unchanged too.
    """
    # Not mkstemp: its file is private, and readers under another account need what the folder gives.
    beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        with full_disk_named(path), beside.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sha256_of(path: Path) -> str:
    """Give the sha256 of a file's content, 64 hexadecimal digits; reads about 1 GB/s."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_system_of(folder: Path, mounts: Path = _MOUNTS) -> str:
    """Give the type of the file system that holds `folder`, such as `ext4` or `nfs4`.

    Args:
        folder: Need not exist.
        mounts: A table in the form of Linux's `/proc/mounts`.

    Returns:
        The type of the longest mount point above `folder`; empty where there is no table (macOS).
    """
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    place, found, kind = folder.resolve(), Path(), ""
    for line in lines:
        _, point, type_name, *_ = [*line.split(" "), "", "", ""]
        # The table writes a space in a path as \040, and so on.
        mount = Path(re.sub(r"\\(\d{3})", lambda match: chr(int(match[1], 8)), point))
        if place.is_relative_to(mount) and len(mount.parts) >= len(found.parts):
            found, kind = mount, type_name
    return kind


def refuse_network_folder(folder: Path, mounts: Path = _MOUNTS) -> None:
    """Check that `folder` lies on a local disk, where locks and shared memory work.

    Raises:
        StoreError: If it lies on a file system of `NETWORK_FILE_SYSTEMS`.
    """
    if (kind := file_system_of(folder, mounts)) in NETWORK_FILE_SYSTEMS:
        raise StoreError(
            f"{folder} lies on a network file system ({kind}), where file locks cannot be trusted: "
            "put the collection on a local disk."
        )
