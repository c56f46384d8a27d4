"""A collection as a LangChain vector store; LangChain's own suite for it is in test_standard.py."""

from __future__ import annotations

import asyncio
import gc
import threading
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding

from ragkit.encoder import EncoderCard, as_encoder
from ragkit.errors import ConfigError, IndexMismatchError, InputError, StoreError, WhereError
from ragkit.ingest.reindex import reindex
from ragkit.store.collection import Collection
from ragkit.store.records import NewChunk, NewDocument
from ragkit.views.vector_store import FaissVectorStore

if TYPE_CHECKING:
    from conftest import CountingEmbeddings

PLANETS = ["Mercury", "Venus", "Earth", "Mars", "Jupiter", "Saturn"]


def ids_of(documents: list[Document]) -> list[str | None]:
    return [document.id for document in documents]


@pytest.fixture
def planets(store: FaissVectorStore) -> FaissVectorStore:
    """Six documents, `n` from 0, of which even ones are `small`."""
    metadatas = [{"n": n, "size": "small" if n % 2 == 0 else "large", "tags": [f"t{n}"]} for n in range(6)]
    store.add_texts(PLANETS, metadatas, ids=PLANETS)
    return store


# Making one


def test_from_texts_makes_a_folder_that_lasts(tmp_path: Path, embeddings: CountingEmbeddings) -> None:
    with FaissVectorStore.from_texts(
        ["one", "two"], embeddings, [{"n": 1}, {"n": 2}], ids=["1", "2"], folder=tmp_path / "s"
    ) as store:
        expected = store.similarity_search("two", k=2)
    assert expected[0] == Document(id="2", page_content="two", metadata={"n": 2})
    with FaissVectorStore(tmp_path / "s", embeddings) as store:
        assert store.similarity_search("two", k=2) == expected


def test_from_texts_adds_to_a_folder_that_is_there(tmp_path: Path, embeddings: CountingEmbeddings) -> None:
    for text in ("one", "two"):
        FaissVectorStore.from_texts([text], embeddings, ids=[text], folder=tmp_path / "s").close()
    with FaissVectorStore(tmp_path / "s", embeddings) as store:
        assert ids_of(store.get_by_ids(["one", "two"])) == ["one", "two"]


def test_without_a_folder_it_is_temporary(embeddings: CountingEmbeddings) -> None:
    store = FaissVectorStore.from_texts(["one"], embeddings)
    folder = store.collection.folder
    assert folder.is_dir()
    store.close()
    assert not folder.exists()


def test_a_temporary_folder_goes_with_the_store(embeddings: CountingEmbeddings) -> None:
    folder = FaissVectorStore.from_texts(["one"], embeddings).collection.folder
    gc.collect()
    assert not folder.exists()


