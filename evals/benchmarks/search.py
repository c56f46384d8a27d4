"""How fast a query is answered by vectors and words together, embedding excluded."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from evals.benchmarks.indexes import LANGCHAIN, indexes
from evals.benchmarks.process import interleave
from evals.benchmarks.report import Column, Part, compare, median_row, versions_in
from evals.benchmarks.setup import OWN

if TYPE_CHECKING:
    from evals.benchmarks.measure import Outcome
    from evals.benchmarks.process import Side
    from evals.benchmarks.setup import Setup

__all__ = ["run"]

_K = 10
_EXACT = f"{OWN}, exact"
_LANGCHAIN = (
    "EnsembleRetriever(weights=[.5, .5]) of BM25Retriever (k=10, its default of words split at blanks) and "
    "FAISS.as_retriever (k=10, IndexFlatL2, float32, exact), all in memory"
)
_OWN = (
    "search(mode='hybrid', k=10), defaults: 100 candidates from each arm, stemmed words, the collection's own vector "
    "index, read from a durable folder; hits carry offsets, metadata and both raw scores"
)
_COLUMNS = [
    Column("hybrid_ms", "hybrid p50 ms"),
    Column("hybrid_p99_ms", "p99 ms"),
    Column("hybrid_recall", "recall@10", 3),
    Column("dense_ms", "vectors alone ms"),
    Column("dense_recall", "recall@10", 3),
    Column("bm25_ms", "words alone ms"),
    Column("open_s", "open s"),
    Column("rss_mb", "peak memory MB", 0),
    Column("fill_s", "filled in s", 1),
    Column("disk_mb", "disk MB", 0),
]


def run(setup: Setup) -> Part:
    """Ask both sides the same questions over the same vectors."""
    ready = indexes(setup, langchain=_LANGCHAIN, own=_OWN)

    def one_round(side: Side, number: int) -> Outcome:
        found = ready.run(side, "search", queries=setup.sizes.queries, k=_K, share=0)
        build = {key: ready.filling[side.name].numbers[key] for key in ("fill_s", "disk_mb")}
        return replace(found, numbers={**build, **found.numbers})

    done = interleave(ready.sides, setup.sizes.rounds, one_round, what="search")
    outcomes = {**done.outcomes}
    if OWN in outcomes:
        outcomes[_EXACT] = [_exactly(one) for one in outcomes[OWN]]
    return Part(
        name="search",
        title="Hybrid search, embedding excluded",
        about=(
            f"{ready.about}; {setup.sizes.queries} questions about them, one at a "
            f"time, first {_K} hits, {setup.threads} threads, median of {setup.sizes.rounds} interleaved "
            "rounds in fresh processes. `recall@10` is the share of ragkit's exact hits found. The two fuse "
            "differently (LangChain by reciprocal rank of 10 + 10, ragkit by scaled scores of 100 + 100), so "
            "their hits are not compared."
        ),
        settings=ready.settings | {_EXACT: "the same with SearchOptions(exact=True)"},
        columns=_COLUMNS,
        rows=[median_row(name, rounds) for name, rounds in outcomes.items()],
        ratios=[
            *compare(outcomes, OWN, [LANGCHAIN], {"hybrid_ms": "hybrid search"}, more=False),
            *compare(outcomes, _EXACT, [LANGCHAIN], {"hybrid_ms": "hybrid search"}, more=False),
            *compare(outcomes, OWN, [LANGCHAIN], {"dense_ms": "vectors alone", "bm25_ms": "words alone"}, more=False),
            *compare(outcomes, OWN, [LANGCHAIN], {"rss_mb": "peak memory", "disk_mb": "disk"}, more=False),
        ],
        notes=[
            *(f"Index of ragkit: {one.words['index']}." for one in outcomes.get(OWN, [])[:1]),
            "LangChain's `open` makes the words anew: they have no saved form; `disk` is its vectors and texts.",
        ],
        failures=ready.failures | done.failures,
        versions=versions_in(outcomes),
        rounds=outcomes,
    )


def _exactly(outcome: Outcome) -> Outcome:
    """Give what the exact mode did, under the names of the columns."""
    same = ("open_s", "rss_mb", "bm25_ms", "fill_s", "disk_mb")
    numbers = {key: outcome.numbers[key] for key in same}
    for mode in ("hybrid", "dense"):
        numbers[f"{mode}_ms"] = outcome.numbers[f"{mode}_exact_ms"]
        numbers[f"{mode}_p99_ms"] = outcome.numbers[f"{mode}_exact_p99_ms"]
        numbers[f"{mode}_recall"] = 1.0
    return replace(outcome, numbers=numbers)
