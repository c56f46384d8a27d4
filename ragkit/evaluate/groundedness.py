"""Groundedness: is a response supported by its context? How well a judge finds the responses that people say are not.

Unsupported is the positive class. What cannot be judged is left out of every measure and counted beside it. How a
response becomes a row is in `judges/responses.py`, what is shown of a run in `groundedness_report.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ragkit.errors import InputError
from ragkit.evaluate.data.groundedness import (
    GroundednessRow,
    begin,
    factscore,
    halueval_qa,
    ragtruth,
    read_groundedness,
    wice,
)
from ragkit.evaluate.data.recognise import recognise
from ragkit.evaluate.groundedness_report import groundedness_report
from ragkit.evaluate.judges.judge import Judge
from ragkit.evaluate.judges.responses import Unit, judge_responses, judged
from ragkit.evaluate.measures import detection
from ragkit.evaluate.outcome import Estimate, Row, Unscored
from ragkit.evaluate.reports.content import Report
from ragkit.evaluate.runs import RunFolder
from ragkit.evaluate.statistics.estimate import estimate_statistic, estimates

__all__ = ["MEASURES", "Evaluated", "detection_estimates", "evaluate_groundedness", "load_groundedness"]

MEASURES = (
    "f1",
    "precision",
    "recall",
    "balanced_accuracy",
    "auroc",
    "average_precision",
    "span_f1",
    "prevalence",
    "accuracy",
    "support",
)
"""What `detection_estimates` gives, in this order; `span_f1` only where spans are known."""

_READERS: Mapping[str, Callable[[Path], Iterable[GroundednessRow]]] = {
    "groundedness": read_groundedness,
    "ragtruth": ragtruth,
    "wice": lambda path: wice(path, split="test"),
    "factscore": factscore,
    "halueval-qa": halueval_qa,
    "begin": begin,
}


def load_groundedness(path: Path) -> list[GroundednessRow]:
    """Read labelled responses: our own JSONL, or RAGTruth, WiCE (test), FActScore, HaluEval QA or BEGIN.

    Raises:
        InputError: If the file or folder is none of these.
        LoadError: If there is no such path, or a row is wrong.
    """
    kind = recognise(path)
    if kind not in _READERS:
        raise InputError(f"{path} holds {kind}, not labelled responses: give one of {', '.join(_READERS)}.")
    return list(_READERS[kind](path))


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What an evaluation came to."""

    rows: Sequence[Row]
    estimates: Mapping[str, Estimate]
    report: Report
    metrics: Mapping[str, Any]
    """What `metrics.json` holds."""


def evaluate_groundedness(
    run: RunFolder,
    labelled: Sequence[GroundednessRow],
    judge: Judge,
    *,
    threshold: float,
    threshold_from: str = "given",
    unit: Unit = "sentence",
    block: int = 32,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluated:
    """Judge labelled responses in a run that resumes, and write its measures and report.

    Args:
        run: An open run whose configuration holds the judge's card, the threshold and the unit.
        labelled: Responses with ids of their own.
        judge: Who judges; of a chat model in a `RecordedModel` over `run.journal` nothing is paid twice.
        threshold: Support below which a response is called unsupported.
        threshold_from: Where it was chosen, for the report.
        unit: What is one claim.
        block: Responses judged at once, which is what a kill can cost of a judge that keeps no journal.
        workers: Blocks judged at the same time.
        progress: Told the responses done and all.

    Raises:
        InputError: If there is no response.
    """
    if not labelled:
        raise InputError("there is no response to judge: the data is empty.")
    by_id = {row.id: row for row in labelled}

    def work(ids: Sequence[str]) -> list[Row]:
        return judge_responses([by_id[row_id] for row_id in ids], judge, threshold=threshold, unit=unit)

    rows = run.work([row.id for row in labelled], work, block=block, workers=workers, progress=progress)
    found = detection_estimates(rows)
    report = groundedness_report(
        rows,
        dataset=str(run.document["dataset"]),
        judge=str(judge.card.get("judge", "unnamed")),
        threshold=threshold,
        threshold_from=threshold_from,
    )
    return Evaluated(rows, found, report, run.finish(rows, found, report))


def detection_estimates(rows: Sequence[Row], *, seed: int = 0, draws: int = 10_000) -> dict[str, Estimate]:
    """Give every measure of `MEASURES` with its interval, from rows that `judge_responses` made.

    Args:
        rows: All rows, with the unscored; `prevalence` is of all of them.
        seed: Of the bootstrap.
        draws: Bootstrap samples.
    """
    scored = judged(rows)
    reasons = Counter(out.reason for row in rows if isinstance(out := row.outcomes["support"], Unscored))
    found = {
        name: estimate_statistic(
            statistic, len(scored), rows=len(rows), reasons=dict(reasons.most_common()), seed=seed, draws=draws
        )
        for name, statistic in _statistics(scored).items()
    }
    found |= estimates(rows, seed=seed, draws=draws)
    labels = [Row(id=row.id, outcomes={"prevalence": float(row.details["label"])}) for row in rows]
    found |= estimates(labels, seed=seed, draws=draws)
    return {name: found[name] for name in MEASURES if name in found}


def _statistics(scored: Sequence[Row]) -> dict[str, detection.Statistic]:
    labels = [bool(row.details["label"]) for row in scored]
    calls = [bool(row.details["predicted"]) for row in scored]
    scores = [float(row.details["score"]) for row in scored]
    found = {
        "f1": detection.f1(labels, calls),
        "precision": detection.precision(labels, calls),
        "recall": detection.recall(labels, calls),
        "balanced_accuracy": detection.balanced_accuracy(labels, calls),
        "auroc": detection.auroc(labels, scores),
        "average_precision": detection.average_precision(labels, scores),
    }
    marked = [row.details.get("span_characters") for row in scored]
    if any(label and counts for label, counts in zip(labels, marked, strict=True)):
        overlaps = [detection.Overlap(*(counts or (0, 0, 0))) for counts in marked]
        found["span_f1"] = detection.overlap_f1(overlaps)
    return found
