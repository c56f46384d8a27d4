"""The searching half of `FaissVectorStore`: every search that LangChain's vector stores and its FAISS class know."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from langchain_core.embeddings import Embeddings
from langchain_core.vectorstores import VectorStore

from ragkit.encoder import Encoder, as_encoder
from ragkit.errors import ConfigError
from ragkit.store.manifest import check_encoder
from ragkit.store.searching import with_encoder
from ragkit.views.calls import search_call
from ragkit.views.documents import document_of
from ragkit.views.embeddings import EncoderEmbeddings
from ragkit.views.nearest import diverse, nearest, relevance
from ragkit.views.retriever import FaissRetriever

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from langchain_core.documents import Document

    from ragkit.encoder import Vectors
    from ragkit.store.collection import Collection

__all__ = ["CollectionSearches"]


class CollectionSearches(VectorStore):
    """Searches of one collection; see `FaissVectorStore`, which says what their keyword arguments are."""

    collection: Collection
    """What is searched."""

    def __init__(
        self, collection: Collection, embedding: Embeddings | Encoder | None, *, encoder: Encoder | None = None
    ) -> None:
        """Search a collection.

        Args:
            collection: An open one.
            embedding: Its model; None for the one that it was opened, or built again, with.
            encoder: The same as an encoder, if it is one already.

        Raises:
            IndexMismatchError: If the collection was built with another model.
        """
        self.collection = collection
        self._encoder = None if embedding is None else encoder or as_encoder(embedding)
        if self._encoder is not None and self._encoder is not collection.encoder:
            check_encoder(collection.manifest, self._encoder)
        self._given = embedding if isinstance(embedding, Embeddings) else None

    @property
    def embeddings(self) -> Embeddings | None:
        """The embedding model: the very object that was given, if it was LangChain's; None where there is none."""
        if self._given is not None:
            return self._given
        encoder = self._encoder or self.collection.encoder
        return None if encoder is None else EncoderEmbeddings(encoder)

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """Give documents by their ids, in that order, each once; ids that are not there are left out.

        The id of a document that was synced from a file gives its whole text, that of a chunk the chunk.
        """
        return [document_of(name, named) for name, named in self.collection.look_up(ids).items()]

    # Searching

    def similarity_search(self, query: str, k: int = 4, **options: Any) -> list[Document]:
        """Give the `k` nearest documents to a query, best first.

        Args:
            query: What to search for.
            k: At least 1; fewer are given when fewer pass.
            options: See the class.

        Raises:
            InputError: If `k` or an option does not fit; `WhereError` for the filter.
            ConfigError: If there is no embedding model.
        """
        return [document for document, _ in self.similarity_search_with_score(query, k, **options)]

    def similarity_search_with_score(self, query: str, k: int = 4, **options: Any) -> list[tuple[Document, float]]:
        """Give the nearest documents with their cosines, higher is better; see `similarity_search`."""
        call = search_call(options)

        def ask(encoder: Encoder | None) -> list[tuple[Document, float]]:
            return nearest(self.collection, self._embedded(encoder, query), k, call, encoder=encoder)

        return with_encoder(self.collection, self._encoder, ask)

    def similarity_search_by_vector(
        self, embedding: Sequence[float] | Vectors, k: int = 4, **options: Any
    ) -> list[Document]:
        """Give the nearest documents to a vector of `dim` floats; see `similarity_search`."""
        return [document for document, _ in self.similarity_search_with_score_by_vector(embedding, k, **options)]

    def similarity_search_with_score_by_vector(
        self, embedding: Sequence[float] | Vectors, k: int = 4, **options: Any
    ) -> list[tuple[Document, float]]:
        """Give the nearest documents to a vector of `dim` floats with their cosines; see `similarity_search`."""
        call = search_call(options)
        return nearest(self.collection, embedding, k, call)

    async def asimilarity_search_with_score_by_vector(
        self, embedding: Sequence[float] | Vectors, k: int = 4, **options: Any
    ) -> list[tuple[Document, float]]:
        """Give documents as `similarity_search_with_score_by_vector` does."""
        return await asyncio.to_thread(self.similarity_search_with_score_by_vector, embedding, k, **options)

    def max_marginal_relevance_search(
        self, query: str, k: int = 4, fetch_k: int = 20, lambda_mult: float = 0.5, **options: Any
    ) -> list[Document]:
        """Give `k` documents that are near the query and unlike each other; see `maximal_marginal_relevance`.

        Args:
            query: What to search for.
            k: At least 1; fewer are given when fewer pass.
            fetch_k: The nearest documents to choose from; at least `k` are.
            lambda_mult: From 0 (unlike only) to 1 (near only).
            options: See the class.

        Raises:
            InputError: If an argument does not fit.
            ConfigError: If there is no embedding model.
        """
        call = search_call(options)

        def ask(encoder: Encoder | None) -> list[tuple[Document, float]]:
            row = self._embedded(encoder, query)
            return diverse(self.collection, row, k, call, pool=fetch_k, lambda_mult=lambda_mult, encoder=encoder)

        return [document for document, _ in with_encoder(self.collection, self._encoder, ask)]

    def max_marginal_relevance_search_by_vector(
        self,
        embedding: Sequence[float] | Vectors,
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        **options: Any,
    ) -> list[Document]:
        """Give documents near a vector and unlike each other; see `max_marginal_relevance_search`."""
        found = self.max_marginal_relevance_search_with_score_by_vector(
            embedding, k=k, fetch_k=fetch_k, lambda_mult=lambda_mult, **options
        )
        return [document for document, _ in found]

    def max_marginal_relevance_search_with_score_by_vector(
        self,
        embedding: Sequence[float] | Vectors,
        *,
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        **options: Any,
    ) -> list[tuple[Document, float]]:
        """Give documents near a vector and unlike each other, with their cosines."""
        call = search_call(options)
        return diverse(self.collection, embedding, k, call, pool=fetch_k, lambda_mult=lambda_mult)

    async def amax_marginal_relevance_search_with_score_by_vector(
        self,
        embedding: Sequence[float] | Vectors,
        *,
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        **options: Any,
    ) -> list[tuple[Document, float]]:
        """Give documents as `max_marginal_relevance_search_with_score_by_vector` does."""
        call = self.max_marginal_relevance_search_with_score_by_vector
        return await asyncio.to_thread(call, embedding, k=k, fetch_k=fetch_k, lambda_mult=lambda_mult, **options)

    def _select_relevance_score_fn(self) -> Callable[[float], float]:
        return relevance

    def as_retriever(self, **arguments: Any) -> FaissRetriever:
        """Give a LangChain retriever; `k`, `where` and `exact` may be given by themselves or in `search_kwargs`.

        Args:
            arguments: `search_type` (`"similarity"`, `"mmr"` or `"similarity_score_threshold"`), `search_kwargs`, `k`,
                `where`, `exact`, and what every retriever takes (`tags`, `metadata`).
        """
        tags = arguments.pop("tags", None) or self._get_retriever_tags()
        return FaissRetriever(vectorstore=self, tags=tags, **arguments)

    def _embedded(self, encoder: Encoder | None, query: str) -> Vectors:
        if encoder is None:
            raise ConfigError(
                f"{self.collection.folder} was opened without embeddings: pass them, or search by vector."
            )
        row: Vectors = encoder.encode_queries([query])[0]
        return row
