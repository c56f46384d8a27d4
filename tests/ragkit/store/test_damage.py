"""Whatever happens to a file of a collection: right answers, or one sentence; never a wrong answer, never a crash.

This file is also the program that looks at damaged copies, so that a crash or a hang of an engine is seen as such:
`python test_damage.py FOLDER FILE SEED ROUNDS` damages FILE in copies of FOLDER and prints what came of each.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ragkit.encoder import EncoderCard
from ragkit.errors import RagkitError
from ragkit.store import dense_arm, words
from ragkit.store.collection import Collection
from ragkit.store.records import NewChunk, NewDocument

_DIM = 64
_HANG_S = 240


class ForbiddenEncoder:
    """Fits the collection and must never be asked for anything: what is derived is built without it."""

    card = EncoderCard(model="fixed", dim=_DIM, revision="1")

    def encode_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        raise AssertionError("something was embedded again")

    encode_queries = encode_documents

    def count_tokens(self, text: str) -> int:
        return len(text.split())


def _document(number: int) -> NewDocument:
    first, second = f"Common word{number} one.", f"Common word{number % 7} two, and more of it."
    return NewDocument(
        doc_id=f"d{number}",
        text=f"{first} {second}",
        source=f"{number}.txt",
        title=f"Title {number}",
        chunks=[NewChunk(0, len(first), "Head"), NewChunk(len(first) + 1, len(first) + 1 + len(second))],
        metadata={"number": number, "even": number % 2 == 0, "tags": ["x", f"t{number % 3}"]},
    )


def _vectors(number: int) -> NDArray[np.float32]:
    return np.random.default_rng(number).standard_normal((2, _DIM)).astype(np.float32)


def _build(folder: Path, live: Path) -> None:
    """Make the collection to damage: several segments and appended blocks, dead rows.

    `live` is a copy from before it was closed, in which every commit still is in the write-ahead log.
    """
    with pytest.MonkeyPatch.context() as patch, Collection.open(folder, ForbiddenEncoder()) as collection:
        patch.setattr(dense_arm, "_LEAST_ROWS", 50)
        writes = [
            lambda: collection.put_many((_document(number), _vectors(number)) for number in range(40)),
            *(lambda number=number: collection.put(_document(number), _vectors(number)) for number in range(40, 44)),
            lambda: collection.delete(["d3"]),
        ]
        for write in writes:
            write()
        shutil.copytree(folder, live)


Question = Callable[[Collection], Any]


def _questions() -> dict[str, Question]:
    query = np.random.default_rng(99).standard_normal((1, _DIM)).astype(np.float32)

    def hits(found: Sequence[Any]) -> list[Any]:
        return [(hit.chunk_id, round(hit.score, 5), hit.text, hit.title, dict(hit.metadata)) for hit in found]

    def unordered(found: Sequence[Any]) -> list[Any]:
        # An index that was built again has no dead rows in its statistics: scores differ, what is found does not.
        assert [hit.score for hit in found] == sorted((hit.score for hit in found if hit.score > 0), reverse=True)
        return sorted((hit.chunk_id, hit.text, hit.title, repr(hit.metadata)) for hit in found)

    return {
        "documents": lambda c: [(item.doc_id, dict(item.metadata), c.text(item.doc_id)) for item in c.documents()],
        "chunks": lambda c: [chunk for item in c.documents() for chunk in c.chunks(item.doc_id)],
        "vectors": lambda c: c.vectors(["d7#1", "d40#0", "d0#0"]).round(3).tolist(),
        "dense": lambda c: hits(c.search_dense(query, k=9)[0]),
        "dense filtered": lambda c: hits(c.search_dense(query, k=9, where="even = true and number > 5")[0]),
        "words": lambda c: unordered(c.search_bm25(["word5 more"], k=999)[0]),
        "words filtered": lambda c: unordered(c.search_bm25(["common"], k=99, where="tags contains 't1'")[0]),
        "counts": lambda c: (len(c), c.chunk_count, c.fields()),
    }


_AFTER = {
    "put": lambda c: c.put(_document(77), _vectors(77)),
    "found": lambda c: [hit.chunk_id for hit in c.search_bm25(["word77"], k=3)[0]],
    "near": lambda c: c.search_dense(_vectors(77)[:1], k=1)[0][0].chunk_id,
    "delete": lambda c: c.delete(["d8"]),
    "words after": lambda c: sorted(hit.chunk_id for hit in c.search_bm25(["common"], k=999)[0]),
}


def _answers(folder: Path, *, read_only: bool = False) -> dict[str, Any]:
    """Ask everything; an answer is a value, or the sentence of an error."""
    answers: dict[str, Any] = {}
    try:
        with Collection.open(folder, ForbiddenEncoder(), read_only=read_only, wait_s=1) as collection:
            for name, ask in (_questions() if read_only else _questions() | _AFTER).items():
                answers[name] = _answer(collection, ask)
    except RagkitError as error:
        answers["open"] = _sentence(error)
    return answers


def _answer(collection: Collection, ask: Question) -> Any:
    try:
        return repr(ask(collection))
    except RagkitError as error:
        return _sentence(error)


def _sentence(error: RagkitError) -> str:
    text = str(error)
    assert "\n" not in text, text
    assert len(text) < 600, text
    return f"error: {type(error).__name__}: {text}"


def _damages(content: bytes, choose: random.Random, rounds: int) -> Iterator[tuple[str, bytes | None]]:
    size = len(content)
    yield "deleted", None
    yield "emptied", b""
    yield "replaced", choose.randbytes(max(size, 100))
    yield "replaced by text", b"no such thing\n" * 20
    if not size:
        return
    yield "longer", content + choose.randbytes(1000)
    for length in {1, size // 2, size - 1, *(choose.randrange(size) for _ in range(rounds))}:
        yield f"cut to {length}", content[:length]
    for _ in range(2 * rounds):
        place, bit = choose.randrange(size), choose.randrange(8)
        changed = bytearray(content)
        changed[place] ^= 1 << bit
        yield f"bit {bit} of byte {place}", bytes(changed)
    for _ in range(rounds):
        start = choose.randrange(size) & ~4095
        length = min(4096, size - start)
        yield f"zeros from {start}", content[:start] + bytes(length) + content[start + length :]


def _look(folder: Path, name: str, seed: int, rounds: int) -> Iterator[dict[str, Any]]:
    """Give what came of each damage to one file: the questions answered wrongly, and the errors."""
    right = _asked(folder)
    content = (folder / name).read_bytes()
    for number, (damage, changed) in enumerate(_damages(content, random.Random(seed), rounds)):
        for read_only in (True, False) if number % 8 == 0 else (False,):
            with tempfile.TemporaryDirectory() as place:
                copy = Path(shutil.copytree(folder, Path(place) / "store"))
                if changed is None:
                    (copy / name).unlink()
                else:
                    (copy / name).write_bytes(changed)
                found = _answers(copy, read_only=read_only)
            errors = {key: answer for key, answer in found.items() if str(answer).startswith("error:")}
            if {"put", "delete"} & errors.keys():  # then what is asked after them has another answer
                found = {key: answer for key, answer in found.items() if key in _questions()}
            answered = {key: answer for key, answer in found.items() if key not in errors}
            wrong = {key: answered[key] for key in answered if answered[key] != right.get(key)}
            yield {"damage": damage, "read_only": read_only, "errors": errors, "wrong": wrong}


def _asked(folder: Path) -> dict[str, Any]:
    """Give the answers of a copy that is whole."""
    with tempfile.TemporaryDirectory() as place:
        return _answers(Path(shutil.copytree(folder, Path(place) / "store")))


def _outcomes(folder: Path, name: str, rounds: int) -> list[dict[str, Any]]:
    command = [sys.executable, __file__, str(folder), name, "1", str(rounds)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=_HANG_S, check=False)
    assert ran.returncode == 0, ran.stderr[-3000:]
    return [json.loads(line) for line in ran.stdout.splitlines()]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection, with a copy of it that was never closed beside it; tests read them only."""
    folder = tmp_path_factory.mktemp("damage")
    _build(folder / "store", folder / "live")
    return folder


