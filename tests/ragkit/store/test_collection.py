"""A collection as its users see it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ragkit.errors import (
    ConfigError,
    DocumentNotFoundError,
    IndexMismatchError,
    InputError,
    StoreDamagedError,
    StoreError,
    StoreLockedError,
    WhereError,
)
from ragkit.store import batch
from ragkit.store.collection import Collection
from ragkit.store.records import NewChunk, NewDocument, StoredChunk, StoredDocument
from ragkit.types import ArmScore, Hit

if TYPE_CHECKING:
    from pathlib import Path

Put = Callable[..., None]
Make = Callable[..., NewDocument]


def _ids(hits: list[Hit]) -> list[str]:
    return [hit.doc_id for hit in hits]


def test_document_comes_back_with_everything(collection: Collection, document: Make) -> None:
    collection.put(
        document(
            "a",
            "One cat.\nTwo dogs.",
            [(0, 8), (9, 18)],
            source="a.txt",
            title="Pets",
            metadata={"year": 2020, "tags": ["x"], "none": None},
            root="/docs",
            content_hash="h1",
            pages=[(1, 0), (2, 9)],
        ),
        np.eye(2, 6),
    )
    assert collection.get("a") == StoredDocument(
        doc_id="a",
        source="a.txt",
        title="Pets",
        metadata={"year": 2020, "tags": ["x"], "none": None},
        root="/docs",
        content_hash="h1",
        chars=18,
        chunks=2,
        pages=((1, 0), (2, 9)),
    )
    assert collection.text("a") == "One cat.\nTwo dogs."
    assert collection.chunks("a")[1] == StoredChunk(
        chunk_id="a#1", doc_id="a", start=9, end=18, text="Two dogs.", context="", page=2
    )
    assert (len(collection), collection.chunk_count, "a" in collection, "b" in collection) == (1, 2, True, False)
    assert collection.roots() == ["/docs"]


def test_hit_says_everything(collection: Collection, document: Make) -> None:
    collection.put(
        document("a", "One cat. Two dogs.", [(0, 8), (9, 18)], source="a.txt", metadata={"n": 1}, pages=[(4, 0)]),
        np.eye(2, 6),
    )
    assert collection.search_dense(np.eye(6, dtype=np.float32)[1:2], k=1) == [
        [
            Hit(
                doc_id="a",
                score=1.0,
                rank=1,
                chunk_id="a#1",
                text="Two dogs.",
                source="a.txt",
                start=9,
                end=18,
                page=4,
                metadata={"n": 1},
                arms={"dense": ArmScore(score=1.0, rank=1)},
            )
        ]
    ]
    (hit,) = collection.search_bm25(["dogs"], k=5)[0]
    assert (hit.chunk_id, hit.rank, hit.arms["bm25"]) == ("a#1", 1, ArmScore(score=hit.score, rank=1))


def test_context_is_searched_but_not_part_of_the_text(collection: Collection) -> None:
    chunk = NewChunk(0, 8, "History > Felines")
    collection.put(NewDocument(doc_id="a", text="One cat.", chunks=[chunk]), np.eye(1, 6))
    (hit,) = collection.search_bm25(["feline"], k=1)[0]
    assert hit.text == "One cat."
    assert collection.contexts(["a#0", "missing#0"]) == {"a#0": "History > Felines"}


def test_putting_again_replaces(collection: Collection, put: Put) -> None:
    put({"a": "red cat", "b": "blue dog"}, {"a": {"old": 1}})
    put({"a": "green fish"})
    assert collection.text("a") == "green fish"
    assert collection.search_bm25(["cat"], k=5) == [[]]
    assert _ids(collection.search_bm25(["fish"], k=5)[0]) == ["a"]
    assert (len(collection), collection.chunk_count) == (2, 2)
    assert collection.fields() == {}


def test_deleted_documents_are_never_found(collection: Collection, put: Put) -> None:
    put({f"d{number}": "cat" for number in range(30)})
    assert collection.delete(["d3", "missing", "d3", "d5"]) == 2
    dense = collection.search_dense(collection.vectors(["d0#0"]), k=100)[0]
    bm25 = collection.search_bm25(["cat"], k=100)[0]
    expected = sorted(f"d{number}" for number in range(30) if number not in {3, 5})
    assert _ids(dense) == _ids(bm25) == expected
    with pytest.raises(DocumentNotFoundError, match="document 'd3' is not in"):
        collection.get("d3")


def test_delete_by_filter(collection: Collection, put: Put) -> None:
    put({"a": "cat", "b": "dog", "c": "fish"}, {"a": {"year": 1}, "b": {"year": 2}})
    assert collection.delete(where="not year = 2") == 2
    assert [item.doc_id for item in collection.documents()] == ["b"]
    assert collection.delete() == 0
    assert collection.delete(["b"], where="year = 2") == 1


def test_delete_refuses_what_is_surely_a_mistake(collection: Collection, put: Put) -> None:
    put({"a": "cat"})
    with pytest.raises(InputError, match=r"doc_ids must be a list of ids, got the text 'abc': pass \['abc'\]"):
        collection.delete("abc")
    with pytest.raises(InputError, match="the filter is empty, so all documents would go"):
        collection.delete(where={})
    with pytest.raises(WhereError, match="'page' belongs to chunks"):
        collection.delete(where="page = 1")
    assert len(collection) == 1


def test_documents_come_by_rising_id_and_pass_the_filter(collection: Collection, put: Put) -> None:
    names = [f"d{number:03}" for number in range(600)]
    put(dict.fromkeys(reversed(names), "cat"), {name: {"even": int(name[1:]) % 2 == 0} for name in names})
    assert [item.doc_id for item in collection.documents()] == names
    assert [item.doc_id for item in collection.documents({"even": True})] == names[::2]


def test_documents_names_a_bad_filter_at_once(collection: Collection, put: Put) -> None:
    put({"a": "cat"}, {"a": {"year": 1}})
    with pytest.raises(WhereError, match="unknown field 'yaer': did you mean 'year'"):
        collection.documents("yaer = 1")


@pytest.mark.parametrize(
    ("start", "end", "text"), [(0, None, "ab\0é😀"), (2, 4, "\0é"), (4, 99, "😀"), (2, 2, ""), (9, None, "")]
)
def test_text_is_sliced_by_characters(
    start: int, end: int | None, text: str, collection: Collection, document: Make
) -> None:
    collection.put(document("a", "ab\0é😀", [(2, 5)]), np.eye(1, 6))
    assert collection.text("a", start, end) == text
    assert collection.chunks("a")[0].text == "\0é😀"


def test_slices_of_long_texts_are_exact(collection: Collection, document: Make) -> None:
    text = "".join(chr(0x4E00 + number % 5000) for number in range(50_000))
    spans = [(0, 50_000), (16_383, 16_385), (16_384, 32_768), (49_999, 50_000)]
    collection.put(document("a", text, spans), np.eye(4, 6))
    assert collection.text("a") == text
    assert [chunk.text for chunk in collection.chunks("a")] == [text[first:last] for first, last in spans]


@pytest.mark.parametrize(("start", "end"), [(-1, None), (3, 2), (0, -1)])
def test_bad_slice_is_refused(start: int, end: int | None, collection: Collection, put: Put) -> None:
    put({"a": "cat"})
    with pytest.raises(InputError, match=f"slice {start}:{end} of document 'a': expected 0 <= start <= end"):
        collection.text("a", start, end)


def test_vectors_come_in_the_order_asked(collection: Collection, put: Put) -> None:
    put({"a": "cat", "b": "dog", "c#1": "fish"})
    assert collection.vectors(["c#1#0", "a#0"]).tolist() == [[0, 0, 0, 0, 0, 1], [0, 0, 0, 1, 0, 0]]
    assert collection.vectors([]).shape == (0, 6)
    for missing in ("b#1", "b", "b#x", "b#00", "x#0", "b#-0"):
        with pytest.raises(DocumentNotFoundError, match=f"chunk '{missing}' is not in"):
            collection.vectors([missing])


@pytest.mark.parametrize(
    ("where", "expected"),
    [("year >= 2021", ["b", "c"]), ({"lang": "de"}, ["c"]), ("tags contains 'x'", ["a"]), ("source = 'nowhere'", [])],
)
def test_filters_come_before_ranking_in_both_arms(
    where: Any, expected: list[str], collection: Collection, put: Put
) -> None:
    put(
        {"a": "cat", "b": "cat cat dog", "c": "cat dog dog dog"},
        {"a": {"year": 2020, "tags": ["x"]}, "b": {"year": 2021}, "c": {"year": 2022, "lang": "de"}},
    )
    query = np.array([[0, 0, 0, 1, 0, 0]], dtype=np.float32)
    assert _ids(collection.search_dense(query, k=2, where=where)[0]) == expected
    assert sorted(_ids(collection.search_bm25(["cat"], k=2, where=where)[0])) == expected


def test_remembered_filters_follow_changes(collection: Collection, put: Put) -> None:
    put({"a": "cat"}, {"a": {"n": 1}})
    for _ in range(2):
        assert _ids(collection.search_bm25(["cat"], k=5, where="n = 1")[0]) == ["a"]
    put({"b": "cat"}, {"b": {"n": 1}})
    assert _ids(collection.search_bm25(["cat"], k=5, where="n = 1")[0]) == ["a", "b"]
    for number in range(40):
        collection.search_bm25(["cat"], k=5, where=f"n = {number}")
    assert _ids(collection.search_bm25(["cat"], k=5, where="n = 1")[0]) == ["a", "b"]


def test_page_filters_chunks(collection: Collection, document: Make) -> None:
    collection.put(document("a", "cat cat", [(0, 3), (4, 7)], pages=[(1, 0), (2, 4)]), np.eye(2, 6))
    (hit,) = collection.search_bm25(["cat"], k=5, where="page = 2")[0]
    assert (hit.chunk_id, hit.page) == ("a#1", 2)


def test_batches_answer_each_query(collection: Collection, put: Put) -> None:
    put({"a": "cat", "b": "dog"})
    assert [_ids(hits) for hits in collection.search_bm25(["dog", "bird", "cat"], k=1)] == [["b"], [], ["a"]]
    assert [_ids(hits) for hits in collection.search_dense(np.eye(6, dtype=np.float32)[3:5], k=1)] == [["a"], ["b"]]
    assert collection.search_dense(np.zeros((0, 6), np.float32), k=1) == []
    assert collection.search_bm25([], k=1) == []


def test_zero_vectors_score_zero(collection: Collection, put: Put) -> None:
    put({"b": "nothing known", "a": "cat"})
    hits = collection.search_dense(np.zeros((1, 6), np.float32), k=5)[0]
    assert [(hit.doc_id, hit.score) for hit in hits] == [("a", 0.0), ("b", 0.0)]


def test_empty_collection_finds_nothing(collection: Collection) -> None:
    assert collection.search_bm25(["cat"], k=3, where="anything = 1") == [[]]
    assert collection.search_dense(np.eye(6, dtype=np.float32)[:2], k=3) == [[], []]
    assert list(collection.documents()) == []
    assert (len(collection), collection.sequence, bool(collection)) == (0, 0, True)


def test_collection_of_documents_without_chunks_finds_nothing(collection: Collection) -> None:
    collection.put(NewDocument(doc_id="a", text="seen, not found"), np.zeros((0, 6)))
    assert collection.text("a") == "seen, not found"
    assert collection.search_bm25(["seen"], k=3) == [[]]


def test_bad_queries_are_refused(collection: Collection, put: Put) -> None:
    put({"a": "cat"})
    rows = np.eye(6, dtype=np.float32)
    with pytest.raises(InputError, match="k must be at least 1, got 0"):
        collection.search_dense(rows, k=0)
    with pytest.raises(InputError, match="k must be at least 1, got -1"):
        collection.search_bm25(["cat"], k=-1)
    with pytest.raises(InputError, match=r"queries must be floats of shape \(q, dim\), got float32 of shape \(6,\)"):
        collection.search_dense(rows[0], k=1)
    with pytest.raises(InputError, match="got int64"):
        collection.search_dense(np.eye(6, dtype=int), k=1)
    with pytest.raises(InputError, match="queries hold NaN or infinity"):
        collection.search_dense(rows * np.nan, k=1)
    with pytest.raises(InputError, match=r"queries must be a list of texts, got one text: pass \[query\]"):
        collection.search_bm25("cat", k=1)
    with pytest.raises(
        IndexMismatchError, match=r"Index holds 6-dim vectors, query has 8: was it built with another embedding model\?"
    ):
        collection.search_dense(np.ones((1, 8), np.float32), k=1)


def test_document_that_does_not_fit_leaves_nothing(collection: Collection, document: Make) -> None:
    for bad, vectors in (
        (document("a", "cat", [(0, 4)]), np.eye(1, 6)),
        (document("a", "cat"), np.eye(2, 6)),
        (document("a", "cat", metadata={"x": object()}), np.eye(1, 6)),
    ):
        with pytest.raises(InputError):
            collection.put(bad, vectors)
    assert (len(collection), collection.sequence) == (0, 0)


def test_documents_before_the_bad_one_are_kept(collection: Collection, document: Make) -> None:
    def pairs() -> Iterator[tuple[NewDocument, Any]]:
        yield document("a", "cat"), np.eye(1, 6)
        yield document("b", "dog"), np.eye(1, 6)
        yield document("", "fish"), np.eye(1, 6)
        yield document("d", "bird"), np.eye(1, 6)

    with pytest.raises(InputError, match="doc_id must be a non-empty text"):
        collection.put_many(pairs())
    assert [item.doc_id for item in collection.documents()] == ["a", "b"]
    assert _ids(collection.search_bm25(["dog"], k=3)[0]) == ["b"]


def test_groups_of_a_long_put_are_found_before_it_ends(
    collection: Collection, document: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "GROUP_DOCUMENTS", 2)
    found: list[list[int]] = []

    def pairs() -> Iterator[tuple[NewDocument, Any]]:
        for number in range(7):
            yield document(f"d{number}", "cat"), np.eye(1, 6)
            arms = (collection.search_dense(np.eye(6)[:1], k=9), collection.search_bm25(["cat"], k=9))
            found.append([len(hits) for (hits,) in arms])

    collection.put_many(pairs())
    assert found == [[0, 0], [2, 2], [2, 2], [4, 4], [4, 4], [6, 6], [6, 6]]
    assert collection._generation.words.index.rows == 7


def test_connection_in_use_is_closed_when_it_comes_back(collection: Collection, put: Put) -> None:
    put({"a": "cat"})
    with collection._generation.connections.reading():
        collection.close()
    with pytest.raises(StoreError, match="is closed"):
        collection.text("a")


def test_the_last_of_two_documents_with_one_id_wins(collection: Collection, document: Make) -> None:
    collection.put_many([(document("a", "cat"), np.eye(1, 6)), (document("a", "dog"), np.eye(1, 6))])
    assert (len(collection), collection.chunk_count, collection.text("a")) == (1, 1, "dog")


def test_add_texts_embeds_and_names(collection: Collection) -> None:
    ids = collection.add_texts(["a cat", "", "a dog"])
    assert len(set(ids)) == 3
    assert collection.get(ids[1]).chunks == 0
    assert _ids(collection.search_dense(collection.vectors([f"{ids[2]}#0"]), k=1)[0]) == [ids[2]]
    assert collection.add_texts([]) == []


def test_add_texts_needs_equal_numbers_and_embeddings(collection: Collection, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="got 2 texts, 1 doc_ids and 2 metadatas: give one of each"):
        collection.add_texts(["a", "b"], doc_ids=["x"])
    with (
        Collection.open(tmp_path / "bare", dim=2) as bare,
        pytest.raises(ConfigError, match="was opened without embeddings: pass them"),
    ):
        bare.add_texts(["a"])


def test_closed_collection_says_so(tmp_path: Path) -> None:
    collection = Collection.open(tmp_path, dim=2)
    collection.close()
    collection.close()
    with pytest.raises(StoreError, match=r"the collection .* is closed: open it again"):
        len(collection)


def test_read_only_collection_reads_and_refuses_writes(collection: Collection, put: Put) -> None:
    put({"a": "cat"})
    with Collection.open(collection.folder, read_only=True) as reader:
        assert _ids(reader.search_bm25(["cat"], k=1)[0]) == ["a"]
        for write in (lambda: reader.delete(["a"]), lambda: reader.put_many([])):
            with pytest.raises(StoreError, match="was opened read-only: open it without read_only to write"):
                write()


def test_info_tells_what_is_in_it(collection: Collection, put: Put) -> None:
    put({"a": "cat", "b": "dog"}, {"a": {"year": 1, "tags": []}})
    collection.delete(["b"])
    info = collection.info()
    assert {name: info[name] for name in ("documents", "chunks", "dead_rows", "model", "dim", "fields", "roots")} == {
        "documents": 1,
        "chunks": 1,
        "dead_rows": 1,
        "model": "words",
        "dim": 6,
        "fields": {"tags": "list", "year": "number"},
        "roots": [],
    }
    assert repr(collection) == f"Collection({str(collection.folder)!r}, dim=6)"


def test_cut_vector_file_is_damage_but_words_are_still_found(collection: Collection, put: Put) -> None:
    put({"a": "cat"})
    (collection.folder / "generation-1" / "vectors.f16").write_bytes(b"")
    assert _ids(collection.search_bm25(["cat"], k=1)[0]) == ["a"]
    with pytest.raises(StoreDamagedError, match="holds 0 vectors, the catalog counts 1"):
        collection.search_dense(np.eye(6, dtype=np.float32), k=1)


def test_threads_search_while_one_writes(collection: Collection, put: Put) -> None:
    put({f"a{number}": "cat" for number in range(20)})
    failures: list[object] = []
    done = threading.Event()

    def search() -> None:
        query = np.array([[0, 0, 0, 1, 0, 0]], dtype=np.float32)
        while not done.is_set():
            found = (collection.search_bm25(["cat"], k=10)[0], collection.search_dense(query, k=10)[0])
            failures.extend(hits for hits in found if len(hits) != 10 or any("cat" not in hit.text for hit in hits))

    threads = [threading.Thread(target=search) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(8):
        put({f"b{number}": "dog", f"a{number}": "cat again"})
        collection.delete([f"b{number}"])
    done.set()
    for thread in threads:
        thread.join()
    assert failures == []


def test_model_of_puts_and_deletes(collection: Collection, document: Make) -> None:
    random = np.random.default_rng(4)
    expected: dict[str, str] = {}
    for step in range(25):
        name = f"d{random.integers(8)}"
        if random.random() < 0.3:
            assert collection.delete([name]) == int(expected.pop(name, None) is not None)
        else:
            expected[name] = f"cat number{step}"
            collection.put(document(name, expected[name]), random.standard_normal((1, 6)))
        assert {item.doc_id: collection.text(item.doc_id) for item in collection.documents()} == expected
        assert _ids(collection.search_bm25(["cat"], k=50)[0]) == sorted(expected)
        assert set(_ids(collection.search_dense(np.eye(6, dtype=np.float32)[:1], k=50)[0])) == set(expected)
        assert len(collection) == collection.chunk_count == len(expected)


def test_writing_holds_the_lock_and_reads_the_manifest_again(collection: Collection, document: Make) -> None:
    with Collection.open(collection.folder, wait_s=0) as other:
        other.record_chunker({"chunk_tokens": 64})
        other.release()
        with collection.writing():
            assert collection.manifest.chunker == {"chunk_tokens": 64}
            with pytest.raises(StoreLockedError, match="is being written by another collection"), other.writing():
                pass
            collection.put(document("a", "cat"), np.eye(1, 6))
            collection.record_chunker({"chunk_tokens": 64})
            assert collection.delete(["a"]) == 1
        collection.release()
        with other.writing():
            assert len(other) == 0
            (collection.folder / "manifest.json").unlink()
            with other.writing():  # is there again: the catalog has a copy
                assert (collection.folder / "manifest.json").exists()


def test_collection_that_fails_to_open_is_closed(
    collection: Collection, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    put({"a": "cat"})
    collection.record_chunker({"chunk_tokens": 64})
    closed: list[Collection] = []
    close = Collection.close

    def noted(self: Collection) -> None:
        closed.append(self)
        close(self)

    with monkeypatch.context() as patched:
        patched.setattr(Collection, "close", noted)
        with pytest.raises(IndexMismatchError):
            Collection.open(collection.folder, chunker={"chunk_tokens": 256})
        (collection.folder / "generation-1" / "vectors.f16").write_bytes(b"")
        with pytest.raises(StoreDamagedError):
            Collection.open(collection.folder)
    assert len(closed) == 2


def test_reader_in_a_folder_it_cannot_write_sees_what_another_account_writes(
    collection: Collection, put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    put({"a": "cat"})
    collection.close()
    monkeypatch.setattr("ragkit.disk.sqlite.os.access", lambda *_: False)
    with Collection.open(collection.folder, read_only=True) as reader:
        for number in range(3):
            assert len(reader) == number + 1
            assert reader._generation.connections._idle == []
            with Collection.open(collection.folder) as writer:
                texts = ["cat " * 500] * 20 if number == 1 else ["cat"]
                writer.put(NewDocument(doc_id=f"d{number}", text="".join(texts), chunks=[]), np.zeros((0, 6)))


@pytest.mark.parametrize("wrong", [["a"], 2**80, None])
def test_deleting_what_is_no_id_is_refused(collection: Collection, wrong: Any) -> None:
    with pytest.raises(InputError, match="a doc_id must be a text, got "):
        collection.delete([wrong])


def test_adding_what_is_no_text_is_refused(collection: Collection) -> None:
    texts: list[Any] = ["cat", None]
    with pytest.raises(InputError, match="texts must be a list of texts, got None among them"):
        collection.add_texts(texts)


def test_getting_a_lone_surrogate_finds_nothing(collection: Collection) -> None:
    with pytest.raises(DocumentNotFoundError, match="is not in"):
        collection.get("\ud800")


def test_number_of_hits_must_be_whole(collection: Collection, put: Put) -> None:
    put({"a": "cat"})
    k: Any = 1.5
    with pytest.raises(InputError, match=r"k must be a whole number, got 1\.5"):
        collection.search_dense(np.ones((1, 6)), k=k)
    with pytest.raises(InputError, match=r"k must be a whole number, got 1\.5"):
        collection.search_bm25(["cat"], k=k)
