from __future__ import annotations

import asyncio
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.runnables import RunnableLambda, RunnableParallel
from langchain_tests.integration_tests import RetrieversIntegrationTests

import ragkit
from ragkit.encoder import EncoderCard
from ragkit.errors import ConfigError, IndexMismatchError, InputError
from ragkit.ingest.reindex import reindex
from ragkit.retrieve.retrievers import BM25Retriever, DenseRetriever, HybridRetriever, ScoredRetriever
from ragkit.retrieve.search import SearchOptions, search
from ragkit.store.collection import Collection

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from conftest import WordEncoder
    from langchain_core.documents import Document
    from langchain_core.retrievers import BaseRetriever

    from ragkit.encoder import Encoder, Vectors

PACKAGE = Path(ragkit.__file__).parent
ALL: list[type[ScoredRetriever]] = [DenseRetriever, BM25Retriever, HybridRetriever]


class _Standard(RetrieversIntegrationTests):
    kind: type[ScoredRetriever]

    @pytest.fixture(autouse=True)
    def _remember(self, collection: Collection) -> None:
        self._collection = collection

    @property
    def retriever_constructor(self) -> type[BaseRetriever]:
        return self.kind

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"collection": self._collection}

    @property
    def retriever_query_example(self) -> str:
        return "documents of BM25 that a dog reads every day"


class TestDenseStandard(_Standard):
    kind = DenseRetriever


class TestBM25Standard(_Standard):
    kind = BM25Retriever


class TestHybridStandard(_Standard):
    kind = HybridRetriever


del _Standard


def names(documents: list[Document]) -> list[str]:
    return [document.metadata["doc_id"] for document in documents]


@pytest.mark.parametrize("kind", ALL)
def test_search_gives_the_hits_of_the_native_search(collection: Collection, kind: type[ScoredRetriever]) -> None:
    hits = kind(collection=collection, k=4).search("rare words")
    assert hits == search(collection, collection.encoder, ["rare words"], k=4, mode=kind.mode)[0]


@pytest.mark.parametrize("kind", ALL)
def test_invoke_ainvoke_batch_and_abatch_agree(collection: Collection, kind: type[ScoredRetriever]) -> None:
    retriever = kind(collection=collection, k=3)
    expected = retriever.invoke("rare words")
    assert asyncio.run(retriever.ainvoke("rare words")) == expected
    assert retriever.batch(["rare words", "dog"])[0] == expected
    assert asyncio.run(retriever.abatch(["rare words", "dog"]))[0] == expected


def test_a_document_carries_the_chunk_its_place_and_its_scores(collection: Collection) -> None:
    retriever = HybridRetriever(collection=collection, k=1)
    document, hit = retriever.invoke("rare words")[0], retriever.search("rare words")[0]
    assert (document.id, document.page_content) == (hit.chunk_id, "Rare words weigh more than common words in BM25.")
    assert {key: document.metadata[key] for key in ("year", "doc_id", "start", "end", "page", "source")} == {
        "year": 1972,
        "doc_id": "idf",
        "start": 0,
        "end": 48,
        "page": None,
        "source": hit.source,
    }
    assert document.metadata["ragkit"] == {
        "score": hit.score,
        "rank": 1,
        "arms": {
            "dense": {"score": hit.arms["dense"].score, "rank": 1},
            "bm25": {"score": hit.arms["bm25"].score, "rank": 1},
        },
    }


def test_a_source_in_the_metadata_stays_where_the_hit_has_none(empty: Collection) -> None:
    empty.add_texts(["A cat."], doc_ids=["cat"], metadatas=[{"source": "cats.txt"}])
    document = BM25Retriever(collection=empty).invoke("cat")[0]
    assert document.metadata["source"] == "cats.txt"


@pytest.mark.parametrize("kind", ALL)
def test_k_in_a_call_wins_over_the_constructors(collection: Collection, kind: type[ScoredRetriever]) -> None:
    retriever = kind(collection=collection, k=1)
    query = "BM25 words documents"
    assert len(retriever.invoke(query, k=3)) == 3
    assert len(asyncio.run(retriever.ainvoke(query, k=3))) == 3
    assert [len(found) for found in retriever.batch([query, query], k=2)] == [2, 2]
    assert len(retriever.search(query, k=2)) == 2
    assert len(retriever.invoke(query)) == 1


@pytest.mark.parametrize("kind", ALL)
def test_where_in_a_call_wins_over_the_constructors(collection: Collection, kind: type[ScoredRetriever]) -> None:
    retriever = kind(collection=collection, where="year < 1980")
    assert names(retriever.invoke("BM25 words")) == ["idf"]
    assert names(retriever.invoke("BM25 words", where={"year": 1994})) == ["bm25"]
    assert names(asyncio.run(retriever.ainvoke("BM25 words", where="year = 1994"))) == ["bm25"]


