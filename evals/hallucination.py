"""How well do the detectors that need no chat model find unsupported claims, and do they beat the shortcuts?

    python -m evals.hallucination --data ../shared/data
    python -m evals.hallucination ragtruth --judge support overlap
    python -m evals.hallucination --fit ragkit/evaluate/judges/detectors.json

Each table has the detector beside what length, plain word overlap, a coin at the prevalence and always saying
"unsupported" reach on the same rows; published numbers stand above it where the setting is the same. `--fit` reads
development data only (`hallucination_fit.py`): claims of WiCE (dev), facts of every other person of FActScore, and
answers to every other task of MTRAG. RAGTruth, HaluEval, WiCE (test) and the other people are never fitted on.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from rich.console import Console

from evals.hallucination_fit import Remembering, fit, people
from ragkit.embed.encoder import SentenceEncoder
from ragkit.errors import RagkitError
from ragkit.evaluate.data.groundedness import GroundednessRow, halueval_qa, ragtruth, wice
from ragkit.evaluate.groundedness.page import groundedness_report
from ragkit.evaluate.groundedness.totals import detection_estimates
from ragkit.evaluate.judges.detectors import DETECTORS, detector, detector_threshold
from ragkit.evaluate.judges.responses import Unit, judge_responses
from ragkit.evaluate.reports.content import Report
from ragkit.evaluate.reports.terminal import print_report
from ragkit.settings import Settings


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A labelled set and what was published on it."""

    title: str
    rows: Callable[[Path], Iterable[GroundednessRow]]
    unit: Unit
    published: tuple[str, ...]


BENCHMARKS: Mapping[str, Benchmark] = {
    "ragtruth": Benchmark(
        "RAGTruth QA, test (answers of six models to MS MARCO questions)",
        lambda data: ragtruth(data / "ragtruth_qa_test"),
        "sentence",
        (
            "Published response-level F1, all 900 answers: prompted GPT-4-turbo 45.6, SelfCheckGPT (GPT-3.5) 43.7.",
            "Trained on RAGTruth itself: Llama-2-13B 68.2, LettuceDetect-large (395 M) 70.2, RAG-HAT (8 B) 74.8.",
            "This copy is one half by question, without some clean answers: precision is slightly favoured.",
        ),
    ),
    "wice": Benchmark(
        "WiCE, test (claims of Wikipedia against the whole cited page)",
        lambda data: wice(data / "wice", split="test"),
        "response",
        ("Partly supported counts as unsupported. No number is published for this setting.",),
    ),
    "factscore": Benchmark(
        "FActScore (atomic facts of biographies against the person's article; people never fitted on)",
        lambda data: people(data, part=1),
        "response",
        ("Facts that people called irrelevant are left out. No number is published for this setting.",),
    ),
    "halueval": Benchmark(
        "HaluEval QA (the authors' 1,000 pairs of a right and a made-up answer)",
        lambda data: chain.from_iterable(
            halueval_qa(data / "halueval" / f"qa_generation_{turns}-turn.jsonl.gz") for turns in ("one", "multi")
        ),
        "response",
        (
            "Published accuracy on the final 10,000 pairs: ChatGPT 62.6, Claude 2 69.8.",
            "No evidence of skill: length alone tells nearly all pairs apart.",
        ),
    ),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, then fit or score; 1 where something cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m evals.hallucination", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("names", nargs="*", default=list(BENCHMARKS), metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--data", type=Path, default=Settings.from_environment().data)
    parser.add_argument("--judge", nargs="+", default=["support", "support+embedding"], choices=DETECTORS)
    parser.add_argument("--fit", type=Path, metavar="FILE", help="write weights and thresholds to FILE")
    options = parser.parse_args(arguments)
    if unknown := [name for name in options.names if name not in BENCHMARKS]:
        sys.stderr.write(f"there is no set {unknown[0]!r}: known are {', '.join(BENCHMARKS)}.\n")
        return 1
    try:
        encoder = Remembering(SentenceEncoder.load(None))
        if options.fit:
            fit(options.data, encoder, options.fit)
            return 0
        for name in options.names:
            for judge in options.judge:
                score(BENCHMARKS[name], judge, options.data, encoder)
    except RagkitError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def score(benchmark: Benchmark, judge: str, data: Path, encoder: Remembering) -> None:
    """Judge a set and print what came of it."""
    labelled, threshold = list(benchmark.rows(data)), detector_threshold(judge, benchmark.unit)
    began = time.perf_counter()
    rows = judge_responses(labelled, detector(judge, encoder), threshold=threshold, unit=benchmark.unit)
    rate = len(rows) / (time.perf_counter() - began) * 60
    report = groundedness_report(
        rows,
        dataset=benchmark.title,
        judge=f"{judge}, {rate:,.0f} responses a minute",
        threshold=threshold,
        threshold_from="chosen on development data",
        notes=benchmark.published,
    )
    brief = Report(report.title, report.dataset, report.notes, report.sections[:1])
    print_report(brief, detection_estimates(rows, draws=2_000), Console(width=140))


if __name__ == "__main__":
    raise SystemExit(main())
