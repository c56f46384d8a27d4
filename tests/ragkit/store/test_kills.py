"""A writer that is killed at any moment leaves the last commit."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
import zlib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ragkit.encoder import EncoderCard
from ragkit.ingest.reindex import reindex
from ragkit.store import dense_arm
from ragkit.store.catalog import read_state
from ragkit.store.collection import Collection
from ragkit.store.records import NewChunk, NewDocument

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_PUT_AND_DIE = """
import os, signal, sys
import numpy as np
from ragkit.store import bm25, changes, vectors, words
from ragkit.store.collection import Collection
from ragkit.store.records import NewChunk, NewDocument

folder, point = sys.argv[1:]

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

def half(self, rows, *, at):
    with open(self.path, "ab") as file:
        file.write(rows.tobytes()[:7])
    die()

append, finish, write = vectors.VectorFile.append, changes.Changes.finish, bm25.Bm25Index._write
ahead = words.Words.ahead
match point:
    case "half a row written":
        vectors.VectorFile.append = half
    case "vectors synced":
        vectors.VectorFile.append = lambda *a, **k: (append(*a, **k), die())
    case "rows inserted":
        changes.Changes.finish = lambda *a, **k: (finish(*a, **k), die())
    case "catalog committed":
        words.Words.after_write = die
    case "words stamped":
        words.Words.ahead = lambda *a, **k: (ahead(*a, **k), die())
    case "words half written":
        bm25.Bm25Index._write = lambda self, texts, *a, **k: write(self, (die() for _ in texts), *a, **k)
    case "words without stamp":
        bm25.atomic_write = die
