"""How long a new process needs until its first hit in a large index."""

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

_ARMS = ("dense", "bm25")
_LANGCHAIN = "FAISS.load_local and similarity_search; BM25Retriever.from_documents of the loaded texts and invoke"
_OWN = "Collection.open(folder) and search, mode='dense' or 'bm25'"
_COLUMNS = [
    Column("dense_first_hit_s", "vectors: first hit s"),
    Column("dense_rss_mb", "peak memory MB", 0),
    Column("bm25_first_hit_s", "words: first hit s"),
    Column("bm25_rss_mb", "peak memory MB", 0),
    Column("disk_mb", "disk MB", 0),
]


def run(setup: Setup) -> Part:
    """Open each side's index in new processes."""
    ready = indexes(setup, langchain=_LANGCHAIN, own=_OWN)

    def one_round(side: Side, number: int) -> Outcome:
        arms = [ready.run(side, "first_hit", queries=1, k=10, arm=arm) for arm in _ARMS]
        disk = {"disk_mb": ready.filling[side.name].numbers["disk_mb"]}
        return replace(arms[0], numbers={**disk, **arms[0].numbers, **arms[1].numbers})

    done = interleave(ready.sides, setup.sizes.rounds, one_round, what="open")
    shown = {"dense_first_hit_s": "open to first hit, vectors", "bm25_first_hit_s": "open to first hit, words"}
    return Part(
        name="open",
        title="From process start to the first hit",
        about=(
            f"{ready.about}; from the start of a Python process to one hit for a query whose "
            f"vector is there already (no model is loaded), page cache warm, median of {setup.sizes.rounds} "
            "interleaved rounds."
        ),
        settings=ready.settings,
        columns=_COLUMNS,
        rows=[median_row(name, rounds) for name, rounds in done.outcomes.items()],
        ratios=compare(done.outcomes, OWN, [LANGCHAIN], {**shown, "dense_rss_mb": "peak memory, vectors"}, more=False),
        failures=ready.failures | done.failures,
        versions=versions_in(done.outcomes),
        rounds=done.outcomes,
    )
