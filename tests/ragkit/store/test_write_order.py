"""What is durable before what: the calls of a writing process, recorded by strace.

This file is also the program that is recorded: `python test_write_order.py FOLDER` makes a collection and changes it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from ragkit.encoder import EncoderCard
from ragkit.ingest.reindex import reindex
from ragkit.store.collection import Collection
from ragkit.store.records import NewChunk, NewDocument

_CALLS = "fsync,fdatasync,sync_file_range,rename,renameat,renameat2,write,pwrite64,writev,unlink,unlinkat,ftruncate"
_WRITES = {"write", "pwrite64", "writev", "ftruncate"}
_SYNCS = {"fsync", "fdatasync"}


class OnesEncoder:
    """Embeds everything alike."""

    def __init__(self, revision: str) -> None:
        self.card = EncoderCard(model="ones", dim=4, revision=revision)

    def encode_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.full((len(texts), 4), 0.5, dtype=np.float32)

    encode_queries = encode_documents

    def count_tokens(self, text: str) -> int:
        return len(text.split())


def _work(folder: Path) -> None:
    def mark(name: str) -> None:
        os.write(1, f"mark {name};".encode())

    with Collection.open(folder, OnesEncoder("1")) as collection:

        def put(name: str) -> None:
            collection.put(NewDocument(doc_id=name, text="some words", chunks=[NewChunk(0, 10)]), np.ones((1, 4)))

        for name in "abc":
            put(name)
        mark("put")
        put("d")
        mark("delete")
        collection.delete(["d"])
        mark("compact")
        collection.compact()
        mark("reindex")
        reindex(collection, OnesEncoder("2"))
        mark("end")


class Call(NamedTuple):
    """One call of the system that succeeded."""

    name: str
    path: str
    """What was written, synced or removed; of a rename, the new name."""


_LINE = re.compile(r"^\d+ +(\w+)\((.*)\) += (-?\d+)")
_HALF = re.compile(r"^(\d+) +(\w+)\((.*) <unfinished \.\.\.>$")
_REST = re.compile(r"^(\d+) +<\.\.\. (\w+) resumed>(.*)$")


def _lines(trace: str) -> Iterator[str]:
    """Join the halves of calls during which another thread ran; such a call counts when it ended."""
    halves: dict[str, str] = {}
    for line in trace.splitlines():
        if half := _HALF.match(line):
            halves[half[1]] = f"{half[1]} {half[2]}({half[3]}"
        elif rest := _REST.match(line):
            yield halves.pop(rest[1], f"{rest[1]} {rest[2]}(") + rest[3]
        else:
            yield line


def _calls(trace: str) -> dict[str, list[Call]]:
    """Give the calls by the mark they came after."""
    found: dict[str, list[Call]] = {"": []}
    current = ""
    for line in _lines(trace):
        match = _LINE.match(line)
        if match is None or int(match[3]) < 0:
            continue
        name, arguments = match[1], match[2]
        if name == "write" and (marked := re.match(r'1<.*>, "mark (\w+);"', arguments)):
            current = marked[1]
            found[current] = []
            continue
        found[current].append(Call(name, _path(name, arguments)))
    return found


def _path(name: str, arguments: str) -> str:
    if name.startswith(("rename", "unlink")):
        names = re.findall(r'"([^"]*)"', arguments)
        folders = re.findall(r"<(/[^>]*)>", arguments)
        path = names[-1]
        return path if path.startswith("/") or not folders else f"{folders[-1]}/{path}"
    descriptor = re.match(r"\d+<([^>]*)>", arguments)
    return descriptor[1] if descriptor else ""


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Call]]:
    """The calls of `_work`, those within the collection's folder, with paths relative to it."""
    if not shutil.which("strace"):
        pytest.skip("recording the calls of a process needs strace (apt-get install strace)")
    folder = tmp_path_factory.mktemp("order")
    command = ["strace", "-f", "-y", "-s", "64", "-e", f"trace={_CALLS}", "-o", str(folder / "trace")]
    ran = subprocess.run(
        [*command, sys.executable, __file__, str(folder / "store")], capture_output=True, text=True, check=False
    )
    if "PTRACE" in ran.stderr or "Operation not permitted" in ran.stderr:
        pytest.skip(f"this system forbids recording the calls of a process: {ran.stderr.strip()[:100]}")
    assert ran.returncode == 0, ran.stderr
    root = str((folder / "store").resolve())
    recorded = _calls((folder / "trace").read_text(encoding="utf-8", errors="replace"))
    inside = {
        mark: [
            Call(call.name, call.path.removeprefix(root).lstrip("/") or ".")
            for call in found
            if call.path == root or call.path.startswith(root + "/")
        ]
        for mark, found in recorded.items()
    }
    assert inside.keys() == {"", "put", "delete", "compact", "reindex", "end"}
    return inside