def test_a_temporary_folder_goes_when_the_store_cannot_be_made(
    tmp_path: Path, embeddings: CountingEmbeddings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(ConfigError, match="dim is 7"):
        FaissVectorStore.from_texts(["one"], embeddings, dim=7)
    assert list(tmp_path.iterdir()) == []


def test_from_documents_keeps_ids_and_metadata(tmp_path: Path, embeddings: CountingEmbeddings) -> None:
    documents = [Document(id="a", page_content="one", metadata={"n": 1}), Document(page_content="two")]
    with FaissVectorStore.from_documents(documents, embeddings, folder=tmp_path / "s") as store:
        (first,), (second,) = store.similarity_search("one", k=1), store.similarity_search("two", k=1)
    assert first == documents[0]
    assert second.id
    assert (second.page_content, second.metadata) == ("two", {})
    assert documents[1].id is None


def test_from_embeddings_asks_the_model_for_nothing(tmp_path: Path, embeddings: CountingEmbeddings) -> None:
    pairs = [(text, embeddings.embed_query(text)) for text in ("one", "two")]
    with FaissVectorStore.from_embeddings(pairs, embeddings, ids=["1", "2"], folder=tmp_path / "s") as store:
        assert ids_of(store.similarity_search("two", k=1)) == ["2"]
    assert embeddings.embedded == []


def test_a_collection_of_somebody_else_stays_open(tmp_path: Path, embeddings: CountingEmbeddings) -> None:
    with Collection.open(tmp_path / "s", embeddings) as collection:
        with FaissVectorStore(collection) as store:
            store.add_texts(["one"], ids=["1"])
        assert collection.text("1") == "one"


def test_its_own_collection_is_closed_with_it(tmp_path: Path, embeddings: CountingEmbeddings) -> None:
    store = FaissVectorStore(tmp_path / "s", embeddings)
    store.close()
    store.close()
    with pytest.raises(StoreError, match="is closed: open it again"):
        store.get_by_ids(["1"])


def test_the_embeddings_are_those_that_were_given(tmp_path: Path, embeddings: CountingEmbeddings) -> None:
    with Collection.open(tmp_path / "s", embeddings) as collection:
        assert FaissVectorStore(collection, embeddings).embeddings is embeddings
        own = FaissVectorStore(collection).embeddings
        assert own is not None
        np.testing.assert_allclose(own.embed_query("one"), own.embed_documents(["one"])[0])
    with Collection.open(tmp_path / "bare", dim=6) as collection:
        assert FaissVectorStore(collection).embeddings is None


def test_another_model_is_refused(tmp_path: Path, embeddings: CountingEmbeddings) -> None:
    with Collection.open(tmp_path / "s", embeddings) as collection:
        with pytest.raises(IndexMismatchError, match="7 dimensions"):
            FaissVectorStore(collection, DeterministicFakeEmbedding(size=7))
        with pytest.raises(InputError, match="'dim' is no argument of this call"):
            FaissVectorStore(collection, embeddings, dim=6)


# Adding


def test_ids_are_given_where_there_are_none(store: FaissVectorStore) -> None:
    names = store.add_texts(["one", "two", "three"], ids=["1", None, "3"])
    assert (names[0], names[2]) == ("1", "3")
    assert len({*names, *store.add_texts(["four", "five"])}) == 5
    assert ids_of(store.get_by_ids(names)) == names


def test_adding_an_id_again_replaces_its_document(planets: FaissVectorStore) -> None:
    planets.add_documents([Document(id="Mars", page_content="the red planet", metadata={"n": 4})])
    assert planets.get_by_ids(["Mars"]) == [Document(id="Mars", page_content="the red planet", metadata={"n": 4})]
    assert len(planets.similarity_search("Mars", k=10)) == 6


def test_metadata_comes_back_as_json_holds_it(store: FaissVectorStore) -> None:
    metadata = {"a": None, "b": [1, 2.5, True], "c": {"d": "é"}, "source": "x.txt", "id": 7, "doc_id": "own"}
    store.add_texts(["one"], [{**metadata, "day": date(2024, 5, 1)}], ids=["1"])
    expected = {**metadata, "day": "2024-05-01"}
    assert store.similarity_search("one", k=1)[0].metadata == expected
    assert store.get_by_ids(["1"])[0].metadata == expected
    assert ids_of(store.similarity_search("one", filter={"source": "x.txt"})) == ["1"]


def test_an_empty_text_is_kept_and_never_found(store: FaissVectorStore) -> None:
    store.add_texts(["", "one"], ids=["empty", "1"])
    assert ids_of(store.similarity_search("", k=5)) == ["1"]
    assert store.get_by_ids(["empty"]) == [Document(id="empty", page_content="")]


def test_more_than_one_commit_holds_is_added(store: FaissVectorStore, embeddings: CountingEmbeddings) -> None:
    texts = [f"text {number % 1_500}" for number in range(2_100)]
    names = store.add_texts(iter(texts), ids=[str(number) for number in range(2_100)])
    assert [document.page_content for document in store.get_by_ids(names)] == texts
    assert sorted(embeddings.embedded) == sorted(set(texts))


def test_a_text_that_was_deleted_is_not_embedded_again(
    planets: FaissVectorStore, embeddings: CountingEmbeddings
) -> None:
    planets.delete(PLANETS)
    embeddings.embedded.clear()
    planets.add_texts(["Mars", "Pluto"], ids=["4", "9"])
    assert embeddings.embedded == ["Pluto"]
    assert ids_of(planets.similarity_search("Mars", k=1)) == ["4"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"ids": ["1"]}, "got 2 texts and 1 ids: give one of each"),
        ({"ids": "12"}, "ids must be a list of texts, got the text '12'"),
        ({"metadatas": [{}]}, "got 2 texts, 2 doc_ids and 1 metadatas"),
        ({"metadatas": [{}, {"x": object()}]}, "metadata field 'x' is"),
        ({"id": ["1", "2"]}, "'id' is no argument of this call: expected some of batch_size"),
    ],
)
def test_what_does_not_fit_is_refused(store: FaissVectorStore, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        store.add_texts(["one", "two"], **arguments)


def test_embeddings_that_do_not_fit_are_refused(store: FaissVectorStore) -> None:
    with pytest.raises(InputError, match=r"shape \(1, 2\); expected \(1, 6\)"):
        store.add_embeddings([("one", [1.0, 0.0])])
    with pytest.raises(InputError, match="got 1 texts and 2 metadatas: give one of each"):
        store.add_embeddings([("one", [1.0] * 6)], [{}, {}])
    assert store.add_embeddings([("", [1.0] * 6)], ids=["empty"]) == ["empty"]


def test_without_a_model_vectors_are_taken_and_texts_refused(tmp_path: Path) -> None:
    with FaissVectorStore(tmp_path / "bare", dim=2) as store:
        store.add_embeddings([("one", [1, 0]), ("two", [0, 1])], [{"n": 1}, {"n": 2}], ids=["1", "2"])
        assert ids_of(store.similarity_search_by_vector([0, 1], k=1)) == ["2"]
        assert ids_of(store.max_marginal_relevance_search_by_vector([0, 1], k=2)) == ["2", "1"]
        with pytest.raises(ConfigError, match="was opened without embeddings: pass them, or search by vector"):
            store.similarity_search("one")
        with pytest.raises(ConfigError, match=r"was opened without embeddings: pass them to Collection\.open"):
            store.add_texts(["three"])


# Deleting and reading


def test_documents_are_deleted_by_id_by_filter_and_by_both(planets: FaissVectorStore) -> None:
    assert planets.delete(["Mars", "missing"]) is True
    assert planets.delete(where="n < 1") is True
    assert planets.delete(["Venus"], filter={"n": [4]}) is True
    assert sorted(ids_of(planets.similarity_search("x", k=10)), key=str) == ["Earth", "Saturn"]
    assert planets.delete([]) is True


@pytest.mark.parametrize("arguments", [{}, {"where": {}}, {"filter": ""}, {"ids": "Mars"}])
def test_a_delete_that_says_nothing_deletes_nothing(planets: FaissVectorStore, arguments: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=r"delete needs ids|the filter is empty|doc_ids must be a list"):
        planets.delete(**arguments)
    assert len(planets.collection) == 6


def test_documents_are_given_in_the_order_asked_each_once(planets: FaissVectorStore) -> None:
    assert ids_of(planets.get_by_ids(["Mars", "missing", "Earth", "Mars"])) == ["Mars", "Earth"]


@pytest.fixture
def synced(store: FaissVectorStore) -> FaissVectorStore:
    """One file of two chunks, one of a single one, and a document by hand of two."""
    rows = np.eye(6, dtype=np.float32)
    two = [NewChunk(0, 9, "Title"), NewChunk(10, 20)]
    shared = {"metadata": {"lang": "en"}, "root": "/docs"}
    store.collection.put_many(
        [
            (
                NewDocument(
                    doc_id="a.md", text="The first The second", source="docs/a.md", pages=[(1, 0)], chunks=two, **shared
                ),
                rows[:2],
            ),
            (
                NewDocument(doc_id="b.md", text="Only one\n", source="docs/b.md", chunks=[NewChunk(0, 8)], **shared),
                rows[2:3],
            ),
            (NewDocument(doc_id="hand", text="The first The second", chunks=two), rows[3:5]),
        ]
    )
    return store


def test_hits_of_synced_files_are_chunks_that_say_where_they_stand(synced: FaissVectorStore) -> None:
    first, second = (synced.similarity_search_by_vector(np.eye(6)[row], k=1)[0] for row in (1, 2))
    place = {"lang": "en", "source": "docs/a.md", "doc_id": "a.md", "start": 10, "end": 20, "page": 1}
    assert first == Document(id="a.md#1", page_content="The second", metadata=place)
    assert (second.id, second.page_content, second.metadata["doc_id"]) == ("b.md#0", "Only one", "b.md")
    (third,) = synced.similarity_search_by_vector(np.eye(6)[3], k=1)
    assert third == Document(
        id="hand#0", page_content="The first", metadata={"doc_id": "hand", "start": 0, "end": 9, "page": None}
    )


def test_chunks_and_documents_are_given_by_their_ids(synced: FaissVectorStore) -> None:
    hits = [synced.similarity_search_by_vector(np.eye(6)[row], k=1)[0] for row in range(5)]
    assert synced.get_by_ids([str(hit.id) for hit in hits]) == hits
    (whole,) = synced.get_by_ids(["a.md"])
    assert (whole.page_content, whole.metadata["start"], whole.metadata["end"]) == ("The first The second", 0, 20)


def test_a_chunk_cannot_be_deleted_by_itself(synced: FaissVectorStore) -> None:
    with pytest.raises(InputError, match=r"'a\.md#1' is a chunk of the document 'a\.md', and chunks cannot be deleted"):
        synced.delete(["hand", "a.md#1"])
    assert len(synced.collection) == 3
    synced.delete(["a.md", "a.md#7"])
    assert "a.md" not in synced.collection


def test_an_id_that_only_reads_like_a_chunks_is_deleted(store: FaissVectorStore) -> None:
    store.add_texts(["one", "two"], ids=["a", "a#1"])
    store.delete(["a#1"])
    assert ids_of(store.similarity_search("x", k=5)) == ["a"]


# Searching


def cosines(embeddings: CountingEmbeddings, query: str, texts: list[str]) -> dict[str, float]:
    rows = np.array([embeddings.embed_query(text) for text in [query, *texts]])
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return dict(zip(texts, (rows[1:] @ rows[0]).tolist(), strict=True))


def test_scores_are_cosines_and_higher_is_better(planets: FaissVectorStore, embeddings: CountingEmbeddings) -> None:
    expected = cosines(embeddings, "Pluto", PLANETS)
    found = planets.similarity_search_with_score("Pluto", k=6)
    assert [document.id for document, _ in found] == sorted(PLANETS, key=lambda name: -expected[name])
    for document, score in found:
        assert score == pytest.approx(expected[str(document.id)], abs=2e-3)


def test_every_search_finds_the_same(planets: FaissVectorStore, embeddings: CountingEmbeddings) -> None:
    vector = embeddings.embed_query("Pluto")
    expected = planets.similarity_search("Pluto", k=3)
    assert planets.similarity_search_by_vector(vector, k=3) == expected
    assert [document for document, _ in planets.similarity_search_with_score("Pluto", k=3)] == expected
    assert [document for document, _ in planets.similarity_search_with_score_by_vector(vector, k=3)] == expected
    assert planets.search("Pluto", "similarity", k=3) == expected
    assert planets.similarity_search("Pluto", k=3, exact=True, fetch_k=1) == expected
    assert planets.max_marginal_relevance_search("Pluto", k=3, lambda_mult=1.0) == expected
    assert len(planets.similarity_search("Pluto")) == 4


def test_relevance_is_the_cosine_cut_at_zero(planets: FaissVectorStore) -> None:
    scores = planets.similarity_search_with_score("Pluto", k=6)
    assert min(score for _, score in scores) < 0
    relevant = planets.similarity_search_with_relevance_scores("Pluto", k=6)
    assert relevant == [(document, min(max(score, 0.0), 1.0)) for document, score in scores]
    assert planets.similarity_search_with_relevance_scores("Mars", k=1)[0][1] == pytest.approx(1.0, abs=2e-3)


def test_a_threshold_is_a_least_cosine_everywhere(planets: FaissVectorStore) -> None:
    scores = planets.similarity_search_with_score("Pluto", k=6)
    third = scores[2][1]
    assert planets.similarity_search_with_score("Pluto", k=6, score_threshold=third) == scores[:3]
    assert len(planets.similarity_search_with_relevance_scores("Pluto", k=6, score_threshold=third)) == 3
    diverse = planets.max_marginal_relevance_search("Pluto", k=6, score_threshold=third)
    assert sorted(ids_of(diverse), key=str) == sorted((document.id for document, _ in scores[:3]), key=str)


@pytest.mark.parametrize(
    ("options", "passing"),
    [
        ({"filter": {"size": "small"}}, {0, 2, 4}),
        ({"filter": {"n": [1, 3, 9]}}, {1, 3}),
        ({"filter": {"n": {"$gte": 2, "$neq": 4}}}, {2, 3, 5}),
        ({"filter": {"$or": [{"n": 0}, {"size": "large"}]}}, {0, 1, 3, 5}),
        ({"filter": {"$not": {"size": "large"}}}, {0, 2, 4}),
        ({"filter": {"tags": "t3"}}, {3}),
        ({"where": 'n > 3 and size = "small"'}, {4}),
        ({"where": {"n": {"<": 2}}}, {0, 1}),
        ({"where": "n > 100"}, set()),
    ],
)
def test_all_that_pass_are_found(planets: FaissVectorStore, options: dict[str, Any], passing: set[int]) -> None:
    assert {document.metadata["n"] for document in planets.similarity_search("x", k=6, **options)} == passing
    found = planets.max_marginal_relevance_search("x", k=6, fetch_k=1, **options)
    assert {document.metadata["n"] for document in found} == passing
    assert len(planets.similarity_search_with_relevance_scores("x", k=2, **options)) == min(2, len(passing))


def test_a_rare_filter_finds_k_however_far_they_are(store: FaissVectorStore) -> None:
    # LangChain's FAISS filters the nearest 20 of all and finds none or a few.
    rows = np.zeros((1_000, 6))
    rows[:, 0] = 1.0
    rows[960:] = [0, 0, 0, 0, 0, 1]
    store.add_embeddings(
        [(f"text {n}", row.tolist()) for n, row in enumerate(rows)], [{"rare": n >= 960} for n in range(1_000)]
    )
    assert len(store.similarity_search_by_vector([1, 0, 0, 0, 0, 0], k=10, filter={"rare": True})) == 10
    assert len(store.similarity_search_by_vector([1, 0, 0, 0, 0, 0], k=50, filter={"rare": True})) == 40


def test_marginal_relevance_leaves_out_what_repeats(store: FaissVectorStore) -> None:
    pairs = [("near", [1.0, 0.1, 0, 0, 0, 0]), ("twin", [1.0, 0.11, 0, 0, 0, 0]), ("other", [0.6, -0.8, 0, 0, 0, 0])]
    store.add_embeddings(pairs, ids=["near", "twin", "other"])
    query = [1.0, 0, 0, 0, 0, 0]
    assert ids_of(store.similarity_search_by_vector(query, k=2)) == ["near", "twin"]
    assert ids_of(store.max_marginal_relevance_search_by_vector(query, k=2)) == ["near", "other"]
    assert ids_of(store.max_marginal_relevance_search_by_vector(query, k=2, fetch_k=2)) == ["near", "twin"]
    found = store.max_marginal_relevance_search_with_score_by_vector(query, k=2)
    assert [score for _, score in found] == pytest.approx([0.995, 0.6], abs=1e-3)
    assert store.max_marginal_relevance_search_by_vector(query, where='doc_id = "none"') == []


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda store: store.similarity_search("x", k=0), "k must be at least 1, got 0"),
        (lambda store: store.similarity_search("x", filtre={"n": 1}), "'filtre' is no argument"),
        (lambda store: store.similarity_search("x", filter=lambda document: True), "a filter that is a function"),
        (lambda store: store.similarity_search("x", filter={"typo": 1}), "typo"),
        (lambda store: store.similarity_search_by_vector([1.0, 0.0]), "6-dim vectors, query has 2"),
        (lambda store: store.similarity_search_by_vector([[1.0] * 6]), "must be a list of numbers"),
        (lambda store: store.max_marginal_relevance_search("x", lambda_mult=2), "lambda_mult must be from 0 to 1"),
        (lambda store: store.max_marginal_relevance_search("x", k=0), "k must be at least 1, got 0"),
    ],
)
def test_a_wrong_search_is_one_sentence(planets: FaissVectorStore, call: Any, message: str) -> None:
    with pytest.raises((InputError, IndexMismatchError), match=message):
        call(planets)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(numbers=st.lists(st.integers(0, 3), max_size=8), wanted=st.integers(0, 3), k=st.integers(1, 6))
