"""One writer and many readers, in processes of their own."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ragkit.errors import StoreError, StoreLockedError
from ragkit.store import folder as folder_module
from ragkit.store.collection import Collection
from ragkit.store.records import NewChunk, NewDocument

if TYPE_CHECKING:
    import sqlite3

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
        with pytest.raises(
            StoreLockedError, match=r"is being written by another collection object of this process: waited 0\.1 s"
        ):
            second.delete(["a"])
        collection.release()
        assert second.delete(["a"]) == 1
        assert "a" not in collection


def test_closed_collection_takes_no_lock(collection: Collection, put: Put) -> None:
    put({"a": "cat"})
    collection.close()
    for write in (lambda: put({"b": "cat"}), lambda: collection.delete(["a"]), collection.compact):
        with pytest.raises(StoreError, match="is closed: open it again"):
            write()
    with Collection.open(collection.folder, wait_s=0) as second:
        assert second.delete(["a"]) == 1


def _open_files() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def test_collection_that_is_dropped_gives_its_lock_and_files_back(collection: Collection, put: Put) -> None:
    put({"a": "cat"})
    folder = collection.folder
    collection.close()
    gc.collect()  # what earlier tests left
    before = _open_files()
    dropped: Collection | None = Collection.open(folder)
    assert dropped is not None
    dropped.delete(["nobody"])
    assert len(dropped) == 1
    dropped = None
    gc.collect()
    assert _open_files() == before
    with Collection.open(folder, wait_s=0) as second:
        assert second.delete(["a"]) == 1


def test_turn_that_cannot_begin_is_given_back_and_begins_anew(
    collection: Collection, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    put({"a": "cat"})
    collection.release()
    begun = []

    def interrupt(*_: object, **__: object) -> None:
        begun.append(1)
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr("ragkit.store.words.Words.follow", interrupt)
        for count in (1, 2):
            with pytest.raises(KeyboardInterrupt):
                collection.delete(["a"])
            assert len(begun) == count
            with Collection.open(collection.folder, wait_s=0) as second, second._writer.if_free() as free:  # type: ignore[union-attr]
                assert free
    assert collection.delete(["a"]) == 1


def test_thread_waits_no_longer_than_stated_for_another_thread(collection: Collection, put: Put) -> None:
    put({"a": "cat"})
    errors: list[BaseException] = []
    with Collection.open(collection.folder, wait_s=0) as other:

        def delete() -> None:
            try:
                other.delete(["a"])
            except BaseException as error:  # noqa: BLE001  # the test looks at it
                errors.append(error)

        collection.release()
        with other.writing():
            thread = threading.Thread(target=delete)
            thread.start()
            thread.join()
        assert isinstance(errors[0], StoreLockedError)
        assert "is being written by another thread of this process: waited 0 s" in str(errors[0])
        assert other.delete(["a"]) == 1


@contextmanager
def _stuck(db: sqlite3.Connection, *, write: bool) -> Iterator[sqlite3.Connection]:
    """A transaction whose end an interrupt keeps from being reached."""
    db.execute("BEGIN IMMEDIATE" if write else "BEGIN")
    yield db
    raise KeyboardInterrupt


def test_connection_that_an_interrupt_left_in_a_transaction_is_not_used_again(
    collection: Collection, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    put({"a": "cat"})
    with monkeypatch.context() as broken:
        broken.setattr("ragkit.store.writer.transaction", _stuck)
        with pytest.raises(KeyboardInterrupt):
            collection.delete(["a"])
    with monkeypatch.context() as broken:
        broken.setattr("ragkit.store.connections.transaction", _stuck)
        with pytest.raises(KeyboardInterrupt):
            len(collection)
    assert len(collection) == 1
    put({"b": "cat"})
    assert len(collection) == 2
    assert collection.delete(["a"]) == 1


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
    with pytest.raises(StoreError, match=f"the database has layout {layout + 1}, this ragkit reads up to {layout}:"):
        Collection.open(tmp_path)
