"""Conversations: how near do condensed questions come to a person's, what do they find, and is quiet kept when due?

    python -m evals.conversation --data ../shared/data
    python -m evals.conversation canard mtrag --condenser mycondensers:rewrite

    canard      CANARD, dev: a condensed question against a person's rewrite (ROUGE-L, BLEU)
    mtrag       MTRAG: what questions as asked, with turns before them, and as a person rewrote them retrieve
    unanswered  MTRAG-UN: does the extractive answerer decline what its passages do not answer?

A condenser is a function `(history, question) -> query` (`ragkit.evaluate.conversation.Condenser`); `--condenser
MODULE:FUNCTION` puts yours beside the baselines. The corpora of MTRAG are not at hand: the passages of its human
evaluation and of MTRAG-UN make a closed corpus, and only questions with a relevant passage in it count. So these
numbers are for comparing ways of asking with each other, never with those of the full corpora.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from evals.choosing import spread
from ragkit.embed.encoder import SentenceEncoder
from ragkit.embed.tokens import TruncationWarning
from ragkit.errors import ConfigError, RagkitError
from ragkit.evaluate.conversation import Condenser, as_asked, condense_row, with_all_turns, with_last_turn
from ragkit.evaluate.data.dialogue import Rewrite, canard, mtrag_rewrites
from ragkit.evaluate.data.mtrag import DialogueTask, mtrag_human, mtrag_tasks
from ragkit.evaluate.data.retrieval import Passage
from ragkit.evaluate.data.trec import read_qrels
from ragkit.evaluate.measures.retrieval import score_rankings
from ragkit.evaluate.measures.rouge import Rouge
from ragkit.evaluate.measures.translation import corpus_bleu
from ragkit.evaluate.outcome import Estimate, Unscored
from ragkit.evaluate.reports.content import Cell, Interval, Report, Table
from ragkit.evaluate.reports.terminal import print_report
from ragkit.evaluate.robustness.reading import ExtractiveReader, Reading
from ragkit.evaluate.statistics.estimate import estimate, estimate_statistic, estimates
from ragkit.evaluate.statistics.family import holm
from ragkit.evaluate.statistics.paired import compare_paired
from ragkit.retrieve.options import SearchOptions
from ragkit.retrieve.search import search
from ragkit.settings import Settings
from ragkit.store.collection import Collection

__all__ = ["PARTS", "main"]

_DOMAINS = ("clapnq", "cloud", "fiqa", "govt")
_MEASURES = ("nDCG@5", "R@5", "nDCG@10", "R@10")
_REWRITE = "person's rewrite"


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for."""

    data: Path
    condensers: Mapping[str, Condenser]
    questions: int
    mode: str
    scratch: Path


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, then measure and print each part."""
    parser = argparse.ArgumentParser(prog="python -m evals.conversation", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("parts", nargs="*", default=list(PARTS), help=", ".join(PARTS))
    parser.add_argument("--data", type=Path, default=Settings.from_environment().data, metavar="DIR")
    parser.add_argument("--questions", type=int, default=100_000, metavar="N", help="at most so many, spread evenly")
    parser.add_argument("--mode", choices=("hybrid", "dense", "bm25"), default="hybrid")
    parser.add_argument("--condenser", metavar="MODULE:FUNCTION", help="a function (history, question) -> query")
    given = parser.parse_args(arguments)
    warnings.simplefilter("ignore", TruncationWarning)  # words find the rest of a long passage
    try:
        if unknown := [part for part in given.parts if part not in PARTS]:
            raise ConfigError(f"there is no part {unknown[0]!r}: known are {', '.join(PARTS)}.")
        condensers = {**_BASELINES, **({given.condenser: _named(given.condenser)} if given.condenser else {})}
        for part in given.parts:
            with tempfile.TemporaryDirectory(prefix="ragkit-conversation-") as scratch:
                options = Options(given.data, condensers, given.questions, given.mode, Path(scratch))
                print_report(PARTS[part](options), {}, Console(width=150))
    except RagkitError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


_BASELINES: Mapping[str, Condenser] = {
    "as asked": as_asked,
    "with the turn before": with_last_turn,
    "with all turns": with_all_turns,
}


def condensing(options: Options) -> Report:
    """Compare condensed questions with a person's, on CANARD."""
    items = spread(list(canard(options.data / "canard/dev.jsonl.gz")), options.questions)
    rouge = Rouge(["rougeL"])
    lines: list[tuple[Cell, ...]] = []
    for name, condenser in options.condensers.items():
        rows = [condense_row(item, condenser, rouge) for item in items]
        scored = [row.details for row in rows if row.details["said"] is not None]
        statistic = corpus_bleu([row["said"] for row in scored], [[row["gold"]] for row in scored])
        found = estimates(rows, draws=2_000)
        whole = estimate_statistic(statistic, len(scored), rows=len(rows), draws=2_000)
        lines.append((name, _cell(found["rougeL"]), _cell(found["BLEU"]), _cell(whole), found["rougeL"].coverage))
    columns = ("condenser", "rougeL", "BLEU, by sentence", "BLEU, corpus", "coverage")
    table = Table("Against a person's rewrite, with 95 % intervals", columns, tuple(lines))
    return Report("CANARD, dev", f"{len(items):,} questions.", (), (table,))