def test_a_filtered_search_equals_brute_force(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[int], wanted: int, k: int
) -> None:
    embeddings = DeterministicFakeEmbedding(size=6)
    with FaissVectorStore(tmp_path_factory.mktemp("any") / "s", embeddings, precision="float32") as store:
        names = [f"{place} is {number}" for place, number in enumerate(numbers)]
        store.add_texts(names, [{"n": number} for number in numbers], ids=names)
        passing = [name for name, number in zip(names, numbers, strict=True) if number == wanted]
        rows = np.array([embeddings.embed_query(name) for name in [*passing, "query"]])
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        expected = sorted(zip(passing, (rows[:-1] @ rows[-1]).tolist(), strict=True), key=lambda item: -item[1])[:k]
        found = store.similarity_search_with_score("query", k=k, filter={"n": wanted} if numbers else None)
        assert [document.id for document, _ in found] == [name for name, _ in expected]
        assert [score for _, score in found] == pytest.approx([score for _, score in expected], abs=1e-5)


def test_searches_go_on_after_the_collection_was_compacted(planets: FaissVectorStore) -> None:
    planets.delete(["Mars"])
    expected = planets.similarity_search_with_score("Pluto", k=6)
    planets.collection.compact()
    assert planets.similarity_search_with_score("Pluto", k=6) == expected
    assert ids_of(planets.get_by_ids(["Earth", "Mars"])) == ["Earth"]


