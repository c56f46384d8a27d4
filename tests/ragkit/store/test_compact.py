"""Compacting keeps all that is alive and nothing else."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ragkit.errors import StoreDamagedError, StoreError, StoreFullError
from ragkit.store import turns
from ragkit.store.collection import Collection
from ragkit.store.records import NewChunk, NewDocument
from ragkit.views.record_manager import CollectionRecordManager

if TYPE_CHECKING:
    from pathlib import Path


def _filled(folder: Path, *, dim: int = 8, documents: int = 60) -> Collection:
    """Documents of one to three chunks; every third is deleted again, every fifth replaced."""
    collection = Collection.open(folder, dim=dim)
    collection.put_many(_document(name, dim) for name in range(documents))
    collection.put_many(_document(name, dim, version=1) for name in range(0, documents, 5))
    collection.delete([f"d{name}" for name in range(0, documents, 3)])
    return collection


def _document(name: int, dim: int, version: int = 0) -> tuple[NewDocument, np.ndarray[Any, Any]]:
    sentences = [f"common version{version} word{name} place{place}." for place in range(1 + name % 3)]
    text, chunks = " ".join(sentences), []
    for sentence in sentences:
        start = text.index(sentence)
        chunks.append(NewChunk(start, start + len(sentence), context=f"head{name}"))
    document = NewDocument(
        doc_id=f"d{name}",
        text=text,
        source=f"source{name}",
        title=f"title{name}",
        metadata={"year": 2000 + name % 7, "tags": ["red", f"tag{name}"], f"field{name}": True},
        content_hash=f"hash{name}",
        pages=[(1, 0)],
        chunks=chunks,
    )
    return document, np.random.default_rng(name * 2 + version).standard_normal((len(chunks), dim))


def _everything(collection: Collection) -> dict[str, Any]:
    """All that a caller can see, scores included."""
    documents = list(collection.documents())
    queries = np.random.default_rng(7).standard_normal((3, collection.manifest.dim))
    return {
        "documents": documents,
        "texts": [collection.text(item.doc_id) for item in documents],
        "chunks": [collection.chunks(item.doc_id) for item in documents],
        "vectors": [
            collection.vectors([chunk.chunk_id for chunk in collection.chunks(item.doc_id)]).tolist()
            for item in documents
        ],
        "counts": (len(collection), collection.chunk_count, collection.fields(), collection.roots()),
        "dense": collection.search_dense(queries, k=15),
        "filtered": collection.search_dense(queries, k=15, where="year >= 2003"),
        "words": [[hit.chunk_id for hit in run] for run in collection.search_bm25(["common", "word7 place1"], k=99)],
    }


def _scores(collection: Collection) -> list[list[tuple[str, float]]]:
    found = collection.search_bm25(["common", "version1", "word7 place1 common"], k=99, where="year > 2000")
    return [[(hit.chunk_id, hit.score) for hit in run] for run in found]


@pytest.mark.parametrize("secure", [False, True])
def test_what_is_alive_stays_as_it_was(secure: bool, tmp_path: Path) -> None:
    with _filled(tmp_path) as collection:
        before, sequence = _everything(collection), collection.sequence
        dead = collection.info()["dead_rows"]
        report = collection.compact(secure=secure)
        assert _everything(collection) == before
        assert (report.compacted, report.generation, report.rows_dropped) == (True, 2, dead)
        assert (report.documents, report.chunks) == (len(collection), collection.chunk_count)
        assert report.bytes_after < report.bytes_before
        assert report.bytes_after == collection.info()["bytes"]
        assert collection.sequence > sequence
        assert (collection.info()["dead_rows"], collection.info()["generation"]) == (0, 2)
    with Collection.open(tmp_path) as collection:
        assert _everything(collection) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["generation-2", "manifest.json", "write.lock"]


def test_scores_by_words_are_those_of_a_fresh_collection(tmp_path: Path) -> None:
    with _filled(tmp_path / "old") as collection, Collection.open(tmp_path / "new", dim=8) as fresh:
        numbers = [int(item.doc_id[1:]) for item in collection.documents()]
        fresh.put_many(_document(number, 8, version=1 if number % 5 == 0 else 0) for number in numbers)
        collection.compact()
        assert _scores(collection) == _scores(fresh)
        terms = collection.analyser("common word7 version1")
        assert collection.inverse_document_frequencies(terms) == fresh.inverse_document_frequencies(terms)


def test_a_compacted_collection_is_written_on(tmp_path: Path) -> None:
    with _filled(tmp_path) as collection:
        collection.compact()
        collection.put(*_document(3, 8, version=9))
        collection.delete(["d4"])
        assert [hit.doc_id for hit in collection.search_bm25(["version9"], k=9)[0]] == ["d3"]
        assert "d4" not in collection
        vectors = collection.vectors(["d3#0"])
        assert collection.search_dense(vectors, k=1)[0][0].chunk_id == "d3#0"
        assert collection.compact().generation == 3


def test_nothing_to_give_back_changes_nothing(tmp_path: Path) -> None:
    with Collection.open(tmp_path, dim=8) as collection:
        collection.put(*_document(1, 8))
        manifest = (tmp_path / "manifest.json").read_bytes()
        report = collection.compact()
        assert (report.compacted, report.generation, report.bytes_before) == (False, 1, report.bytes_after)
        assert (tmp_path / "manifest.json").read_bytes() == manifest
        assert collection.compact(secure=True).generation == 2


def test_an_empty_collection_is_compacted(tmp_path: Path) -> None:
    with Collection.open(tmp_path, dim=8) as collection:
        collection.put(*_document(1, 8))
        collection.delete(["d1"])
        assert collection.compact(secure=True).chunks == 0
        assert collection.search_bm25(["common"], k=1) == [[]]
        collection.put(*_document(2, 8))
        assert collection.search_bm25(["word2"], k=1)[0][0].doc_id == "d2"


def test_vectors_known_by_their_text_are_those_of_living_chunks(tmp_path: Path) -> None:
    with Collection.open(tmp_path, dim=8) as collection:
        rows = np.eye(8)[:3]
        for name, row in zip("abc", rows, strict=True):
            text = "same" if name != "c" else "other"
            collection.put(NewDocument(doc_id=name, text=text, chunks=[NewChunk(0, len(text))]), row[None])
        collection.delete(["b", "c"])
        assert set(collection.known_vectors(["same", "other"])) == {"same", "other"}
        collection.compact()
        known = collection.known_vectors(["same", "other"])
        assert {text: vector.tolist() for text, vector in known.items()} == {"same": rows[0].tolist()}


# Nothing that was deleted is in any file


def _planted(number: int) -> list[str]:
    """Strings of a document that stand nowhere else."""
    return [f"{kind}{number}planted" for kind in ("zebra", "source", "title", "value", "field", "head", "id", "hash")]


def _secret(number: int, dim: int) -> tuple[NewDocument, np.ndarray[Any, Any]]:
    word, source, title, value, field, head, doc_id, content_hash = _planted(number)
    text = f"{word} and more. " * 3
    document = NewDocument(
        doc_id=doc_id,
        text=text,
        source=source,
        title=title,
        metadata={field: value, "nested": {field: [value]}},
        content_hash=content_hash,
        root=f"/{source}",
        chunks=[NewChunk(0, len(text) - 1, context=head)],
    )
    return document, np.random.default_rng(number).standard_normal((1, dim))


def _bytes_of(number: int, dim: int) -> list[bytes]:
    """What may stand in a file of a document: its strings, words as they are indexed, and its vector."""
    _, vectors = _secret(number, dim)
    unit = vectors[0] / np.linalg.norm(vectors[0])
    rows = [unit.astype(kind).tobytes() for kind in ("<f2", "<f4", "<f8")]
    return [*(text.encode() for text in _planted(number)), f"{number}plant".encode(), *rows]


def _found_in(folder: Path, wanted: list[bytes]) -> set[str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    names = {str(path) for path in folder.rglob("*") for item in wanted if item in str(path).encode()}
    return names | {str(path) for path in files for item in wanted if item in path.read_bytes()}


def test_secure_compact_leaves_no_byte_of_what_was_deleted(tmp_path: Path) -> None:
    dim, folder = 32, tmp_path / "store"
    with Collection.open(folder, dim=dim) as collection:
        records = CollectionRecordManager("notes", collection)
        collection.put_many(_secret(number, dim) for number in range(100, 140))
        planted = [_planted(number) for number in range(100, 140)]
        records.update([strings[6] for strings in planted], group_ids=[strings[1] for strings in planted])
        kept = _everything_secret(collection, 100)
        # Deleted, by id and by filter; replaced by something else; the word index built again; a crash amid a build.
        collection.delete([_planted(number)[6] for number in range(110, 120)])
        collection.delete(where=f'{_planted(120)[4]} = "{_planted(120)[3]}"')
        harmless = [NewDocument(doc_id=_planted(number)[6], text="harmless") for number in range(121, 130)]
        collection.put_many((document, np.zeros((0, dim))) for document in harmless)
        collection.delete([document.doc_id for document in harmless])
        collection._generation.words.follow(wipe=True)
        shutil.copytree(folder / "generation-1", folder / "generation-7")
        (folder / ".manifest.json.0123456789abcdef.tmp").write_text(_planted(111)[0])
        collection.release()
        gone = [item for number in range(110, 130) for item in _bytes_of(number, dim)]
        assert _found_in(folder, gone)
        report = collection.compact(secure=True)
        assert report.documents == 20
        assert _found_in(folder, gone) == set()
        assert _everything_secret(collection, 100) == kept
        assert records.exists([_planted(100)[6], _planted(111)[6]]) == [True, False]
    assert _found_in(folder, gone) == set()
    alive = [item for number in (100, 109, 130, 139) for item in _bytes_of(number, dim)[:1]]
    assert _found_in(folder, alive)


def _everything_secret(collection: Collection, number: int) -> Any:
    doc_id = _planted(number)[6]
    return collection.get(doc_id), collection.text(doc_id), collection.vectors([f"{doc_id}#0"]).tolist()


def test_plain_compact_keeps_the_notes_of_callers(tmp_path: Path) -> None:
    with _filled(tmp_path) as collection:
        records = CollectionRecordManager("notes", collection)
        records.update(["elsewhere", "d1"])
        collection.compact()
        assert records.exists(["elsewhere", "d1"]) == [True, True]


# What goes wrong


def test_full_disk_leaves_the_collection_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with _filled(tmp_path) as collection:
        before = _everything(collection)
        monkeypatch.setattr(turns, "seal", full)
        with pytest.raises(StoreFullError, match="the disk is full"):
            collection.compact()
        monkeypatch.undo()
        assert _everything(collection) == before
        assert [path.name for path in tmp_path.glob("generation-*")] == ["generation-1"]
        assert collection.compact().generation == 2
        assert _everything(collection) == before


def test_damaged_vectors_are_not_copied(tmp_path: Path) -> None:
    with _filled(tmp_path) as collection:
        vectors = tmp_path / "generation-1" / "vectors.f16"
        content = bytearray(vectors.read_bytes())
        content[5] ^= 255
        vectors.write_bytes(content)
    with Collection.open(tmp_path) as collection:
        with pytest.raises(StoreDamagedError, match="run `ragkit reindex`"):
            collection.compact(secure=True)
        assert collection.search_bm25(["word7"], k=1)[0][0].doc_id == "d7"
        assert [path.name for path in tmp_path.glob("generation-*")] == ["generation-1"]


def test_a_read_only_collection_is_not_compacted(tmp_path: Path) -> None:
    _filled(tmp_path).close()
    with (
        Collection.open(tmp_path, read_only=True) as collection,
        pytest.raises(StoreError, match="was opened read-only"),
    ):
        collection.compact()


_COMPACT_AND_DIE = """
import os, shutil, signal, sys
from ragkit.store import turns as module
from ragkit.store.collection import Collection
from ragkit.store.folder import Folder