def _place(calls: Sequence[Call], names: set[str], path: str) -> list[int]:
    return [place for place, call in enumerate(calls) if call.name in names and re.fullmatch(path, call.path)]


def _unsynced(calls: Sequence[Call], under: str = "") -> set[str]:
    """Give the files that were written, and the folders in which a name appeared, and that were not synced since."""
    dirty: set[str] = set()
    for call in calls:
        if not (call.path == under or call.path.startswith(under)):
            continue
        if call.name in _WRITES:
            dirty.add(call.path)
        elif call.name in _SYNCS:
            dirty.discard(call.path)
        elif call.name.startswith("rename"):
            dirty.add(str(Path(call.path).parent))
        elif call.name.startswith("unlink"):
            dirty.discard(call.path)
    # What is made anew from the rest, and what only says who writes.
    return {path for path in dirty if not path.endswith((".lock", "-shm", "-journal"))}


_WAL = r"generation-\d+/catalog\.sqlite-wal"


def test_put_syncs_vectors_and_words_before_the_catalog_commits(calls: dict[str, list[Call]]) -> None:
    put = calls["put"]
    (vectors,) = _place(put, _SYNCS, r"generation-1/vectors\.f16")
    stamp = _place(put, {"rename"}, r"generation-1/bm25/stamp\.json")[-1]
    words = _place(put, _WRITES, r"generation-1/bm25/[0-9a-f]+\.\w+")
    first_frame, committed = _place(put, _WRITES, _WAL)[0], _place(put, _SYNCS, _WAL)[-1]
    assert words
    assert max(_place(put, _WRITES, r"generation-1/vectors\.f16")) < vectors < stamp < first_frame < committed
    assert max(words) < stamp
    assert _unsynced([call for call in put[:first_frame] if "-wal" not in call.path]) == set()
    assert _place(put[committed:], _WRITES, _WAL) == []


def test_delete_is_one_synced_commit(calls: dict[str, list[Call]]) -> None:
    delete = calls["delete"]
    assert len(_place(delete, _SYNCS, _WAL)) == 1
    assert _place(delete, _WRITES, _WAL)[-1] < _place(delete, _SYNCS, _WAL)[0]


@pytest.mark.parametrize(("mark", "new", "old"), [("compact", 2, 1), ("reindex", 3, 2)])
def test_new_generation_is_durable_before_it_counts_and_the_old_one_leaves_after_it(
    mark: str, new: int, old: int, calls: dict[str, list[Call]]
) -> None:
    made = calls[mark]
    (switch,) = _place(made, {"rename"}, r"manifest\.json")
    files = {call.path for call in made[:switch] if call.name in _WRITES and call.path.startswith(f"generation-{new}/")}
    synced = {call.path for call in made[:switch] if call.name in _SYNCS}
    assert {f"generation-{new}/catalog.sqlite", f"generation-{new}/vectors.f16"} <= files
    assert any(path.startswith(f"generation-{new}/bm25/") for path in files)
    assert _unsynced(made[:switch], f"generation-{new}") == set()
    assert {".", f"generation-{new}", f"generation-{new}/bm25"} <= synced
    gone = _place(made, {"unlink", "unlinkat"}, rf"generation-{old}/.*")
    named = [place for place in _place(made, _SYNCS, r"\.") if place > switch]
    assert gone
    assert switch < named[0] < min(gone)
    # From its very beginning the next generation is written nowhere but in its own folder.
    assert all(call.path.startswith(f"generation-{new}") for call in made[:switch] if "vectors" in call.path)


if __name__ == "__main__":
    _work(Path(sys.argv[1]))
