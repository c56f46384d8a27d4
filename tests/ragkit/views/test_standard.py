"""LangChain's own suites, without an override."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding, Embeddings
from langchain_tests.integration_tests import (
    EmbeddingsIntegrationTests,
    RetrieversIntegrationTests,
    VectorStoreIntegrationTests,
)
from langchain_tests.integration_tests.base_store import BaseStoreAsyncTests, BaseStoreSyncTests
from langchain_tests.unit_tests import EmbeddingsUnitTests

from ragkit.encoder import as_encoder
from ragkit.store.collection import Collection
from ragkit.views.document_store import CollectionStore
from ragkit.views.embeddings import EncoderEmbeddings
from ragkit.views.retriever import FaissRetriever
from ragkit.views.vector_store import FaissVectorStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from langchain_core.retrievers import BaseRetriever
    from langchain_core.stores import BaseStore
    from langchain_core.vectorstores import VectorStore


class TestEncoderEmbeddingsUnit(EmbeddingsUnitTests):
    @property
    def embeddings_class(self) -> type[Embeddings]:
        return EncoderEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {"encoder": as_encoder(DeterministicFakeEmbedding(size=6))}


class TestEncoderEmbeddings(EmbeddingsIntegrationTests):
    @property
    def embeddings_class(self) -> type[Embeddings]:
        return EncoderEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {"encoder": as_encoder(DeterministicFakeEmbedding(size=6))}


class TestVectorStore(VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self, tmp_path: Path) -> Iterator[VectorStore]:
        with FaissVectorStore(tmp_path / "store", self.get_embeddings()) as store:
            yield store


class _Retriever(RetrieversIntegrationTests):
    search: dict[str, Any]

    @pytest.fixture(autouse=True)
    def _remember(self, store: FaissVectorStore) -> None:
        store.add_texts(["one", "two", "three", "four", "five"])
        self._store = store

    @property
    def retriever_constructor(self) -> type[BaseRetriever]:
        return FaissRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        return {"vectorstore": self._store, **self.search}

    @property
    def retriever_query_example(self) -> str:
        return "two"


class TestSimilarityRetriever(_Retriever):
    search: dict[str, Any] = {"search_type": "similarity"}  # noqa: RUF012  # never changed


class TestMmrRetriever(_Retriever):
    search: dict[str, Any] = {"search_type": "mmr"}  # noqa: RUF012


class TestThresholdRetriever(_Retriever):
    search: dict[str, Any] = {  # noqa: RUF012
        "search_type": "similarity_score_threshold",
        "search_kwargs": {"score_threshold": 0.0},
    }


del _Retriever

_THREE = (
    Document(page_content="foo", metadata={"n": 1, "tags": ["a", "b"]}),
    Document(page_content="bar", id="an id of its own"),
    Document(page_content="", metadata={"empty": True}),
)


class TestStore(BaseStoreSyncTests[Document]):
    @pytest.fixture
    def kv_store(self, tmp_path: Path) -> Iterator[BaseStore[str, Document]]:
        with Collection.open(tmp_path / "kept", dim=2) as collection:
            yield CollectionStore(collection)

    @pytest.fixture
    def three_values(self) -> tuple[Document, Document, Document]:
        return _THREE


class TestStoreAsync(BaseStoreAsyncTests[Document]):
    @pytest.fixture
    async def kv_store(self, tmp_path: Path) -> Any:  # an async generator to pytest, a store to the suite
        with Collection.open(tmp_path / "kept", dim=2) as collection:
            yield CollectionStore(collection)

    @pytest.fixture
    def three_values(self) -> tuple[Document, Document, Document]:
        return _THREE
