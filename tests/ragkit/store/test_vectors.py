"""The file of vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from ragkit.errors import StoreDamagedError
from ragkit.store.vectors import VectorFile

if TYPE_CHECKING:
    from pathlib import Path

_ROWS = np.arange(6, dtype=np.float32).reshape(3, 2)


@pytest.fixture
def file(tmp_path: Path) -> VectorFile:
    return VectorFile(tmp_path / "vectors.f32", 2)


def test_rows_come_back_as_they_were(file: VectorFile) -> None:
    file.append(_ROWS, at=0)
    assert file.read(3).tolist() == _ROWS.tolist()
    assert file.read(2).tolist() == _ROWS[:2].tolist()


def test_rows_that_were_never_committed_are_written_over(file: VectorFile) -> None:
    file.append(_ROWS, at=0)
    file.append(_ROWS[2:], at=1)
    assert file.read(2).tolist() == [[0, 1], [4, 5]]
    assert file.path.stat().st_size == 16


def test_half_a_row_of_a_killed_writer_is_written_over(file: VectorFile) -> None:
    file.append(_ROWS[:1], at=0)
    with file.path.open("ab") as raw:
        raw.write(b"12345")
    file.append(_ROWS[1:], at=1)
    assert file.read(3).tolist() == _ROWS.tolist()


def test_no_rows_need_no_file(file: VectorFile) -> None:
    assert file.read(0).shape == (0, 2)


def test_file_that_was_cut_is_named_as_damaged(file: VectorFile) -> None:
    file.append(_ROWS, at=0)
    file.path.write_bytes(file.path.read_bytes()[:-1])
    with pytest.raises(StoreDamagedError, match=r"vectors\.f32 holds 2 vectors, the catalog counts 3: .* restore it"):
        file.read(3)
    with pytest.raises(StoreDamagedError, match="holds 2 vectors, the catalog counts 3"):
        file.append(_ROWS, at=3)


def test_missing_file_is_named_as_damaged(file: VectorFile) -> None:
    with pytest.raises(StoreDamagedError, match="holds 0 vectors, the catalog counts 1"):
        file.read(1)