collection = Collection.open(folder)
text = "second dog"
collection.put(
    NewDocument(doc_id="b", text=text, chunks=[NewChunk(0, 6), NewChunk(7, 10)]), np.array([[0.0, 1.0], [1.0, 0.0]])
)
"""


@pytest.mark.parametrize(
    ("point", "there"),
    [
        ("half a row written", False),
        ("vectors synced", False),
        ("rows inserted", False),
        ("words half written", False),
        ("words without stamp", False),
        ("words stamped", False),
        ("catalog committed", True),
    ],
)
def test_kill_leaves_the_document_whole_or_absent(point: str, there: bool, tmp_path: Path) -> None:
    first = NewDocument(doc_id="a", text="first dog", chunks=[NewChunk(0, 9)])
    with Collection.open(tmp_path, dim=2) as collection:
        collection.put(first, np.array([[1.0, 0.0]]))
    died = subprocess.run([sys.executable, "-c", _PUT_AND_DIE, str(tmp_path), point], check=False)
    assert died.returncode == -signal.SIGKILL
    with Collection.open(tmp_path) as collection:
        assert ("b" in collection) == there
        assert (len(collection), collection.chunk_count) == ((2, 3) if there else (1, 1))
        found = [hit.chunk_id for hit in collection.search_bm25(["dog"], k=9)[0]]
        assert found == (["b#1", "a#0"] if there else ["a#0"])
        near = [hit.chunk_id for hit in collection.search_dense(np.array([[0.6, 0.8]]), k=9)[0]]
        assert near == (["b#0", "a#0", "b#1"] if there else ["a#0"])
        third = NewDocument(doc_id="c", text="third dog", chunks=[NewChunk(0, 9)])
        collection.put(third, np.array([[-1.0, 0.0]]))
        assert collection.vectors(["c#0", "a#0"]).tolist() == [[-1, 0], [1, 0]]
        assert len(collection.search_bm25(["dog"], k=9)[0]) == (3 if there else 2)


# Random kills. This file is also the program that is killed: `python test_kills.py FOLDER FIRST` changes the collection
# step by step, from step FIRST on, and prints the number of each step that is done. What a step does follows from its
# number alone, so the test knows what must be there.

_DIM = 64
_INDEXED_FROM = 40
"""Chunks from which on there is an approximate index here, so that it is built again and again."""


class HashEncoder:
    """Vectors that follow from the text and the revision of the model."""

    def __init__(self, revision: int) -> None:
        self.card = EncoderCard(model="hash", dim=_DIM, revision=str(revision))

    def encode_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        seeds = [zlib.crc32(f"{self.card.revision} {text}".encode()) for text in texts]
        rows = np.array([np.random.default_rng(seed).standard_normal(_DIM) for seed in seeds], dtype=np.float32)
        return rows.reshape(-1, _DIM) / np.linalg.norm(rows.reshape(-1, _DIM), axis=1, keepdims=True)

    encode_queries = encode_documents

    def count_tokens(self, text: str) -> int:
        return len(text.split())


@dataclass(frozen=True)
class Step:
    """One change of the collection."""

    kind: str
    documents: Sequence[NewDocument] = ()
    names: Sequence[str] = ()
    group: int = 0


def _step(number: int) -> Step:
    choose = random.Random(number)
    kind = choose.choices(
        ["put", "update", "delete", "delete group", "compact", "compact secure", "reindex", "words", "dense"],
        [40, 20, 12, 6, 6, 3, 5, 5, 5],
    )[0]
    names = [f"d{choose.randrange(60)}" for _ in range(choose.randint(1, 4))]
    if kind in ("put", "update"):
        return Step(kind, documents=[_new(name, number, choose) for name in dict.fromkeys(names)])
    return Step(kind, names=names, group=choose.randrange(10))


def _new(name: str, number: int, choose: random.Random) -> NewDocument:
    sentences = [f"common word{number} place{place}." for place in range(choose.randint(0, 4))]
    ends = np.cumsum([len(sentence) + 1 for sentence in sentences], dtype=int).tolist()
    return NewDocument(
        doc_id=name,
        text=" ".join(sentences),
        chunks=[NewChunk(end - len(sentence) - 1, end - 1) for sentence, end in zip(sentences, ends, strict=True)],
        metadata={
            "step": number,
            "group": choose.randrange(10),
            "day": date(2020, 1, 1 + choose.randrange(28)),
            "tags": choose.sample(["red", "green", "blue"], choose.randrange(3)),
        },
        root=choose.choice(["", "/docs"]),
    )


@dataclass
class Expected:
    """What a collection holds after some steps."""

    documents: dict[str, NewDocument]
    revision: int = 0

    def after(self, step: Step) -> Expected:
        """Give what it holds after one more."""
        documents = dict(self.documents)
        for document in step.documents:
            documents[document.doc_id] = document
        if step.kind == "delete":
            documents = {name: item for name, item in documents.items() if name not in step.names}
        if step.kind == "delete group":
            documents = {name: item for name, item in documents.items() if item.metadata["group"] != step.group}
        return Expected(documents, 1 - self.revision if step.kind == "reindex" else self.revision)


def _chunks(document: NewDocument) -> list[str]:
    return [document.text[chunk.start : chunk.end] for chunk in document.chunks]


def _do(collection: Collection, step: Step) -> None:
    match step.kind:
        case "put" | "update":
            assert collection.manifest.card
            encoder = HashEncoder(int(collection.manifest.card.revision))
            collection.put_many((item, encoder.encode_documents(_chunks(item))) for item in step.documents)
        case "delete":
            collection.delete(step.names)
        case "delete group":
            if "group" in collection.fields():
                collection.delete(where={"group": step.group})
        case "compact" | "compact secure":
            collection.compact(secure=step.kind == "compact secure")
        case "reindex":
            assert collection.manifest.card
            reindex(collection, HashEncoder(1 - int(collection.manifest.card.revision)))
        case "words":
            with collection.writing():
                collection._generation.words.follow(wipe=True)
        case "dense":
            with collection.writing(), collection._reading() as (generation, db):
                if (state := read_state(db)).chunks >= _INDEXED_FROM:
                    generation.dense._build(db, state)


def _work(folder: Path, first: int) -> None:
    dense_arm._LEAST_ROWS = _INDEXED_FROM
    with Collection.open(folder) as collection:
        for number in range(first, first + 1_000_000):
            _do(collection, _step(number))
            sys.stdout.write(f"{number}\n")
            sys.stdout.flush()


def _check(collection: Collection, expected: Expected) -> None:
    """Check documents, both arms and a filter against what is expected."""
    documents = {item.doc_id: item for item in collection.documents()}
    assert documents.keys() == expected.documents.keys()
    encoder = HashEncoder(expected.revision)
    texts: dict[str, str] = {}
    for name, item in expected.documents.items():
        assert (collection.text(name), documents[name].metadata["step"]) == (item.text, item.metadata["step"])
        own = [chunk.text for chunk in collection.chunks(name)]
        assert own == _chunks(item)
        texts |= {f"{name}#{ordinal}": text for ordinal, text in enumerate(own)}
    assert (len(collection), collection.chunk_count) == (len(documents), len(texts))
    _check_dense(collection, encoder, texts)
    _check_words(collection, texts)
    if expected.documents:
        group = next(iter(expected.documents.values())).metadata["group"]
        passing = {name for name, item in expected.documents.items() if item.metadata["group"] == group}
        assert {item.doc_id for item in collection.documents({"group": group})} == passing
        chunks = {chunk for chunk in texts if chunk.rpartition("#")[0] in passing}
        query = encoder.encode_queries(["any"])
        for hits in (
            collection.search_dense(query, k=1000, where={"group": group})[0],
            collection.search_bm25(["common"], k=1000, where={"group": group})[0],
        ):
            assert {hit.chunk_id for hit in hits} == chunks


def _check_dense(collection: Collection, encoder: HashEncoder, texts: dict[str, str]) -> None:
    query = encoder.encode_queries(["what is asked"])
    names = list(texts)
    rows = encoder.encode_documents([texts[name] for name in names])
    stored = collection.vectors(names).astype(np.float64)
    assert np.allclose(stored, rows, atol=1e-3)
    scores = dict(zip(names, (stored @ query[0].astype(np.float64)).tolist(), strict=True))
    found = collection.search_dense(query, k=7, exact=True)[0]
    assert len(found) == min(7, len(texts))
    best = sorted(scores.values(), reverse=True)[:7]
    assert [hit.score for hit in found] == pytest.approx(best, abs=1e-6)
    assert [scores[hit.chunk_id] for hit in found] == pytest.approx(best, abs=1e-6)
    assert all(hit.text == texts[hit.chunk_id] for hit in found)
    near = collection.search_dense(query, k=7)[0]  # perhaps by the approximate index: with true scores all the same
    assert len(near) == len(found)
    assert [hit.score for hit in near] == pytest.approx([scores[hit.chunk_id] for hit in near], abs=1e-6)


def _check_words(collection: Collection, texts: dict[str, str]) -> None:
    found = collection.search_bm25(["common"], k=1000)[0]
    assert {hit.chunk_id: hit.text for hit in found} == texts
    for text in list(dict.fromkeys(texts.values()))[:3]:
        word, place = text.split()[1:]
        same = {name for name, own in texts.items() if own.split()[1:] == [word, place]}
        # The words' stems are unlike those of any other number.
        both = collection.search_bm25([word], k=1000)[0]
        assert same <= {hit.chunk_id for hit in both}
        assert all(word in hit.text for hit in both)


@pytest.mark.parametrize("rounds", [20, pytest.param(1000, marks=pytest.mark.slow)])
def test_random_kills_lose_nothing_that_was_acknowledged(
    tmp_path: Path, rounds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dense_arm, "_LEAST_ROWS", _INDEXED_FROM)
    choose = random.Random(11)
    Collection.open(tmp_path / "store", HashEncoder(0)).close()
    expected, number = Expected({}), 0
    for _ in range(rounds):
        done = _run_and_kill(tmp_path / "store", number, choose.uniform(0.0, 0.6))
        for step in range(number, done + 1):
            expected = expected.after(_step(step))
        number = done + 1
        with Collection.open(tmp_path / "store") as collection:
            if _committed(collection, expected, _step(number)):
                expected, number = expected.after(_step(number)), number + 1
            _check(collection, expected)
    with Collection.open(tmp_path / "store") as collection:
        collection.compact()
        _check(collection, expected)
        current = f"generation-{collection.manifest.generation}"
    assert [path.name for path in (tmp_path / "store").iterdir() if path.is_dir()] == [current]
    assert _bytes(tmp_path / "store") < 1_000_000


def _run_and_kill(folder: Path, first: int, after_s: float) -> int:
    """Give the last step that was acknowledged, `first - 1` for none."""
    command = [sys.executable, __file__, str(folder), str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        done = [first - 1]
        done += [int(line) for line in [writer.stdout.readline()] if line]  # wait until it writes
        time.sleep(after_s)
        assert writer.poll() is None
        writer.kill()
        done += [int(line) for line in writer.stdout.read().split()]
    return done[-1]


def _committed(collection: Collection, expected: Expected, step: Step) -> bool:
    """Tell whether the step in flight was committed, though nobody heard of it."""
    after = expected.after(step)
    documents = {item.doc_id: item.metadata["step"] for item in collection.documents()}
    revision = int(collection.manifest.card.revision) if collection.manifest.card else 0
    found = (documents, revision)
    assert found in [_summary(expected), _summary(after)]
    return found == _summary(after)


def _summary(expected: Expected) -> tuple[dict[str, Any], int]:
    return {name: item.metadata["step"] for name, item in expected.documents.items()}, expected.revision


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    _work(Path(sys.argv[1]), int(sys.argv[2]))
