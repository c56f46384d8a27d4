"""One writer and four reading processes of two threads each: nobody ever sees half a change, or an older one again.

This file is also the reading program: `python test_readers.py FOLDER MODE` searches until the document `stop` is
there, and prints what it saw that must not be.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ragkit.encoder import EncoderCard
from ragkit.errors import StoreLockedError
from ragkit.retrieve.options import SearchOptions
from ragkit.retrieve.retrievers import HybridRetriever
from ragkit.store.collection import Collection
from ragkit.store.records import NewChunk, NewDocument
from ragkit.types import Hit

_DIM = 16
_STAYING = 10
"""Documents that are replaced again and again and never deleted: each search must find them."""


class OneQuery:
    """Every query has the same vector."""

    card = EncoderCard(model="one", dim=_DIM, revision="1")

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.repeat(_vector("query")[np.newaxis], len(texts), axis=0)

    encode_documents = encode_queries

    def count_tokens(self, text: str) -> int:
        return len(text.split())


def _vector(text: str) -> NDArray[np.float32]:
    row = np.random.default_rng(list(text.encode())).standard_normal(_DIM).astype(np.float32)
    return row / np.linalg.norm(row)


def _document(name: str, version: int) -> tuple[NewDocument, NDArray[np.float32]]:
    """Every part of it tells the version."""
    parts = [f"common {name} version {version} parity{version % 2} part{part}" for part in range(2)]
    chunks = [NewChunk(0, len(parts[0])), NewChunk(len(parts[0]) + 1, len(parts[0]) + 1 + len(parts[1]))]
    document = NewDocument(
        doc_id=name, text="\n".join(parts), chunks=chunks, metadata={"version": version, "parity": version % 2}
    )
    return document, np.stack([_vector(part) for part in parts])


class Watch:
    """What one thread of a reader checks."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        self.rounds = 0
        self.wrong: list[str] = []
        self._newest: dict[str, int] = {}
        self._sequence = 0

    def sequence(self) -> None:
        found = self.collection.sequence
        self._check(found >= self._sequence, f"commit {found} after {self._sequence}")
        self._sequence = found

    def hits(self, hits: Sequence[Hit], *, parity: int | None = None, arms: int = 1) -> None:
        self.rounds += 1
        for hit in hits:
            self._check_hit(hit, parity, arms)
        versions: dict[str, set[int]] = {}
        for hit in hits:
            versions.setdefault(hit.doc_id, set()).add(hit.metadata["version"])
        for name, found in versions.items():
            self._check(len(found) == 1, f"{name} in versions {found}")
            self._check(min(found) >= self._newest.get(name, -1), f"{name}: {found} after {self._newest.get(name)}")
            self._newest[name] = max(found)
        if parity is None:
            staying = [hit for hit in hits if hit.doc_id.startswith("s") and hit.doc_id != "stop"]
            self._check(len(staying) == 2 * _STAYING, f"{len(staying)} chunks of those that stay")
        per_document = {name: sum(hit.doc_id == name for hit in hits) for name in versions}
        self._check(set(per_document.values()) <= {2}, f"half a document: {per_document}")

    def _check_hit(self, hit: Hit, parity: int | None, arms: int) -> None:
        _, name, _, version, _, _ = hit.text.split()
        self._check((name, int(version)) == (hit.doc_id, hit.metadata["version"]), f"torn: {hit}")
        self._check(parity in (None, hit.metadata["parity"]), f"does not pass: {hit}")
        self._check(len(hit.arms) == arms, f"{len(hit.arms)} arms: {hit}")
        if "dense" in hit.arms:
            true = float(_vector("query") @ _vector(hit.text))
            self._check(abs(hit.arms["dense"].score - true) < 1e-3, f"another vector: {hit}, {true}")

    def _check(self, fine: bool, told: str) -> None:
        if not fine:
            self.wrong.append(told[:300])


def _watch(watch: Watch) -> None:
    query = _vector("query")[np.newaxis]
    collection = watch.collection
    while "stop" not in collection:
        watch.sequence()
        watch.hits(collection.search_dense(query, k=999)[0])
        watch.hits(collection.search_bm25(["common"], k=999)[0])
        parity = watch.rounds // 2 % 2
        watch.hits(collection.search_dense(query, k=999, where=f"parity = {parity}")[0], parity=parity)
        watch.hits(collection.search_bm25([f"parity{parity}"], k=999, where={"parity": parity})[0], parity=parity)
        documents = list(collection.documents())
        watch._check(all(item.chunks == 2 for item in documents), "half a document is listed")


