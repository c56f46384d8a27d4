"""Queries to hits: the one search that the commands, the answerer and the retrievers share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from ragkit.errors import InputError, shorten
from ragkit.rank.topk import best_per_document, check_k
from ragkit.retrieve.hybrid import fuse_arms
from ragkit.retrieve.options import Mode, SearchOptions, as_mode
from ragkit.retrieve.spread import spread_hits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ragkit.encoder import Encoder, Vectors
    from ragkit.types import Hit

__all__ = ["SearchOptions", "Searchable", "search"]

_BLOCK = 256
"""Queries answered at a time: their candidates are in memory together."""


class Searchable(Protocol):
    """What a search needs of a collection; `ragkit.store.collection.Collection` is one."""

    def search_dense(
        self, queries: Vectors, *, k: int, where: str | Mapping[str, Any] | None = None
    ) -> list[list[Hit]]:
        """Give the k chunks nearest to each row `(q, dim)`, by falling cosine."""
        ...

    def search_bm25(
        self, queries: Sequence[str], *, k: int, where: str | Mapping[str, Any] | None = None
    ) -> list[list[Hit]]:
        """Give the k chunks that match each query's terms best, by falling BM25 score."""
        ...

    def vectors(self, chunk_ids: Sequence[str]) -> Vectors:
        """Give the stored vectors of chunks, `(len(chunk_ids), dim)`, in the order asked.

        Raises:
            DocumentNotFoundError: If a chunk is not there.
        """
        ...


def search(
    collection: Searchable,
    encoder: Encoder | None,
    queries: Sequence[str],
    *,
    k: int = 10,
    mode: str = "hybrid",
    where: str | Mapping[str, Any] | None = None,
    options: SearchOptions = SearchOptions(),  # noqa: B008  # frozen
) -> list[list[Hit]]:
    """Find the `k` best chunks, or documents, for each query.

    Queries are embedded together and compared in one matrix product per 256 of them. The same collection and arguments
    give the same hits; ties break by `doc_id`, then `chunk_id`. While k is at most `options.pool`, a smaller k gives
    the beginning of a larger one's hits (`unit="document"` looks deeper when the pool holds fewer documents than k).

    Args:
        collection: What to search.
        encoder: The embedding model the collection was built with; may be None for `mode="bm25"`.
        queries: Each with at least one visible character. No queries give no results.
        k: Number of hits per query, at least 1; fewer when fewer chunks match.
        mode: `"hybrid"` (both arms, see `ragkit.retrieve.hybrid`), `"dense"` or `"bm25"`.
        where: Only chunks of documents that pass this filter; None for all.
        options: Weight, fusion, pool, diversity and unit.

    Returns:
        One list per query, best first. `score` is the cosine, the BM25 score, the fused score in [0, 1], or with
        `diversity` the marginal relevance; `arms` holds the raw score and rank of each arm that listed the chunk.
        A query of stop words alone has no BM25 hits, and its hybrid hits are the dense ones.

    Raises:
        InputError: If k < 1, a query is empty, the mode is unknown or an encoder is needed and missing.
        WhereError: If the filter cannot be read or names an unknown field.
    """
    check_k(k)
    _check_queries(queries)
    plan = _Plan(collection, as_mode(mode), where, options, k)
    vectors = plan.encode(encoder, queries)
    found: list[list[Hit]] = []
    for start in range(0, len(queries), _BLOCK):
        block = slice(start, start + _BLOCK)
        found += plan.run(queries[block], None if vectors is None else vectors[block], plan.first_pool)
    return found


@dataclass(frozen=True, slots=True)
class _Plan:
    """What stays the same for every query of one call."""

    collection: Searchable
    mode: Mode
    where: str | Mapping[str, Any] | None
    options: SearchOptions
    k: int

    @property
    def first_pool(self) -> int:
        return max(self.options.pool, self.k) if self.mode == "hybrid" or self._whole_lists else self.k

    @property
    def _whole_lists(self) -> bool:
        return self.options.diversity is not None or self._by_document

    @property
    def _by_document(self) -> bool:
        return self.options.unit == "document"

    def encode(self, encoder: Encoder | None, queries: Sequence[str]) -> Vectors | None:
        if self.mode == "bm25" and self.options.diversity is None:
            return None
        if encoder is None:
            what = f"mode {self.mode}" if self.mode != "bm25" else "diversity"
            raise InputError(f"{what} needs an embedding model, got None: pass the one the collection was built with.")
        return encoder.encode_queries(queries)

    def run(self, queries: Sequence[str], vectors: Vectors | None, pool: int) -> list[list[Hit]]:
        candidates = self._candidates(queries, vectors, pool)
        if not self._by_document:
            return self._cut(candidates, vectors)
        documents = [best_per_document(hits) for hits in candidates]
        found = self._cut(documents, vectors)
        # an arm was cut before k different documents came up: ask those queries again, deeper
        short = [i for i, hits in enumerate(candidates) if len(documents[i]) < self.k and len(hits) >= pool]
        if short:
            rows = None if vectors is None else vectors[short]
            for i, hits in zip(short, self.run([queries[i] for i in short], rows, pool * 4), strict=True):
                found[i] = hits
        return found

    def _candidates(self, queries: Sequence[str], vectors: Vectors | None, pool: int) -> list[list[Hit]]:
        if self.mode == "bm25" or vectors is None:
            return self.collection.search_bm25(queries, k=pool, where=self.where)
        dense = self.collection.search_dense(vectors, k=pool, where=self.where)
        if self.mode == "dense":
            return dense
        bm25 = self.collection.search_bm25(queries, k=pool, where=self.where)
        fetch, keep = self.collection.vectors, 2 * pool if self._whole_lists else self.k
        return [
            fuse_arms(by_vector, by_word, query, fetch, k=keep, pool=pool, options=self.options)
            for by_vector, by_word, query in zip(dense, bm25, vectors, strict=True)
        ]

    def _cut(self, candidates: list[list[Hit]], vectors: Vectors | None) -> list[list[Hit]]:
        if self.options.diversity is None or vectors is None:
            return [[replace(hit, rank=rank) for rank, hit in enumerate(hits[: self.k], 1)] for hits in candidates]
        fetch, spread = self.collection.vectors, self.options.diversity
        return [
            spread_hits(hits, fetch, query, k=self.k, lambda_mult=spread)
            for hits, query in zip(candidates, vectors, strict=True)
        ]


def _check_queries(queries: Sequence[str]) -> None:
    if isinstance(queries, str):
        raise InputError("queries must be a list of strings, got one string: put it in a list.")
    for query in queries:
        if not isinstance(query, str):
            raise InputError(f"a query must be a string, got {shorten(type(query).__name__)}.")
        if not query.strip():
            raise InputError("the query is empty: expected at least one word to look for.")
        if any("\ud800" <= character <= "\udfff" for character in query):
            raise InputError(
                "the query holds half a character (a lone surrogate): decode it as UTF-8 before searching."
            )
