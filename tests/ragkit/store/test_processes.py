"""One writer and many readers, in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ragkit.errors import StoreError, StoreLockedError
from ragkit.store import folder as folder_module
from ragkit.store.collection import Collection
from ragkit.store.records import NewChunk, NewDocument

if TYPE_CHECKING:
    from pathlib import Path

Put = Callable[..., None]

_READ = """
import sys
import numpy as np
from ragkit.store.collection import Collection

rounds = bad = 0
with Collection.open(sys.argv[1], read_only=sys.argv[2] == "read_only") as collection:
    print("ready", flush=True)
    while (sequence := collection.sequence) < 12:
        hits = collection.search_bm25(["cat"], k=50)[0] + collection.search_dense(np.ones((1, 2)), k=50)[0]
        for name in {hit.doc_id for hit in hits if hit.doc_id != "first"}:
            group = [hit.text for hit in hits if hit.doc_id == name and "dense" in hit.arms]
            if len(group) != 2 or any(text[:3] != "cat" for text in group):
                bad += 1
        rounds += 1
    print(rounds, bad, len(collection.search_bm25(["cat"], k=50)[0]), flush=True)
"""


def test_readers_beside_a_writer_see_whole_documents(tmp_path: Path) -> None:
    with Collection.open(tmp_path, dim=2) as writer:
        writer.put(NewDocument(doc_id="first", text="cat", chunks=[NewChunk(0, 3)]), np.eye(1, 2))
        readers = [
            subprocess.Popen([sys.executable, "-c", _READ, str(tmp_path), mode], stdout=subprocess.PIPE, text=True)
            for mode in ("read_only", "shared")
        ]
        for reader in readers:
            assert reader.stdout is not None
            assert reader.stdout.readline() == "ready\n"
        chunks = [NewChunk(0, 5), NewChunk(6, 11)]
        for number in range(11):
            name = f"d{number % 6}"
            writer.put(NewDocument(doc_id=name, text=f"cat {number % 10} cat {number % 10}", chunks=chunks), np.eye(2))
        for reader in readers:
            out, _ = reader.communicate(timeout=60)
            rounds, bad, found = map(int, out.split())
            assert (rounds > 0, bad, found) == (True, 0, 13)


def test_second_writer_gets_the_name_of_the_first(collection: Collection, put: Put) -> None:
    put({"a": "cat"})
    with Collection.open(collection.folder, wait_s=0.1) as second:
        with pytest.raises(StoreLockedError, match=rf"is being written by process {os.getpid()}: waited 0\.1 s"):
            second.delete(["a"])
        collection.release()
        assert second.delete(["a"]) == 1
        assert "a" not in collection


def test_two_writers_take_turns(collection: Collection, put: Put) -> None:
    put({"a": "cat"})
    collection.release()
    with Collection.open(collection.folder) as second:
        second.put(NewDocument(doc_id="b", text="cat", chunks=[NewChunk(0, 3)]), np.eye(1, 6))
    put({"c": "cat"})
    assert [hit.doc_id for hit in collection.search_bm25(["cat"], k=9)[0]] == ["a", "b", "c"]
    assert {hit.doc_id for hit in collection.search_dense(np.eye(6)[:1], k=9)[0]} == {"a", "b", "c"}


def test_two_creators_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create = folder_module.Folder.create

    def late(self: Any, manifest: Any, *, wait_s: float) -> Any:
        monkeypatch.undo()
        Collection.open(tmp_path, dim=2).close()  # another process is faster
        return create(self, manifest, wait_s=wait_s)

    monkeypatch.setattr(folder_module.Folder, "create", late)
    with pytest.raises(StoreError, match="holds 2-dim vectors, asked for dim=3"):
        Collection.open(tmp_path, dim=3)


_COLD = """
import json, sys
from ragkit.store.collection import Collection
with Collection.open(sys.argv[1]) as collection:
    hits = collection.search_bm25(["cat"], k=1)[0]
modules = set(sys.modules)
heavy = ["langchain_core", "pydantic", "torch", "faiss", "transformers", "openvino", "tokenizers"]
print(json.dumps([len(hits), [name for name in heavy if name in modules]]))
"""


def test_words_are_found_without_heavy_imports(collection: Collection, put: Put) -> None:
    put({"a": "cat"})
    collection.close()
    done = subprocess.run([sys.executable, "-c", _COLD, str(collection.folder)], capture_output=True, check=True)
    assert json.loads(done.stdout) == [1, []]


def test_network_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(folder: Path) -> None:
        raise StoreError(f"{folder} lies on a network file system (nfs4)")

    monkeypatch.setattr(folder_module, "refuse_network_folder", refuse)
    with pytest.raises(StoreError, match="network file system"):
        Collection.open(tmp_path, dim=2)


def test_older_catalog_is_brought_up_to_date(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Collection.open(tmp_path, dim=2).close()
    newer = (*folder_module.MIGRATIONS, "CREATE TABLE later (x)")
    monkeypatch.setattr(folder_module, "MIGRATIONS", newer)
    Collection.open(tmp_path).close()
    Collection.open(tmp_path).close()
    monkeypatch.undo()
    layout = len(folder_module.MIGRATIONS)
    with pytest.raises(StoreError, match=f"the catalog has layout {layout + 1}, this ragkit reads up to {layout}:"):
        Collection.open(tmp_path)
