"""The values of a test collection for retrieval: a passage, and one split with its queries and judgments."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

__all__ = ["MSMARCO_PASSAGES", "Passage", "RetrievalData", "only_present"]

MSMARCO_PASSAGES = 8_841_823
"""Passages of the full MS MARCO passage collection, version 1."""


@dataclass(frozen=True, slots=True)
class Passage:
    """One passage of a collection."""

    doc_id: str
    """Unique in its collection."""
    title: str
    """Empty where the collection has no titles."""
    text: str
    """May be empty: some collections hold documents without text."""

    @property
    def content(self) -> str:
        """Title and text, joined by a blank as BEIR does; the text as it is where there is no title."""
        return f"{self.title} {self.text}".strip() if self.title else self.text


@dataclass(frozen=True, slots=True)
class RetrievalData:
    """One split of a test collection."""

    name: str
    """Folder and split, such as `scifact/test`."""
    queries: Mapping[str, str]
    """Text by id of the queries that have a judgment, in the order of the judgments: what a mean is taken over."""
    qrels: Mapping[str, Mapping[str, int]]
    """Grade by document, by query. All published judgments, also of passages that a part of the collection lacks: right
    for scoring or re-ranking runs made over the full collection; for retrieval from the part, see `only_present`."""
    passages: Callable[[], Iterator[Passage]]
    """Reads the collection as a stream, each call from the start; a repeated id is an error."""
    files: Mapping[str, Path]
    """What was read: `corpus`, `queries`, `qrels`."""
    relevant_from: int = 1
    """The lowest grade that measures of two values count as relevant: 2 for TREC DL, else 1."""
    ignore_identical_ids: bool = False
    """Whether a hit with the id of the query is dropped before scoring: the queries are documents themselves."""
    full_size: int | None = None
    """Passages of the full collection where this may be a part of a known one; else None."""
    unjudged_queries: Mapping[str, str] = field(default_factory=dict)
    """The other queries of the file: without judgments, in no mean."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """What must be said beside a number: `text` (which text the passages have), `judgments` (which judgments count)."""

    def corpus_note(self, passages: int) -> str:
        """Say over what was searched, given how many passages that were.

        Example:
            `closed corpus, 30,187 of 8,841,823 passages`: never to be shown beside numbers of the full one.
        """
        if self.full_size is None:
            return f"{passages:,} passages"
        if passages == self.full_size:
            return f"full corpus, {passages:,} passages"
        return f"closed corpus, {passages:,} of {self.full_size:,} passages"


def only_present(data: RetrievalData) -> RetrievalData:
    """Keep the judgments of passages that are in the collection: what retrieval from a part can be measured by.

    Queries that lose every relevant passage (`relevant_from` counts) become unjudged: no system could serve them here.
    Reads the collection once. Of a full collection nothing is lost.
    """
    judged = {doc_id for grades in data.qrels.values() for doc_id in grades}
    present = {passage.doc_id for passage in data.passages() if passage.doc_id in judged}
    if len(present) == len(judged):
        return data
    kept: dict[str, dict[str, int]] = {}
    for query_id, grades in data.qrels.items():
        here = {doc_id: grade for doc_id, grade in grades.items() if doc_id in present}
        if _highest(here) >= data.relevant_from or _highest(grades) < data.relevant_from:
            kept[query_id] = here
    lost = {query_id: text for query_id, text in data.queries.items() if query_id not in kept}
    pairs, published = sum(map(len, kept.values())), sum(map(len, data.qrels.values()))
    note = f"{pairs:,} of {published:,} published, those of passages that are here, for {len(kept):,} queries"
    return replace(
        data,
        queries={query_id: text for query_id, text in data.queries.items() if query_id in kept},
        qrels=kept,
        unjudged_queries={**data.unjudged_queries, **lost},
        facts={**data.facts, "judgments": note},
    )


def _highest(grades: Mapping[str, int]) -> int:
    return max(grades.values(), default=0)
