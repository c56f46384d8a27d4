"""A disk without room: one sentence, nothing acknowledged is lost, and all works again when there is room.

This file is also the program that writes: `python test_disk_full.py FOLDER LIMIT FILLER` changes a collection with
files limited to LIMIT bytes (0: the disk is what it is), then takes the limit and the file FILLER away and goes on. It
prints one line of JSON for each change.
"""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ragkit.errors import RagkitError, StoreFullError
from ragkit.store import dense_arm
from ragkit.store.collection import Collection
from ragkit.store.records import NewChunk, NewDocument

_DIM = 32
_BEFORE = 300


def _text(name: str) -> str:
    return f"Common text of {name}. " * 3


def _document(name: str) -> NewDocument:
    text = _text(name)
    return NewDocument(doc_id=name, text=text, chunks=[NewChunk(0, len(text))], metadata={"name": name})


def _vectors(count: int) -> Any:
    return np.random.default_rng(count).standard_normal((count, _DIM)).astype(np.float32)


def _put(collection: Collection, *names: str) -> None:
    rows = _vectors(len(names))
    collection.put_many((_document(name), rows[place : place + 1]) for place, name in enumerate(names))


def _build_words(collection: Collection) -> None:
    with collection.writing():
        collection._generation.words.follow(wipe=True)


Change = tuple[str, Callable[[Collection], object], list[str], list[str]]


def _changes(phase: str) -> Iterator[Change]:
    """Give what is done: its name, how, and which documents come and go by it."""
    for number in range(3):
        names = [f"{phase}{number}-{place}" for place in range(1 + 40 * number)]
        yield "put", lambda c, names=names: _put(c, *names), names, []
    yield "delete", lambda c: c.delete([f"{phase}0-0"]), [], [f"{phase}0-0"]
    gone = [f"before{number}" for number in range(40 * len(phase), 40 * len(phase) + 40)]
    yield "delete by filter", lambda c: c.delete(where={"name": {"in": gone}}), [], gone
    yield "words", _build_words, [], []
    yield "compact", lambda c: c.compact(), [], []
    yield "put after", lambda c: _put(c, f"{phase}after"), [f"{phase}after"], []
    yield "compact secure", lambda c: c.compact(secure=True), [], []
    yield "search", lambda c: c.search_bm25(["common"], k=3), [], []


def _say(**told: object) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


def _change(collection: Collection, phase: str) -> None:
    for kind, change, come, go in _changes(phase):
        error = None
        try:
            change(collection)
        except RagkitError as raised:
            error = f"{type(raised).__name__}: {raised}"
        _say(phase=phase, kind=kind, come=come, go=go, error=error)


def _work(folder: Path, limit: int, filler: Path) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    dense_arm._LEAST_ROWS = 200
    collection = _opened(folder)
    if collection is None:
        filler.unlink()
        collection = Collection.open(folder)
    with collection:
        if limit:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        _change(collection, "full")
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        filler.unlink(missing_ok=True)
        _change(collection, "room")


def _opened(folder: Path) -> Collection | None:
    try:
        return Collection.open(folder)
    except StoreFullError as error:
        _say(phase="full", kind="open", come=[], go=[], error=f"{type(error).__name__}: {error}")
        return None


def _make(folder: Path) -> None:
    with Collection.open(folder, dim=_DIM) as collection:
        _put(collection, *(f"before{number}" for number in range(_BEFORE)))


def _run(folder: Path, limit: int, filler: Path) -> list[dict[str, Any]]:
    command = [sys.executable, __file__, str(folder), str(limit), str(filler)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]


