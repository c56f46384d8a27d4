"""Readers turn to the generation that the manifest names, and what they have begun ends on the old one."""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ragkit.errors import IndexMismatchError, StoreDamagedError, StoreError, StoreNotFoundError
from ragkit.store.collection import Collection
from ragkit.store.folder import Folder
from ragkit.store.records import NewChunk, NewDocument

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


def _document(name: str, text: str = "a cat") -> tuple[NewDocument, Any]:
    return NewDocument(doc_id=name, text=text, chunks=[NewChunk(0, len(text))]), np.eye(1, 6)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A collection of three documents with one deleted."""
    with Collection.open(tmp_path / "store", dim=6) as collection:
        collection.put_many(_document(name) for name in "abcd")
        collection.delete(["d"])
    return tmp_path / "store"


def _rebuild(collection: Collection, encoder: Any) -> None:
    with collection.rebuilding(encoder) as rebuild:
        for item in list(collection.documents()):
            text = collection.text(item.doc_id)
            document = NewDocument(doc_id=item.doc_id, text=text, chunks=[NewChunk(0, len(text))])
            rebuild.put_many([(document, encoder.encode_documents([text]))])


def test_the_next_read_after_a_switch_is_of_the_new_generation(store: Path) -> None:
    with Collection.open(store, read_only=True) as reader, Collection.open(store) as writer:
        assert [hit.doc_id for hit in reader.search_bm25(["cat"], k=9)[0]] == ["a", "b", "c"]
        old = reader._generation
        writer.compact()
        assert not (store / "generation-1").exists()
        assert [hit.doc_id for hit in reader.search_bm25(["cat"], k=9)[0]] == ["a", "b", "c"]
        assert [hit.doc_id for hit in reader.search_dense(np.eye(1, 6), k=9)[0]] == ["a", "b", "c"]
        assert reader.manifest.generation == 2
        assert (old._closed, old.connections._idle) == (True, [])
        writer.put(*_document("e"))
        assert len(reader) == 4


def test_nothing_is_read_again_while_nothing_is_replaced(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Collection.open(store) as collection:
        monkeypatch.setattr(Folder, "found", lambda _: pytest.fail("the manifest was read"))
        collection.put(*_document("e"))
        assert len(collection.search_dense(np.eye(1, 6), k=9)[0]) == len(collection) == 4


def test_a_read_under_way_ends_on_the_old_generation_and_the_writer_waits(store: Path) -> None:
    with Collection.open(store) as reader, Collection.open(store) as writer, reader._reading() as (generation, db):
        compacting = threading.Thread(target=writer.compact)
        compacting.start()
        while Folder(store).mark() == generation.mark:
            assert compacting.is_alive()
        # Switched, but the old one stays while it is read; what begins now is of the new one.
        assert len(reader) == 3
        assert reader.manifest.generation == 2
        assert (store / "generation-1").exists()
        assert db.execute("SELECT count(*) FROM documents").fetchone() == (3,)
        assert generation.vectors.read(db, 4).shape == (4, 6)
        assert not generation._closed
        generation_left, left = generation, compacting
    left.join()
    assert generation_left._closed
    assert [path.name for path in store.glob("generation-*")] == ["generation-2"]


def test_a_writer_waits_no_longer_than_stated_and_the_read_goes_on(store: Path) -> None:
    with Collection.open(store) as reader, Collection.open(store, wait_s=0) as writer:
        with reader._reading() as (_, db):
            writer.compact()
            assert not (store / "generation-1").exists()
            assert db.execute("SELECT count(*) FROM chunks").fetchone() == (3,)
            assert not list(store.glob("catalog*"))
        assert len(reader) == 3


def test_threads_read_while_generations_come_and_go(store: Path) -> None:
    errors: list[BaseException] = []
    stop = threading.Event()

    def read(collection: Collection) -> None:
        try:
            while not stop.is_set():
                assert len(collection.search_dense(np.eye(1, 6), k=9)[0]) == 3
                assert [hit.text for hit in collection.search_bm25(["cat"], k=9)[0]] == ["a cat"] * 3
                assert [item.doc_id for item in collection.documents()] == ["a", "b", "c"]
        except BaseException as error:  # noqa: BLE001  # the test looks at them
            errors.append(error)

    with Collection.open(store) as writer, Collection.open(store) as other:
        threads = [threading.Thread(target=read, args=[item]) for item in (writer, other, other)]
        for thread in threads:
            thread.start()
        for _ in range(4):
            writer.compact(secure=True)
        stop.set()
        for thread in threads:
            thread.join()
        assert (errors, writer.manifest.generation) == ([], 5)


def test_a_reader_whose_encoder_no_longer_fits_says_so(store: Path, word_encoder: Callable[..., Any]) -> None:
    shutil.rmtree(store)
    with Collection.open(store, word_encoder()) as collection:
        collection.add_texts(["a cat"], doc_ids=["a"])
    with Collection.open(store, word_encoder()) as reader, Collection.open(store) as bare:
        bare.search_bm25(["cat"], k=1)
        with Collection.open(store) as writer:
            _rebuild(writer, word_encoder(revision="2", model="newer", dim=8))
            assert writer.search_dense(np.eye(8)[3:4], k=1)[0][0].doc_id == "a"
            assert writer.manifest.dim == 8
        for collection, dim in ((reader, 6), (bare, 6)):
            assert collection.search_bm25(["cat"], k=1)[0][0].doc_id == "a"
            for use in (
                lambda collection=collection, dim=dim: collection.search_dense(np.eye(1, dim), k=1),
                lambda collection=collection, dim=dim: collection.put(*_document("b")),
                lambda collection=collection: collection.known_vectors(["a cat"]),
            ):
                with pytest.raises(
                    IndexMismatchError, match=r"was rebuilt with newer \(8 dimensions\) since it was opened: open it"
                ):
                    use()
            assert collection.delete(["nobody"]) == 0
            collection.compact(secure=True)  # keeps the newer model, which does not become that of this collection
            with pytest.raises(IndexMismatchError, match="was rebuilt with newer"):
                collection.search_dense(np.eye(1, dim), k=1)
            collection.release()
    with Collection.open(store, word_encoder(revision="2", dim=8)) as collection:
        assert collection.search_dense(np.eye(8)[3:4], k=1)[0][0].doc_id == "a"


def test_what_is_not_put_again_is_gone_after_a_rebuild(store: Path, word_encoder: Callable[..., Any]) -> None:
    with Collection.open(store) as collection:
        sequence = collection.sequence
        with collection.rebuilding(word_encoder()) as rebuild:
            rebuild.put_many([_document("z")])
            assert [item.doc_id for item in collection.documents()] == ["a", "b", "c"]
        assert [item.doc_id for item in collection.documents()] == ["z"]
        assert collection.encoder is not None
        assert collection.sequence > sequence


def _documents_until_ctrl_c() -> Iterator[tuple[NewDocument, Any]]:
    yield _document("z")
    raise KeyboardInterrupt


def test_a_rebuild_that_fails_leaves_the_collection(store: Path, word_encoder: Callable[..., Any]) -> None:
    with Collection.open(store) as collection:
        with pytest.raises(KeyboardInterrupt), collection.rebuilding(word_encoder()) as rebuild:
            rebuild.put_many(_documents_until_ctrl_c())
        assert [item.doc_id for item in collection.documents()] == ["a", "b", "c"]
        assert collection.encoder is None
        assert [path.name for path in store.glob("generation-*")] == ["generation-1"]
        collection.put(*_document("e"))
        assert len(collection) == 4


def test_what_is_written_inside_a_rebuild_is_refused(store: Path, word_encoder: Callable[..., Any]) -> None:
    with Collection.open(store) as collection:
        with collection.rebuilding(word_encoder()) as rebuild:
            rebuild.put_many([_document("z")])
            for write in (
                lambda: collection.put(*_document("lost")),
                lambda: collection.delete(["a"]),
                lambda: collection.ledger("keys").update(["lost"]),
                lambda: collection.record_chunker({"name": "lost"}),
            ):
                with pytest.raises(StoreError, match="by this very thread, so what it writes meanwhile would be lost"):
                    write()
            with pytest.raises(StoreError, match="cannot be rebuilt or compacted inside of a write or of another"):
                collection.compact(secure=True)
            assert [item.doc_id for item in collection.documents()] == ["a", "b", "c"]
        collection.put(*_document("e"))
        assert [item.doc_id for item in collection.documents()] == ["e", "z"]


def test_compacting_inside_a_write_is_refused_and_the_write_goes_on(store: Path) -> None:
    with Collection.open(store) as collection:

        def documents() -> Iterator[tuple[NewDocument, Any]]:
            yield _document("e")
            collection.delete(["a"])
            with pytest.raises(StoreError, match="cannot be rebuilt or compacted inside of a write"):
                collection.compact()
            yield _document("f")

        collection.put_many(documents())
        assert [item.doc_id for item in collection.documents()] == ["b", "c", "e", "f"]
        assert collection.compact().compacted


def test_a_folder_that_was_removed_says_so(store: Path) -> None:
    with Collection.open(store) as collection:
        shutil.rmtree(store)
        with pytest.raises(StoreNotFoundError, match="was removed since it was opened"):
            len(collection)


def test_a_folder_that_was_made_anew_is_read_anew(store: Path) -> None:
    with Collection.open(store, read_only=True) as reader:
        assert len(reader) == 3
        shutil.rmtree(store)
        with Collection.open(store, dim=6) as collection:
            collection.put(*_document("new"))
        assert [item.doc_id for item in reader.documents()] == ["new"]


def test_a_closed_collection_stays_closed_after_a_switch(store: Path) -> None:
    reader = Collection.open(store)
    reader.close()
    with Collection.open(store) as writer:
        writer.compact()
    with pytest.raises(StoreError, match="is closed: open it again"):
        len(reader)


# Which generation is restored when the manifest is lost


def _half_built(store: Path, number: int) -> None:
    """What a kill amid a build leaves: all the files, but no copy of the manifest."""
    shutil.copytree(store / "generation-1", store / f"generation-{number}")
    with closing(sqlite3.connect(store / f"generation-{number}" / "catalog.sqlite")) as db, db:
        db.execute("DELETE FROM manifest")
        db.execute("DELETE FROM documents WHERE doc_id = 'a'")


def test_a_half_built_generation_is_never_chosen_and_leaves_with_the_next_write(store: Path) -> None:
    _half_built(store, 2)
    (store / "manifest.json").write_bytes(b"garbled")
    with Collection.open(store) as collection:
        assert [item.doc_id for item in collection.documents()] == ["a", "b", "c"]
        assert collection.manifest.generation == 1
        collection.put(*_document("e"))
        assert [path.name for path in store.glob("generation-*")] == ["generation-1"]


def test_the_newest_complete_generation_is_chosen(store: Path) -> None:
    with Collection.open(store) as collection:
        collection.compact()
    shutil.copytree(store / "generation-2", store / "generation-10")
    (store / "manifest.json").unlink()
    with Collection.open(store) as collection:
        assert (collection.manifest.generation, len(collection)) == (10, 3)


def test_a_manifest_that_names_a_lost_generation_is_restored(store: Path) -> None:
    manifest = (store / "manifest.json").read_bytes()
    with Collection.open(store) as collection:
        collection.compact()
    (store / "manifest.json").write_bytes(manifest)  # of a backup from before
    with Collection.open(store) as collection:
        assert (collection.manifest.generation, len(collection)) == (2, 3)
    assert json.loads((store / "manifest.json").read_bytes())["generation"] == 2


def test_only_half_built_generations_are_damage(store: Path) -> None:
    _half_built(store, 2)
    shutil.rmtree(store / "generation-1")
    (store / "manifest.json").unlink()
    with pytest.raises(StoreDamagedError, match=r"generation-2/catalog\.sqlite holds no copy of it: restore it"):
        Collection.open(store, dim=6)
    assert (store / "generation-2").exists()


def test_a_garbled_catalog_is_not_taken_for_a_killed_creation(store: Path) -> None:
    (store / "manifest.json").unlink()
    (store / "generation-1" / "catalog.sqlite").write_bytes(b"x" * 9000)
    with pytest.raises(StoreDamagedError, match="is missing or garbled, and"):
        Collection.open(store, dim=6)
    assert (store / "generation-1" / "catalog.sqlite").exists()


# Folders of format 1


def _as_format_1(store: Path) -> None:
    """Bring the folder to the format that the first version wrote."""
    with Collection.open(store) as collection:
        dim = collection.manifest.dim
    for path in (store / "generation-1").iterdir():
        path.rename(store / path.name)
    (store / "generation-1").rmdir()
    rows = np.fromfile(store / "vectors.f16", dtype="<f2").astype("<f4")
    rows.tofile(store / "vectors.f32")
    (store / "vectors.f16").unlink()
    shutil.rmtree(store / "bm25")
    with closing(sqlite3.connect(store / "catalog.sqlite")) as db, db:
        keep = {"state", "documents", "texts", "chunks", "dead_rows", "fields", "field_values", "sqlite_sequence"}
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            if name not in keep:
                db.execute(f"DROP TABLE {name}")
        db.execute("DROP INDEX documents_kept")
        db.execute("PRAGMA user_version = 1")
    content = json.loads((store / "manifest.json").read_bytes())
    old = {key: value for key, value in content.items() if key not in {"generation", "precision", "checksum"}}
    (store / "manifest.json").write_text(json.dumps({**old, "format": 1, "dim": dim}))


def test_a_folder_of_format_1_is_read_without_being_changed(store: Path) -> None:
    _as_format_1(store)
    before = {path.name: path.read_bytes() for path in store.iterdir() if path.is_file() and "-shm" not in path.name}
    with Collection.open(store, read_only=True) as collection:
        assert (collection.manifest.generation, collection.manifest.precision) == (0, "float32")
        assert [hit.doc_id for hit in collection.search_dense(np.eye(1, 6), k=9)[0]] == ["a", "b", "c"]
        assert collection.known_vectors(["a cat"]) == {}
    after = {path.name: path.read_bytes() for path in store.iterdir() if path.is_file() and "-shm" not in path.name}
    assert {name: after[name] for name in before} == before


def test_a_folder_of_format_1_is_written_and_compacted(store: Path) -> None:
    _as_format_1(store)
    with Collection.open(store) as collection, Collection.open(store, read_only=True) as reader:
        assert len(reader) == 3
        collection.put(*_document("e", "a dog"))
        assert [hit.doc_id for hit in collection.search_bm25(["dog"], k=9)[0]] == ["e"]
        report = collection.compact()
        assert (report.compacted, report.generation, report.rows_dropped) == (True, 1, 1)
        assert sorted(path.name for path in store.iterdir()) == ["generation-1", "manifest.json", "write.lock"]
        assert (collection.manifest.format, collection.manifest.precision) == (2, "float32")
        for opened in (collection, reader):
            assert [hit.doc_id for hit in opened.search_dense(np.eye(1, 6), k=9)[0]] == ["a", "b", "c", "e"]
            assert [hit.doc_id for hit in opened.search_bm25(["cat"], k=9)[0]] == ["a", "b", "c"]
        assert set(collection.known_vectors(["a cat", "a dog"])) == {"a cat", "a dog"}


def test_a_lost_manifest_of_format_1_is_restored_once_it_was_written(store: Path) -> None:
    _as_format_1(store)
    Collection.open(store).close()
    (store / "manifest.json").unlink()
    with Collection.open(store) as collection:
        assert (collection.manifest.generation, collection.manifest.format, len(collection)) == (0, 1, 3)


def test_leftovers_of_format_1_leave_with_the_next_write(store: Path) -> None:
    for name in ("catalog.sqlite", "catalog.sqlite-wal", "vectors.f32"):
        (store / name).write_bytes(b"old")
    (store / "bm25").mkdir()
    with Collection.open(store) as collection:
        assert len(collection) == 3
        collection.delete(["nobody"])
    assert sorted(path.name for path in store.iterdir()) == ["generation-1", "manifest.json", "write.lock"]


def test_the_precision_is_that_of_the_file(tmp_path: Path) -> None:
    for precision, size in (("float16", 2), ("float32", 4)):
        with Collection.open(tmp_path / precision, dim=6, precision=precision) as collection:
            collection.put(*_document("a"))
            assert collection.info()["precision"] == precision
            suffix = f"f{8 * size}"
            assert (collection.folder / "generation-1" / f"vectors.{suffix}").stat().st_size == 6 * size
        with pytest.raises(IndexMismatchError, match=f"keeps its vectors as {precision}, asked for"):
            Collection.open(tmp_path / precision, precision="float32" if size == 2 else "float16")
