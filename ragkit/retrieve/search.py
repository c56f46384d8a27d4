"""Queries to hits: the one search that the commands, the answerer and the retrievers share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ragkit.errors import InputError, shorten
from ragkit.rank.topk import check_k
from ragkit.retrieve.hybrid import UNSAID, fuse_arms
from ragkit.retrieve.options import Mode, SearchOptions, as_mode
from ragkit.retrieve.spread import spread_rows
from ragkit.store.hits import Retrieved, listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    import numpy as np
    from numpy.typing import NDArray

    from ragkit.encoder import Encoder, Vectors
    from ragkit.store.order import Scored
    from ragkit.types import Hit

__all__ = ["Moment", "SearchOptions", "Searchable", "search", "search_ids"]

_BLOCK = 256
"""Queries answered at a time: their candidates are in memory together."""


class Moment(Protocol):
    """What a search asks of one moment of a collection; `ragkit.store.moment.Moment` says what each method gives."""

    def dense(self, queries: Vectors, *, k: int, exact: bool = False) -> list[list[Scored]]:
        """Give the k rows nearest to each query `(q, dim)`, by falling cosine."""
        ...

    def bm25(self, queries: Sequence[str], *, k: int) -> list[list[Scored]]:
        """Give the k rows that match each query's terms best, by falling BM25 score."""
        ...

    def cosines(self, query: NDArray[np.float32], rows: Sequence[int]) -> NDArray[np.float32]:
        """Give the cosine of each row `(n,)` with a query `(dim,)`, as the dense arm gives it."""
        ...

    def vectors(self, rows: Sequence[int]) -> Vectors:
        """Give the stored vectors of rows, `(n, dim)`."""
        ...

    def names(self, rows: Sequence[int]) -> Mapping[int, tuple[str, str]]:
        """Give `(doc_id, chunk_id)` of rows."""
        ...

    def documents(self, rows: Sequence[int]) -> Mapping[int, int]:
        """Give a key of each row's document."""
        ...

    def hits(self, runs: Sequence[Sequence[Retrieved]]) -> list[list[Hit]]:
        """Give rows as hits, ranks from 1."""
        ...