# As a retriever


def test_a_retriever_searches_in_all_three_ways(planets: FaissVectorStore) -> None:
    assert planets.as_retriever(k=2).invoke("Pluto") == planets.similarity_search("Pluto", k=2)
    diverse = planets.as_retriever(search_type="mmr", search_kwargs={"k": 2, "fetch_k": 5, "lambda_mult": 0.1})
    assert diverse.invoke("Pluto") == planets.max_marginal_relevance_search("Pluto", k=2, fetch_k=5, lambda_mult=0.1)
    near = planets.as_retriever(search_type="similarity_score_threshold", search_kwargs={"score_threshold": 0.99})
    assert ids_of(near.invoke("Mars")) == ["Mars"]


def test_what_a_call_says_wins_over_the_retriever(planets: FaissVectorStore) -> None:
    retriever = planets.as_retriever(k=1, where="n < 3", search_kwargs={"k": 5})
    assert len(retriever.invoke("x")) == 1
    assert len(retriever.invoke("x", k=2)) == 2
    assert ids_of(retriever.invoke("x", k=6, where="n = 5")) == ["Saturn"]


def test_a_retriever_adds_documents_and_is_tagged(planets: FaissVectorStore) -> None:
    retriever = planets.as_retriever(k=1)
    retriever.add_documents([Document(id="Pluto", page_content="Pluto")])
    assert ids_of(retriever.invoke("Pluto")) == ["Pluto"]
    assert retriever.tags == ["FaissVectorStore", "CountingEmbeddings"]
    assert planets.as_retriever(tags=["mine"]).tags == ["mine"]


