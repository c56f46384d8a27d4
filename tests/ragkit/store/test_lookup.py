"""Documents and chunks by id, and the documents that are kept without chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ragkit.store.collection import Collection
from ragkit.store.records import NewChunk, NewDocument

if TYPE_CHECKING:
    import pytest

NONE = np.zeros((0, 6), dtype=np.float32)


def kept(doc_id: str, root: str = "") -> tuple[NewDocument, object]:
    return NewDocument(doc_id=doc_id, text="text", root=root), NONE


def test_an_id_names_a_document_or_a_chunk(collection: Collection) -> None:
    chunks = [NewChunk(0, 3), NewChunk(4, 7, "Title")]
    document = NewDocument(doc_id="a", text="one two", chunks=chunks, pages=[(1, 0), (2, 4)], metadata={"n": 1})
    collection.put(document, np.eye(2, 6, dtype=np.float32))
    found = collection.look_up(["a#1", "missing", "a", "a#2", "a#1", "a#01"])
    assert list(found) == ["a#1", "a"]
    assert (found["a"].text, found["a"].chunk, found["a"].document) == ("one two", None, collection.get("a"))
    assert found["a#1"].text == "two"
    assert found["a#1"].chunk == collection.chunks("a")[1]
    assert found["a#1"].document == collection.get("a")


def test_a_document_whose_id_reads_like_that_of_a_chunk_comes_first(collection: Collection) -> None:
    collection.add_texts(["red", "green"], doc_ids=["a", "a#0"])
    assert collection.look_up(["a#0"])["a#0"].text == "green"
    assert collection.look_up(["a#0"])["a#0"].chunk is None


def test_kept_are_those_without_chunks_and_root(collection: Collection) -> None:
    collection.add_texts(["red"], doc_ids=["found"])
    collection.put_many([kept("b"), kept("a"), kept("of a root", root="/docs")])
    assert list(collection.kept_ids()) == ["a", "b"]


def test_more_are_kept_than_are_read_at_once(collection: Collection) -> None:
    names = [f"{number:04d}" for number in range(600)]
    collection.put_many(kept(name) for name in names)
    assert list(collection.kept_ids()) == names
    assert list(collection.kept_ids("05")) == names[500:]
    assert list(collection.kept_ids("0599")) == ["0599"]
    assert list(collection.kept_ids("1")) == []


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.sets(st.text(st.sampled_from("a\u00e9\uffff\U0010ffff"), min_size=1, max_size=3), max_size=8),
    prefix=st.text(st.sampled_from("a\u00e9\uffff\U0010ffff"), max_size=2),
)
def test_a_prefix_is_one_of_characters(tmp_path_factory: pytest.TempPathFactory, names: set[str], prefix: str) -> None:
    with Collection.open(tmp_path_factory.mktemp("any") / "store", dim=6) as collection:
        collection.put_many(kept(name) for name in names)
        assert list(collection.kept_ids(prefix)) == sorted(name for name in names if name.startswith(prefix))


def test_what_cannot_be_an_id_names_nothing(collection: Collection) -> None:
    collection.add_texts(["cat"], doc_ids=["q"])
    strange = ["q#" + "9" * 30, "q#" + "9" * 5_000, "\ud800", "q\ud800#0"]
    assert collection.look_up(strange) == {}
    assert all(name not in collection for name in strange)
