"""MS MARCO passage ranking: given runs scored, search over the passages at hand, and the real BM25 top-100 re-ranked.

    python -m evals.msmarco --data ../shared/data [--out RUNS]

1. The supplied first-stage runs of TREC DL 2019 are scored: they must have their published nDCG@10.
2. bm25, dense and hybrid search over the passages of the folder, for those of DL 2019, DL 2020 and dev.small that it
   has. Unless the passages are all 8,841,823, this is a closed corpus: another task than the real one, mostly easier,
   so it stands beside no published number; --inflation draws what smaller parts score.
3. The BM25 top-100 of DL 2019 is re-ranked by the packaged model. Candidates and judgments are the published ones, so
   published re-ranking numbers stand beside it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from evals.beir import compared
from ragkit.compose import encoder_for
from ragkit.errors import ConfigError, RagkitError
from ragkit.evaluate.data.msmarco import is_collection, splits
from ragkit.evaluate.data.retrieval import load_retrieval
from ragkit.evaluate.reports.content import Curve
from ragkit.evaluate.rerank import EncoderReranker, evaluate_rerank
from ragkit.evaluate.retrieval.inflation import Inflation
from ragkit.evaluate.retrieval.scored import evaluate_run
from ragkit.evaluate.retrieval.searched import evaluate_retrieval
from ragkit.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ragkit.evaluate.outcome import Estimate

__all__ = ["PUBLISHED_RERANKING", "PUBLISHED_RUNS", "main", "rerank", "score_given", "search"]

PUBLISHED_RUNS: Mapping[str, tuple[str, float]] = {
    "BM25": ("run.dl19.BM25.top100.trec.gz", 0.5058),
    "TAS-B": ("run.dl19.D_BERT_KD_TASB.top100.trec.gz", 0.7210),
    "SPLADE++ ED": ("run.dl19.SPLADE_P_P_ENSEMBLE_DISTIL.top100.trec.gz", 0.7308),
    "RepLLaMA": ("run.dl19.REP_LLAMA.top100.trec.gz", 0.7439),
}
"""File and published nDCG@10 of the runs that a folder may hold in `runs/`."""
PUBLISHED_RERANKING: Mapping[str, float] = {
    "msmarco-MiniLM-L6-cos-v5 (bi-encoder, trained on MS MARCO alone)": 0.6746,
    "ms-marco-MiniLM-L6-v2 (cross-encoder)": 0.7430,
}
"""nDCG@10 of DL 2019, BM25 candidates re-ranked, as the documentation of Sentence Transformers gives it."""
MODES = ("bm25", "dense", "hybrid")
_DEEP_LEARNING = ("nDCG@10", "RR(rel=2)@10", "R(rel=2)@100")
SPLITS = {"dl19": _DEEP_LEARNING, "dl20": _DEEP_LEARNING, "dev.small": ("RR@10", "nDCG@10", "R@100")}
"""Measures by split, the official one first; searched where queries and judgments are there."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do all three and print; 1 where a given run has not its published score, or something cannot be measured."""
    parser = argparse.ArgumentParser(prog="python -m evals.msmarco", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--data", type=Path, default=None, metavar="DIR", help="default: the setting RAGKIT_DATA")
    parser.add_argument("--folder", default="msmarco_passage", help="below DIR, unless DIR has a collection itself")
    parser.add_argument("--out", type=Path, default=None, metavar="RUNS", help="kept and resumed; default: temporary")
    parser.add_argument("--inflation", action="store_true", help="also draw the curve over smaller parts")
    given = parser.parse_args(arguments)
    data = given.data or Settings.from_environment().data
    folder = data if is_collection(data) else data / given.folder
    if not folder.is_dir():
        sys.stderr.write(f"{folder} is not there: set RAGKIT_DATA or pass --data.\n")
        return 1
    with tempfile.TemporaryDirectory(prefix="ragkit-msmarco-") as temporary:
        runs = given.out or Path(temporary)
        try:
            exact = score_given(folder, runs)
            for split in [name for name in SPLITS if name in splits(folder)]:
                search(folder, runs, split, curve=given.inflation)
            rerank(folder, runs)
        except RagkitError as error:
            sys.stderr.write(f"{error}\n")
            return 1
    return int(not exact)


def score_given(folder: Path, runs: Path) -> bool:
    """Score the runs that the folder holds; tell whether all have their published score to four decimals."""
    print(
        "\nGiven runs, TREC DL 2019, nDCG@10 over 43 queries: of the full corpus, not comparable with the search below"
    )
    exact = True
    for name, (file, published) in PUBLISHED_RUNS.items():
        if not (folder / "runs" / file).is_file():
            print(f"  {name:14}is not in the folder")
            continue
        done = evaluate_run(folder / "runs" / file, folder / "2019qrels-pass.txt", runs / "given" / file)
        found = done.estimates["nDCG@10"]
        exact = exact and round(found.value, 4) == published
        print(f"  {name:14}{_interval(found)}   published {published:.4f}")
    return exact


def search(folder: Path, runs: Path, split: str, *, curve: bool) -> None:
    """Search the passages of the folder in every mode and print the table of a split."""
    data = load_retrieval(folder, split=split)
    encoder = encoder_for(runs / "store")
    hard = folder / "runs" / PUBLISHED_RUNS["BM25"][0]
    # only DL 2019 has a run that knows what is hard for its queries
    parts = Inflation(hard=hard if split == "dl19" and hard.is_file() else None) if curve else None
    done = {}
    for mode in MODES:
        started = time.perf_counter()
        done[mode] = evaluate_retrieval(
            data,
            encoder,
            runs / f"{split}-{mode}",
            mode=mode,
            store=runs / "store",
            measures=(*SPLITS[split], "Judged@10"),
            inflation=parts,
        )
        sys.stderr.write(f"{data.name}, {mode}: {time.perf_counter() - started:.1f} s\n")
    print(compared(done))
    for mode, evaluation in done.items():
        for section in evaluation.report.sections:
            if isinstance(section, Curve):
                points = section.lines[SPLITS[split][0]]
                print(f"  {mode}: " + ", ".join(f"{size:,.0f}: {value:.4f}" for size, value in points))
                print(f"    {section.note}")


def rerank(folder: Path, runs: Path) -> None:
    """Re-rank the real BM25 top-100 with the packaged model and print it beside published re-rankers."""
    data = load_retrieval(folder, split="dl19")
    if (encoder := encoder_for(runs / "reranked")) is None:
        raise ConfigError(f"{runs / 'reranked'} holds a collection without a model: give another --out.")
    first = folder / "runs" / PUBLISHED_RUNS["BM25"][0]
    if not first.is_file():
        print("\nNothing is re-ranked: the BM25 top-100 of TREC DL 2019 is not in the folder")
        return
    done = evaluate_rerank(data, first, EncoderReranker(encoder), runs / "reranked", measures=["nDCG@10"])
    print("\nRe-ranking the BM25 top-100, TREC DL 2019, nDCG@10: same candidates, same judgments")
    for note in done.report.notes[1:]:
        print(f"  {note}")
    print(f"  {'BM25, not re-ranked (published)':76}{PUBLISHED_RUNS['BM25'][1]:.4f}")
    print(f"  {encoder.card.model + ' (packaged, bi-encoder)':76}{_interval(done.estimates['nDCG@10'])}")
    for name, published in PUBLISHED_RERANKING.items():
        print(f"  {name + ', published':76}{published:.4f}")


def _interval(estimate: Estimate) -> str:
    return f"{estimate.value:.4f} [{estimate.low:.4f}, {estimate.high:.4f}]"


if __name__ == "__main__":
    raise SystemExit(main())
