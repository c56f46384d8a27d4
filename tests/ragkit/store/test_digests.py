"""The collection knows which texts it has vectors for."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ragkit.store.collection import Collection
from ragkit.store.digests import digest_of
from ragkit.store.records import NewChunk, NewDocument

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray


def unit(*values: float) -> NDArray[np.float32]:
    row = np.array(values, dtype=np.float32)
    return row / np.linalg.norm(row)


@pytest.fixture
def plain(tmp_path: Path) -> Collection:
    return Collection.open(tmp_path / "plain", dim=2, precision="float32")


def put_one(collection: Collection, doc_id: str, text: str, vector: NDArray[np.float32], context: str = "") -> None:
    chunks = [NewChunk(0, len(text), context)]
    collection.put(NewDocument(doc_id=doc_id, text=text, chunks=chunks), vector[np.newaxis])


def test_a_text_that_was_put_is_known_by_its_vector(plain: Collection) -> None:
    put_one(plain, "a", "a boat", unit(1, 2))
    known = plain.known_vectors(["a boat", "a train"])
    assert list(known) == ["a boat"]
    np.testing.assert_allclose(known["a boat"], unit(1, 2), atol=1e-6)


def test_only_the_indexed_text_as_a_whole_is_known(plain: Collection) -> None:
    put_one(plain, "a", "a boat", unit(1, 2), context="Ships")
    assert list(plain.known_vectors(["a boat", "Ships", "Ships\na boat", "A boat", " a boat"])) == ["Ships\na boat"]


def test_a_deleted_text_stays_known(plain: Collection) -> None:
    put_one(plain, "a", "a boat", unit(1, 2))
    plain.delete(["a"])
    assert list(plain.known_vectors(["a boat"])) == ["a boat"]


def test_a_replaced_text_stays_known_beside_the_new_one(plain: Collection) -> None:
    put_one(plain, "a", "a boat", unit(1, 2))
    put_one(plain, "a", "a train", unit(2, 1))
    known = plain.known_vectors(["a train", "a boat"])
    np.testing.assert_allclose(known["a boat"], unit(1, 2), atol=1e-6)
    np.testing.assert_allclose(known["a train"], unit(2, 1), atol=1e-6)


def test_of_two_vectors_of_one_text_the_newest_is_known(plain: Collection) -> None:
    put_one(plain, "a", "a boat", unit(1, 2))
    put_one(plain, "b", "a boat", unit(1, 0))
    np.testing.assert_allclose(plain.known_vectors(["a boat"])["a boat"], unit(1, 0), atol=1e-6)


def test_what_is_known_outlives_the_process(tmp_path: Path) -> None:
    with Collection.open(tmp_path / "kept", dim=2) as collection:
        put_one(collection, "a", "a boat", unit(1, 2))
    with Collection.open(tmp_path / "kept", read_only=True) as collection:
        assert list(collection.known_vectors(["a boat"])) == ["a boat"]


def test_any_number_of_texts_may_be_asked_for(plain: Collection) -> None:
    texts = [f"text {number}" for number in range(1_300)]
    plain.put_many(
        (NewDocument(doc_id=text, text=text, chunks=[NewChunk(0, len(text))]), unit(1, number)[np.newaxis])
        for number, text in enumerate(texts)
    )
    known = plain.known_vectors([*texts, "another"])
    assert len(known) == 1_300
    np.testing.assert_allclose(known["text 1299"], unit(1, 1299), atol=1e-6)


def test_nothing_is_known_of_no_texts_and_in_an_empty_collection(plain: Collection) -> None:
    assert plain.known_vectors([]) == {}
    assert plain.known_vectors(["a boat"]) == {}


def test_half_a_character_is_not_known_and_no_error(plain: Collection) -> None:
    assert plain.known_vectors(["\ud800"]) == {}


def test_a_read_only_collection_from_before_digests_knows_nothing(tmp_path: Path) -> None:
    with Collection.open(tmp_path / "old", dim=2) as collection:
        put_one(collection, "a", "a boat", unit(1, 2))
        (catalog,) = (tmp_path / "old").rglob("catalog.sqlite")
    with closing(sqlite3.connect(catalog)) as db:
        db.execute("DROP TABLE embedded")
    with Collection.open(tmp_path / "old", read_only=True) as collection:
        assert collection.known_vectors(["a boat"]) == {}


def test_digests_are_those_of_blake2b() -> None:
    assert digest_of("").hex() == "cae66941d9efbd404e4d88758ea67670"


def test_added_texts_are_embedded_once(collection: Collection) -> None:
    encoder = collection.encoder
    collection.add_texts(["red cat", "blue dog", "red cat"], doc_ids=["1", "2", "3"])
    collection.delete(["1", "2", "3"])
    calls = encoder.calls
    collection.add_texts(["blue dog", "red cat"], doc_ids=["4", "5"])
    assert encoder.calls == calls
    assert [hit.doc_id for hit in collection.search_dense(np.eye(6, dtype=np.float32)[:1], k=1)[0]] == ["5"]


def test_a_vector_that_is_used_again_does_not_drift(tmp_path: Path, word_encoder: Callable[..., object]) -> None:
    with Collection.open(tmp_path / "half", word_encoder(), precision="float16") as collection:
        collection.add_texts(["red red cat blue blue blue"], doc_ids=["0"])
        first = collection.vectors(["0#0"])
        for number in range(1, 20):
            collection.delete([str(number - 1)])
            collection.add_texts(["red red cat blue blue blue"], doc_ids=[str(number)])
        np.testing.assert_allclose(collection.vectors(["19#0"]), first, atol=2e-3)


def test_what_is_alive_is_known_after_compacting_and_what_is_deleted_is_not(plain: Collection) -> None:
    put_one(plain, "old", "deleted", unit(1, 1))
    put_one(plain, "a", "a boat", unit(1, 2))
    put_one(plain, "twin", "a boat", unit(1, 2))
    plain.delete(["old", "twin"])  # the digest of "a boat" names the row of the twin
    plain.compact()
    assert list(plain.known_vectors(["deleted", "a boat"])) == ["a boat"]
    np.testing.assert_allclose(plain.known_vectors(["a boat"])["a boat"], unit(1, 2), atol=1e-6)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.sampled_from("abc"), st.text(max_size=3)), max_size=12))
def test_every_text_ever_put_is_known_and_no_other(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str]]
) -> None:
    with Collection.open(tmp_path_factory.mktemp("any") / "store", dim=2, precision="float32") as collection:
        newest: dict[str, NDArray[np.float32]] = {}
        for number, (doc_id, text) in enumerate(steps):
            if text.strip():
                newest[text] = unit(1, number)
                put_one(collection, doc_id, text, newest[text])
            else:
                collection.delete([doc_id])
        known = collection.known_vectors([*newest, "never"])
        assert known.keys() == newest.keys()
        for text, vector in newest.items():
            np.testing.assert_allclose(known[text], vector, atol=1e-6)
