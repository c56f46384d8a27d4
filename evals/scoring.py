"""Seconds and memory to score a large run: 6,980 queries a thousand deep, every measure, 95 % bootstrap intervals.

    python -m evals.scoring --data ../shared/data [--packed]

The run is made up, always the same for one seed: random passages of MS MARCO, with the relevant ones of the real
dev.small judgments at random ranks for two thirds of the queries. It is scored as `ragkit eval run` does it, in a
process of its own, and values of some queries are compared with `ir_measures` called without any of our code.
"""

from __future__ import annotations

import argparse
import gzip
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evals.benchmarks.measure import Stopwatch, peak_rss_mb
from ragkit._optional import require
from ragkit.evaluate.data.trec import read_qrels
from ragkit.evaluate.retrieval.scored import evaluate_run
from ragkit.settings import Settings

with require(feature="evals.scoring", package="ir_measures", extra="eval"):
    import ir_measures

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["largest_gap", "made_up", "main"]

PASSAGES = 8_841_823
SECONDS, MEGABYTES = 30.0, 2000.0
"""The bar."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the run, score it in a process of its own, compare, print; 1 where the bar is missed or values differ."""
    parser = argparse.ArgumentParser(prog="python -m evals.scoring", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--data", type=Path, default=None, metavar="DIR", help="default: the setting RAGKIT_DATA")
    parser.add_argument("--depth", type=int, default=1000, help="documents per query (default: %(default)s)")
    parser.add_argument(
        "--compared", type=int, default=500, metavar="N", help="queries compared (default: %(default)s)"
    )
    parser.add_argument("--packed", action="store_true", help="with gzip")
    parser.add_argument("--score", nargs=3, metavar=("RUN", "QRELS", "OUT"), help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.score:
        return _score(*map(Path, given.score))
    qrels = (given.data or Settings.from_environment().data) / "msmarco_passage" / "qrels.dev.small.tsv"
    if not qrels.is_file():
        sys.stderr.write(f"{qrels} is not there: set RAGKIT_DATA or pass --data.\n")
        return 1
    with tempfile.TemporaryDirectory(prefix="ragkit-scoring-") as temporary:
        work = Path(temporary)
        run = work / ("run.trec.gz" if given.packed else "run.trec")
        _write(run, made_up(read_qrels(qrels), depth=given.depth))
        command = [sys.executable, "-m", "evals.scoring", "--score", str(run), str(qrels), str(work / "out")]
        taken = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        gap = largest_gap(run, qrels, work / "out" / "per_query.jsonl", queries=given.compared)
        metrics = json.loads((work / "out" / "metrics.json").read_text(encoding="utf-8"))
    for name, estimate in metrics["measures"].items():
        print(f"{name:12}{estimate['value']:.4f} [{estimate['low']:.4f}, {estimate['high']:.4f}]  n {estimate['n']:,}")
    print(
        f"{given.depth * metrics['n']:,} lines scored in {taken['seconds']:.1f} s ({taken['cpu']:.1f} s of one CPU), "
        f"peak memory {taken['mb']:.0f} MB"
    )
    print(f"largest difference to ir_measures over {given.compared} queries: {gap:.2e}")
    return int(taken["seconds"] > SECONDS or taken["mb"] > MEGABYTES or gap > 1e-9)


def _score(run: Path, qrels: Path, out: Path) -> int:
    whole = Stopwatch()
    with whole.running():
        evaluate_run(run, qrels, out)
    print(json.dumps({"seconds": whole.wall_s, "cpu": whole.cpu_s, "mb": peak_rss_mb()}))
    return 0


def made_up(qrels: Mapping[str, Mapping[str, int]], *, depth: int, seed: int = 0) -> Iterator[tuple[str, list[str]]]:
    """Give a run: random passages, the relevant ones among them at a random rank for two thirds of the queries."""
    dice = np.random.default_rng(seed)
    for query, judged in qrels.items():
        documents = list(dict.fromkeys(map(str, dice.integers(PASSAGES, size=depth * 2).tolist())))
        documents = [name for name in documents if name not in judged][:depth]
        for name in judged:
            if dice.random() < 2 / 3:
                # most relevant documents stand high: ranks fall off as 1 / rank
                documents[min(int(depth ** dice.random()) - 1, depth - 1)] = name
        yield query, list(dict.fromkeys(documents))


def _write(path: Path, run: Iterator[tuple[str, list[str]]]) -> None:
    with gzip.open(path, "wt", compresslevel=1) if path.suffix == ".gz" else path.open("w") as lines:
        for query, documents in run:
            last = len(documents)
            lines.writelines(
                f"{query} Q0 {name} {rank} {20 * (last - rank + 1) / last:.6f} made-up\n"
                for rank, name in enumerate(documents, start=1)
            )


def largest_gap(run: Path, qrels: Path, rows: Path, *, queries: int) -> float:
    """Compare what `per_query.jsonl` says of the first queries with ir_measures, called as its manual shows."""
    with rows.open(encoding="utf-8") as lines:
        ours: dict[str, Any] = {row["id"]: row["measures"] for row in map(json.loads, lines)}
    wanted = set(list(ours)[:queries])
    measures = [ir_measures.parse_measure(name) for name in next(iter(ours.values()))]
    tools: Any = ir_measures  # it types a part of itself
    judged = [line for line in tools.read_trec_qrels(str(qrels)) if line.query_id in wanted]
    with gzip.open(run, "rt") if run.suffix == ".gz" else run.open() as text:
        given = [line for line in tools.read_trec_run(text) if line.query_id in wanted]
    gaps = (
        found.value - ours[found.query_id][str(found.measure)] for found in tools.iter_calc(measures, judged, given)
    )
    return float(max(map(abs, gaps)))


if __name__ == "__main__":
    raise SystemExit(main())
