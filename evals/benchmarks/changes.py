"""What a single delete and a single add cost in a large index."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evals.benchmarks.indexes import LANGCHAIN, copied, indexes, slug
from evals.benchmarks.process import interleave
from evals.benchmarks.report import Column, Part, compare, median_row, versions_in
from evals.benchmarks.setup import OWN

if TYPE_CHECKING:
    from evals.benchmarks.measure import Outcome
    from evals.benchmarks.process import Side
    from evals.benchmarks.setup import Setup

__all__ = ["run"]

_CHANGES = 20
_LANGCHAIN = (
    "FAISS.delete([id]) and FAISS.add_embeddings of one row, in memory: a change outlives the process after save_local "
    "only, which writes everything (`durable` = the change and one save_local)"
)
_OWN = (
    "Collection.delete([id]) and Collection.put of one document: durable (fsync) when the call returns, found at once"
)
_COLUMNS = [
    Column("delete_ms", "delete ms"),
    Column("durable_delete_ms", "delete, durable ms"),
    Column("add_ms", "add ms"),
    Column("durable_add_ms", "add, durable ms"),
    Column("search_after_ms", "first search after ms"),
]


def run(setup: Setup) -> Part:
    """Delete and add single rows on a copy of each side's index."""
    ready = indexes(setup, langchain=_LANGCHAIN, own=_OWN)
    places = np.linspace(0, ready.corpus.chunks - 1, _CHANGES).astype(int).tolist()

    def one_round(side: Side, number: int) -> Outcome:
        folder = copied(ready.folders[side.name], setup.work / f"changed-{slug(side.name)}")
        return ready.run(side, "change", folder=folder, queries=1, k=10, places=places)

    done = interleave(ready.sides, setup.sizes.rounds, one_round, what="delete")
    durable = {"durable_delete_ms": "delete, durable", "durable_add_ms": "add, durable"}
    in_memory = {
        "delete_ms": "delete, LangChain's in memory only",
        "add_ms": "add, LangChain's in memory only",
    }
    return Part(
        name="delete",
        title="A single delete, a single add",
        about=(
            f"{ready.about}; {_CHANGES} deletes, then {_CHANGES} adds, one by one, "
            f"embedding excluded, median of each, then of {setup.sizes.rounds} interleaved rounds in fresh processes "
            "on a fresh copy. `first search after` is one vector search right after the changes."
        ),
        settings=ready.settings,
        columns=_COLUMNS,
        rows=[median_row(name, rounds) for name, rounds in done.outcomes.items()],
        ratios=[
            *compare(done.outcomes, OWN, [LANGCHAIN], in_memory, more=False),
            *compare(done.outcomes, OWN, [LANGCHAIN], durable, more=False),
        ],
        failures=ready.failures | done.failures,
        versions=versions_in(done.outcomes),
        rounds=done.outcomes,
    )
