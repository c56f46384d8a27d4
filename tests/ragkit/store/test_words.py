"""The word index follows the catalog, heals, and never asks for embeddings."""

from __future__ import annotations

import logging
import shutil
import sqlite3
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ragkit.disk.lock import WriterLock
from ragkit.errors import StoreError
from ragkit.store import words
from ragkit.store.bm25 import Bm25Index
from ragkit.store.bm25_view import IndexUnusableError
from ragkit.store.changes import Changes
from ragkit.store.collection import Collection
from ragkit.store.records import NewChunk, NewDocument

if TYPE_CHECKING:
    from pathlib import Path

    from ragkit.store.catalog import State

Put = Callable[..., None]


def _found(collection: Collection, query: str = "cat") -> list[str]:
    return [hit.doc_id for hit in collection.search_bm25([query], k=100)[0]]


@pytest.fixture
def folder(collection: Collection, put: Put) -> Path:
    """A closed collection of three documents with cats."""
    put({"a": "cat", "b": "cat dog", "c": "cat fish"})
    collection.close()
    return collection.folder


def _garble(path: Path) -> None:
    path.write_bytes(bytes(byte ^ 0x5A for byte in path.read_bytes()))


@pytest.mark.parametrize(
    "damage", ["missing folder", "missing stamp", "garbled stamp", "garbled segments", "empty files"]
)
def test_damaged_index_is_built_again_without_embedding(damage: str, folder: Path) -> None:
    bm25 = folder / "generation-1" / "bm25"
    match damage:
        case "missing folder":
            shutil.rmtree(bm25)
        case "missing stamp":
            (bm25 / "stamp.json").unlink()
        case "garbled stamp":
            _garble(bm25 / "stamp.json")
        case "garbled segments":
            for path in bm25.iterdir():
                if path.suffix in {".idx", ".term", ".fast"}:
                    _garble(path)
        case _:
            for path in bm25.iterdir():
                path.write_bytes(b"")
    with Collection.open(folder) as collection:
        assert _found(collection) == ["a", "b", "c"]
    with Collection.open(folder, read_only=True) as collection:
        assert _found(collection) == ["a", "b", "c"]


def test_index_of_an_older_catalog_is_caught_up(folder: Path) -> None:
    shutil.copytree(folder / "generation-1" / "bm25", folder.parent / "older")
    with Collection.open(folder) as collection:
        collection.put(NewDocument(doc_id="d", text="cat", chunks=[NewChunk(0, 3)]), np.eye(1, 6))
    shutil.rmtree(folder / "generation-1" / "bm25")
    shutil.move(folder.parent / "older", folder / "generation-1" / "bm25")
    with Collection.open(folder) as collection:
        assert set(_found(collection)) == {"a", "b", "c", "d"}


def test_index_ahead_of_a_catalog_that_was_put_back_is_built_again(folder: Path) -> None:
    shutil.copy(folder / "generation-1" / "catalog.sqlite", folder.parent / "older.sqlite")
    with Collection.open(folder) as collection:
        collection.put(NewDocument(doc_id="d", text="cat", chunks=[NewChunk(0, 3)]), np.eye(1, 6))
    shutil.move(folder.parent / "older.sqlite", folder / "generation-1" / "catalog.sqlite")
    (folder / "generation-1" / "last-commit").unlink()  # else it is refused, see test_witness.py
    with Collection.open(folder) as collection:
        collection.put(NewDocument(doc_id="e", text="bird", chunks=[NewChunk(0, 4)]), np.eye(1, 6))
        assert set(_found(collection)) == {"a", "b", "c"}
        assert _found(collection, "bird") == ["e"]


def test_read_only_collection_says_that_it_cannot_heal(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(words, "_PATIENCE_S", 0.1)
    shutil.rmtree(folder / "generation-1" / "bm25")
    with (
        Collection.open(folder, read_only=True) as collection,
        pytest.raises(StoreError, match=r"the BM25 index in .*bm25 is missing or unusable: open it once for writing"),
    ):
        _found(collection)
    assert not (folder / "generation-1" / "bm25").exists()


def test_index_without_a_usable_state_waits_for_its_writer_and_then_says_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words, "_PATIENCE_S", 0.1)
    shutil.rmtree(folder / "generation-1" / "bm25")
    lock = WriterLock(folder / "write.lock")
    lock.acquire()
    with (
        Collection.open(folder) as collection,
        pytest.raises(StoreError, match="is missing or unusable: try again when its writer is done"),
    ):
        _found(collection)
    lock.release()