def test_a_keyword_that_does_not_exist_is_an_error_not_dropped(collection: Collection) -> None:
    with pytest.raises(TypeError, match="top_k"):
        BM25Retriever(collection=collection).invoke("dog", top_k=3)


def test_search_batch_answers_every_query(collection: Collection) -> None:
    retriever = HybridRetriever(collection=collection, k=1)
    found = retriever.search_batch(["cat", "dog"])
    assert [[hit.doc_id for hit in hits] for hits in found] == [["cats"], ["dogs"]]
    assert asyncio.run(retriever.asearch_batch(["cat", "dog"])) == found
    assert asyncio.run(retriever.asearch("cat")) == found[0]


def test_options_are_used(collection: Collection) -> None:
    retriever = HybridRetriever(collection=collection, k=6, options=SearchOptions(weight=0.0))
    assert names(retriever.invoke("postman")) == ["dogs"]


def test_it_stands_in_a_chain(collection: Collection) -> None:
    retriever = HybridRetriever(collection=collection, k=1)
    chain = RunnableParallel(found=retriever) | RunnableLambda(lambda given: names(given["found"]))
    assert chain.invoke("postman") == ["dogs"]


def test_with_config_and_callbacks_work(collection: Collection) -> None:
    seen: list[str] = []

    class Listener(BaseCallbackHandler):
        def on_retriever_start(self, serialized: Any, query: str, **kwargs: Any) -> None:
            seen.append(f"start {query} {kwargs['tags']}")

        def on_retriever_end(self, documents: Sequence[Document], **kwargs: Any) -> None:
            seen.append(f"end {len(documents)}")

    retriever = HybridRetriever(collection=collection, k=2).with_config(tags=["t"], callbacks=[Listener()])
    assert len(retriever.invoke("postman", k=1)) == 1
    assert seen == ["start postman ['t']", "end 1"]


def test_the_collections_own_encoder_is_used_unless_another_is_given(tmp_path: Path) -> None:
    embeddings = DeterministicFakeEmbedding(size=6)
    with Collection.open(tmp_path / "fake", embeddings) as collection:
        collection.add_texts(["one", "two"], doc_ids=["1", "2"])
        own = DenseRetriever(collection=collection, k=1).invoke("two")
        given = DenseRetriever(collection=collection, embeddings=embeddings, k=1).invoke("two")
        assert own == given
        assert names(own) == ["2"]


def test_embeddings_of_another_model_are_refused(tmp_path: Path) -> None:
    other = DeterministicFakeEmbedding(size=7)
    with (
        Collection.open(tmp_path / "fake", DeterministicFakeEmbedding(size=6)) as collection,
        pytest.raises(IndexMismatchError, match=r"opened with .* \(7 dimensions\): open it with the model"),
    ):
        DenseRetriever(collection=collection, embeddings=other)


def test_searches_go_on_while_documents_are_replaced_and_deleted(tmp_path: Path, encoder: WordEncoder) -> None:
    with Collection.open(tmp_path / "busy", encoder) as collection:
        collection.add_texts([f"cat number {i}" for i in range(30)], doc_ids=[str(i) for i in range(30)])
        retriever = HybridRetriever(collection=collection, k=5, options=SearchOptions(diversity=0.5, pool=10))
        done = threading.Event()
        replaced: list[int] = []

        def write() -> None:
            try:
                for i in range(8):
                    collection.delete([str(i)])
                    collection.add_texts(["cat number again"], doc_ids=[str(i)])
                    replaced.append(i)
            finally:
                done.set()

        writer = threading.Thread(target=write)
        writer.start()
        while not done.is_set():
            assert retriever.search("cat number")
        writer.join()
        assert replaced == list(range(8))


def test_whatever_is_searchable_can_be_retrieved_from(collection: Collection, encoder: WordEncoder) -> None:
    class Remote:
        moment = collection.moment

    assert names(HybridRetriever(collection=Remote(), embeddings=encoder, k=1).invoke("postman")) == ["dogs"]


def test_a_collection_without_a_model_is_refused_but_for_bm25(tmp_path: Path) -> None:
    with Collection.open(tmp_path / "bare", dim=4) as collection:
        BM25Retriever(collection=collection)
        with pytest.raises(ConfigError, match="HybridRetriever needs an embedding model and the collection was opened"):
            HybridRetriever(collection=collection)


