"""`ragkit eval run`: a run that exists, scored."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from ragkit.errors import ConfigError, InputError, shorten
from ragkit.evaluate.data.trec import read_qrels, read_topics
from ragkit.evaluate.measures.retrieval import canonical, default_measures
from ragkit.evaluate.reports.content import Report
from ragkit.evaluate.retrieval.findings import by_rank, spread, too_deep, worst
from ragkit.evaluate.retrieval.judging import Judgments
from ragkit.evaluate.retrieval.rankings import Rankings
from ragkit.evaluate.retrieval.stream import UnusualRunError, careful_blocks, quick_blocks
from ragkit.evaluate.runs import RunFolder
from ragkit.evaluate.statistics.estimate import estimates
from ragkit.evaluate.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from ragkit.evaluate.outcome import Estimate, Row
    from ragkit.evaluate.retrieval.stream import Block

__all__ = ["Evaluation", "Scored", "evaluate_run", "score_run", "usual_level"]

_DEEP_LEARNING = re.compile(r"dl-?(20)?(19|2\d)|(2019|202\d)-?qrels|trec-?dl", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What an evaluation came to."""

    rows: Sequence[Row]
    """One for each judged query, in the order of the judgments."""
    estimates: Mapping[str, Estimate]
    """By measure."""
    report: Report
    metrics: Mapping[str, Any]
    """What `metrics.json` holds."""


class Scored(NamedTuple):
    """A run file, scored."""

    rows: list[Row]
    """One for each judged query, in the order of the judgments."""
    strangers: int
    """Queries of the run without judgments."""
    depth: int
    """Documents of the longest list in the file."""


def usual_level(qrels: Path, grades: Mapping[str, Mapping[str, int]]) -> int:
    """Give the lowest grade that binary measures count: 2 for TREC Deep Learning (by its file names), else 1.

    Args:
        qrels: The file; its name is looked at.
        grades: Its content: a file of judgments of grade 1 at most is no Deep Learning track.
    """
    top = max(grade for judged in grades.values() for grade in judged.values())
    return 2 if _DEEP_LEARNING.search(qrels.name) and top >= 2 else 1


def evaluate_run(
    run: Path,
    qrels: Path,
    out: Path,
    *,
    measures: Sequence[str] = (),
    relevant_from: int | None = None,
    ignore_identical_ids: bool = False,
    queries: Path | None = None,
    seed: int = 0,
) -> Evaluation:
    """Score a run file; write `run.trec`, `metrics.json`, `per_query.jsonl` and `report.html` into `out`.

    Streams: 6,980 queries a thousand deep take some 17 s and less than 1 GB of memory. The `run.trec` written holds
    the same order with scores that fall strictly, so that every tool gives the numbers printed here.

    Args:
        run: TREC or MS MARCO form, plain or packed.
        qrels: Judgments in any form that `ragkit.evaluate.data.trec.read_qrels` reads.
        out: Of this run; resumed or refused as `RunFolder.open` says.
        measures: Names of `ir_measures`; none for `default_measures` of a run as deep as this one.
        relevant_from: Lowest grade that the default binary measures count; None for `usual_level`.
        ignore_identical_ids: Drop the document whose id is the query's.
        queries: Texts of the queries, for the report.
        seed: Of the bootstrap.

    Raises:
        LoadError: If a file cannot be read; names file and line, or query and document.
        ConfigError: If a measure is unknown or `out` holds another run.
        InputError: If `relevant_from` < 1.
    """
    if relevant_from is not None and relevant_from < 1:
        raise InputError(f"relevant documents have at least grade 1, got {relevant_from}.")
    grades = read_qrels(qrels)
    level = usual_level(qrels, grades) if relevant_from is None else relevant_from
    names = canonical(measures or default_measures(relevant_from=level))
    topics = read_topics(queries) if queries else {}
    judgments = Judgments(
        qrels=grades,
        measures=names,
        relevant_from=level,
        ignore_identical_ids=ignore_identical_ids,
        queries={query: topics.get(query, query) for query in grades} if queries else None,
    )
    config = {
        "measures": list(names) if measures else "default",
        "relevant_from": level,
        "ignore_identical_ids": ignore_identical_ids,
    }
    inputs = {"run": run, "qrels": qrels} | ({"queries": queries} if queries else {})
    with RunFolder.open(
        out, command="eval run", dataset=qrels.name, config=config, inputs=inputs, seeds={"bootstrap": seed}
    ) as folder:
        started = time.perf_counter()
        scored = score_run(run, judgments, out / "run.trec")
        if not measures:
            judgments = replace(judgments, measures=default_measures(relevant_from=level, depth=scored.depth))
        rows = _with_measures(scored.rows, judgments.measures)
        found = estimates(rows, seed=seed)
        report = _report(run.name, qrels.name, judgments, rows, scored)
        taken = Usage(seconds=time.perf_counter() - started)
        metrics = folder.finish(rows, found, report, usage=taken)
    return Evaluation(rows=rows, estimates=found, report=report, metrics=metrics)


def _with_measures(rows: Sequence[Row], measures: Sequence[str]) -> list[Row]:
    return [replace(row, outcomes={name: row.outcomes[name] for name in measures}) for row in rows]


def score_run(run: Path, judgments: Judgments, copy: Path | None = None) -> Scored:
    """Score a run file block by block.

    Args:
        run: As for `evaluate_run`.
        judgments: What it is scored by.
        copy: Where the same order is written with scores that fall strictly; None for nowhere.

    Raises:
        LoadError: As `evaluate_run`.
    """
    try:
        return _score_blocks(quick_blocks(run), judgments, copy, run)
    except UnusualRunError:
        return _score_blocks(careful_blocks(run), judgments, copy, run)


def _score_blocks(blocks: Iterable[Block], judgments: Judgments, copy: Path | None, run: Path) -> Scored:
    rows: dict[str, Row] = {}
    strangers = depth = 0
    target = None if copy is None else Rankings.anew(copy)
    for block in blocks:
        judged = {query: documents for query, documents in block.items() if query in judgments.qrels}
        strangers += len(block) - len(judged)
        depth = max(depth, *map(len, block.values()))
        rows |= {row.id: row for row in judgments.rows(judged)}
        if target is not None:
            target.append(block)
    if not rows:
        first = shorten(next(iter(judgments.qrels)))
        raise ConfigError(
            f"no query of {run} is judged: expected ids such as {first!r}; are run and judgments of one collection?"
        )
    silent: Block = {query: [] for query in judgments.qrels if query not in rows}
    rows |= {row.id: row for row in judgments.rows(silent)}
    return Scored([rows[query] for query in judgments.qrels], strangers, depth)


def _report(run: str, qrels: str, judgments: Judgments, rows: Sequence[Row], scored: Scored) -> Report:
    empty = sum(not row.details["retrieved"] for row in rows)
    notes = [f"Means are over all {len(rows):,} queries of the judgments."]
    if empty:
        notes.append(f"{empty:,} judged queries have no results in the run and count 0.")
    if scored.strangers:
        notes.append(f"{scored.strangers:,} queries of the run have no judgments and are left out.")
    if judgments.relevant_from > 1:
        notes.append(f"Binary measures count documents from grade {judgments.relevant_from} on as relevant.")
    if judgments.ignore_identical_ids:
        notes.append("A document with the id of its query was dropped.")
    notes += too_deep(judgments.measures, scored.depth)
    first = judgments.measures[0]
    sections = (*spread(rows, judgments.measures[:2]), by_rank(rows), worst(rows, first))
    return Report(title=f"Scores of {run}", dataset=qrels, notes=tuple(notes), sections=sections)
