"""What it costs to find out that nothing in a folder has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evals.benchmarks.indexes import LANGCHAIN, slug
from evals.benchmarks.passages import read_passages
from evals.benchmarks.process import RoundError, interleave, run_task, say
from evals.benchmarks.report import Column, Part, compare, median_row, versions_in
from evals.benchmarks.setup import OWN, available

if TYPE_CHECKING:
    from pathlib import Path

    from evals.benchmarks.measure import Outcome
    from evals.benchmarks.passages import Passages
    from evals.benchmarks.process import Side
    from evals.benchmarks.setup import Setup

__all__ = ["run"]

_A_FOLDER = 500
_LANGCHAIN = (
    'DirectoryLoader(TextLoader), langchain_core.indexing.index(cleanup="incremental", source_id_key="source", '
    "key_encoder='sha256') with SQLRecordManager on SQLite and FAISS; vectors are stand-ins, since none is made again"
)
_OWN = "ragkit.open(store).sync(folder), as `ragkit index` does"
_COLUMNS = [
    Column("sync_s", "sync s"),
    Column("since_start_s", "with process start s"),
    Column("embedded", "embedded", 0),
    Column("unchanged", "unchanged", 0),
    Column("rss_mb", "peak memory MB", 0),
]


def run(setup: Setup) -> Part:
    """Sync a folder into each side once, then again and again."""
    passages = read_passages(setup.data, setup.sizes.documents, queries=1)
    documents = setup.work / "documents"
    _write_files(passages, documents)
    peers, missing = available(setup, [("langchain", LANGCHAIN, _LANGCHAIN, {})])
    sides = [*peers, setup.own(_OWN, cache=str(setup.cache))]

    def job(side: Side) -> dict[str, str]:
        return {"documents": str(documents), "folder": str(setup.work / f"synced-{slug(side.name)}")}

    ready, failures = [], {}
    for side in sides:
        say(f"resync: {side.name} takes the folder of {len(passages.texts)} files for the first time")
        try:
            run_task(side, "sync", job(side), threads=setup.threads)
            ready.append(side)
        except RoundError as error:
            failures[side.name] = str(error)

    def one_round(side: Side, number: int) -> Outcome:
        return run_task(side, "sync", job(side), threads=setup.threads)

    done = interleave(ready, setup.sizes.rounds, one_round, what="resync")
    return Part(
        name="resync",
        title="A folder in which nothing has changed",
        about=(
            f"{len(passages.texts):,} text files, {passages.source} in folders of {_A_FOLDER}, synced before; median "
            f"of {setup.sizes.rounds} interleaved rounds in fresh processes, page cache warm. `sync` runs from opening "
            "the index to the report."
        ),
        settings={side.name: side.setting for side in sides},
        columns=_COLUMNS,
        rows=[median_row(name, rounds) for name, rounds in done.outcomes.items()],
        ratios=compare(
            done.outcomes, OWN, [LANGCHAIN], {"sync_s": "re-sync", "since_start_s": "with process start"}, more=False
        ),
        failures=missing | failures | done.failures,
        versions=versions_in(done.outcomes),
        rounds=done.outcomes,
    )


def _write_files(passages: Passages, folder: Path) -> None:
    for place, (name, text) in enumerate(passages.texts.items()):
        inside = folder / f"{place // _A_FOLDER:03}"
        inside.mkdir(parents=True, exist_ok=True)
        (inside / f"{name}.txt").write_text(text, encoding="utf-8")