def _files(folder: Path) -> dict[str, str]:
    """Give one file of each kind by a name for it: of the segments of the word index, those of the largest."""
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*"), key=lambda path: path.stat().st_size):
        if path.is_file():
            segment = path.parent.name == "bm25" and path.suffix in {
                ".fast",
                ".fieldnorm",
                ".idx",
                ".pos",
                ".store",
                ".term",
            }
            name = path.suffix if segment else path.name
            found[f"dense{path.suffix}" if path.parent.name == "dense" else name] = path
    return {name: str(path.relative_to(folder)) for name, path in found.items()}


_DERIVED = [".fast", ".fieldnorm", ".idx", ".pos", ".store", ".term", "meta.json", "stamp.json", ".managed.json"]
_DERIVED += ["dense.json", "dense.faiss"]
_SLOW = {".fieldnorm", ".pos", ".store", ".term", ".tantivy-writer.lock", "write.lock"}
"""Of a kind with others."""
_ROUNDS = [1, pytest.param(60, marks=pytest.mark.slow)]


def test_every_file_is_damaged_by_one_of_these_tests(whole: Path) -> None:
    others = {
        "catalog.sqlite",
        "vectors.f16",
        "manifest.json",
        "write.lock",
        "last-commit",
        ".tantivy-meta.lock",
        ".tantivy-writer.lock",
    }
    assert _files(whole / "store").keys() == {*_DERIVED, *others}
    assert {"catalog.sqlite-wal", "catalog.sqlite-shm"} <= _files(whole / "live").keys()


