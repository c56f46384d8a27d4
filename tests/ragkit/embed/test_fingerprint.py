from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from ragkit.embed.fingerprint import Fingerprint, file_sha256
from ragkit.errors import ModelFilesError

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, appendix B.1


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"abc")
    return path


def test_a_file_has_the_published_digest(weights: Path) -> None:
    assert file_sha256(weights) == ABC


def test_a_remembered_digest_is_given_without_reading(weights: Path, tmp_path: Path) -> None:
    memory = tmp_path / "memory"
    assert file_sha256(weights, memory=memory) == ABC
    note = next(memory.iterdir())
    note.write_text(note.read_text(encoding="ascii").replace(ABC, "f" * 64), encoding="ascii")
    assert file_sha256(weights, memory=memory) == "f" * 64


def test_a_changed_file_is_read_again(weights: Path, tmp_path: Path) -> None:
    file_sha256(weights, memory=tmp_path / "memory")
    before = weights.stat()
    weights.write_bytes(b"abd")
    os.utime(weights, ns=(before.st_atime_ns, before.st_mtime_ns))  # the same size and time of change
    assert file_sha256(weights, memory=tmp_path / "memory") == hashlib.sha256(b"abd").hexdigest()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"state": [], "sha256": 3}'])
def test_a_damaged_note_is_not_believed(weights: Path, tmp_path: Path, content: str) -> None:
    file_sha256(weights, memory=tmp_path / "memory")
    next((tmp_path / "memory").iterdir()).write_text(content, encoding="ascii")
    assert file_sha256(weights, memory=tmp_path / "memory") == ABC


def test_a_memory_that_cannot_be_written_is_no_error(weights: Path) -> None:
    assert file_sha256(weights, memory=weights / "below a file") == ABC


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFilesError, match=r"gone\.safetensors cannot be read \(No such file"):
        file_sha256(tmp_path / "gone.safetensors")


def test_several_files_have_one_digest(weights: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"")
    joined = ABC + hashlib.sha256(b"").hexdigest()
    assert Fingerprint([weights, other]).sha256() == hashlib.sha256(joined.encode()).hexdigest()


def test_what_is_not_expected_is_refused_every_time(weights: Path) -> None:
    fingerprint = Fingerprint([weights], expected="0" * 64)
    for _ in range(2):
        with pytest.raises(ModelFilesError, match=f"has sha256 {ABC}, expected 0000"):
            fingerprint.sha256()


def test_what_is_expected_passes(weights: Path) -> None:
    fingerprint = Fingerprint([weights], expected=ABC)
    fingerprint.start()
    assert fingerprint.sha256() == ABC


def test_a_missing_file_is_told_by_the_one_who_asks(tmp_path: Path) -> None:
    with pytest.raises(ModelFilesError, match="cannot be read"):
        Fingerprint([tmp_path / "gone"]).sha256()
