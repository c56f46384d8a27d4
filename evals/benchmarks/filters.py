"""What a filter that 1 % of the chunks pass leaves of the hits, and how long it takes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from evals.benchmarks.corpus import SHARES
from evals.benchmarks.indexes import LANGCHAIN, indexes
from evals.benchmarks.measure import Outcome, overlap
from evals.benchmarks.process import interleave
from evals.benchmarks.report import Column, Part, compare, median_row, versions_in
from evals.benchmarks.setup import OWN

if TYPE_CHECKING:
    from evals.benchmarks.corpus import Corpus
    from evals.benchmarks.process import Side
    from evals.benchmarks.setup import Setup

__all__ = ["nearest", "run"]

_K, _SHARE = 10, 7
_DEEP = f"{LANGCHAIN}, fetch_k = all"
_LANGCHAIN = (
    'FAISS.similarity_search(query, k=10, filter={"share": 7}) with its default fetch_k=20: the 20 nearest are '
    "fetched, then filtered"
)
_OWN = "search(mode='dense', k=10, where={\"share\": 7}): rows that pass are scanned exactly, whatever the index"
_COLUMNS = [
    Column("found", "found of 10", 1),
    Column("right", "of the true 10", 3),
    Column("filtered_ms", "p50 ms"),
    Column("filtered_p99_ms", "p99 ms"),
]


def run(setup: Setup) -> Part:
    """Ask both sides with the same filter, and compare the hits with those of a plain scan in numpy."""
    ready = indexes(setup, langchain=_LANGCHAIN, own=_OWN)
    count = setup.sizes.queries
    true = nearest(ready.corpus, count, share=_SHARE, k=_K)

    def one_round(side: Side, number: int) -> Outcome:
        found = ready.run(side, "filtered", queries=count, k=_K, share=_SHARE)
        return replace(found, numbers={**found.numbers, "right": overlap(found.found, true)})

    done = interleave(ready.sides, setup.sizes.rounds, one_round, what="filter")
    outcomes = {**done.outcomes}
    if LANGCHAIN in outcomes:
        outcomes[_DEEP] = [
            Outcome(numbers={"found": one.numbers["deep_found"], "filtered_ms": one.numbers["deep_ms"]})
            for one in outcomes[LANGCHAIN]
        ]
    return Part(
        name="filter",
        title="A filter that 1 % pass",
        about=(
            f"{ready.about}; `share` is a row's number modulo {SHARES}; {count} questions, "
            f"vectors only, embedding excluded, {setup.threads} threads, median of {setup.sizes.rounds} interleaved "
            "rounds in fresh processes. `of the true 10` compares with a scan of all passing rows in numpy."
        ),
        settings=ready.settings
        | {_DEEP: "the same with fetch_k set to the number of rows, which its documentation leaves to the user"},
        columns=_COLUMNS,
        rows=[median_row(name, rounds) for name, rounds in outcomes.items()],
        ratios=[
            *compare(outcomes, OWN, [LANGCHAIN], {"filtered_ms": "filtered, LangChain's incomplete"}, more=False),
            *compare(outcomes, OWN, [_DEEP], {"filtered_ms": "filtered, both complete"}, more=False),
        ],
        failures=ready.failures | done.failures,
        versions=versions_in(outcomes),
        rounds=outcomes,
    )


def nearest(corpus: Corpus, count: int, *, share: int, k: int) -> list[list[str]]:
    """Give the ids of the `k` nearest rows with that share for each of `count` queries, by a plain scan."""
    places = np.arange(share, corpus.chunks, SHARES)
    scores = corpus.queries(count)[1] @ np.asarray(corpus.vectors[places]).T
    return [[f"c{places[place]}" for place in np.argsort(-row, kind="stable")[:k]] for row in scores]
