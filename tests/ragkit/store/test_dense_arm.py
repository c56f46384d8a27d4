"""The dense arm: which kind answers, what it finds, and that a garbled index is never trusted."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ragkit.store import dense_arm, quantised
from ragkit.store.collection import Collection
from ragkit.store.dense import ExactScan
from ragkit.store.records import NewChunk, NewDocument

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from ragkit.store.order import Scored
    from ragkit.types import Hit

_DIM = 64
_COUNT = 3_000


def _rows(count: int, seed: int) -> NDArray[np.float32]:
    """Rows around a hundred centres, as texts on a hundred topics have."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(0).standard_normal((100, _DIM))
    rows = centres[random.integers(0, 100, count)] + 0.7 * random.standard_normal((count, _DIM))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def _documents(rows: NDArray[np.float32], first: int, per_document: int = 20) -> Iterator[tuple[NewDocument, Any]]:
    for start in range(0, len(rows), per_document):
        own = rows[start : start + per_document]
        number = first + start // per_document
        chunks = [NewChunk(place, place + 1) for place in range(len(own))]
        metadata = {"odd": number % 2}
        yield NewDocument(doc_id=f"d{number:05}", text="x" * len(own), chunks=chunks, metadata=metadata), own


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dense_arm, "_LEAST_ROWS", 1_000)


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[Collection]:
    with Collection.open(tmp_path / "store", dim=_DIM) as opened:
        opened.put_many(_documents(_rows(_COUNT, 1), 0))
        yield opened


def _ids(hits: list[Hit]) -> list[str]:
    return [hit.chunk_id for hit in hits]


def _recall(collection: Collection, queries: NDArray[np.float32], **arguments: Any) -> float:
    found = collection.search_dense(queries, k=10, **arguments)
    exact = collection.search_dense(queries, k=10, exact=True)
    return float(np.mean([len({*_ids(one)} & {*_ids(other)}) / 10 for one, other in zip(found, exact, strict=True)]))


def _index(collection: Collection) -> dict[str, Any]:
    return collection.info()["index"]  # type: ignore[return-value]


def _folder(collection: Collection) -> Path:
    return collection._generation.parts.dense


def test_a_small_collection_is_scanned_and_has_no_index(tmp_path: Path) -> None:
    with Collection.open(tmp_path / "small", dim=_DIM) as small:
        small.put_many(_documents(_rows(900, 1), 0))
        assert _index(small) == {"kind": "exact", "rows": 900, "recall@10": 1.0, "queries": 0, "depth": None}
        assert not _folder(small).exists()


def test_rows_of_few_dimensions_are_scanned(tmp_path: Path) -> None:
    with Collection.open(tmp_path / "flat", dim=6) as flat:
        flat.put_many(_documents(_rows(2_000, 1)[:, :6], 0))
        assert _index(flat)["kind"] == "exact"


def test_a_large_collection_has_an_index_whose_recall_was_measured(collection: Collection) -> None:
    index = _index(collection)
    assert (index["kind"], index["rows"], index["queries"]) == ("pq", _COUNT, 128)
    assert index["recall@10"] >= 0.95
    assert _recall(collection, _rows(50, 9)) >= 0.95


def test_scores_and_order_are_those_of_the_exact_search(collection: Collection) -> None:
    queries = _rows(20, 9)
    exact = {
        (place, hit.chunk_id): hit.score
        for place, hits in enumerate(collection.search_dense(queries, k=50, exact=True))
        for hit in hits
    }
    for place, hits in enumerate(collection.search_dense(queries, k=10)):
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
        assert [hit.score for hit in hits] == [exact.get((place, hit.chunk_id), hit.score) for hit in hits]


def test_rows_beyond_the_index_are_found(collection: Collection) -> None:
    late = _rows(100, 2)
    collection.put_many(_documents(late, 9_000))
    assert _index(collection)["rows"] == _COUNT
    found = collection.search_dense(late[:40], k=1)
    assert [hits[0].doc_id for hits in found] == [f"d{9_000 + place // 20:05}" for place in range(40)]


def test_an_index_far_behind_is_built_again(collection: Collection) -> None:
    collection.put_many(_documents(_rows(1_000, 2), 9_000))
    assert _index(collection)["rows"] == 4_000


@pytest.mark.parametrize("k", [1, 10, 40])
def test_k_hits_come_back_whatever_is_dead(collection: Collection, k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dense_arm, "_MOST_DEAD", 1.0)  # the index keeps its dead
    query = _rows(1, 9)
    for share in (5, 10):
        near = {hit.doc_id for hit in collection.search_dense(query, k=share, exact=True)[0]}
        collection.delete(near)
        hits = collection.search_dense(query, k=k)[0]
        assert len(hits) == k
        assert not near & {hit.doc_id for hit in hits}
    assert _index(collection)["rows"] == _COUNT
    assert _recall(collection, query) >= 0.9


def test_an_index_with_many_dead_is_built_again_without_them(collection: Collection) -> None:
    collection.delete([f"d{number:05}" for number in range(60)])
    assert _index(collection)["rows"] == _COUNT - 1_200