@pytest.mark.parametrize("kind", ALL)
def test_nothing_of_a_search_runs_on_the_thread_of_the_event_loop(
    collection: Collection, kind: type[ScoredRetriever]
) -> None:
    retriever = kind(collection=collection, k=3)
    asyncio.run(retriever.asearch("warm"))  # asyncio imports its threads when they are first needed
    called: set[str] = set()

    def note(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            called.add(frame.f_code.co_filename)
        elif event == "c_call":
            called.add(f"{argument.__module__}.{argument.__qualname__}")

    async def ask() -> int:
        sys.setprofile(note)  # of this thread alone
        try:
            found = await retriever.ainvoke("dog", where="year > 1900")
            return len(found) + len(await retriever.asearch("cat"))
        finally:
            sys.setprofile(None)

    assert asyncio.run(ask()) > 0
    own = {Path(name).relative_to(PACKAGE) for name in called if PACKAGE in Path(name).parents}
    assert own <= {Path("retrieve/retrievers.py")}
    outside = ("sqlite3", "faiss", "tantivy", "numpy", "_io.", "io.", "fcntl.", "posix.open", "posix.stat", "posix.fs")
    assert [name for name in called if name.startswith(outside) or "/faiss/" in name or "/tantivy/" in name] == []


def test_the_event_loop_runs_on_during_a_search(collection: Collection, encoder: WordEncoder) -> None:
    class SlowEncoder:
        card = encoder.card

        def __init__(self) -> None:
            self.thread = threading.main_thread()

        def encode_documents(self, texts: Sequence[str]) -> Vectors:
            return encoder.encode_documents(texts)

        def encode_queries(self, texts: Sequence[str]) -> Vectors:
            self.thread = threading.current_thread()
            time.sleep(0.2)
            return encoder.encode_queries(texts)

        def count_tokens(self, text: str) -> int:
            return encoder.count_tokens(text)

    slow = SlowEncoder()

    async def race() -> int:
        search = asyncio.create_task(HybridRetriever(collection=collection, embeddings=slow).ainvoke("dog"))
        ticks = 0
        while not search.done():
            await asyncio.sleep(0.01)
            ticks += 1
        return ticks

    assert asyncio.run(race()) >= 5
    assert slow.thread is not threading.main_thread()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"k": "many"}, r"^HybridRetriever cannot take k='many': Input should be a valid integer"),
        ({"top_k": 3}, r"^HybridRetriever takes no argument top_k: expected some of collection, "),
        ({"weight": 0.7}, r"^HybridRetriever takes no argument weight: pass options=SearchOptions\(weight=\.\.\.\)\.$"),
        ({"options": {"weight": 7}}, r"^weight must be from 0|^HybridRetriever cannot take options"),
    ],
)
def test_a_wrong_argument_is_refused_in_one_sentence(
    collection: Collection, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        HybridRetriever(collection=collection, **arguments)
    assert "\n" not in str(caught.value)


def test_a_retriever_without_collection_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^BM25Retriever needs the argument collection\.$"):
        BM25Retriever()


def test_k_below_1_is_refused_in_constructor_and_call(collection: Collection) -> None:
    with pytest.raises(InputError, match=r"^k must be at least 1, got 0\.$"):
        HybridRetriever(collection=collection, k=0)
    with pytest.raises(InputError, match=r"^k must be at least 1, got 0\.$"):
        HybridRetriever(collection=collection).invoke("dog", k=0)


def test_an_empty_query_is_refused(collection: Collection) -> None:
    with pytest.raises(InputError, match="the query is empty"):
        HybridRetriever(collection=collection).invoke(" ")


class OtherEncoder:
    """The vectors of another model, with the same dimension: every word stands one place further."""

    card = EncoderCard(model="other words", dim=256, revision="2")

    def __init__(self, words: Encoder) -> None:
        self.words = words

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        rows: Vectors = np.roll(self.words.encode_documents(texts), 1, axis=1)
        return rows

    encode_queries = encode_documents

    def count_tokens(self, text: str) -> int:
        return self.words.count_tokens(text)


def test_retriever_embeds_with_the_model_that_the_collection_was_rebuilt_with(
    collection: Collection, encoder: Encoder
) -> None:
    retriever = DenseRetriever(collection=collection, k=1)
    reindex(collection, OtherEncoder(encoder))
    (hit,) = retriever.search("A cat sleeps most of the day.")
    assert (hit.doc_id, round(hit.score, 2)) == ("cats", 1.0)


def test_retriever_with_embeddings_of_its_own_refuses_a_collection_rebuilt_with_others(
    collection: Collection, encoder: Encoder
) -> None:
    retriever = HybridRetriever(collection=collection, embeddings=encoder, k=1)
    reindex(collection, OtherEncoder(encoder))
    with pytest.raises(IndexMismatchError, match="was built with other words"):
        retriever.search("cat")
