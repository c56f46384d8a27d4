from __future__ import annotations

import itertools
import json
import threading
import time
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore

from ragkit.testing.contracts.vector_store import VectorStoreContract
from ragkit.testing.hashing import HashingEmbeddings
from ragkit.views.vector_store import FaissVectorStore

Found = list[tuple[Document, float]]


class PlainStore(VectorStore):
    """The least that keeps every promise."""

    def __init__(self, embedding: Embeddings, file: Path) -> None:
        self._embedding = embedding
        self._file = file
        self._numbers = itertools.count()
        self._kept: dict[str, Document] = {}
        if file.exists():
            self._kept = {row["id"]: Document(**row) for row in json.loads(file.read_text(encoding="utf-8"))}

    def add_documents(self, documents: list[Document], *, ids: list[str] | None = None, **_: Any) -> list[str]:
        named = ids or [document.id or f"new {next(self._numbers)}" for document in documents]
        for name, document in zip(named, documents, strict=True):
            self._put(name, document)
        self._save()
        return named

    def _put(self, name: str, document: Document) -> None:
        self._kept[name] = document.model_copy(deep=True, update={"id": name})

    def delete(self, ids: list[str] | None = None, **_: Any) -> bool:
        for name in ids or ():
            self._kept.pop(name, None)
        self._save()
        return True

    def get_by_ids(self, ids: Any, /) -> list[Document]:
        return [self._kept[name].model_copy(deep=True) for name in ids if name in self._kept]

    def similarity_search_with_score(self, query: str, k: int = 4, **options: Any) -> Found:
        return self._search(query, k, options.get("filter") or {})

    def similarity_search(self, query: str, k: int = 4, **options: Any) -> list[Document]:
        return [document for document, _ in self._search(query, k, options.get("filter") or {})]

    def _search(self, query: str, k: int, passing: dict[str, Any]) -> Found:
        return [(self._out(document), score) for document, score in self._nearest(query, passing)[:k]]

    def _out(self, document: Document) -> Document:
        return document.model_copy(deep=True)

    def _nearest(self, query: str, passing: dict[str, Any]) -> Found:
        vector = self._embedding.embed_query(query)
        found = [
            (
                document,
                sum(a * b for a, b in zip(vector, self._embedding.embed_query(document.page_content), strict=True)),
            )
            for document in self._kept.values()
            if passing.items() <= document.metadata.items()
        ]
        return sorted(found, key=lambda hit: -hit[1])

    def _save(self) -> None:
        rows = [document.model_dump(include={"id", "page_content", "metadata"}) for document in self._kept.values()]
        self._file.write_text(json.dumps(rows), encoding="utf-8")

    @classmethod
    def from_texts(cls, *_: Any, **__: Any) -> Any:
        raise NotImplementedError


class TestPlainStore(VectorStoreContract):
    @pytest.fixture
    def vectorstore(self, tmp_path: Path) -> VectorStore:
        return PlainStore(self.get_embeddings(), tmp_path / "store.json")

    def reopened(self, vectorstore: VectorStore) -> VectorStore | None:
        assert isinstance(vectorstore, PlainStore)
        return type(vectorstore)(self.get_embeddings(), vectorstore._file)


class TestFaissVectorStore(VectorStoreContract):
    @pytest.fixture
    def vectorstore(self, tmp_path: Path) -> Iterator[VectorStore]:
        with FaissVectorStore(tmp_path / "store", self.get_embeddings()) as store:
            yield store

    @pytest.fixture(autouse=True)
    def _close_what_is_opened(self) -> Iterator[None]:
        self._opened: list[FaissVectorStore] = []
        yield
        for store in self._opened:
            store.close()

    def reopened(self, vectorstore: VectorStore) -> VectorStore | None:
        assert isinstance(vectorstore, FaissVectorStore)
        vectorstore.close()
        self._opened.append(FaissVectorStore(vectorstore.collection.folder, self.get_embeddings()))
        return self._opened[-1]


class KeepsTheFirst(PlainStore):
    def _put(self, name: str, document: Document) -> None:
        if name not in self._kept:
            super()._put(name, document)


class MixesIds(PlainStore):
    def add_documents(self, documents: list[Document], **options: Any) -> list[str]:
        return super().add_documents(documents, **options)[::-1]


class SearchesSomethingElse(PlainStore):
    def _nearest(self, query: str, passing: dict[str, Any]) -> Found:
        return super()._nearest(query[::-1], passing)


class FiltersTooLate(PlainStore):
    def _search(self, query: str, k: int, passing: dict[str, Any]) -> Found:
        first = super()._search(query, 20, {})
        return [hit for hit in first if passing.items() <= hit[0].metadata.items()][:k]


class FailsBeyondItsSize(PlainStore):
    def _search(self, query: str, k: int, passing: dict[str, Any]) -> Found:
        if len(self._kept) == 4 and k > 10:
            raise ValueError("k is too large")
        return super()._search(query, k, passing)


class OrdersByK(PlainStore):
    def _search(self, query: str, k: int, passing: dict[str, Any]) -> Found:
        found = super()._search(query, k, passing)
        return found[::-1] if k == 2 else found