class Searchable(Protocol):
    """What a search needs of a collection; `ragkit.store.collection.Collection` is one."""

    def moment(
        self, *, where: str | Mapping[str, Any] | None = None, words: bool = True, encoder: Encoder | None = None
    ) -> AbstractContextManager[Moment]:
        """Give one committed moment for the time of a block; refuse an `encoder` that did not make its vectors."""
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
    vectors: Vectors | None = None,
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
        options: Weight, fusion, pool, diversity, unit and exactness.
        vectors: Of the queries, `(q, dim)` floats, if they are known; None to have the encoder make them.

    Returns:
        One list per query, best first. `score` is the cosine, the BM25 score, the fused score in [0, 1], or with
        `diversity` the marginal relevance; `arms` holds the raw score and rank of each arm that listed the chunk.
        A query of stop words alone has no BM25 hits, and its hybrid hits are the dense ones.

    Raises:
        InputError: If k < 1, a query is empty, the mode is unknown or an encoder is needed and missing.
        WhereError: If the filter cannot be read or names an unknown field.
        IndexMismatchError: If the collection was built, or built again meanwhile, with another model than `encoder`.
    """
    given = _Given(collection, encoder, queries, k, mode, where, options, vectors)
    return [hits for moment, runs in _blocks(given) for hits in moment.hits(runs)]


def search_ids(
    collection: Searchable,
    encoder: Encoder | None,
    queries: Sequence[str],
    *,
    k: int = 10,
    mode: str = "hybrid",
    where: str | Mapping[str, Any] | None = None,
    options: SearchOptions = SearchOptions(),  # noqa: B008  # frozen
    vectors: Vectors | None = None,
) -> list[list[str]]:
    """Give the `doc_id` of each hit of `search`, best first, without reading any text: for runs a thousand deep.

    Arguments and errors are those of `search`.
    """
    given = _Given(collection, encoder, queries, k, mode, where, options, vectors, arms=False)
    return [names for moment, runs in _blocks(given) for names in _named(moment, runs)]


def _named(moment: Moment, runs: Sequence[Sequence[Retrieved]]) -> list[list[str]]:
    names = moment.names(list({item.row for run in runs for item in run}))
    return [[names[item.row][0] for item in run] for run in runs]


class _Given(NamedTuple):
    """The arguments of a search."""

    collection: Searchable
    encoder: Encoder | None
    queries: Sequence[str]
    k: int
    mode: str
    where: str | Mapping[str, Any] | None
    options: SearchOptions
    vectors: Vectors | None
    arms: bool = True
    """Whether hits say what each arm said."""


def _blocks(given: _Given) -> Iterator[tuple[Moment, list[list[Retrieved]]]]:
    """Give what is found, some hundred queries at a time, each with the moment it was found in."""
    queries, options = given.queries, given.options
    check_k(given.k)
    _check_queries(queries)
    mode = as_mode(given.mode)
    rows = _vectors(mode, options, given.encoder, queries, given.vectors)
    maker = given.encoder if rows is not None and given.vectors is None else None
    with given.collection.moment(where=given.where, words=mode != "dense", encoder=maker) as moment:
        plan = _Plan(moment, mode, options, given.k, given.arms)
        for start in range(0, len(queries), _BLOCK):
            block = slice(start, start + _BLOCK)
            yield moment, plan.run(queries[block], None if rows is None else rows[block], plan.first_pool)


def _vectors(
    mode: Mode, options: SearchOptions, encoder: Encoder | None, queries: Sequence[str], given: Vectors | None
) -> Vectors | None:
    if mode == "bm25" and options.diversity is None:
        return None
    if given is not None:
        if len(given) != len(queries):
            raise InputError(f"got {len(given)} vectors for {len(queries)} queries: give one of each.")
        return given
    if encoder is None:
        what = f"mode {mode}" if mode != "bm25" else "diversity"
        raise InputError(f"{what} needs an embedding model, got None: pass the one the collection was built with.")
    return encoder.encode_queries(queries)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What stays the same for every query of one call."""

    moment: Moment
    mode: Mode
    options: SearchOptions
    k: int
    arms: bool

    @property
    def first_pool(self) -> int:
        return max(self.options.pool, self.k) if self.mode == "hybrid" or self._whole_lists else self.k

    @property
    def _whole_lists(self) -> bool:
        return self.options.diversity is not None or self._by_document

    @property
    def _by_document(self) -> bool:
        return self.options.unit == "document"

    def run(self, queries: Sequence[str], vectors: Vectors | None, pool: int) -> list[list[Retrieved]]:
        candidates = self._candidates(queries, vectors, pool)
        if not self._by_document:
            return self._cut(candidates, vectors)
        documents = self._best_per_document(candidates)
        found = self._cut(documents, vectors)
        # an arm was cut before k different documents came up: ask those queries again, deeper
        short = [i for i, run in enumerate(candidates) if len(documents[i]) < self.k and len(run) >= pool]
        if short:
            rows = None if vectors is None else vectors[short]
            for i, run in zip(short, self.run([queries[i] for i in short], rows, pool * 4), strict=True):
                found[i] = run
        return found

    def _candidates(self, queries: Sequence[str], vectors: Vectors | None, pool: int) -> list[list[Retrieved]]:
        if self.mode == "bm25" or vectors is None:
            return [self._listed(run, "bm25") for run in self.moment.bm25(queries, k=pool)]
        dense = self.moment.dense(vectors, k=pool, exact=self.options.exact)
        if self.mode == "dense":
            return [self._listed(run, "dense") for run in dense]
        bm25 = self.moment.bm25(queries, k=pool)
        keep = 2 * pool if self._whole_lists else self.k
        return [
            fuse_arms(by_vector, by_word, query, self.moment, k=keep, pool=pool, options=self.options, arms=self.arms)
            for by_vector, by_word, query in zip(dense, bm25, vectors, strict=True)
        ]

    def _listed(self, run: Sequence[Scored], arm: str) -> list[Retrieved]:
        return listed(run, arm) if self.arms else [Retrieved(row, score, UNSAID) for row, score in run]

    def _best_per_document(self, runs: Sequence[list[Retrieved]]) -> list[list[Retrieved]]:
        """Keep the first row of each document: it scores what its best chunk scores.

        Source: Dai and Callan, SIGIR 2019, section 3 (MaxP).
        """
        known = self.moment.documents(list({item.row for run in runs for item in run}))
        best = []
        for run in runs:
            first: dict[int, Retrieved] = {}
            for item in run:
                first.setdefault(known[item.row], item)
            best.append(list(first.values()))
        return best

    def _cut(self, candidates: list[list[Retrieved]], vectors: Vectors | None) -> list[list[Retrieved]]:
        if self.options.diversity is None or vectors is None:
            return [run[: self.k] for run in candidates]
        stored, spread = self.moment.vectors, self.options.diversity
        return [
            spread_rows(run, stored([item.row for item in run]), query, k=self.k, lambda_mult=spread)
            for run, query in zip(candidates, vectors, strict=True)
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
