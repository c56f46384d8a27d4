from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from ragkit.errors import StoreDamagedError
from ragkit.store.collection import Collection
from ragkit.store.records import NewChunk, NewDocument
from ragkit.store.witness import check_commit, note_commit, noted_commit

CATALOG = Path("generation-1") / "catalog.sqlite"


def put(collection: Collection, doc_id: str) -> None:
    text = f"text of {doc_id}"
    collection.put(NewDocument(doc_id=doc_id, text=text, chunks=[NewChunk(0, len(text))]), np.eye(1, 4))


def without_log(folder: Path, copy: Path, *, kept: int = 0) -> Path:
    """Copy a folder that is open, as a kill leaves it, with only the first bytes of the write-ahead log."""
    shutil.copytree(folder, copy)
    log = copy / f"{CATALOG}-wal"
    assert log.stat().st_size > kept
    log.write_bytes(log.read_bytes()[:kept])
    (copy / f"{CATALOG}-shm").unlink()
    return copy


@pytest.mark.parametrize("read_only", [False, True])
def test_collection_whose_log_was_lost_is_refused_and_not_quietly_older(tmp_path: Path, read_only: bool) -> None:
    with Collection.open(tmp_path / "store", dim=4) as collection:
        put(collection, "a")
        put(collection, "b")
        cut = without_log(tmp_path / "store", tmp_path / "cut")
    with pytest.raises(StoreDamagedError, match=r"change 2 was acknowledged.*ragkit reindex"):
        Collection.open(cut, read_only=read_only)


def test_a_lost_delete_is_noticed_too(tmp_path: Path) -> None:
    with Collection.open(tmp_path / "store", dim=4) as collection:
        put(collection, "a")
    with Collection.open(tmp_path / "store", dim=4) as collection:  # closing moved the log into the catalog
        collection.delete(["a"])
        cut = without_log(tmp_path / "store", tmp_path / "cut")
    with pytest.raises(StoreDamagedError, match="stands at change 1, but change 2"):
        Collection.open(cut)


def test_repair_opens_what_is_there_and_a_new_generation_is_sound(tmp_path: Path) -> None:
    with Collection.open(tmp_path / "store", dim=4) as collection:
        put(collection, "a")
    with Collection.open(tmp_path / "store", dim=4) as collection:
        put(collection, "b")
        cut = without_log(tmp_path / "store", tmp_path / "cut")
    with Collection.open(cut, repair=True) as collection:
        assert [document.doc_id for document in collection.documents()] == ["a"]
        collection.compact(secure=True)
    with Collection.open(cut) as collection:
        assert len(collection) == 1


def test_a_killed_writer_leaves_a_note_that_its_catalog_meets(tmp_path: Path) -> None:
    with Collection.open(tmp_path / "store", dim=4) as collection:
        put(collection, "a")
        shutil.copytree(tmp_path / "store", tmp_path / "killed")
    with Collection.open(tmp_path / "killed") as collection:
        assert "a" in collection


@pytest.mark.parametrize("content", [b"", b"garbage", b"00000000000000000009 00000000\n", b"\xff" * 30])
def test_a_note_that_cannot_be_read_proves_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "note").write_bytes(content)
    assert noted_commit(tmp_path / "note") == 0


def test_the_note_is_of_the_last_commit(tmp_path: Path) -> None:
    note_commit(tmp_path / "note", 12)
    note_commit(tmp_path / "note", 9)
    assert noted_commit(tmp_path / "note") == 9
    assert noted_commit(tmp_path / "none") == 0


def test_a_catalog_ahead_of_the_note_is_fine(tmp_path: Path) -> None:
    check_commit(tmp_path / "catalog", noted=3, sequence=4)


def test_a_note_without_room_does_not_fail_the_commit(tmp_path: Path) -> None:
    note_commit(tmp_path / "no" / "folder", 1)
    assert noted_commit(tmp_path / "no" / "folder") == 0
