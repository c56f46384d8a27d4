from __future__ import annotations

import os
from pathlib import Path

import pytest

from ragkit.errors import LoadError
from ragkit.ingest.reading import open_regular, read_whole


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert read_whole(tmp_path / "a", "a") == b"abc"


def test_a_file_larger_than_the_limit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a" * (2**20 + 1))
    with pytest.raises(LoadError, match="a: is larger than 1 MiB: split it"):
        read_whole(tmp_path / "a", "a", limit=2**20)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="shown: cannot be opened: No such file"):
        open_regular(tmp_path / "none", "shown")


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(LoadError, match="is not a regular file"):
        open_regular(tmp_path / "pipe", "pipe")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="is not a regular file"):
        read_whole(tmp_path, "folder")


def test_a_name_with_nul_is_refused() -> None:
    with pytest.raises(LoadError, match="is no file name"):
        open_regular(Path("a\0b"), "a")


def test_a_read_that_fails_half_way_is_reported() -> None:
    # Position 0 of a process's memory is never mapped: the open succeeds, the read fails.
    memory = Path("/proc/self/mem")
    if not memory.exists():
        pytest.skip("needs /proc")
    with pytest.raises(LoadError, match="cannot be read"):
        read_whole(memory, "mem")
