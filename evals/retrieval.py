"""nDCG@10 of BM25, dense and hybrid search on small test collections, through the library as a user has it.

    python -m evals.retrieval --data ../shared/data scifact cranfield vaswani_npl

Each collection (BEIR layout: `corpus.jsonl` or `.gz`, `queries.jsonl`, `qrels/test.tsv`) is synced into a temporary
folder with the default chunks and the packaged model; a document ranks by its best chunk. The measure is that of
trec_eval (linear gain) over all judged queries, from `ir_measures`; intervals are 95 % percentile bootstraps over
queries, those of the difference to hybrid paired. The corpora are closed and small: compare these numbers with each
other and with runs over the same documents, never with a leaderboard of a larger corpus.
"""

from __future__ import annotations

import argparse
import gzip
import json
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import ragkit
from ragkit._optional import require
from ragkit.retrieve.search import SearchOptions, search
from ragkit.settings import Settings

with require(feature="evals.retrieval", package="ir_measures", extra="eval"):
    import ir_measures

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from ragkit.answer.rag import Rag

__all__ = ["Interval", "bootstrap", "main", "per_query", "read_collection"]

DATASETS = ("scifact", "cranfield", "vaswani_npl")
SYSTEMS: Mapping[str, tuple[str, SearchOptions]] = {
    "bm25": ("bm25", SearchOptions(unit="document")),
    "dense": ("dense", SearchOptions(unit="document")),
    "hybrid (min-max 0.5)": ("hybrid", SearchOptions(unit="document")),
    "hybrid (rrf)": ("hybrid", SearchOptions(unit="document", fusion="rrf")),
}
_HYBRID = "hybrid (min-max 0.5)"
_DEPTH = 10


@dataclass(frozen=True, slots=True)
class Judged:
    """The judged part of a collection."""

    queries: Mapping[str, str]
    """Text by query id; judged queries only."""
    qrels: Mapping[str, Mapping[str, int]]
    """Grade by document id, by query id."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and where it lies with 95 % confidence."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.4f} [{self.low:.4f}, {self.high:.4f}]"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the collections named and print one table each."""
    parser = argparse.ArgumentParser(prog="python -m evals.retrieval", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("datasets", nargs="*", default=DATASETS, help=f"folders below DIR (default: {DATASETS})")
    parser.add_argument("--data", type=Path, default=None, metavar="DIR", help="default: the setting RAGKIT_DATA")
    parser.add_argument("--chunk-tokens", type=int, default=None, help="default: what the library chooses")
    given = parser.parse_args(arguments)
    data = given.data or Settings.from_environment().data
    missing = [name for name in given.datasets if not (data / name / "queries.jsonl").is_file()]
    if missing:
        sys.stderr.write(
            f"no collection in {data / missing[0]}: expected corpus, queries and qrels; pass --data DIR.\n"
        )
        return 1
    for name in given.datasets:
        measure_collection(data / name, chunk_tokens=given.chunk_tokens)
    return 0


def measure_collection(folder: Path, *, chunk_tokens: int | None = None) -> dict[str, Interval]:
    """Index one collection in a temporary folder, search it with every system, print and return nDCG@10."""
    judged = read_collection(folder)
    with tempfile.TemporaryDirectory(prefix="ragkit-eval-") as temporary:
        corpus = _unpacked(folder, Path(temporary))
        with ragkit.open(Path(temporary) / "store") as rag:
            started = time.perf_counter()
            report = rag.sync([corpus], chunk_tokens=chunk_tokens)
            seconds = time.perf_counter() - started
            print(
                f"\n{folder.name}: closed corpus, {len(rag.collection)} documents in "
                f"{rag.collection.chunk_count} chunks "
                f"({len(report.failed)} without text), {len(judged.queries)} queries; indexed in {seconds:.1f} s"
            )
            return _measure_systems(rag, judged)


def _measure_systems(rag: Rag, judged: Judged) -> dict[str, Interval]:
    scores, rates = {}, {}
    for name, (mode, options) in SYSTEMS.items():
        started = time.perf_counter()
        scores[name] = per_query(judged.qrels, run_system(rag, judged.queries, mode, options))
        rates[name] = len(judged.queries) / (time.perf_counter() - started)
    print(f"  {'nDCG@10':22}{'mean [95 %]':26}{'hybrid minus it, paired':28}queries/s")
    for name, values in scores.items():
        gap = "" if name == _HYBRID else str(bootstrap(scores[_HYBRID] - values))
        print(f"  {name:22}{bootstrap(values)!s:26}{gap:28}{rates[name]:.0f}")
    return {name: bootstrap(values) for name, values in scores.items()}


def run_system(rag: Rag, queries: Mapping[str, str], mode: str, options: SearchOptions) -> dict[str, list[str]]:
    """Give the ids of the best documents by query id, best first."""
    found = search(rag.collection, rag.collection.encoder, list(queries.values()), k=_DEPTH, mode=mode, options=options)
    return {key: [hit.doc_id for hit in hits] for key, hits in zip(queries, found, strict=True)}


def per_query(qrels: Mapping[str, Mapping[str, int]], run: Mapping[str, Sequence[str]]) -> NDArray[np.float64]:
    """Give nDCG@10 of every judged query, in the order of `qrels`; a query without hits counts 0."""
    # scores fall strictly from rank to rank, so no tool's own rule for ties can touch the order
    ranked = {key: {name: float(1000 - rank) for rank, name in enumerate(names)} for key, names in run.items()}
    measure = ir_measures.nDCG @ _DEPTH
    values = {row.query_id: float(row.value) for row in ir_measures.iter_calc([measure], qrels, ranked)}
    return np.array([values.get(key, 0.0) for key in qrels])


def bootstrap(values: NDArray[np.float64], *, draws: int = 10_000, seed: int = 0) -> Interval:
    """Give the mean of `values` `(n,)` with its 95 % percentile bootstrap interval."""
    picks = np.random.default_rng(seed).integers(0, len(values), size=(draws, len(values)))
    low, high = np.percentile(values[picks].mean(axis=1), [2.5, 97.5])
    return Interval(float(values.mean()), float(low), float(high))


def read_collection(folder: Path) -> Judged:
    """Read queries and test judgments; judgments of grade 0 and queries without any judgment are left out."""
    qrels: dict[str, dict[str, int]] = {}
    for line in (folder / "qrels" / "test.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        query, document, grade = line.split("\t")
        if int(grade) > 0:
            qrels.setdefault(query, {})[document] = int(grade)
    texts = {row["_id"]: row["text"] for row in _rows(folder / "queries.jsonl")}
    return Judged({key: texts[key] for key in qrels}, qrels)


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _unpacked(folder: Path, target: Path) -> Path:
    if (folder / "corpus.jsonl").is_file():
        return folder / "corpus.jsonl"
    with gzip.open(folder / "corpus.jsonl.gz", "rb") as packed, (target / "corpus.jsonl").open("wb") as plain:
        shutil.copyfileobj(packed, plain)
    return target / "corpus.jsonl"


if __name__ == "__main__":
    raise SystemExit(main())