folder, point = sys.argv[1:]

def before(function):
    return lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)

def after(function):
    return lambda *a, **k: (function(*a, **k), os.kill(os.getpid(), signal.SIGKILL))

collection = Collection.open(folder)
with collection.writing():
    pass
match point:
    case "files made":
        module.copy_live = before(module.copy_live)
    case "copied":
        module.copy_live = after(module.copy_live)
    case "sealed":
        module.seal = after(module.seal)
    case "switched":
        module.write_manifest = after(module.write_manifest)
    case "old one half removed":
        def arm(write=module.write_manifest):
            def switched(*a):
                write(*a)
                shutil.rmtree = before(shutil.rmtree)
            return switched
        module.write_manifest = arm()
collection.compact()
"""


@pytest.mark.parametrize(
    ("point", "generation"),
    [("files made", 1), ("copied", 1), ("sealed", 1), ("switched", 2), ("old one half removed", 2)],
)
@pytest.mark.parametrize("lost", [False, True])
def test_kill_leaves_the_old_files_or_the_new_ones(
    point: str, generation: int, lost: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with _filled(tmp_path) as collection:
        before = _everything(collection)
    died = subprocess.run([sys.executable, "-c", _COMPACT_AND_DIE, str(tmp_path), point], check=False)
    assert died.returncode == -signal.SIGKILL
    if lost:  # the newest complete one counts: here a sealed one, though nothing named it yet
        (tmp_path / "manifest.json").unlink()
        generation = 2 if point == "sealed" else generation
    with Collection.open(tmp_path, read_only=True) as collection:
        assert _everything(collection) == before
        assert collection.manifest.generation == generation
    with Collection.open(tmp_path) as collection:
        collection.put(*_document(500, 8))  # the next writer tidies up
        collection.delete(["d500"])
        assert _everything(collection) == before
        assert [path.name for path in tmp_path.glob("generation-*")] == [f"generation-{generation}"]
        assert os.access(tmp_path / "manifest.json", os.R_OK)
    assert ("restored" in caplog.text) == lost


# Others read meanwhile

_READ_ON = """
import sys, time
import numpy as np
from ragkit.store.collection import Collection