@pytest.mark.parametrize("rounds", _ROUNDS)
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if name in _SLOW else [])
        for name in [*_DERIVED, "manifest.json", "write.lock", "last-commit", ".tantivy-writer.lock"]
    ],
)
def test_what_can_be_made_again_is_made_again(whole: Path, name: str, rounds: int) -> None:
    outcomes = _outcomes(whole / "store", _files(whole / "store")[name], rounds)
    assert len(outcomes) > rounds
    assert [outcome for outcome in outcomes if outcome["wrong"]] == []
    # A reader may not write: it says so.
    unhealed = [outcome for outcome in outcomes if outcome["errors"]]
    assert all(outcome["read_only"] for outcome in unhealed)
    assert all("open it once for writing" in text for outcome in unhealed for text in outcome["errors"].values())


@pytest.mark.parametrize("rounds", _ROUNDS)
def test_damaged_vectors_are_named_and_words_go_on(whole: Path, rounds: int) -> None:
    outcomes = _outcomes(whole / "store", _files(whole / "store")["vectors.f16"], rounds)
    assert [outcome for outcome in outcomes if outcome["wrong"]] == []
    for outcome in outcomes:
        if outcome["damage"] != "longer" and not outcome["damage"].startswith("zeros"):
            assert all("StoreDamagedError" in text for text in outcome["errors"].values())
            assert {"open"} == outcome["errors"].keys() or {"dense", "vectors"} <= outcome["errors"].keys()


@pytest.mark.parametrize("rounds", _ROUNDS)
@pytest.mark.parametrize("name", ["catalog.sqlite", "catalog.sqlite-wal", "catalog.sqlite-shm"])
def test_damaged_truth_is_right_or_named(whole: Path, name: str, rounds: int) -> None:
    # SQLite has checksums in its log but none in its pages: there a changed letter of a text is taken for the text. All
    # else about a page is checked by what is read of it.
    for folder in (whole / "live", *([whole / "store"] if name == "catalog.sqlite" else [])):
        outcomes = _outcomes(folder, f"generation-1/{name}", rounds)
        silent = [outcome for outcome in outcomes if outcome["wrong"] and not outcome["damage"].startswith("bit")]
        assert silent == []


if __name__ == "__main__":
    dense_arm._LEAST_ROWS = 50
    words._PATIENCE_S = 0.05  # for a writer that is at work; here is none
    for outcome in _look(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])):
        sys.stdout.write(json.dumps(outcome) + "\n")
        sys.stdout.flush()