# Many at once


async def test_every_async_twin_runs_in_a_thread(
    tmp_path: Path, planets: FaissVectorStore, embeddings: CountingEmbeddings
) -> None:
    vector = embeddings.inner.embed_query("Pluto")
    embeddings.threads.clear()
    made = await FaissVectorStore.afrom_texts(["one"], embeddings, folder=tmp_path / "made")
    documents = [Document(id="Pluto", page_content="Pluto")]
    also = await FaissVectorStore.afrom_documents(documents, embeddings, folder=tmp_path / "also")
    assert await planets.aadd_texts(["Ceres"], ids=["Ceres"]) == ["Ceres"]
    assert await planets.aadd_documents(documents) == ["Pluto"]
    assert await planets.aadd_embeddings([("Eris", vector)], ids=["Eris"]) == ["Eris"]
    assert ids_of(await planets.aget_by_ids(["Eris"])) == ["Eris"]
    assert await planets.adelete(["Eris"]) is True
    assert await planets.adelete(where='doc_id = "Ceres"') is True
    assert await planets.asimilarity_search("Pluto", k=2) == planets.similarity_search_by_vector(vector, k=2)
    expected = planets.similarity_search_with_score_by_vector(vector, k=2)
    assert await planets.asimilarity_search_with_score("Pluto", k=2) == expected
    assert await planets.asimilarity_search_with_score_by_vector(vector, k=2) == expected
    assert await planets.asimilarity_search_by_vector(vector, k=2) == [document for document, _ in expected]
    assert len(await planets.asimilarity_search_with_relevance_scores("Pluto", k=2, where="n < 2")) == 2
    diverse = planets.max_marginal_relevance_search_by_vector(vector, k=2)
    assert await planets.amax_marginal_relevance_search("Pluto", k=2) == diverse
    assert await planets.amax_marginal_relevance_search_by_vector(vector, k=2) == diverse
    scored = await planets.amax_marginal_relevance_search_with_score_by_vector(vector, k=2)
    assert [document for document, _ in scored] == diverse
    assert await planets.as_retriever(k=2).ainvoke("Pluto") == [document for document, _ in expected]
    assert embeddings.threads
    assert threading.get_ident() not in embeddings.threads
    made.close()
    also.close()


