"""Whether the vector file holds what was written."""

from __future__ import annotations

import os
from contextlib import contextmanager
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ragkit.disk.sqlite import connect, migrate, transaction
from ragkit.errors import StoreDamagedError, StoreError
from ragkit.store.blocks import SoundVectors, crc_before
from ragkit.store.schema import MIGRATIONS
from ragkit.store.vectors import VectorFile

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

_ROWS = np.random.default_rng(0).standard_normal((30, 4)).astype(np.float32)
_CUTS = (0, 1, 2, 12, 30)


@contextmanager
def _opened(folder: Path) -> Iterator[sqlite3.Connection]:
    db = connect(folder / "catalog.sqlite")
    try:
        yield db
    finally:
        db.close()


def _append(db: sqlite3.Connection, vectors: SoundVectors, rows: NDArray[np.float32], at: int) -> None:
    with transaction(db, write=True):
        vectors.append(db, rows, at=at)


def _file(folder: Path) -> VectorFile:
    return VectorFile(folder / "vectors.f16", 4, "float16")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Thirty rows in four blocks."""
    with _opened(tmp_path) as db:
        migrate(db, MIGRATIONS)
        vectors = SoundVectors(_file(tmp_path))
        for first, last in pairwise(_CUTS):
            _append(db, vectors, _ROWS[first:last], first)
    return tmp_path


def _overwrite(path: Path, content: bytes) -> None:
    """Put other bytes at the same place, as a failing disk does, but at another time."""
    before = path.stat()
    with path.open("r+b") as file:
        file.write(content)
        file.truncate(len(content))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1_000_000))


def _read(folder: Path, rows: int = 30) -> NDArray[np.float32]:
    with _opened(folder) as db:
        return SoundVectors(_file(folder)).read(db, rows).astype(np.float32)


def test_rows_are_what_was_written_rounded_once(folder: Path) -> None:
    assert _read(folder).tolist() == _ROWS.astype(np.float16).astype(np.float32).tolist()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bit=st.integers(0, 30 * 8 * 8 - 1))
def test_any_flipped_bit_is_damage(folder: Path, bit: int) -> None:
    path = folder / "vectors.f16"
    sound = path.read_bytes()
    garbled = bytearray(sound)
    garbled[bit // 8] ^= 1 << bit % 8
    _overwrite(path, bytes(garbled))
    block = max(first for first in _CUTS if first <= bit // 64)
    with pytest.raises(StoreDamagedError, match=rf"is damaged between rows {block} and .*run `ragkit reindex`"):
        _read(folder)
    _overwrite(path, sound)
    assert len(_read(folder)) == 30


def test_blocks_that_changed_places_are_damage(folder: Path) -> None:
    path = folder / "vectors.f16"
    content = path.read_bytes()
    _overwrite(path, content[8:16] + content[:8] + content[16:])
    with pytest.raises(StoreDamagedError, match="between rows 0 and 1: run `ragkit reindex`"):
        _read(folder)


def test_a_file_that_was_cut_is_damage(folder: Path) -> None:
    path = folder / "vectors.f16"
    _overwrite(path, path.read_bytes()[:-1])
    with pytest.raises(StoreDamagedError, match=r"holds 29 vectors, the catalog counts 30: .*run `ragkit reindex`"):
        _read(folder)


def test_damage_in_rows_that_are_not_used_is_not_looked_for(folder: Path) -> None:
    path = folder / "vectors.f16"
    content = path.read_bytes()
    _overwrite(path, content[:-1] + bytes([content[-1] ^ 1]))
    assert len(_read(folder, 12)) == 12


def test_a_writer_does_not_append_to_a_damaged_file(folder: Path) -> None:
    path = folder / "vectors.f16"
    content = path.read_bytes()
    _overwrite(path, bytes([content[0] ^ 1]) + content[1:])
    with _opened(folder) as db, pytest.raises(StoreDamagedError, match="between rows 0 and 1"):
        _append(db, SoundVectors(_file(folder)), _ROWS[:1], 30)
    assert path.stat().st_size == len(content)


def test_a_file_as_its_writer_left_it_is_not_read_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    monkeypatch.setattr(SoundVectors, "_verify", lambda self, db, rows: read.append(rows))
    assert len(_read(folder)) == 30
    assert read == []
    os.utime(folder / "vectors.f16", ns=(0, 0))
    assert len(_read(folder)) == 30
    assert read == [30]


def test_each_block_is_verified_once_beside_a_writer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    verify = SoundVectors._verify

    def noted(self: SoundVectors, db: sqlite3.Connection, rows: int) -> None:
        if self is reader:
            asked.append((self._sound, rows))
        verify(self, db, rows)

    monkeypatch.setattr(SoundVectors, "_verify", noted)
    reader, writer = SoundVectors(_file(folder)), SoundVectors(_file(folder))
    with _opened(folder) as db:
        for at in (30, 31, 32):
            _append(db, writer, _ROWS[:1], at)
            os.utime(folder / "vectors.f16", ns=(0, at))  # as if the next append were under way
            for _ in range(3):
                assert len(reader.read(db, at + 1)) == at + 1
    assert asked == [(0, 31), (31, 32), (32, 33)]


def test_a_file_that_was_replaced_is_verified_again(folder: Path) -> None:
    path = folder / "vectors.f16"
    with _opened(folder) as db:
        vectors = SoundVectors(_file(folder))
        assert len(vectors.read(db, 30)) == 30
        content = path.read_bytes()
        other = path.with_suffix(".other")
        other.write_bytes(content[8:16] + content[:8] + content[16:])
        other.replace(path)
        with pytest.raises(StoreDamagedError, match="is damaged between rows"):
            vectors.read(db, 30)


def test_rows_from_before_there_were_checksums_get_them_with_the_next_write(folder: Path) -> None:
    with _opened(folder) as db:
        db.execute("DELETE FROM vector_blocks")
        db.execute("DELETE FROM vector_file")
        assert len(_read(folder)) == 30
        _append(db, SoundVectors(_file(folder)), _ROWS[:1], 30)
        assert db.execute("SELECT first, rows FROM vector_blocks ORDER BY first").fetchall() == [(0, 30), (30, 1)]
    content = (folder / "vectors.f16").read_bytes()
    _overwrite(folder / "vectors.f16", bytes([content[0] ^ 1]) + content[1:])
    with pytest.raises(StoreDamagedError, match="is damaged between rows 0 and 30"):
        _read(folder, 31)


def test_a_catalog_without_checksums_is_read_all_the_same(folder: Path) -> None:
    with _opened(folder) as db:
        db.execute("DROP TABLE vector_blocks")
        assert len(SoundVectors(_file(folder)).read(db, 30)) == 30
        assert crc_before(db, 30) is None


def test_the_block_before_a_row_is_known_by_its_checksum(folder: Path) -> None:
    with _opened(folder) as db:
        kept = dict(db.execute("SELECT first + rows, crc FROM vector_blocks"))
        assert [crc_before(db, row) for row in (1, 2, 12, 30)] == [kept[row] for row in (1, 2, 12, 30)]
        assert [crc_before(db, row) for row in (0, 3, 29, 31)] == [None] * 4


def test_file_garbled_after_it_was_trusted_is_not_appended_to(folder: Path) -> None:
    vectors = SoundVectors(_file(folder))
    with _opened(folder) as db:
        vectors.read(db, 30)
        content = vectors.file.path.read_bytes()
        _overwrite(vectors.file.path, b"\0\0\0\0" + content[4:])
        with pytest.raises(StoreDamagedError, match="is damaged between rows 0 and 1"):
            _append(db, vectors, _ROWS[:1], 30)
        _overwrite(vectors.file.path, content)
        _append(db, vectors, _ROWS[:1], 30)
        assert len(vectors.read(db, 31)) == 31


def test_rows_of_a_folder_that_was_removed_are_not_called_damaged(folder: Path) -> None:
    vectors = SoundVectors(VectorFile(folder / "gone" / "vectors.f16", 4, "float16"))
    with (
        _opened(folder) as db,
        pytest.raises(StoreError, match="gone is not there any more") as told,
    ):
        vectors.read(db, 30)
    assert not isinstance(told.value, StoreDamagedError)
