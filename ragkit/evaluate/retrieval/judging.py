"""From ranked documents to one row for each judged query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ragkit.evaluate.measures.retrieval import score_rankings
from ragkit.evaluate.outcome import Row

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Judgments"]

_SHOWN = 10
"""Documents named in a row: the top, and the relevant ones that stand deepest or nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgments:
    """What is known of the queries, and how rankings are scored by it."""

    qrels: Mapping[str, Mapping[str, int]]
    """Grade by document id, by query id: every query here counts in every mean."""
    measures: tuple[str, ...]
    """As `ragkit.evaluate.measures.retrieval.canonical` gives them; the first is the one that rows are sorted by."""
    relevant_from: int = 1
    """Lowest grade that counts as relevant where rows tell what was found; measures name theirs."""
    ignore_identical_ids: bool = False
    """Drop the document that has the query's own id, as ArguAna and Quora need: there queries are documents too."""
    queries: Mapping[str, str] | None = None
    """Text by query id, where it is known."""

    def kept(self, query: str, documents: Sequence[str]) -> Sequence[str]:
        """Give the documents that count for a query, best first."""
        if not self.ignore_identical_ids or query not in documents:
            return documents
        return [document for document in documents if document != query]

    def rows(self, rankings: Mapping[str, Sequence[str]]) -> list[Row]:
        """Score rankings of judged queries: one row for each key of `rankings`, in their order.

        Args:
            rankings: Documents by query id, best first; empty where nothing was found.
        """
        kept = {query: self.kept(query, documents) for query, documents in rankings.items()}
        scores = score_rankings(kept, {query: self.qrels[query] for query in kept}, self.measures)
        return [
            Row(id=query, outcomes=scores[query], details=self._details(query, documents))
            for query, documents in kept.items()
        ]

    def _details(self, query: str, documents: Sequence[str]) -> dict[str, Any]:
        grades = self.qrels[query]
        relevant = {document for document, grade in grades.items() if grade >= self.relevant_from}
        ranks = {document: rank for rank, document in enumerate(documents, start=1) if document in relevant}
        missed = sorted(relevant - ranks.keys())
        return {
            **({"query": self.queries[query]} if self.queries else {}),
            "retrieved": len(documents),
            "relevant": len(relevant),
            "found": len(ranks),
            "first_relevant_rank": min(ranks.values(), default=None),
            "top": list(documents[:_SHOWN]),
            "relevant_ranks": dict(list(ranks.items())[:_SHOWN]),
            "missed": missed[:_SHOWN],
        }
