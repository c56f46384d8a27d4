"""A collection built again from its own texts: nothing read from the files, nothing embedded twice, nothing lost."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ragkit.encoder import EncoderCard
from ragkit.errors import ConfigError, ModelError, StoreDamagedError
from ragkit.ingest.reindex import reindex
from ragkit.ingest.sync import sync
from ragkit.store.collection import Collection
from ragkit.store.records import NewChunk, NewDocument, index_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ragkit.ingest.progress import Progress

    Rows = np.ndarray[Any, np.dtype[np.float32]]


class HashEncoder:
    """Vectors that follow from text and revision; a token is a word, or half of one for a model of small pieces."""

    def __init__(self, revision: str = "1", dim: int = 16, max_tokens: int = 256, pieces: int = 1) -> None:
        self.card = EncoderCard(model=f"hash-{revision}", dim=dim, revision=revision, max_tokens=max_tokens)
        self.embedded: list[str] = []
        self._pieces = pieces

    def encode_documents(self, texts: Sequence[str]) -> Rows:
        self.embedded += texts
        return self._rows(texts)

    def encode_queries(self, texts: Sequence[str]) -> Rows:
        return self._rows(texts)

    def _rows(self, texts: Sequence[str]) -> Rows:
        seeds = [[ord(sign) for sign in f"{self.card.revision}{text}"] for text in texts]
        rows = np.array([np.random.default_rng(seed).standard_normal(self.card.dim) for seed in seeds], dtype="f4")
        rows = rows.reshape(len(texts), self.card.dim)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def count_tokens(self, text: str) -> int:
        return self._pieces * len(text.split()) + 2


_MARKDOWN = "\n\n".join(
    f"## Part {part}\n\n" + " ".join(f"Sentence {number} of part {part} says something." for number in range(30))
    for part in range(4)
)
_FILES = {
    "book.md": f"---\nyear: 2021\ntags: [a, b]\n---\n# Book\n\n{_MARKDOWN}\n",
    "notes.txt": "# not a heading\n\n" + " ".join(f"Plain sentence {number} stands here." for number in range(60)),
    "tool.py": "\n\n".join(f"def f{number}():\n    return {number} + {number}" for number in range(60)),
    "rows.jsonl": "\n".join(
        json.dumps(
            {"_id": f"r{row}", "title": f"Row {row}", "text": f"Row {row} holds words. " * 30, "n": row / 3, "x": None}
        )
        for row in range(5)
    ),
}


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    for name, text in _FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def store(tmp_path: Path, docs: Path) -> Path:
    """The documents above, and two that a caller has cut."""
    with Collection.open(tmp_path / "store", HashEncoder()) as collection:
        report = sync(collection, None, docs, chunk_tokens=64)
        assert (report.added, report.failed) == (8, ())
        text = "My own text. It has chunks of my own."
        chunks = [NewChunk(0, 12), NewChunk(13, 37, context="mine")]
        document = NewDocument(doc_id="own", text=text, metadata={"by": "me"}, content_hash="x", chunks=chunks)
        collection.put(document, HashEncoder().encode_documents(_texts_of(document)))
        collection.put(NewDocument(doc_id="kept", text="never found"), np.zeros((0, 16)))
        collection.put(NewDocument(doc_id="gone", text="gone", chunks=[NewChunk(0, 4)]), np.eye(1, 16))
        collection.delete(["gone"])
    return tmp_path / "store"


def _texts_of(document: NewDocument) -> list[str]:
    return [index_text(document.text[chunk.start : chunk.end], chunk.context) for chunk in document.chunks]


def _cut(collection: Collection) -> dict[str, list[tuple[int, int, str]]]:
    return {
        item.doc_id: [(chunk.start, chunk.end, chunk.context) for chunk in collection.chunks(item.doc_id)]
        for item in collection.documents()
    }


def _check_vectors(collection: Collection, encoder: HashEncoder) -> None:
    for item in collection.documents():
        chunks = collection.chunks(item.doc_id)
        if chunks:
            rows = encoder.encode_queries([index_text(chunk.text, chunk.context) for chunk in chunks])
            assert np.allclose(collection.vectors([chunk.chunk_id for chunk in chunks]), rows, atol=1e-3)
            found = collection.search_dense(rows[:1], k=1)[0][0]
            assert found.score == pytest.approx(1, abs=1e-3)


def _check_fresh(collection: Collection, docs: Path, encoder: HashEncoder, tmp_path: Path, **chunker: int) -> None:
    """Synced documents are as a sync into a new collection makes them, and the next sync finds nothing to do."""
    with Collection.open(tmp_path / "fresh", encoder) as fresh:
        sync(fresh, None, docs, **chunker)
        own = _cut(collection)
        assert {name: own[name] for name in _cut(fresh)} == _cut(fresh)
        hashes = {item.doc_id: item.content_hash for item in fresh.documents()}
        assert {name: collection.get(name).content_hash for name in hashes} == hashes
        assert collection.manifest.chunker == fresh.manifest.chunker
    encoder.embedded.clear()
    report = sync(collection, None, docs)
    assert (report.unchanged, report.changed, report.embedded, encoder.embedded) == (8, 0, 0, [])


def test_another_model_cuts_and_embeds_anew(store: Path, docs: Path, tmp_path: Path) -> None:
    encoder = HashEncoder("2", dim=24, pieces=2)
    with Collection.open(store) as collection:
        before, texts = _cut(collection), {item.doc_id: collection.text(item.doc_id) for item in collection.documents()}
        report = reindex(collection, encoder)
        after = _cut(collection)
        assert after["own"] == before["own"]
        assert len(after["book.md"]) > len(before["book.md"])
        assert after["kept"] == []
        assert {item.doc_id: collection.text(item.doc_id) for item in collection.documents()} == texts
        assert (report.documents, report.chunks, report.model, report.dim) == (10, collection.chunk_count, "hash-2", 24)
        assert (report.chunk_tokens, report.overlap, report.generation) == (64, 1, 2)
        assert report.embedded == len(set(encoder.embedded)) == len(encoder.embedded)
        assert collection.encoder is encoder
        _check_vectors(collection, encoder)
        _check_fresh(collection, docs, encoder, tmp_path, chunk_tokens=64)
    with Collection.open(store, HashEncoder("2", dim=24)) as collection:
        assert "gone" not in collection
        assert collection.get("own").metadata == {"by": "me"}
        assert collection.get("own").content_hash == "x"


def test_another_chunker_takes_over_what_was_embedded(store: Path, docs: Path, tmp_path: Path) -> None:
    encoder = HashEncoder()
    with Collection.open(store, encoder) as collection:
        held = set(_indexed(collection))
        report = reindex(collection, chunk_tokens=120, overlap=0)
        now = set(_indexed(collection))
        assert now & held
        assert set(encoder.embedded) == now - held
        assert report.embedded == len(now - held) < report.chunks
        assert all(end - start <= 120 * 16 for spans in _cut(collection).values() for start, end, _ in spans)
        _check_vectors(collection, encoder)
        _check_fresh(collection, docs, encoder, tmp_path, chunk_tokens=120, overlap=0)


def _indexed(collection: Collection) -> list[str]:
    return [
        index_text(chunk.text, chunk.context)
        for item in collection.documents()
        for chunk in collection.chunks(item.doc_id)
    ]


def test_documents_of_callers_are_cut_only_when_a_chunker_is_asked_for(tmp_path: Path) -> None:
    text = " ".join(f"Sentence {number} is here." for number in range(40))
    with Collection.open(tmp_path / "store", HashEncoder()) as collection:
        collection.add_texts([text], doc_ids=["a"], metadatas=[{"year": 1999}])
        report = reindex(collection, HashEncoder("2"))
        assert (_cut(collection), report.chunk_tokens) == ({"a": [(0, len(text), "")]}, None)
        assert collection.manifest.chunker == {}
        report = reindex(collection, chunk_tokens=32)
        assert (report.chunk_tokens, report.overlap) == (32, 1)
        assert len(collection.chunks("a")) > 5
        assert collection.manifest.chunker == {"chunk_tokens": 32, "overlap": 1}
        assert collection.search_bm25(["Sentence 39"], k=1, where="year = 1999")[0][0].doc_id == "a"


def test_the_same_model_and_chunker_embed_nothing(store: Path) -> None:
    encoder = HashEncoder()
    with Collection.open(store, encoder) as collection:
        before = _cut(collection)
        assert (reindex(collection).embedded, encoder.embedded) == (0, [])
        assert _cut(collection) == before
        _check_vectors(collection, encoder)


def test_a_smaller_model_gets_chunks_that_it_can_read(store: Path, docs: Path, tmp_path: Path) -> None:
    encoder = HashEncoder("3", max_tokens=40)
    with Collection.open(store) as collection:
        assert reindex(collection, encoder).chunk_tokens == 40
        _check_fresh(collection, docs, encoder, tmp_path, chunk_tokens=40)


def test_damaged_vectors_alone_are_embedded_again(store: Path) -> None:
    vectors = store / "generation-1" / "vectors.f16"
    content = bytearray(vectors.read_bytes())
    content[-3] ^= 255  # of the last block, that of a deleted chunk, and of the one before it
    content[-2 * 16 - 5] ^= 255
    vectors.write_bytes(content)
    encoder = HashEncoder()
    with Collection.open(store, encoder) as collection:
        with pytest.raises(StoreDamagedError, match="run `ragkit reindex`"):
            collection.search_dense(np.eye(1, 16), k=1)
        assert sorted(encoder.embedded) == []
        assert reindex(collection).embedded == 2
        assert sorted(encoder.embedded) == ["My own text.", "mine\nIt has chunks of my own."]
        _check_vectors(collection, encoder)


def test_vectors_from_before_digests_and_checksums_are_taken_over_if_they_look_sound(store: Path) -> None:
    with closing(sqlite3.connect(store / "generation-1" / "catalog.sqlite")) as db, db:
        for table in ("embedded", "vector_blocks", "vector_file"):
            db.execute(f"DELETE FROM {table}")
    vectors = store / "generation-1" / "vectors.f16"
    content = bytearray(vectors.read_bytes())
    content[:32] = b"\xff" * 32  # no numbers
    content[32:64] = b"\x7b" * 32  # very large ones
    vectors.write_bytes(content)
    encoder = HashEncoder()
    with Collection.open(store, encoder) as collection:
        assert reindex(collection).embedded == len(encoder.embedded) == 2
        _check_vectors(collection, encoder)


@pytest.mark.parametrize("rows", [0, 3])
def test_lost_vectors_are_embedded_again(rows: int, store: Path) -> None:
    vectors = store / "generation-1" / "vectors.f16"
    if rows:
        os.truncate(vectors, rows * 2 * 16)
    else:
        vectors.unlink()
    encoder = HashEncoder()
    with pytest.raises(StoreDamagedError, match="run `ragkit reindex`"):
        Collection.open(store, encoder)
    with Collection.open(store, encoder, repair=True) as collection:
        report = reindex(collection)
        assert report.embedded == len(encoder.embedded) == len(set(_indexed(collection)))
        _check_vectors(collection, encoder)


def test_vectors_that_a_caller_brought_are_not_taken_for_those_of_a_model(tmp_path: Path) -> None:
    encoder = HashEncoder()
    with Collection.open(tmp_path / "store", dim=16) as collection:
        collection.put(NewDocument(doc_id="a", text="a cat", chunks=[NewChunk(0, 5)]), np.eye(1, 16))
        assert reindex(collection, encoder).embedded == 1
        assert collection.manifest.card == encoder.card
        _check_vectors(collection, encoder)


def test_whoever_watches_is_told(store: Path) -> None:
    seen: list[Progress] = []
    with Collection.open(store) as collection:
        reindex(collection, HashEncoder("2"), progress=seen.append)
    assert [item.done for item in seen][:10] == list(range(1, 11))
    assert seen[-1].total == 10
    assert seen[-1].left_s == 0


def test_a_model_that_fails_leaves_the_collection(store: Path) -> None:
    class Failing(HashEncoder):
        def encode_documents(self, texts: Sequence[str]) -> Rows:
            raise ModelError("out of memory")

    with Collection.open(store, HashEncoder()) as collection:
        before = _cut(collection)
        with pytest.raises(ModelError, match="out of memory"):
            reindex(collection, Failing("2"))
        assert _cut(collection) == before
        assert collection.manifest.generation == 1
        assert [path.name for path in store.glob("generation-*")] == ["generation-1"]
        _check_vectors(collection, HashEncoder())


def test_reindex_needs_a_model_and_fitting_settings(store: Path) -> None:
    with Collection.open(store) as collection:
        with pytest.raises(ConfigError, match="reindex needs an embedding model: pass one"):
            reindex(collection)
        with pytest.raises(ConfigError, match="chunk_tokens is 300, but hash-1 reads 256 tokens"):
            reindex(collection, HashEncoder(), chunk_tokens=300)
        assert collection.manifest.generation == 1


# Kills, and readers meanwhile. The program that is killed imports this file.

_REINDEX = """
import importlib.util, os, signal, sys
from ragkit.ingest.reindex import reindex
from ragkit.store import turns as module
from ragkit.store.collection import Collection