class FailsWhenEmpty(PlainStore):
    def _nearest(self, query: str, passing: dict[str, Any]) -> Found:
        return super()._nearest(query, passing) or [][0]


class MissesMissing(PlainStore):
    def delete(self, ids: list[str] | None = None, **_: Any) -> bool:
        for name in ids or ():
            del self._kept[name]
        self._save()
        return True


class KeepsDeletedById(PlainStore):
    def get_by_ids(self, ids: Any, /) -> list[Document]:
        return [Document(page_content="still here", id=name) for name in ids]


class ScoresDistances(PlainStore):
    def similarity_search_with_score(self, query: str, k: int = 4, **options: Any) -> Found:
        return [(document, 1 - score) for document, score in super().similarity_search_with_score(query, k, **options)]


class MergesTexts(PlainStore):
    def _nearest(self, query: str, passing: dict[str, Any]) -> Found:
        return list({document.page_content: (document, s) for document, s in super()._nearest(query, passing)}.values())


class Normalises(PlainStore):
    def _put(self, name: str, document: Document) -> None:
        text = unicodedata.normalize("NFC", document.page_content)
        super()._put(name, document.model_copy(update={"page_content": text}))


class WritesIntoInputs(PlainStore):
    def _put(self, name: str, document: Document) -> None:
        document.metadata["stored"] = True
        super()._put(name, document)


class HandsOutItsOwn(PlainStore):
    def _out(self, document: Document) -> Document:
        return document


class ForgetsDeletions(PlainStore):
    def delete(self, ids: list[str] | None = None, **options: Any) -> bool:
        before = self._file.read_text(encoding="utf-8")
        super().delete(ids, **options)
        self._file.write_text(before, encoding="utf-8")
        return True


class HoldsOneReader(PlainStore):
    _busy = threading.Lock()

    def _nearest(self, query: str, passing: dict[str, Any]) -> Found:
        if not self._busy.acquire(blocking=False):
            return []
        try:
            time.sleep(0.001)
            return super()._nearest(query, passing)
        finally:
            self._busy.release()


class HasATwinOfItsOwn(PlainStore):
    async def asimilarity_search(self, query: str, k: int = 4, **options: Any) -> list[Document]:
        return []


BROKEN: dict[str, type[PlainStore]] = {
    "test_a_document_is_nearest_to_its_own_text": SearchesSomethingElse,
    "test_a_filtered_search_gives_all_that_pass_up_to_k": FiltersTooLate,
    "test_a_reopened_store_holds_the_same": ForgetsDeletions,
    "test_a_smaller_k_gives_the_first_of_a_larger_one": OrdersByK,
    "test_adding_an_id_again_replaces_its_document": KeepsTheFirst,
    "test_an_empty_store_finds_nothing": FailsWhenEmpty,
    "test_async_searches_give_the_same": HasATwinOfItsOwn,
    "test_deleted_documents_are_not_found": KeepsDeletedById,
    "test_deleting_a_missing_id_changes_nothing": MissesMissing,
    "test_higher_scores_are_better": ScoresDistances,
    "test_identical_texts_are_documents_of_their_own": MergesTexts,
    "test_ids_are_given_back_in_order": MixesIds,
    "test_k_beyond_the_store_gives_every_document_once": FailsBeyondItsSize,
    "test_readers_at_once_agree": HoldsOneReader,
    "test_text_ids_and_metadata_come_back_unchanged": Normalises,
    "test_what_is_handed_in_is_not_changed": WritesIntoInputs,
    "test_what_is_handed_out_can_be_changed": HandsOutItsOwn,
}


def test_every_promise_has_an_implementation_that_breaks_it(promises: Any) -> None:
    assert sorted(BROKEN) == promises(VectorStoreContract)


@pytest.mark.parametrize("promise", BROKEN)
def test_a_store_that_breaks_one_promise_fails_exactly_its_test(
    promise: str, tmp_path: Path, broken_promises: Any
) -> None:
    numbers = itertools.count()
    made = {"vectorstore": lambda _: BROKEN[promise](HashingEmbeddings(), tmp_path / f"{next(numbers)}.json")}
    assert broken_promises(TestPlainStore, VectorStoreContract, made) == {promise}


class PromisesLess(VectorStoreContract):
    has_scores = has_async = has_get_by_ids = False  # type: ignore[assignment]  # properties there

    def filter_of(self, field: str, value: str) -> dict[str, Any] | None:
        return None


class HasLess(KeepsDeletedById, ScoresDistances, FiltersTooLate, HasATwinOfItsOwn, ForgetsDeletions):
    """Breaks just what is not promised."""


def test_what_does_not_apply_is_not_asked_for(tmp_path: Path, broken_promises: Any) -> None:
    numbers = itertools.count()
    made = {"vectorstore": lambda _: HasLess(HashingEmbeddings(), tmp_path / f"{next(numbers)}.json")}
    assert broken_promises(PromisesLess, VectorStoreContract, made) == set()
