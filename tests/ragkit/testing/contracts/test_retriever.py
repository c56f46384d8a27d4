from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever

from ragkit.errors import InputError
from ragkit.retrieve.retrievers import BM25Retriever
from ragkit.store.collection import Collection
from ragkit.testing.contracts.retriever import RetrieverContract
from ragkit.testing.hashing import HashingEmbeddings
from ragkit.views.vector_store import FaissVectorStore

TEXTS = ("a red boat", "a blue boat on the lake", "boats and trams", "bread and butter", "a boat")


class PlainRetriever(BaseRetriever):
    """The least that keeps every promise."""

    documents: list[Document]
    k: int = 4

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun | None, k: int | None = None
    ) -> list[Document]:
        return self._found(query, self.k if k is None else k)

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun | None, k: int | None = None
    ) -> list[Document]:
        return self._found(query, self.k if k is None else k)

    def _found(self, query: str, k: int) -> list[Document]:
        if k < 1:
            raise InputError(f"k must be at least 1, got {k}.")
        model = HashingEmbeddings()
        scores = [
            sum(a * b for a, b in zip(model.embed_query(query), model.embed_query(text.page_content), strict=True))
            for text in self.documents
        ]
        best = sorted(zip(scores, self.documents, strict=True), key=lambda hit: -hit[0])[:k]
        return [self._hit(document, score, rank) for rank, (score, document) in enumerate(best, start=1)]

    def _hit(self, document: Document, score: float, rank: int) -> Document:
        return Document(
            id=document.id,
            page_content=document.page_content,
            metadata={**document.metadata, "ragkit": {"score": score, "rank": rank}},
        )


class PlainContract(RetrieverContract):
    kind: type[PlainRetriever] = PlainRetriever

    def __init__(self) -> None:
        self._documents = [Document(page_content=text, id=str(place)) for place, text in enumerate(TEXTS)]

    @property
    def retriever_constructor(self) -> type[BaseRetriever]:
        return self.kind

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"documents": self._documents}

    @property
    def retriever_query_example(self) -> str:
        return "a boat on the lake"

    @property
    def source_documents(self) -> Sequence[Document]:
        return self._documents


class TestBM25(RetrieverContract):
    @pytest.fixture(autouse=True)
    def _remember(self, tmp_path: Path) -> Any:
        with FaissVectorStore(tmp_path / "store", HashingEmbeddings()) as store:
            store.add_texts(list(TEXTS))
            self._collection: Collection = store.collection
            yield

    @property
    def retriever_constructor(self) -> type[BaseRetriever]:
        return BM25Retriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"collection": self._collection}

    @property
    def retriever_query_example(self) -> str:
        return "a boat on the lake, and boats"


def test_the_plain_retriever_keeps_every_promise(broken_promises: Any) -> None:
    assert broken_promises(PlainContract, RetrieverContract, {"retriever": _made}) == set()


def _made(suite: PlainContract) -> BaseRetriever:
    return suite.kind(documents=suite._documents)


class CountsFromZero(PlainRetriever):
    def _hit(self, document: Document, score: float, rank: int) -> Document:
        return super()._hit(document, score, rank - 1)


class ScoresDistances(PlainRetriever):
    def _hit(self, document: Document, score: float, rank: int) -> Document:
        return super()._hit(document, 1 - score, rank)


class TellsNoScore(PlainRetriever):
    def _hit(self, document: Document, score: float, rank: int) -> Document:
        hit = super()._hit(document, score, rank)
        del hit.metadata["ragkit"]["score"]
        return hit


class OrdersByK(PlainRetriever):
    def _found(self, query: str, k: int) -> list[Document]:
        found = super()._found(query, k)
        return found[::-1] if k == 2 else found


class RemembersK(PlainRetriever):
    def _found(self, query: str, k: int) -> list[Document]:
        if k == 1:
            self.k = k
        return super()._found(query, k)


class TakesAnyK(PlainRetriever):
    def _found(self, query: str, k: int) -> list[Document]:
        return super()._found(query, k) if k > 0 else []


class RepeatsItself(PlainRetriever):
    def _found(self, query: str, k: int) -> list[Document]:
        return super()._found(query, k)[:2] + [super()._hit(self.documents[1], -1, 3)] * (k > 2)


class Drifts(PlainRetriever):
    calls: int = 0

    def _hit(self, document: Document, score: float, rank: int) -> Document:
        self.calls += 1
        return super()._hit(document, score - self.calls, rank)


_OWN: dict[str, Document] = {}


class HandsOutItsOwn(PlainRetriever):
    def _hit(self, document: Document, score: float, rank: int) -> Document:
        return _OWN.setdefault(str(document.id), super()._hit(document, score, rank))


class WritesIntoInputs(PlainRetriever):
    def _hit(self, document: Document, score: float, rank: int) -> Document:
        document.metadata["score"] = score
        return super()._hit(document, score, rank)


class AnswersInOneThread(PlainRetriever):
    def _found(self, query: str, k: int) -> list[Document]:
        return super()._found(query, k) if threading.current_thread() is threading.main_thread() else []


class BatchesWrongly(PlainRetriever):
    def batch(self, inputs: Any, *_: Any, **__: Any) -> Any:
        return [[] for _ in inputs]


class HasATwinOfItsOwn(PlainRetriever):
    async def _aget_relevant_documents(self, query: str, *, run_manager: Any, k: int | None = None) -> list[Document]:
        return []


_ALIKE = {  # what compares two answers
    "test_a_batch_gives_what_single_calls_give",
    "test_async_gives_the_same",
    "test_callers_at_once_get_the_same",
    "test_the_same_query_gives_the_same_twice",
    "test_what_is_handed_out_can_be_changed",
}
BROKEN: list[tuple[type[PlainRetriever], set[str]]] = [
    (CountsFromZero, {"test_ranks_count_from_one"}),
    (ScoresDistances, {"test_scores_fall_and_are_told"}),
    (TellsNoScore, {"test_scores_fall_and_are_told"}),
    (OrdersByK, {"test_a_smaller_k_gives_the_first_of_a_larger_one"}),
    (RemembersK, {"test_k_in_invoke_lasts_for_one_call"}),
    (TakesAnyK, {"test_a_k_below_one_is_refused"}),
    (RepeatsItself, {"test_no_document_is_given_twice"}),
    (Drifts, _ALIKE),
    (HandsOutItsOwn, {"test_what_is_handed_out_can_be_changed"}),
    (WritesIntoInputs, {"test_what_is_handed_in_is_not_changed"}),
    (AnswersInOneThread, {"test_callers_at_once_get_the_same", "test_a_batch_gives_what_single_calls_give"}),
    (BatchesWrongly, {"test_a_batch_gives_what_single_calls_give"}),
    (HasATwinOfItsOwn, {"test_async_gives_the_same"}),
]


def test_every_promise_has_an_implementation_that_breaks_it(promises: Any) -> None:
    assert sorted(set().union(*(broken for _, broken in BROKEN))) == promises(RetrieverContract)


@pytest.mark.parametrize(("kind", "broken"), BROKEN, ids=lambda value: getattr(value, "__name__", ""))
def test_a_retriever_that_breaks_a_promise_fails_its_test(
    kind: type[PlainRetriever], broken: set[str], broken_promises: Any
) -> None:
    def suite() -> PlainContract:
        made = PlainContract()
        made.kind = kind
        return made

    _OWN.clear()
    assert broken_promises(suite, RetrieverContract, {"retriever": _made}) == broken