folder, tests, point = sys.argv[1:]
spec = importlib.util.spec_from_file_location("reindex_tests", tests)
helpers = importlib.util.module_from_spec(spec)
sys.modules["reindex_tests"] = helpers
spec.loader.exec_module(helpers)

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

class Encoder(helpers.HashEncoder):
    def encode_documents(self, texts):
        if point == "embedding":
            die()
        return super().encode_documents(texts)

match point:
    case "sealing":
        module.seal = die
    case "switching":
        module.write_manifest = die
    case "switched":
        write = module.write_manifest
        module.write_manifest = lambda *a: (write(*a), die())
with Collection.open(folder) as collection:
    reindex(collection, Encoder("2", dim=24), chunk_tokens=100)
"""


@pytest.mark.parametrize(
    ("point", "revision"), [("embedding", "1"), ("sealing", "1"), ("switching", "1"), ("switched", "2")]
)
def test_kill_leaves_the_old_or_the_new_collection(point: str, revision: str, store: Path) -> None:
    with Collection.open(store) as collection:
        texts = {item.doc_id: collection.text(item.doc_id) for item in collection.documents()}
    died = subprocess.run([sys.executable, "-c", _REINDEX, str(store), __file__, point], check=False)
    assert died.returncode == -signal.SIGKILL
    encoder = HashEncoder(revision, dim=16 if revision == "1" else 24)
    with Collection.open(store, encoder) as collection:
        assert {item.doc_id: collection.text(item.doc_id) for item in collection.documents()} == texts
        assert collection.manifest.chunker["chunk_tokens"] == (64 if revision == "1" else 100)
        _check_vectors(collection, encoder)
        assert len(collection.search_bm25(["sentence"], k=999)[0]) > 3
        collection.delete(["own"])
        assert len(list(store.glob("generation-*"))) == 1


def test_readers_answer_from_the_old_until_the_new_is_complete(store: Path) -> None:
    seen: list[tuple[int, int]] = []
    with Collection.open(store, HashEncoder(), read_only=True) as reader, Collection.open(store) as writer:

        class Watched(HashEncoder):
            def encode_documents(self, texts: Sequence[str]) -> Rows:
                found = reader.search_dense(HashEncoder().encode_queries(["My own text."]), k=1)[0][0]
                assert (found.chunk_id, round(found.score, 2)) == ("own#0", 1.0)
                seen.append((reader.manifest.generation, len(writer)))
                return super().encode_documents(texts)

        reindex(writer, Watched("2"))
        assert set(seen) == {(1, 10)}
        assert reader.search_bm25(["chunks of my own"], k=1)[0][0].doc_id == "own"
        assert reader.manifest.generation == 2