async def _awatch(watch: Watch) -> None:
    retriever = HybridRetriever(collection=watch.collection, k=999, options=SearchOptions(pool=999))
    while "stop" not in watch.collection:
        watch.sequence()
        # Searches that run at one time may see different commits, in any order: each is followed by itself.
        (found,) = await asyncio.gather(retriever.asearch("common"))
        watch.hits(found, arms=2)
        watch.hits(await retriever.asearch("common", where="parity = 1"), parity=1, arms=2)


def _read(folder: Path, mode: str) -> None:
    with Collection.open(folder, OneQuery(), read_only=mode == "read_only") as collection:
        watches = [Watch(collection), Watch(collection)]
        thread = threading.Thread(target=_watch, args=[watches[0]])
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        thread.start()
        asyncio.run(_awatch(watches[1]))
        thread.join()
    told = {"rounds": [watch.rounds for watch in watches], "wrong": [text for watch in watches for text in watch.wrong]}
    sys.stdout.write(json.dumps(told) + "\n")


def _write(collection: Collection, seconds: float) -> int:
    """Change the collection for a while; give how many changes that were."""
    choose, changes = random.Random(5), 0
    leaving = [f"l{number}" for number in range(12)]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        changes += 1
        names = choose.sample([*(f"s{number}" for number in range(_STAYING)), *leaving], choose.randint(1, 4))
        match choose.randrange(12):
            case 0:
                collection.delete(choose.sample(leaving, 3))
            case 1:
                collection.delete(where=f"parity = {changes % 2} and doc_id contains 'l'")
            case 2:
                collection.compact()
            case 3:
                collection.release()
            case _:
                collection.put_many(_document(name, changes) for name in names)
    return changes


@pytest.mark.parametrize("seconds", [10, pytest.param(60, marks=pytest.mark.slow)])
def test_four_readers_beside_a_writer_see_whole_changes_in_order(seconds: float, tmp_path: Path) -> None:
    with Collection.open(tmp_path / "store", OneQuery()) as writer:
        writer.put_many(_document(f"s{number}", 0) for number in range(_STAYING))
        readers = [
            subprocess.Popen(
                [sys.executable, __file__, str(tmp_path / "store"), mode],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for mode in ("read_only", "shared", "read_only", "shared")
        ]
        try:
            for reader in readers:
                assert reader.stdout is not None
                assert reader.stdout.readline() == "ready\n"
            changes = _write(writer, seconds)
        finally:
            writer.put(*_document("stop", 0))
            told = [reader.communicate(timeout=120) for reader in readers]
    for out, error in told:
        assert error == ""
        seen: dict[str, Any] = json.loads(out)
        assert seen["wrong"] == []
        assert min(seen["rounds"]) > 0
    assert changes > 5


_SECOND = """
import sys
from ragkit.errors import StoreLockedError
from ragkit.store.collection import Collection
with Collection.open(sys.argv[1], wait_s=float(sys.argv[2])) as collection:
    print("ready", flush=True)
    try:
        print(collection.delete(["s0"]))
    except StoreLockedError as error:
        print(error)
"""


def _second(folder: Path, wait_s: float) -> subprocess.Popen[str]:
    second = subprocess.Popen(
        [sys.executable, "-c", _SECOND, str(folder), str(wait_s)], stdout=subprocess.PIPE, text=True
    )
    assert second.stdout is not None
    assert second.stdout.readline() == "ready\n"
    return second


def test_second_writing_process_waits_and_then_gets_the_sentence_or_in(tmp_path: Path) -> None:
    with Collection.open(tmp_path / "store", OneQuery()) as first:
        first.put(*_document("s0", 0))
        told, _ = _second(tmp_path / "store", 0.3).communicate(timeout=60)
        assert "is being written by process" in told
        assert "waited 0.3 s; wait for it to finish, or close the collection there." in told
        with _second(tmp_path / "store", 60) as patient:
            time.sleep(0.3)
            assert patient.poll() is None
            first.release()
            told, _ = patient.communicate(timeout=60)
        assert told == "1\n"
        assert "s0" not in first
        first.put(*_document("s0", 1))
        with Collection.open(tmp_path / "store", wait_s=0) as second, pytest.raises(StoreLockedError):
            second.delete(["s0"])


if __name__ == "__main__":
    _read(Path(sys.argv[1]), sys.argv[2])