def test_threads_add_delete_and_search_at_once(store: FaissVectorStore) -> None:
    store.add_texts(["always here"], ids=["always"])
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for step in range(5):
                name = f"{number} {step}"
                store.add_texts([f"text {name}"], [{"owner": number}], ids=[name])
                found = store.similarity_search(f"text {name}", k=1, filter={"owner": number})
                assert ids_of(found) == [name]
                assert store.similarity_search("always here", k=1)[0].id == "always"
                if step % 2:
                    store.delete([name])
        except BaseException as error:  # noqa: BLE001  # reported by the main thread
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(store.collection) == 1 + 6 * 3


async def test_tasks_add_and_search_at_once(store: FaissVectorStore) -> None:
    async def work(number: int) -> None:
        (name,) = await store.aadd_texts([f"text {number}"], ids=[str(number)])
        assert ids_of(await store.asimilarity_search(f"text {number}", k=1)) == [name]

    await asyncio.gather(*(work(number) for number in range(40)))
    assert len(store.collection) == 40


# What cannot be done


def test_there_is_nothing_to_save(store: FaissVectorStore, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="every change is durable: there is nothing to save"):
        store.save_local(tmp_path / "index")


def test_a_page_of_a_filter_belongs_to_chunks(store: FaissVectorStore) -> None:
    store.add_texts(["one"], ids=["1"])
    with pytest.raises(WhereError, match="page"):
        store.delete(where="page = 1")


