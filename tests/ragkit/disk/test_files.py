"""Replacing, hashing and placing files."""

from __future__ import annotations

from pathlib import Path

import pytest

from ragkit.disk.files import atomic_write, file_system_of, refuse_network_folder, sha256_of
from ragkit.errors import StoreError


def test_atomic_write_replaces_the_content(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    atomic_write(path, b"one")
    atomic_write(path, b"two")
    assert path.read_bytes() == b"two"


def test_atomic_write_leaves_nothing_beside_the_file(tmp_path: Path) -> None:
    atomic_write(tmp_path / "a.json", b"one")
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_atomic_write_that_fails_keeps_the_old_content_and_cleans_up(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    atomic_write(path, b"one")
    with pytest.raises(TypeError, match="bytes-like"):
        atomic_write(path, "text")  # type: ignore[arg-type]
    assert [(item.name, item.read_bytes()) for item in tmp_path.iterdir()] == [("a.json", b"one")]


def test_sha256_is_that_of_the_content(tmp_path: Path) -> None:
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    assert sha256_of(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.fixture
def mounts(tmp_path: Path) -> Path:
    table = tmp_path / "mounts"
    table.write_text(
        "/dev/vda / ext4 rw 0 0\n"
        "server:/export /mnt/nfs nfs4 rw 0 0\n"
        "/dev/vdb /mnt/nfs/local ext4 rw 0 0\n"
        "//server/share /mnt/two\\040words cifs rw 0 0\n"
        "broken\n"
    )
    return table


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/home/me", "ext4"),
        ("/mnt/nfs", "nfs4"),
        ("/mnt/nfs/docs/store", "nfs4"),
        ("/mnt/nfs/local/store", "ext4"),
        ("/mnt/nfsother", "ext4"),
        ("/mnt/two words/store", "cifs"),
    ],
)
def test_file_system_is_that_of_the_longest_mount_point(folder: str, kind: str, mounts: Path) -> None:
    assert file_system_of(Path(folder), mounts) == kind


def test_file_system_is_unknown_without_a_table(tmp_path: Path) -> None:
    assert file_system_of(tmp_path, tmp_path / "missing") == ""


def test_network_folder_is_refused_with_its_type(mounts: Path) -> None:
    with pytest.raises(StoreError, match=r"/mnt/nfs/store lies on a network file system \(nfs4\).*local disk"):
        refuse_network_folder(Path("/mnt/nfs/store"), mounts)


def test_local_folder_is_accepted(mounts: Path) -> None:
    refuse_network_folder(Path("/mnt/nfs/local/store"), mounts)
