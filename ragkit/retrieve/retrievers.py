"""Search as LangChain retrievers: `BM25Retriever`, `DenseRetriever`, `HybridRetriever`.

Two faces on one search: `search` gives `Hit`s, and what LangChain calls (`invoke`, `ainvoke`, `batch`, a chain) gives
`Document`s with the same numbers under the one metadata key `ragkit`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict, Field, PrivateAttr, ValidationError

from ragkit.encoder import Encoder, as_encoder
from ragkit.errors import ConfigError, shorten
from ragkit.rank.topk import check_k
from ragkit.retrieve.options import Mode, SearchOptions
from ragkit.retrieve.search import search
from ragkit.store.collection import Collection
from ragkit.store.manifest import check_encoder
from ragkit.store.searching import with_encoder

if TYPE_CHECKING:
    from langchain_core.callbacks import AsyncCallbackManagerForRetrieverRun, CallbackManagerForRetrieverRun

    from ragkit.types import Hit

__all__ = ["BM25Retriever", "DenseRetriever", "HybridRetriever", "ScoredRetriever", "as_document"]

Where = str | Mapping[str, Any] | None


class ScoredRetriever(BaseRetriever):
    """A LangChain retriever whose scores do not get lost; use one of its subclasses.

    `k` and `where` may be given here and again in every call, where they win: `retriever.invoke("bm25", k=3)`.

    Raises:
        ConfigError: On construction, for an argument that does not exist or does not fit.
        IndexMismatchError: On construction, if `embeddings` are not those the collection was built with.
        InputError: On construction and in calls, if k < 1; in calls, if the query is empty.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, extra="forbid")
    mode: ClassVar[Mode]

    collection: Any = Field(repr=False)  # Any: whatever is Searchable, which pydantic cannot check
    """The collection to search."""
    embeddings: Any = Field(default=None, repr=False)  # Any: an Encoder or a LangChain Embeddings
    """The embedding model the collection was built with; None for the one it was opened, or built again, with."""
    k: int = 10
    """Number of documents to return, at least 1; fewer when fewer match."""
    where: Where = None
    """Only chunks of documents that pass this filter."""
    options: SearchOptions = Field(default_factory=SearchOptions)
    """Weight, fusion, pool, diversity, unit and exactness."""

    _encoder: Encoder | None = PrivateAttr(default=None)

    def __init__(self, **arguments: Any) -> None:
        try:
            super().__init__(**arguments)
        except ValidationError as error:
            raise ConfigError(_one_sentence(type(self), error)) from error
        check_k(self.k)
        self._encoder = _encoder_for(self.collection, self.embeddings)
        if self._encoder is None and getattr(self.collection, "encoder", None) is None and self.mode != "bm25":
            raise ConfigError(
                f"{type(self).__name__} needs an embedding model and the collection was opened without one: "
                "pass embeddings=, or use BM25Retriever."
            )

    def search(self, query: str, k: int | None = None, where: Where = None) -> list[Hit]:
        """Find the hits for one query, best first, with scores, ranks and what each arm said.

        Args:
            query: At least one visible character.
            k: Number of hits; None for the retriever's own.
            where: A filter that replaces the retriever's own; None for its own.
        """
        return self.search_batch([query], k, where)[0]

    def search_batch(self, queries: Sequence[str], k: int | None = None, where: Where = None) -> list[list[Hit]]:
        """Find the hits for several queries at once: one pass through the model, one matrix product."""

        def ask(encoder: Encoder | None) -> list[list[Hit]]:
            return search(
                self.collection,
                encoder,
                queries,
                k=self.k if k is None else k,
                mode=self.mode,
                where=self.where if where is None else where,
                options=self.options,
            )

        return with_encoder(self.collection, self._encoder, ask)

    async def asearch(self, query: str, k: int | None = None, where: Where = None) -> list[Hit]:
        """Find as `search` does, in a thread: the event loop stays free."""
        return await asyncio.to_thread(self.search, query, k, where)

    async def asearch_batch(self, queries: Sequence[str], k: int | None = None, where: Where = None) -> list[list[Hit]]:
        """Find as `search_batch` does, in a thread: the event loop stays free."""
        return await asyncio.to_thread(self.search_batch, queries, k, where)

    # k and where stand in both signatures: LangChain drops a keyword that is not declared here, without a word
    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, k: int | None = None, where: Where = None
    ) -> list[Document]:
        return [as_document(hit) for hit in self.search(query, k, where)]

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, k: int | None = None, where: Where = None
    ) -> list[Document]:
        return [as_document(hit) for hit in await self.asearch(query, k, where)]


class DenseRetriever(ScoredRetriever):
    """Chunks by cosine of their embedding with the query's.

    Example:
        >>> DenseRetriever(collection=collection, k=3).invoke("What is BM25?")  # doctest: +SKIP
    """

    mode: ClassVar[Mode] = "dense"


class BM25Retriever(ScoredRetriever):
    """Chunks by BM25 score of the query's words; needs no embedding model.

    Example:
        >>> BM25Retriever(collection=collection, where="year >= 2020").invoke("What is BM25?")  # doctest: +SKIP
    """

    mode: ClassVar[Mode] = "bm25"


class HybridRetriever(ScoredRetriever):
    """Chunks by both, weighed as `ragkit.retrieve.hybrid` describes.

    Example:
        >>> retriever = HybridRetriever(collection=collection, options=SearchOptions(weight=0.7))  # doctest: +SKIP
        >>> [(hit.score, hit.arms) for hit in retriever.search("What is BM25?", k=3)]  # doctest: +SKIP
    """

    mode: ClassVar[Mode] = "hybrid"


def as_document(hit: Hit) -> Document:
    """Give a hit as a LangChain `Document`.

    Its metadata is the document's own, with `source`, `doc_id`, `start`, `end` and `page` of the chunk, and under
    `ragkit` the `score`, the `rank` and the `arms`.
    """
    arms = {name: {"score": arm.score, "rank": arm.rank} for name, arm in hit.arms.items()}
    place = {"doc_id": hit.doc_id, "start": hit.start, "end": hit.end, "page": hit.page}
    return Document(
        id=hit.chunk_id or hit.doc_id,
        page_content=hit.text,
        metadata={
            **hit.metadata,
            "source": hit.source or hit.metadata.get("source", ""),
            **place,
            "ragkit": {"score": hit.score, "rank": hit.rank, "arms": arms},
        },
    )


def _encoder_for(collection: Any, embeddings: Any) -> Encoder | None:
    if embeddings is None:
        return None
    encoder = as_encoder(embeddings)
    if isinstance(collection, Collection):  # another model of the same dimension would find nonsense, silently
        check_encoder(collection.manifest, encoder)
    return encoder


def _one_sentence(kind: type[ScoredRetriever], error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    name = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        if name in SearchOptions.__dataclass_fields__:
            return f"{kind.__name__} takes no argument {name}: pass options=SearchOptions({name}=...)."
        expected = ", ".join(sorted(kind.model_fields))
        return f"{kind.__name__} takes no argument {shorten(name)}: expected some of {expected}."
    if first["type"] == "missing":
        return f"{kind.__name__} needs the argument {name}."
    return f"{kind.__name__} cannot take {name}={shorten(repr(first['input']))}: {first['msg']}."
