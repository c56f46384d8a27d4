"""Opening a collection while others write, rebuild it or have lost parts of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ragkit.errors import IndexMismatchError, StoreDamagedError, StoreError
from ragkit.ingest.reindex import reindex
from ragkit.store.collection import Collection
from ragkit.store.folder import Folder, bytes_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ragkit.encoder import Encoder
    from ragkit.store.manifest import Manifest

_KILLED = """
import os, signal, sys
import numpy as np
from ragkit.store.collection import Collection
from ragkit.store.records import NewChunk, NewDocument

collection = Collection.open(sys.argv[1], dim=2)
for number in range(5):
    collection.put(NewDocument(doc_id=str(number), text="cat", chunks=[NewChunk(0, 3)]), np.eye(1, 2))
os.kill(os.getpid(), signal.SIGKILL)
"""


def _before_upgrade(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Have something happen once, after the manifest was read and before the catalog is."""
    upgrade, acts = Folder.upgrade, [act]

    def late(folder: Folder, manifest: Manifest, **options: Any) -> None:
        if acts:
            acts.pop()()
        upgrade(folder, manifest, **options)

    monkeypatch.setattr(Folder, "upgrade", late)


def test_collection_that_is_compacted_while_it_is_opened_is_opened(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection.add_texts(["cat", "dog"], doc_ids=["a", "b"])
    collection.delete(["a"])
    _before_upgrade(monkeypatch, lambda: (collection.compact(), collection.release()))
    with Collection.open(collection.folder, collection.encoder) as opened:
        assert opened.manifest.generation == 2
        assert [hit.doc_id for hit in opened.search_bm25(["dog"], k=1)[0]] == ["b"]


@pytest.mark.parametrize("dim", [6, 7])
def test_collection_that_is_rebuilt_with_another_model_while_it_is_opened_is_refused(
    collection: Collection, word_encoder: Callable[..., Encoder], monkeypatch: pytest.MonkeyPatch, dim: int
) -> None:
    collection.add_texts(["cat"], doc_ids=["a"])
    _before_upgrade(monkeypatch, lambda: (reindex(collection, word_encoder("2", dim=dim)), collection.release()))
    with pytest.raises(IndexMismatchError, match="the collection was built with words"):
        Collection.open(collection.folder, word_encoder())


def test_texts_added_while_the_collection_is_rebuilt_get_vectors_of_the_new_model(
    collection: Collection, word_encoder: Callable[..., Any]
) -> None:
    collection.add_texts(["cat"], doc_ids=["a"])
    new = word_encoder("2", dim=7)

    class Slow(word_encoder):  # type: ignore[misc]
        def encode_documents(self, texts: list[str]) -> Any:
            rows = super().encode_documents(texts)
            if texts == ["dog"]:
                reindex(collection, new)
            return rows

    collection.encoder = Slow()
    collection.add_texts(["dog"], doc_ids=["b"])
    assert collection.vectors(["b#0"]).tolist() == new.encode_documents(["dog"]).tolist()


def test_collection_that_lost_its_manifest_and_its_log_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    run = subprocess.run([sys.executable, "-c", _KILLED, str(folder)], check=False)
    assert run.returncode == -signal.SIGKILL
    (folder / "manifest.json").unlink()
    (folder / "generation-1" / "catalog.sqlite-wal").unlink()
    for read_only in (False, True):
        with pytest.raises(StoreDamagedError, match="restore"):
            Collection.open(folder, dim=2, read_only=read_only)


def test_folder_that_vanishes_while_it_is_measured_counts_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gone").mkdir()
    (tmp_path / "kept").write_bytes(b"four")
    scan = os.scandir

    def scanned(path: Any) -> Any:
        if str(path).endswith("gone"):
            (tmp_path / "gone").rmdir()
        return scan(path)

    monkeypatch.setattr(os, "scandir", scanned)
    assert bytes_in(tmp_path) == 4
    assert bytes_in(tmp_path / "kept") == 4
    assert bytes_in(tmp_path / "none") == 0


def _denied(*_: object, **__: object) -> None:
    raise PermissionError(13, "Permission denied")


def test_collection_in_a_folder_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ragkit.store.folder.WriterLock.acquire", _denied)
    with pytest.raises(StoreError, match="name a folder that this account may write to"):
        Collection.open(tmp_path / "store", dim=2)


def test_opening_for_writing_what_may_only_be_read_advises_to_read_only(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ragkit.store.collection.os.access", lambda *_: False)
    monkeypatch.setattr(Folder, "upgrade", _denied)
    with pytest.raises(StoreError, match="cannot be written by this account: open it with read_only=True"):
        Collection.open(collection.folder, collection.encoder)
    with Collection.open(collection.folder, collection.encoder, read_only=True) as reader:
        assert reader.search_dense(np.ones((1, 6)), k=1) == [[]]
