"""A run of groundedness: read labelled responses, judge them, and write what came of it."""

from __future__ import annotations

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
from ragkit.evaluate.groundedness.page import groundedness_report
from ragkit.evaluate.groundedness.totals import detection_estimates
from ragkit.evaluate.judge import Judge
from ragkit.evaluate.judges.responses import Unit, judge_responses
from ragkit.evaluate.outcome import Estimate, Row
from ragkit.evaluate.reports.content import Report
from ragkit.evaluate.runs import RunFolder

__all__ = ["Evaluated", "evaluate_groundedness", "load_groundedness", "notes_on"]

_READERS: Mapping[str, Callable[[Path], Iterable[GroundednessRow]]] = {
    "groundedness": read_groundedness,
    "ragtruth": ragtruth,
    "wice": lambda path: wice(path, split="test"),
    "factscore": factscore,
    "halueval-qa": halueval_qa,
    "begin": begin,
}


_NOTES: Mapping[str, str] = {
    "factscore": (
        "The packaged detectors were fitted on the facts of every other person of FActScore: for them this is no held-"
        "out result."
    ),
    "halueval-qa": "No evidence of skill: length alone tells nearly all pairs of HaluEval apart.",
}


def notes_on(path: Path) -> tuple[str, ...]:
    """Give what a reader of results on `path`, which `load_groundedness` reads, must not miss."""
    kind = recognise(path)
    return (_NOTES[kind],) if kind in _NOTES else ()


def load_groundedness(path: Path) -> list[GroundednessRow]:
    """Read labelled responses: our own JSONL, or RAGTruth, WiCE (test), FActScore, HaluEval QA or BEGIN.

    Raises:
        InputError: If the file or folder is none of these.
        LoadError: If there is no such path, or a row is wrong.
    """
    try:
        kind = recognise(path)
    except InputError:
        kind = "nothing known"
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
    notes: Sequence[str] = (),
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
        notes: Sentences that the report puts on top.
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
        notes=notes,
    )
    return Evaluated(rows, found, report, run.finish(rows, found, report))