def _check(folder: Path, done: list[dict[str, Any]]) -> None:
    """Check what is there against what was acknowledged; of what failed, all or nothing may be there."""
    there = {f"before{number}" for number in range(_BEFORE)}
    unsure: list[tuple[set[str], bool]] = []
    for change in done:
        come, go = set(change["come"]), set(change["go"])
        if change["error"] is None:
            there = (there | come) - go
        elif come:
            unsure.append((come, True))
        elif go:
            unsure.append((go & there, False))
    with Collection.open(folder) as collection:
        found = {item.doc_id for item in collection.documents()}
        for names, coming in unsure:
            part = {name for name in names if name in found}
            assert part in (set(), names), (coming, part)
            there = (there - names) | part
        assert found == there
        assert all(collection.text(name) == _text(name) for name in found)
        for hits in (
            collection.search_bm25(["common"], k=9999)[0],
            collection.search_dense(np.ones((1, _DIM), np.float32), k=9999)[0],
        ):
            assert {hit.doc_id: hit.text for hit in hits} == {name: _text(name) for name in found}


def _check_sentences(done: list[dict[str, Any]]) -> None:
    for change in done:
        if change["phase"] == "room":
            assert change["error"] is None, change
        elif change["error"] is not None:
            assert change["error"].startswith(f"{StoreFullError.__name__}: "), change
            assert "the disk is full" in change["error"], change
            assert "\n" not in change["error"]


_LIMITS = [1, 500, 4_000, 12_000, 20_000, 33_000, 70_000, 150_000, 300_000]


@pytest.mark.parametrize(
    "limit", [*_LIMITS, *(pytest.param(round(700 * 1.12**step), marks=pytest.mark.slow) for step in range(60))]
)
def test_files_that_may_not_grow_lose_nothing(limit: int, tmp_path: Path) -> None:
    folder = tmp_path / "store"
    _make(folder)
    done = _run(folder, limit, tmp_path / "none")
    _check_sentences(done)
    _check(folder, done)
    if limit == _LIMITS[0]:
        assert all(change["error"] for change in done if change["kind"] == "put" and change["phase"] == "full")
    _leaves_nothing_behind(folder)


def _leaves_nothing_behind(folder: Path) -> None:
    with Collection.open(folder) as collection:
        collection.compact()
    assert len([path for path in folder.iterdir() if path.is_dir()]) == 1
    assert not list(folder.rglob("*.tmp"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MB."""
    if os.geteuid() != 0 or not shutil.which("mount"):
        pytest.skip("mounting a small file system needs root and mount")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"mounting is not permitted here: {mounted.stderr.decode().strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.parametrize(
    "room",
    [0, 4_096, 30_000, 120_000, *(pytest.param(7_000 * step, marks=pytest.mark.slow) for step in range(1, 41))],
)
def test_full_disk_loses_nothing(room: int, small_disk: Path) -> None:
    folder, filler = small_disk / "store", small_disk / "filler"
    _make(folder)
    free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
    filler.write_bytes(bytes(max(0, free - room)))
    done = _run(folder, 0, filler)
    _check_sentences(done)
    _check(folder, done)
    assert room > 4_096 or any(change["error"] for change in done)
    _leaves_nothing_behind(folder)


@pytest.mark.parametrize("part", ["stamp", "commit"])
def test_word_index_without_room_fails_the_put_and_finds_each_document_once_later(
    part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with Collection.open(tmp_path, dim=_DIM) as collection:
        _put(collection, "a")
        with monkeypatch.context() as disk:
            # After tantivy's commit, or before it: the one leaves entries that no catalog knows.
            disk.setattr(f"ragkit.store.bm25.{'atomic_write' if part == 'stamp' else 'schema'}", full)
            with pytest.raises(StoreFullError, match="the disk is full"):
                _put(collection, "b")
        assert "b" not in collection
        _put(collection, "c", "d")
        assert [hit.doc_id for hit in collection.search_bm25(["common"], k=9)[0]] == ["a", "c", "d"]
        assert collection._generation.words.index.entries == 3


def test_delete_stands_though_its_index_finds_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise StoreFullError("the disk is full")

    with Collection.open(tmp_path, dim=_DIM) as collection:
        _put(collection, "a", "b")
        with monkeypatch.context() as disk:
            disk.setattr("ragkit.store.words.Words.follow", full)
            assert collection.delete(["a"]) == 1
        assert [hit.doc_id for hit in collection.search_bm25(["common"], k=9)[0]] == ["b"]


if __name__ == "__main__":
    _work(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