def test_a_filtered_search_is_exact(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    def unused(*_: Any) -> None:
        raise AssertionError("the approximate index was asked")

    queries = _rows(5, 9)
    everything = collection.search_dense(queries, k=_COUNT, exact=True)
    monkeypatch.setattr(quantised.Quantised, "candidates", unused)
    for hits, every in zip(collection.search_dense(queries, k=10, where="odd = 1"), everything, strict=True):
        assert _ids(hits) == [hit.chunk_id for hit in every if hit.metadata["odd"] == 1][:10]
    assert len(collection.search_dense(queries, k=10, exact=True)[0]) == 10
    with pytest.raises(AssertionError, match="was asked"):
        collection.search_dense(queries, k=10)


def test_an_index_that_finds_too_little_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantised, "_recalls", lambda *_: [0.5] * len(quantised._DEPTHS))
    built: list[int] = []
    build = quantised.build

    def noted(*given: Any, **named: Any) -> quantised.Quantised:
        built.append(named["rows"])
        return build(*given, **named)

    monkeypatch.setattr(quantised, "build", noted)
    with Collection.open(tmp_path / "hard", dim=_DIM) as hard:
        hard.put_many(_documents(_rows(2_000, 1), 0))
        hard.put_many(_documents(_rows(1_000, 2), 5_000))
        assert _index(hard)["kind"] == "exact"
        assert _recall(hard, _rows(10, 9)) == 1.0
        assert [path.name for path in _folder(hard).iterdir()] == ["stamp.json"]
        hard.put_many(_documents(_rows(1_000, 3), 6_000))
    assert built == [2_000, 4_000]  # tried again only when it had grown


@pytest.mark.parametrize(
    "damage",
    [
        "stamp gone",
        "stamp garbled",
        "stamp of another format",
        "part gone",
        "part garbled",
        "part cut",
        "folder gone",
        "other vectors",
    ],
)
def test_a_damaged_index_is_not_used_and_built_again_by_the_next_write(collection: Collection, damage: str) -> None:
    folder = _folder(collection)
    stamp, part = folder / "stamp.json", next(folder.glob("*.faiss"))
    content = json.loads(stamp.read_bytes())
    match damage:
        case "stamp gone":
            stamp.unlink()
        case "stamp garbled":
            stamp.write_bytes(stamp.read_bytes()[:-20])
        case "stamp of another format":
            stamp.write_text(json.dumps({**content, "format": 99}))
        case "part gone":
            part.unlink()
        case "part garbled":
            garbled = bytearray(part.read_bytes())
            garbled[len(garbled) // 2] ^= 1
            part.write_bytes(garbled)
        case "part cut":
            part.write_bytes(part.read_bytes()[:100])
        case "folder gone":
            shutil.rmtree(folder)
        case "other vectors":
            stamp.write_text(json.dumps({**content, "block": 1}))
    collection.release()
    with Collection.open(collection.folder) as opened:
        assert _index(opened)["kind"] == "exact"
        assert _recall(opened, _rows(5, 9)) == 1.0
        opened.put_many(_documents(_rows(1, 2), 9_000))
        assert _index(opened)["kind"] == "pq"
        assert sorted(path.name for path in folder.iterdir()) == sorted(
            ["stamp.json", *quantised.read_stamp(folder).files]
        )


def test_an_index_that_cannot_be_written_is_a_warning(
    collection: Collection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(quantised, "_write", full)
    before = quantised.read_stamp(_folder(collection))
    collection.put_many(_documents(_rows(1_000, 2), 9_000))
    assert "approximate index cannot be built, every row is scanned" in caplog.text
    assert quantised.read_stamp(_folder(collection)) == before
    assert len(collection.search_dense(_rows(1, 9), k=10)[0]) == 10


def test_readers_see_a_new_index_without_opening_again(collection: Collection) -> None:
    with Collection.open(collection.folder, read_only=True) as reader:
        assert _index(reader)["rows"] == _COUNT
        collection.put_many(_documents(_rows(1_000, 2), 9_000))
        assert _index(reader)["rows"] == 4_000
        assert _recall(reader, _rows(20, 9)) >= 0.95


def test_equal_rows_get_equal_scores_and_stand_by_name(tmp_path: Path) -> None:
    rows = _rows(2_000, 1)
    rows[500:520] = rows[0]
    with Collection.open(tmp_path / "equal", dim=_DIM) as equal:
        equal.put_many(_documents(rows, 0))
        hits = equal.search_dense(rows[:1], k=21)[0]
    assert len({hit.score for hit in hits}) == 1
    assert _ids(hits) == sorted(_ids(hits))


def test_delete_is_no_error_where_memory_is_too_short_for_an_index(
    collection: Collection, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def short(*_: Any, **__: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(quantised, "build", short)
    assert collection.delete([f"d{number:05}" for number in range(50)]) == 50
    assert "approximate index cannot be built, every row is scanned: memory is short" in caplog.text


def test_many_queries_are_answered_in_parts(collection: Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    queries = _rows(70, 3)
    expected = collection.search_dense(queries, k=5, exact=True)
    parts: list[int] = []
    search = ExactScan.search

    def counted(self: ExactScan, part: NDArray[np.float32], *rest: Any) -> list[list[Scored]]:
        parts.append(len(part))
        return search(self, part, *rest)

    monkeypatch.setattr(dense_arm, "_MOST_QUERIES", 32)
    monkeypatch.setattr(ExactScan, "search", counted)
    assert collection.search_dense(queries, k=5, exact=True) == expected
    assert parts == [32, 32, 6]


def test_index_that_another_process_built_again_is_not_built_once_more(
    collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection.release()
    with Collection.open(collection.folder) as other:
        other.put_many(_documents(_rows(1_000, 4), 500))
        assert _index(other)["rows"] == _COUNT + 1_000
    built: list[int] = []
    monkeypatch.setattr(quantised, "build", lambda *_, **__: built.append(1))
    collection.put_many(_documents(_rows(20, 5), 900))
    assert not built
    assert _index(collection)["rows"] == _COUNT + 1_000