with Collection.open(sys.argv[1], read_only=sys.argv[2] == "True") as collection:
    seen = []
    while True:
        dense = collection.search_dense(np.ones((1, 8)), k=50)[0]
        words = collection.search_bm25(["common"], k=500)[0]
        texts = [collection.text(item.doc_id) for item in collection.documents()]
        assert (len(dense), len(words), len(texts)) == (50, collection.chunk_count, len(collection)), (
            len(dense), len(words), len(texts))
        assert all("common" in hit.text for hit in dense)
        generation = collection.manifest.generation
        if generation not in seen:
            seen.append(generation)
            print(generation, flush=True)
        if generation == 4:
            break
"""


@pytest.mark.parametrize("read_only", [True, False])
def test_readers_in_other_processes_answer_all_the_while(read_only: bool, tmp_path: Path) -> None:
    with _filled(tmp_path) as collection:
        with subprocess.Popen(
            [sys.executable, "-c", _READ_ON, str(tmp_path), str(read_only)], stdout=subprocess.PIPE, text=True
        ) as reader:
            assert reader.stdout is not None
            for generation in (1, 2, 3):
                assert int(reader.stdout.readline()) == generation
                collection.compact(secure=True)
            assert int(reader.stdout.readline()) == 4
            assert reader.wait(60) == 0
        assert [path.name for path in tmp_path.glob("generation-*")] == ["generation-4"]