def test_lagging_index_beside_a_writer_is_used_and_told_once(
    folder: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Collection.open(folder) as writer, Collection.open(folder) as reader:
        assert _found(reader) == ["a", "b", "c"]
        writer.delete(["nobody"])  # takes the lock
        monkeypatch.setattr(words, "_PATIENCE_S", 0.1)
        monkeypatch.setattr(writer._generation.words, "after_write", lambda *_: None)
        monkeypatch.setattr(writer._generation.words, "ahead", lambda *_, **__: None)
        writer.put(NewDocument(doc_id="d", text="cat", chunks=[NewChunk(0, 3)]), np.eye(1, 6))
        with caplog.at_level(logging.WARNING, logger="ragkit.store.words"):
            assert _found(reader) == _found(reader) == ["a", "b", "c"]
        assert [record.message for record in caplog.records] == [
            "BM25 index covers 3 of 4 rows: the newest are not found by words until their writer is done"
        ]
        writer.release()
        assert set(_found(reader)) == {"a", "b", "c", "d"}


def test_healing_reader_gives_the_lock_back(folder: Path) -> None:
    shutil.rmtree(folder / "generation-1" / "bm25")
    with Collection.open(folder) as reader:
        assert _found(reader) == ["a", "b", "c"]
        lock = WriterLock(folder / "write.lock")
        assert lock.try_acquire()
        lock.release()


def test_files_that_break_under_an_open_index_are_survived(collection: Collection, put: Put) -> None:
    put({"a": "cat"})
    assert _found(collection) == ["a"]

    def broken(*_: Any, **__: Any) -> None:
        raise words.IndexUnusableError("panic")

    index = collection._generation.words.index
    search, calls = index.search, iter([broken])
    index.search = lambda *given, **named: next(calls, search)(*given, **named)  # type: ignore[assignment,method-assign]
    assert _found(collection) == ["a"]


def test_failing_search_that_cannot_be_healed_says_so(folder: Path) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise words.IndexUnusableError("panic")

    with Collection.open(folder, read_only=True) as reader:
        assert _found(reader) == ["a", "b", "c"]
        reader._generation.words.index.search = broken  # type: ignore[assignment,method-assign]
        with pytest.raises(StoreError, match="is missing or unusable: open it once for writing"):
            _found(reader)


def test_dead_entries_are_dropped_when_more_than_a_tenth(collection: Collection, put: Put) -> None:
    put({f"d{number:02}": "cat" for number in range(40)})
    collection.delete([f"d{number:02}" for number in range(4)])
    assert collection._generation.words.index.entries == 40
    collection.delete(["d04"])
    assert collection._generation.words.index.entries == 35
    assert len(_found(collection)) == 35


def test_scores_after_many_changes_are_those_of_a_fresh_index(collection: Collection, put: Put, tmp_path: Path) -> None:
    put({f"d{number}": "cat dog" if number % 3 else "cat fish" for number in range(12)})
    put({"d1": "cat cat", "d2": "fish"})
    collection.delete([f"d{number}" for number in range(3, 7)])
    with Collection.open(tmp_path / "fresh", dim=6) as fresh:
        for item in collection.documents():
            text = collection.text(item.doc_id)
            fresh.put(NewDocument(doc_id=item.doc_id, text=text, chunks=[NewChunk(0, len(text))]), np.eye(1, 6))
        for query in ("cat", "fish dog", "cat fish"):
            assert [(hit.doc_id, hit.score) for hit in collection.search_bm25([query], k=9)[0]] == [
                (hit.doc_id, pytest.approx(hit.score)) for hit in fresh.search_bm25([query], k=9)[0]
            ]


def test_weights_come_from_the_index(collection: Collection, put: Put) -> None:
    put({"a": "cat", "b": "dog"})
    weights = collection.inverse_document_frequencies(["cat", "bird"])
    assert weights == {"cat": pytest.approx(0.6931, abs=1e-4), "bird": pytest.approx(1.7918, abs=1e-4)}


def test_weights_of_an_empty_collection_are_there_too(collection: Collection) -> None:
    assert collection.inverse_document_frequencies(["cat"]) == {"cat": pytest.approx(0.6931, abs=1e-4)}


def test_index_that_breaks_during_a_write_is_built_again_after_it(collection: Collection, put: Put) -> None:
    put({"a": "cat"})
    meta = collection.folder / "generation-1" / "bm25" / "meta.json"
    meta.write_bytes(meta.read_bytes() + b" ")
    (collection.folder / "generation-1" / "bm25" / "stamp.json").unlink()
    put({"b": "cat"})
    assert _found(collection) == ["a", "b"]


def test_index_that_cannot_be_written_is_named_and_the_documents_are_kept(collection: Collection, put: Put) -> None:
    put({"a": "cat"})
    collection.release()
    shutil.rmtree(collection.folder / "generation-1" / "bm25")
    (collection.folder / "generation-1" / "bm25").write_text("in the way")
    with pytest.raises(StoreError, match=r"the BM25 index in .*bm25 cannot be written"):
        put({"b": "cat"})
    (collection.folder / "generation-1" / "bm25").unlink()
    put({"c": "cat"})
    assert _found(collection) == ["a", "c"]


def test_search_does_not_heal_what_another_thread_is_writing(collection: Collection, put: Put) -> None:
    put({"a": "cat"})
    writer = collection._writer
    assert writer is not None
    free: list[bool] = []

    def ask() -> None:
        with writer.if_free() as answer:
            free.append(answer)

    with writer.writing(lambda _: None):
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join()
    assert free == [False]


def test_index_that_missed_a_write_is_caught_up_after_it(collection: Collection, put: Put) -> None:
    put({"a": "cat"})
    collection._generation.words.index = Bm25Index(collection.folder / "generation-1" / "bm25", collection.analyser)
    put({"b": "cat"})
    assert collection._generation.words.index.rows == 2
    assert _found(collection) == ["a", "b"]


def test_search_that_a_rebuild_overtook_looks_again(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Collection.open(folder) as reader, Collection.open(folder) as writer:
        assert _found(reader) == ["a", "b", "c"]
        heal = words.Words._covers

        def overtaken(self: words.Words, state: State) -> bool:
            monkeypatch.undo()
            # It replaces a document, and so makes a quarter of the index dead.
            writer.put(NewDocument(doc_id="a", text="cat", chunks=[NewChunk(0, 3)]), np.eye(1, 6))
            reader._generation.words.index.load()
            return heal(self, state)

        monkeypatch.setattr(words.Words, "_covers", overtaken)
        assert set(_found(reader)) == {"a", "b", "c"}
        assert reader._generation.words.index.built > 1


def test_search_that_is_overtaken_again_and_again_answers_all_the_same(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words.Words, "at", lambda self, db, state: self._prepare(state))
    with Collection.open(folder) as reader:
        assert _found(reader) == ["a", "b", "c"]


@pytest.mark.parametrize("method", ["search", "weights"])
def test_index_that_breaks_again_after_it_was_healed_says_so(
    method: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def broken(*_: Any, **__: Any) -> None:
        calls.append(method)
        raise IndexUnusableError("panic")

    monkeypatch.setattr(Bm25Index, method, broken)
    with Collection.open(folder) as collection:
        asked = {"search": _found, "weights": lambda opened: opened.inverse_document_frequencies(iter(["cat"]))}
        with pytest.raises(StoreError, match="is missing or unusable"):
            asked[method](collection)
    assert len(calls) == 2


def _document(doc_id: str, text: str) -> NewDocument:
    return NewDocument(doc_id=doc_id, text=text, chunks=[NewChunk(0, len(text))])


def _fail_once(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    finish = Changes.finish

    def failing(_: Changes) -> None:
        monkeypatch.setattr(Changes, "finish", finish)
        raise error

    monkeypatch.setattr(Changes, "finish", failing)


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), sqlite3.OperationalError("database or disk is full"), MemoryError()]
)
def test_commit_that_never_came_leaves_no_words(
    error: BaseException, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Collection.open(folder) as collection, Collection.open(folder, read_only=True) as reader:
        _fail_once(monkeypatch, error)
        with pytest.raises((type(error), StoreError)):
            collection.put(_document("lost", "alpha"), np.eye(1, 6))
        assert (_found(collection, "alpha"), _found(reader, "alpha")) == ([], [])
        assert _found(collection) == _found(reader) == ["a", "b", "c"]
        collection.put(_document("d", "gamma"), np.eye(1, 6))  # of as many rows, and the same vector
        for opened in (collection, reader):
            assert (_found(opened, "gamma"), _found(opened, "alpha")) == (["d"], [])
    with Collection.open(folder) as collection:
        collection.put(_document("e", "delta"), np.eye(1, 6))
        assert (_found(collection, "gamma"), _found(collection, "alpha")) == (["d"], [])
        assert _found(collection, "delta") == ["e"]


def test_delete_after_a_commit_that_never_came_drops_its_words(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Collection.open(folder) as collection:
        _fail_once(monkeypatch, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            collection.put(_document("lost", "alpha"), np.eye(1, 6))
        collection.delete(["a"])
        assert collection._generation.words.index.rows == 3
        assert _found(collection) == ["b", "c"]


def test_nothing_is_committed_while_words_of_a_lost_commit_cannot_be_discarded(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: Bm25Index) -> None:
        raise PermissionError("refused")

    with Collection.open(folder) as collection:
        _fail_once(monkeypatch, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            collection.put(_document("lost", "alpha"), np.eye(1, 6))
        with monkeypatch.context() as patch:
            patch.setattr(Bm25Index, "discard", refused)
            with pytest.raises(StoreError, match=r"the BM25 index in .*bm25 cannot be written: refused"):
                collection.put(_document("d", "gamma"), np.eye(1, 6))
        assert len(collection) == 3
        collection.put(_document("d", "gamma"), np.eye(1, 6))
        assert (_found(collection, "gamma"), _found(collection, "alpha")) == (["d"], [])


@pytest.fixture
def of_another_commit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A collection of four documents with the word index of a lost commit that was of as many rows."""
    bm25, kept = folder / "generation-1" / "bm25", folder.parent / "kept"
    with Collection.open(folder) as collection:
        _fail_once(monkeypatch, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            collection.put(_document("lost", "alpha"), np.eye(1, 6, 1))
        shutil.copytree(bm25, kept)
        collection.put(_document("d", "gamma"), np.eye(1, 6))
    shutil.rmtree(bm25)
    shutil.move(kept, bm25)
    return folder


def test_index_of_another_commit_is_built_again_by_a_search(of_another_commit: Path) -> None:
    with Collection.open(of_another_commit, read_only=True) as reader:
        with pytest.raises(StoreError, match="is missing or unusable: open it once for writing"):
            _found(reader, "alpha")
        with Collection.open(of_another_commit) as collection:
            assert (_found(collection, "gamma"), _found(collection, "alpha")) == (["d"], [])
        assert (_found(reader, "gamma"), _found(reader, "alpha")) == (["d"], [])


def test_index_of_another_commit_is_built_again_by_a_write(of_another_commit: Path) -> None:
    with Collection.open(of_another_commit) as collection:
        collection.delete(["nobody"])
    with Collection.open(of_another_commit, read_only=True) as reader:
        assert (_found(reader, "gamma"), _found(reader, "alpha")) == (["d"], [])


@pytest.mark.parametrize("error", [MemoryError(), IndexUnusableError("panic")])
def test_committed_change_is_no_error_where_the_index_cannot_follow(
    error: Exception,
    collection: Collection,
    put: Put,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def failing(*_: Any, **__: Any) -> None:
        raise error

    put({"a": "cat", "b": "cat"})
    with monkeypatch.context() as patch:
        patch.setattr(Bm25Index, "rebuild", failing)
        assert collection.delete(["a"]) == 1
    assert "BM25 index is brought up later" in caplog.text
    assert _found(collection) == ["b"]