def test_any_encoder_will_do(tmp_path: Path) -> None:
    encoder = as_encoder(DeterministicFakeEmbedding(size=6))
    assert isinstance(encoder.card, EncoderCard)
    with FaissVectorStore(tmp_path / "s", encoder) as store:
        store.add_texts(["one", "two"], ids=["1", "2"])
        assert ids_of(store.similarity_search("two", k=1)) == ["2"]
        assert store.embeddings is not None


def test_store_searches_with_the_model_that_its_collection_was_rebuilt_with(
    tmp_path: Path, embeddings: CountingEmbeddings
) -> None:
    after = type(embeddings)(size=7)
    with Collection.open(tmp_path / "store", embeddings) as collection:
        store = FaissVectorStore(collection)
        store.add_texts(["a boat", "a train"], ids=["boat", "train"])
        reindex(collection, as_encoder(after))
        assert store.similarity_search("a train", k=1)[0].id == "train"
        assert store.max_marginal_relevance_search("a boat", k=1)[0].id == "boat"
        assert store.embeddings is not None
        assert len(store.embeddings.embed_query("a boat")) == 7


def test_store_with_a_model_of_its_own_refuses_a_collection_rebuilt_with_another(
    store: FaissVectorStore, embeddings: CountingEmbeddings
) -> None:
    store.add_texts(["a boat"])
    reindex(store.collection, as_encoder(type(embeddings)(size=7)))
    with pytest.raises(IndexMismatchError, match="open it with the model it was built with"):
        store.similarity_search("a boat", k=1)
