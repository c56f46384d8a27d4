"""BM25, dense and hybrid search on small test collections, through the library as a user has it.

    python -m evals.beir --data ../shared/data scifact cranfield vaswani_npl [--out RUNS]

Each collection (BEIR layout, plain or packed) is indexed once with the packaged model and searched in every way; a
document ranks by its best chunk. nDCG@10 is that of trec_eval (linear gain), its mean over all judged queries, with a
95 % interval; every system is compared with hybrid search, query by query. A published number stands beside ours only
where corpus, queries and measure are the same. With --out the runs are kept, and resumed: `run.trec`, `metrics.json`,
`per_query.jsonl` and `report.html` of each, to be compared by `ragkit eval compare`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ragkit.compose import encoder_for
from ragkit.errors import RagkitError
from ragkit.evaluate.data.retrieval import load_retrieval
from ragkit.evaluate.outcome import Unscored
from ragkit.evaluate.retrieval.searched import evaluate_retrieval
from ragkit.evaluate.statistics.paired import compare_paired
from ragkit.retrieve.options import SearchOptions
from ragkit.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ragkit.evaluate.retrieval.scored import Evaluation

__all__ = ["PUBLISHED", "SYSTEMS", "compared", "main", "measure", "values"]

DATASETS = ("scifact", "cranfield", "vaswani_npl")
SYSTEMS: Mapping[str, tuple[str, SearchOptions]] = {
    "bm25": ("bm25", SearchOptions(unit="document")),
    "dense": ("dense", SearchOptions(unit="document")),
    "hybrid": ("hybrid", SearchOptions(unit="document")),
    "hybrid (rrf)": ("hybrid", SearchOptions(unit="document", fusion="rrf")),
}
"""Mode and options by name; the others are compared with `hybrid`."""
BASELINE = "hybrid"
PUBLISHED: Mapping[str, Mapping[str, str]] = {
    "scifact/test: closed corpus, 5,183 documents": {
        "bm25": "Anserini flat 0.6789, multifield 0.6647, bm25s 0.6874",
        "dense": "all-MiniLM-L6-v2 0.6451 (MTEB)",
        "hybrid": "BM25 + bge-base, min-max 0.7472 (another, larger model)",
        "hybrid (rrf)": "BM25 + bge-base, RRF 0.7420 (another, larger model)",
    },
}
"""nDCG@10 by corpus and system, same corpus and queries. None is published for Cranfield and Vaswani."""
MEASURES = ("nDCG@10", "RR@10", "AP", "R@100", "Judged@10")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the collections named and print one table each; 1 where one cannot be measured."""
    parser = argparse.ArgumentParser(prog="python -m evals.beir", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("datasets", nargs="*", default=DATASETS, help=f"folders below DIR (default: {DATASETS})")
    parser.add_argument("--data", type=Path, default=None, metavar="DIR", help="default: the setting RAGKIT_DATA")
    parser.add_argument("--split", default="test")
    parser.add_argument("--out", type=Path, default=None, metavar="RUNS", help="kept and resumed; default: temporary")
    given = parser.parse_args(arguments)
    data = given.data or Settings.from_environment().data
    with tempfile.TemporaryDirectory(prefix="ragkit-beir-") as temporary:
        for name in given.datasets:
            try:
                done = measure(data / name, (given.out or Path(temporary)) / name, split=given.split)
            except RagkitError as error:
                sys.stderr.write(f"{name}: {error}\n")
                return 1
            print(compared(done))
    return 0


def measure(folder: Path, runs: Path, *, split: str = "test") -> dict[str, Evaluation]:
    """Index one collection below `runs` and search it with every system."""
    data = load_retrieval(folder, split=split)
    store = runs / "store"
    encoder = encoder_for(store)
    done = {}
    for name, (mode, options) in SYSTEMS.items():
        started = time.perf_counter()
        place = runs / name.replace(" ", "-").strip("()")
        done[name] = evaluate_retrieval(
            data, encoder, place, mode=mode, options=options, store=store, measures=MEASURES
        )
        sys.stderr.write(f"{data.name}, {name}: {time.perf_counter() - started:.1f} s\n")
    return done


def compared(done: Mapping[str, Evaluation]) -> str:
    """Give the table of one collection: each measure, and what hybrid search gains in the first one.

    Args:
        done: By system; one of them is the baseline.
    """
    first = next(iter(done.values()))
    known = PUBLISHED.get(first.report.dataset, {})
    measures = list(first.estimates)
    lines = ["", first.report.dataset, *(f"  {note}" for note in first.report.notes)]
    gain = f"{BASELINE} minus it, paired"
    lines.append(
        f"  {'':14}{measures[0]:28}{gain:38}"
        + "".join(f"{one:>14}" for one in measures[1:])
        + "   published" * bool(known)
    )
    for system, evaluation in done.items():
        best = evaluation.estimates[measures[0]]
        scores = f"{best.value:.4f} [{best.low:.4f}, {best.high:.4f}]"
        rest = "".join(f"{evaluation.estimates[one].value:14.4f}" for one in measures[1:])
        gap = "" if system == BASELINE else _gain(evaluation, done[BASELINE], measures[0])
        lines.append(f"  {system:14}{scores:28}{gap:38}{rest}   {known.get(system, '')}".rstrip())
    return "\n".join(lines)


def _gain(system: Evaluation, baseline: Evaluation, measure: str) -> str:
    found = compare_paired(values(system, measure), values(baseline, measure))
    return f"{found.difference:+.4f} [{found.low:+.4f}, {found.high:+.4f}] p={found.p:.4f}"


def values(evaluation: Evaluation, measure: str) -> list[float]:
    """Give one measure of every query, in the order of the judgments."""
    outcomes = [row.outcomes[measure] for row in evaluation.rows]
    return [outcome for outcome in outcomes if not isinstance(outcome, Unscored)]


if __name__ == "__main__":
    raise SystemExit(main())
