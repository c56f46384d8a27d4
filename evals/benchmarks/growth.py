"""What becomes of ragkit as a collection grows: ragkit alone."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

from evals.benchmarks.process import RoundError, run_task, say
from evals.benchmarks.report import Column, Part, median_row, versions_in
from evals.benchmarks.wikipedia import wikipedia

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evals.benchmarks.corpus import Corpus
    from evals.benchmarks.measure import Outcome
    from evals.benchmarks.process import Side
    from evals.benchmarks.setup import Setup

__all__ = ["run"]

_COLUMNS = [
    Column("rows_s", "added rows/s", 0),
    Column("fill_cpu_s", "cpu s of adding", 1),
    Column("dense_first_hit_s", "open to first hit s"),
    Column("dense_exact_ms", "dense exact p50 ms"),
    Column("dense_exact_p99_ms", "dense exact p99 ms"),
    Column("dense_ms", "dense p50 ms"),
    Column("dense_p99_ms", "dense p99 ms"),
    Column("dense_recall", "dense recall@10", 3),
    Column("bm25_ms", "BM25 p50 ms"),
    Column("bm25_p99_ms", "BM25 p99 ms"),
    Column("hybrid_ms", "hybrid p50 ms"),
    Column("hybrid_p99_ms", "hybrid p99 ms"),
    Column("hybrid_recall", "hybrid recall@10", 3),
    Column("filtered_ms", "1 % filter p50 ms"),
    Column("filtered_p99_ms", "1 % filter p99 ms"),
    Column("disk_mb", "disk MB", 0),
    Column("fill_rss_mb", "peak memory adding MB", 0),
    Column("rss_mb", "peak memory searching MB", 0),
]


def run(setup: Setup) -> Part:
    """Fill, open and search one collection after the other."""
    corpus = wikipedia(setup)
    side = setup.own("one chunk a document, vectors only (no model), float16 rows, defaults; one durable put_many")
    outcomes: dict[str, list[Outcome]] = {}
    failures: dict[str, str] = {}
    for count in setup.sizes.growth:
        name = f"{count:,} rows"
        say(f"growth: {name}")
        try:
            outcomes[name] = [_one_size(setup, corpus, side, count)]
        except RoundError as error:
            failures[name] = str(error)
    return Part(
        name="growth",
        title="A growing collection, ragkit alone",
        about=(
            f"{corpus.chunks:,} {corpus.source}, all-MiniLM-L6-v2; {setup.sizes.own_queries} questions, one at a time, "
            f"embedding excluded, first 10 hits, {setup.threads} threads, one run. Memory counts files as far as they "
            "are mapped, and while adding the texts and vectors that the benchmark itself holds."
        ),
        settings={side.name: side.setting},
        columns=_COLUMNS,
        measures_down=True,
        rows=[median_row(name, rounds) for name, rounds in outcomes.items()],
        notes=[
            *(f"Index at {name}: {rounds[0].words['index']}." for name, rounds in outcomes.items()),
            *_made(setup.sizes.growth, corpus.chunks),
        ],
        failures=failures,
        versions=versions_in(outcomes),
        rounds=outcomes,
    )


def _made(counts: Sequence[int], real: int) -> list[str]:
    """Say which rows are no real text."""
    beyond = [f"{count:,}" for count in counts if count > real]
    text = (
        f"Of the {' and '.join(beyond)} rows, those beyond the {real:,} real ones are mixtures of two real neighbours "
        "(text spliced, vector the weighted mean): recall there is indicative."
    )
    return [text] if beyond else []


def _one_size(setup: Setup, corpus: Corpus, side: Side, count: int) -> Outcome:
    folder = setup.work / f"growth-{count}"
    job = {
        "corpus": str(corpus.folder), "folder": str(folder), "count": count, "queries": setup.sizes.own_queries,
        "k": 10, "share": 7, "arm": "dense",
    }  # fmt: skip
    try:
        added = run_task(side, "fill", job, threads=setup.threads)
        say(f"growth: filled in {added.numbers['fill_s']:.0f} s")
        searched = run_task(side, "search", job, threads=setup.threads)
        opened = run_task(side, "first_hit", job, threads=setup.threads)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    filling = {key: added.numbers[key] for key in ("rows_s", "fill_cpu_s")} | {"fill_rss_mb": added.numbers["rss_mb"]}
    first = {"dense_first_hit_s": opened.numbers["dense_first_hit_s"]}
    return replace(searched, numbers={**searched.numbers, **filling, **first})
