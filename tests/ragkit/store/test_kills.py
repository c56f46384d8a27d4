"""A writer that is killed at any moment leaves the last commit."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ragkit.store.collection import Collection
from ragkit.store.records import NewChunk, NewDocument

if TYPE_CHECKING:
    from pathlib import Path

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
        words.Words.follow = lambda _, calls=iter("ab"): next(calls) == "b" and die()
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


_WRITE_ON = """
import sys
import numpy as np
from ragkit.store.collection import Collection
from ragkit.store.records import NewChunk, NewDocument

collection = Collection.open(sys.argv[1])
first = int(sys.argv[2])
for number in range(first, first + 100_000):
    name = f"d{number % 40}"
    if number % 5 == 4:
        collection.delete([name])
    else:
        text = f"common word{number}. " * (1 + number % 3)
        size = len(text) // (1 + number % 3)
        chunks = [NewChunk(start, start + size) for start in range(0, len(text), size)]
        collection.put(NewDocument(doc_id=name, text=text, chunks=chunks), np.full((len(chunks), 4), number, float))
    print(number, flush=True)
"""


@pytest.mark.parametrize("rounds", [4, pytest.param(100, marks=pytest.mark.slow)])
def test_random_kills_lose_nothing_that_was_acknowledged(tmp_path: Path, rounds: int) -> None:
    choose = random.Random(11)
    Collection.open(tmp_path, dim=4).close()
    first = 0
    for _ in range(rounds):
        with subprocess.Popen(
            [sys.executable, "-c", _WRITE_ON, str(tmp_path), str(first)], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            done = [int(writer.stdout.readline())]  # wait until it writes
            time.sleep(choose.uniform(0.05, 0.5))
            writer.kill()
            done += [int(line) for line in writer.stdout.read().split()]
        _check(tmp_path, done[-1])
        first = done[-1] + 1


def _expected(last: int) -> dict[str, int]:
    state: dict[str, int] = {}
    for number in range(last + 1):
        if number % 5 == 4:
            state.pop(f"d{number % 40}", None)
        else:
            state[f"d{number % 40}"] = number
    return state


def _check(folder: Path, last: int) -> None:
    """The state is that of the last acknowledged change, or of the next one, which was committed but not reported."""
    with Collection.open(folder) as collection:
        texts = {item.doc_id: collection.text(item.doc_id) for item in collection.documents()}
        assert texts in [
            {name: f"common word{number}. " * (1 + number % 3) for name, number in _expected(end).items()}
            for end in (last, last + 1)
        ]
        chunks = {chunk.chunk_id for name in texts for chunk in collection.chunks(name)}
        assert {hit.chunk_id for hit in collection.search_bm25(["common"], k=1000)[0]} == chunks
        assert {hit.chunk_id for hit in collection.search_dense(np.ones((1, 4)), k=1000)[0]} == chunks
        for name in list(texts)[:5]:
            (word,) = collection.search_bm25([texts[name].split()[1]], k=1)[0]
            assert word.doc_id == name
