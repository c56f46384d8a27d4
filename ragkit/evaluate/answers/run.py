"""A run of answers: ask, score, judge, and write what came of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from ragkit.errors import InputError
from ragkit.evaluate.answers.contexts import score_contexts
from ragkit.evaluate.answers.page import answers_report
from ragkit.evaluate.answers.said import Answers
from ragkit.evaluate.answers.scoring import score_answer, score_citations
from ragkit.evaluate.answers.totals import totals
from ragkit.evaluate.data.answers import AnswerRow, read_answers
from ragkit.evaluate.data.squad import squad
from ragkit.evaluate.judge import Judge
from ragkit.evaluate.measures.rouge import Rouge
from ragkit.evaluate.outcome import Estimate, Row
from ragkit.evaluate.reports.content import Report
from ragkit.evaluate.runs import RunFolder
from ragkit.evaluate.statistics.estimate import estimates

__all__ = ["AnswersRun", "Questions", "answers_config", "evaluate_answers", "measure_answers", "read_questions"]


class Questions(NamedTuple):
    """What to ask, and what a reader must know of it."""

    rows: Sequence[AnswerRow]
    """A row without answers should be declined."""
    dataset: str
    """A sentence that says what is asked."""
    notes: Sequence[str] = ()
    """Sentences that the report puts first."""


class AnswersRun(NamedTuple):
    """What a run of answers came to."""

    rows: list[Row]
    estimates: dict[str, Estimate]
    """Means of the row measures, then the measures of the whole run."""
    report: Report
    metrics: Mapping[str, Any] = MappingProxyType({})
    """What `metrics.json` holds; empty where nothing was written."""


def read_questions(path: Path) -> Questions:
    """Read a SQuAD file (`.json`) or JSONL rows of `{"id","question","answers":[...]}`; no answers: not answerable.

    Raises:
        LoadError: With the place, if a row cannot be read.
        InputError: If there is no row.
    """
    rows = list(squad(path) if ".json" in path.suffixes else read_answers(path))
    if not rows:
        raise InputError(f"{path} holds no question: give a file with at least one row.")
    answerable = sum(bool(row.answers) for row in rows)
    name = path.name.partition(".")[0]
    return Questions(rows, f"{name}: {len(rows):,} questions, {len(rows) - answerable:,} of them without an answer.")


def answers_config(answers: Answers, judge: Judge, *, entailed_from: float) -> dict[str, Any]:
    """Give what must be equal for two runs to be one: who answers and who judges."""
    return {"answers": dict(answers.card), "judge": dict(judge.card), "entailed_from": entailed_from}


def evaluate_answers(
    run: RunFolder,
    questions: Questions,
    answers: Answers,
    judge: Judge,
    *,
    entailed_from: float = 0.5,
    calibrated: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> AnswersRun:
    """Ask every question, resuming where the run stopped, and write metrics, rows and report into its folder.

    Citations and passages are judged afterwards, all together. Of the run's times, `answer` is what each answer took,
    of those given in this process; `row` holds what the evaluation does besides, such as asking without threshold.

    Args:
        run: Opened with `answers_config` as its configuration.
        questions: What to ask.
        answers: Who answers.
        judge: Says whether a passage supports a sentence, as ALCE's entailment model does. One that costs should keep
            its replies in `run.journal`.
        entailed_from: Smallest verdict of `judge` that counts as entailed.
        calibrated: How far `judge` agrees with people, in words: said before its means.
        progress: Told the rows done and all rows.
    """
    by_id, rouge = {row.id: row for row in questions.rows}, Rouge(["rougeL"])
    seconds: list[float] = []

    def ask(ids: Sequence[str]) -> list[Row]:
        said = [answers.to(by_id[row_id]) for row_id in ids]
        seconds.extend(one.answer.timings["total_s"] for one in said if one and "total_s" in one.answer.timings)
        return [score_answer(by_id[row_id], one, rouge) for row_id, one in zip(ids, said, strict=True)]

    scored = run.work([row.id for row in questions.rows], ask, progress=progress)
    found = measure_answers(scored, questions, judge, entailed_from=entailed_from, calibrated=calibrated)
    usage = run.usage()
    latencies = {"answer": seconds, **usage.latencies_s} if seconds else usage.latencies_s
    usage = dataclasses.replace(usage, latencies_s=latencies)
    return found._replace(metrics=run.finish(found.rows, found.estimates, found.report, usage=usage))


def measure_answers(
    rows: Sequence[Row], questions: Questions, judge: Judge, *, entailed_from: float = 0.5, calibrated: str = ""
) -> AnswersRun:
    """Judge citations and passages of scored rows and sum up; writes nothing. Arguments as of `evaluate_answers`."""
    judged = score_contexts(
        score_citations(rows, judge, entailed_from=entailed_from), judge, supported_from=entailed_from
    )
    found = estimates(judged) | totals(judged)
    report = answers_report(
        judged,
        dataset=questions.dataset,
        judge=_described(judge.card),
        calibrated=calibrated,
        notes=questions.notes,
    )
    return AnswersRun(judged, found, report)


def _described(card: Mapping[str, Any]) -> str:
    """Name a judge, with what is short in its card behind."""
    shown = {name: value for name, value in card.items() if isinstance(value, str | int | Mapping)}
    judge = shown.pop("judge", "a judge without a name")
    rest = ", ".join(f"{name} {_flat(value)}" for name, value in shown.items())
    return f"{judge} ({rest})" if rest else str(judge)


def _flat(value: Any) -> str:
    return " ".join(map(str, value.values())) if isinstance(value, Mapping) else str(value)
