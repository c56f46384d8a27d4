"""Turning to a generation that was built anew."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from ragkit.errors import StoreError
from ragkit.ingest.reindex import reindex
from ragkit.store import folder as folder_module
from ragkit.store import turns
from ragkit.store.manifest import Manifest, write_manifest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ragkit.encoder import Encoder
    from ragkit.store.collection import Collection


def test_read_while_the_manifest_is_replaced_leaves_the_collection_usable(
    collection: Collection, word_encoder: Callable[..., Encoder], monkeypatch: pytest.MonkeyPatch
) -> None:
    collection.add_texts(["cat"], doc_ids=["a"])
    with ThreadPoolExecutor(1) as thread:
        reads = []

        def replaced(folder: Path, manifest: Manifest) -> None:
            write_manifest(folder, manifest)
            reads.append(thread.submit(len, collection))

        monkeypatch.setattr(turns, "write_manifest", replaced)
        encoder = word_encoder("2", dim=7)
        reindex(collection, encoder)
        assert [read.result() for read in reads] == [1]
    assert collection.search_dense(encoder.encode_queries(["cat"]), k=1)[0][0].doc_id == "a"
    collection.add_texts(["dog"], doc_ids=["b"])
    assert len(collection) == 2


def test_old_files_that_cannot_be_removed_yet_do_not_undo_a_compaction(
    collection: Collection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    collection.add_texts(["cat", "dog"], doc_ids=["a", "b"])
    collection.delete(["a"])

    def denied(path: Path, wait_s: float) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(folder_module, "_wait_for_readers", denied)
        assert collection.compact().compacted
        assert "cannot be removed yet" in caplog.text
        with pytest.raises(StoreError, match="what was deleted is still in the old ones"):
            collection.compact(secure=True)
    assert [hit.doc_id for hit in collection.search_bm25(["dog"], k=1)[0]] == ["b"]


def test_what_a_killed_replacement_left_does_not_stand_in_the_way_of_the_next(collection: Collection) -> None:
    collection.add_texts(["cat"], doc_ids=["a"])
    (collection.folder / "generation-2").mkdir()
    assert collection.compact(secure=True).generation == 2