def retrieving(options: Options) -> Report:
    """Compare what the ways of asking retrieve, on MTRAG."""
    passages = _passages(options.data / "mtrag")
    items, qrels = _judged(options.data / "mtrag/retrieval_tasks", set(passages), options.questions)
    ways: dict[str, list[str]] = {
        name: [_query(condenser, item) for item in items] for name, condenser in options.condensers.items()
    }
    ways[_REWRITE] = [item.rewrite for item in items]
    encoder = SentenceEncoder.load()
    with Collection.open(options.scratch / "store", encoder) as collection:
        collection.add_texts([passage.content for passage in passages.values()], doc_ids=list(passages))
        scores = {}
        for name, queries in ways.items():
            whole = SearchOptions(unit="document")
            found = search(collection, encoder, queries, k=10, mode=options.mode, options=whole)
            rankings = {item.id: [hit.doc_id for hit in hits] for item, hits in zip(items, found, strict=True)}
            scores[name] = score_rankings(rankings, qrels, _MEASURES)
    return Report(
        f"MTRAG, {options.mode} search",
        f"Closed corpus of {len(passages):,} passages; {len(items):,} questions with a relevant passage in it.",
        ("The corpora of MTRAG are not at hand: never compare these numbers with those of the full corpora.",),
        (_levels(scores), _differences(scores)),
    )


def keeping_quiet(options: Options) -> Report:
    """Measure whether the extractive answerer declines, on MTRAG-UN."""
    tasks = spread([task for task in mtrag_tasks(options.data / "mtrag") if task.passages], options.questions)
    kinds = list(dict.fromkeys(sorted(task.answerability for task in tasks)))
    lines: list[tuple[Cell, ...]] = []
    encoder = SentenceEncoder.load(cache=options.scratch / "vectors")  # every way of asking reads the same sentences
    with Collection.open(options.scratch / "store", encoder) as collection:
        reader = ExtractiveReader(collection)
        reader.add(list(dict.fromkeys(passage.content for task in tasks for passage in task.passages)))
        for name, condenser in options.condensers.items():
            declined = {
                kind: [_declined(reader, condenser, task) for task in tasks if task.answerability == kind]
                for kind in kinds
            }
            lines.append((name, *(_cell(estimate(declined[kind])) for kind in kinds)))
    counts = ", ".join(f"{sum(task.answerability == kind for task in tasks):,} {kind.lower()}" for kind in kinds)
    table = Table("Share declined, with 95 % intervals", ("asked", *(kind.lower() for kind in kinds)), tuple(lines))
    note = "Tasks without a passage are left out: nothing can be quoted there. Answerable ones should not be declined."
    return Report("MTRAG-UN, extractive answerer", f"{len(tasks):,} tasks: {counts}.", (note,), (table,))


PARTS: Mapping[str, Callable[[Options], Report]] = {
    "canard": condensing,
    "mtrag": retrieving,
    "unanswered": keeping_quiet,
}
"""By name: from the options to what was found."""


def _named(name: str) -> Condenser:
    module, _, function = name.partition(":")
    if not module or not function:
        raise ConfigError(f"the condenser {name!r} cannot be found: expected MODULE:FUNCTION.")
    condenser: Condenser = getattr(importlib.import_module(module), function)
    return condenser


def _passages(folder: Path) -> dict[str, Passage]:
    """Give every passage that the human evaluation and MTRAG-UN show, by id."""
    tasks = [*mtrag_tasks(folder), *(answer.task for answer in mtrag_human(folder))]
    return {passage.doc_id: passage for task in tasks for passage in task.passages if passage.content.strip()}


def _judged(folder: Path, present: set[str], most: int) -> tuple[list[Rewrite], dict[str, dict[str, int]]]:
    """Give the questions of all domains with a relevant passage among those present, and their judgments."""
    items, qrels = [], {}
    for domain in _DOMAINS:
        judged = read_qrels(folder / domain / "qrels/dev.tsv")
        for item in mtrag_rewrites(folder / domain):
            here = {doc_id: grade for doc_id, grade in judged.get(item.id, {}).items() if doc_id in present}
            if any(here.values()):
                items.append(item)
                qrels[item.id] = here
    chosen = spread(items, most)
    return chosen, {item.id: qrels[item.id] for item in chosen}


def _query(condenser: Condenser, item: Rewrite) -> str:
    """Give what is searched for; where the condenser fails, the question as it was asked."""
    said = condenser(item.history, item.question)
    return item.question if isinstance(said, Unscored) else said


def _declined(reader: ExtractiveReader, condenser: Condenser, task: DialogueTask) -> float:
    said = condenser(task.turns[:-1], task.question)
    question = task.question if isinstance(said, Unscored) else said
    reading: Reading = reader(question, [passage.content for passage in task.passages])
    return float(reading.abstained)


def _levels(scores: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Table:
    lines: tuple[tuple[Cell, ...], ...] = tuple(
        (name, *(_cell(estimate([row[measure] for row in by_query.values()])) for measure in _MEASURES))
        for name, by_query in scores.items()
    )
    return Table("By way of asking, with 95 % intervals", ("query", *_MEASURES), lines)


def _differences(scores: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Table:
    """Compare every way with asking as is, paired by question, on nDCG@10."""
    first, *others = scores
    values = {name: [row["nDCG@10"] for row in by_query.values()] for name, by_query in scores.items()}
    paired = {name: compare_paired(values[first], values[name]) for name in others}
    adjusted = holm([paired[name].p for name in others])
    lines = tuple(
        (
            name,
            Interval(paired[name].difference, paired[name].low, paired[name].high, signed=True),
            p,
            paired[name].detectable,
            f"{paired[name].wins} / {paired[name].ties} / {paired[name].losses}",
        )
        for name, p in zip(others, adjusted, strict=True)
    )
    columns = (f"nDCG@10 less {first}", "difference", "p, adjusted", "detectable", "wins / ties / losses")
    return Table("Differences, paired by question", columns, lines)


def _cell(found: Estimate) -> Interval:
    return Interval(found.value, found.low, found.high)


if __name__ == "__main__":
    raise SystemExit(main())
