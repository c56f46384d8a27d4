"""Conversations: how near do condensed questions come to a person's, what do they find, and is quiet kept when due?

    python -m evals.conversation --data ../shared/data
    python -m evals.conversation canard mtrag --condenser mycondensers:rewrite --out runs

    canard      CANARD, dev: a condensed question against a person's rewrite (ROUGE-L, BLEU)
    mtrag       MTRAG: what questions as asked, with turns before them, and as a person rewrote them retrieve
    unanswered  MTRAG-UN: how often is declined what can be answered, what can in part, and what cannot?

A condenser is a function `(history, question) -> query` (`ragkit.evaluate.conversation.Condenser`); `--condenser
MODULE:FUNCTION` puts yours beside the baselines. Every way of asking is a run in a folder of its own (`--out DIR`, else
a temporary one): stopped and started again, it goes on where it was, and no question is condensed twice.

The corpora of MTRAG are not at hand: the passages of its human evaluation and of MTRAG-UN make a closed corpus, and
only questions with a relevant passage in it count. So these numbers are for comparing ways of asking with each other,
never with those of the full corpora.
"""

from __future__ import annotations

import argparse
import inspect
import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

from rich.console import Console

from evals.choosing import function_named, spread
from ragkit.embed.encoder import SentenceEncoder
from ragkit.embed.language import LanguageWarning
from ragkit.embed.tokens import TruncationWarning
from ragkit.errors import ConfigError, RagkitError
from ragkit.evaluate.conversation import Condenser, as_asked, condense_row, with_all_turns, with_last_turn
from ragkit.evaluate.data.dialogue import Rewrite, canard, mtrag_rewrites
from ragkit.evaluate.data.mtrag import mtrag_human, mtrag_tasks
from ragkit.evaluate.data.trec import read_qrels
from ragkit.evaluate.measures.retrieval import score_rankings
from ragkit.evaluate.measures.rouge import Rouge
from ragkit.evaluate.measures.translation import corpus_bleu
from ragkit.evaluate.outcome import Estimate, Outcome, Row, Unscored
from ragkit.evaluate.reports.content import Cell, Interval, Report, Table
from ragkit.evaluate.reports.terminal import print_report
from ragkit.evaluate.robustness.reading import searching
from ragkit.evaluate.runs import RunFolder
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
_DRAWS = 2_000
_CLOSED = "The corpora of MTRAG are not at hand: never compare these numbers with those of the full corpora."

Asking: TypeAlias = Callable[[Rewrite], "str | Unscored"]
"""From a question in its conversation to what is asked, or why there is nothing."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What the command line asks for."""

    data: Path
    condensers: Mapping[str, Condenser]
    questions: int | None
    mode: str
    out: Path

    def rows(
        self, part: str, way: str, items: Sequence[Rewrite], do: Callable[[Rewrite], Row], **made_of: str
    ) -> list[Row]:
        """Work the questions of one way of asking in its run folder."""
        known = {item.id: item for item in items}
        inputs = {str(path.relative_to(self.data)): path for path in _files(part, self.data)}
        if (condenser := self.condensers.get(way)) and (source := inspect.getsourcefile(condenser)):
            inputs["condenser"] = Path(source)
        folder = self.out / part / way.replace(" ", "-").replace(":", "-")
        config = {"way": way, "questions": len(items), **made_of}
        with RunFolder.open(folder, command="evals.conversation", dataset=part, config=config, inputs=inputs) as run:
            rows = run.work(list(known), lambda block: [do(known[row_id]) for row_id in block])
            run.finish(rows, estimates(rows, draws=_DRAWS), Report(f"{part}: {way}", f"{len(rows):,} rows.", (), ()))
        return rows

    def ways(self) -> dict[str, Asking]:
        """Give how questions are asked, by name."""
        return {name: partial(_condensed, condenser) for name, condenser in self.condensers.items()}

    def passages(self) -> dict[str, str]:
        """Give every passage that the human evaluation and MTRAG-UN show, by id."""
        tasks = [*mtrag_tasks(self.data / "mtrag"), *(answer.task for answer in mtrag_human(self.data / "mtrag"))]
        passages = {passage.doc_id: passage.content for task in tasks for passage in task.passages}
        return {doc_id: text for doc_id, text in passages.items() if text.strip()}


def condensing(bench: Bench, _: str) -> Report:
    """Compare condensed questions with a person's, on CANARD."""
    items = spread(list(canard(bench.data / "canard/dev.jsonl.gz")), bench.questions)
    rouge = Rouge(["rougeL"])
    lines: list[tuple[Cell, ...]] = []
    for name, condenser in bench.condensers.items():
        rows = bench.rows("canard", name, items, partial(condense_row, condenser=condenser, rouge=rouge))
        said = [row.details for row in rows if row.details["said"] is not None]
        statistic = corpus_bleu([one["said"] for one in said], [[one["gold"]] for one in said])
        found = estimates(rows, draws=_DRAWS)
        whole = estimate_statistic(statistic, len(said), rows=len(rows), draws=_DRAWS)
        lines.append((name, _cell(found["rougeL"]), _cell(found["BLEU"]), _cell(whole), found["rougeL"].coverage))
    columns = ("condenser", "rougeL", "BLEU, by sentence", "BLEU, corpus", "coverage")
    table = Table("Against a person's rewrite, with 95 % intervals", columns, tuple(lines))
    return Report("CANARD, dev", f"{len(items):,} questions.", (), (table,))


def retrieving(bench: Bench, scratch: str) -> Report:
    """Compare what the ways of asking retrieve, on MTRAG."""
    encoder, passages = SentenceEncoder.load(), bench.passages()
    items, qrels = _judged(bench, set(passages))
    with Collection.open(Path(scratch), encoder) as collection:
        collection.add_texts(list(passages.values()), doc_ids=list(passages))

        def find(asking: Asking, item: Rewrite) -> Row:
            query = asking(item)
            if isinstance(query, Unscored):
                return Row(id=item.id, outcomes=dict.fromkeys(_MEASURES, query), details={"question": item.question})
            whole = SearchOptions(unit="document")
            hits = search(collection, encoder, [query], k=10, mode=bench.mode, options=whole)[0]
            found = [hit.doc_id for hit in hits]
            outcomes = score_rankings({item.id: found}, {item.id: qrels[item.id]}, _MEASURES)[item.id]
            return Row(
                id=item.id, outcomes=outcomes, details={"question": item.question, "query": query, "hits": found}
            )

        ways: dict[str, Asking] = {**bench.ways(), _REWRITE: lambda item: item.rewrite}
        made_of = {"mode": bench.mode, "model": encoder.card.model, "revision": encoder.card.revision}
        rows = {way: bench.rows("mtrag", way, items, partial(find, asking), **made_of) for way, asking in ways.items()}
    title = f"Closed corpus of {len(passages):,} passages; {len(items):,} questions with a relevant passage in it."
    table = _levels("By way of asking, with 95 % intervals", {way: estimates(found) for way, found in rows.items()})
    return Report(f"MTRAG, {bench.mode} search", title, (_CLOSED,), (table, _differences(rows)))


def keeping_quiet(bench: Bench, scratch: str) -> Report:
    """Measure whether the extractive answerer declines over what it finds, on MTRAG-UN."""
    tasks = spread(list(mtrag_tasks(bench.data / "mtrag")), bench.questions)
    kinds = {task.id: task.answerability for task in tasks}
    items = [Rewrite(task.id, task.turns[:-1], task.question, "") for task in tasks]
    passages = bench.passages()
    encoder = SentenceEncoder.load(cache=Path(scratch) / "vectors")  # every way of asking reads the same sentences
    with Collection.open(Path(scratch) / "store", encoder) as collection:
        collection.add_texts(list(passages.values()), doc_ids=list(passages))
        answerer = searching(collection)

        def decline(asking: Asking, item: Rewrite) -> Row:
            query = asking(item)
            seen = query if isinstance(query, Unscored) else answerer(query)
            outcome: Outcome = seen if isinstance(seen, Unscored) else float(seen.reading.abstained)
            said = None if isinstance(seen, Unscored) else seen.reading.text
            details = {"question": item.question, "kind": kinds[item.id], "said": said}
            return Row(id=item.id, outcomes={"declined": outcome}, details=details)

        made_of = {"model": encoder.card.model, "revision": encoder.card.revision}
        ways = bench.ways().items()
        rows = {way: bench.rows("unanswered", way, items, partial(decline, asking), **made_of) for way, asking in ways}
    shown = {kind: sum(of == kind for of in kinds.values()) for kind in sorted(set(kinds.values()))}
    found = {
        way: {
            kind.lower(): estimate([row.outcomes["declined"] for row in rows[way] if kinds[row.id] == kind])
            for kind in shown
        }
        for way in rows
    }
    counts = ", ".join(f"{count:,} {kind.lower()}" for kind, count in shown.items())
    note = (
        "All tasks are asked of one closed corpus, which holds the passages of those that can be answered. What ought "
        "to be declined is the unanswerable; what is underspecified asks for a question in return."
    )
    return Report(
        "MTRAG-UN, extractive answerer",
        f"{len(tasks):,} tasks: {counts}; closed corpus of {len(passages):,} passages, hybrid search.",
        (note, _CLOSED),
        (_levels("Share declined, with 95 % intervals", found),),
    )


PARTS: Mapping[str, Callable[[Bench, str], Report]] = {
    "canard": condensing,
    "mtrag": retrieving,
    "unanswered": keeping_quiet,
}
"""By name: from what was asked for and a scratch folder to what was found."""


def _files(part: str, data: Path) -> list[Path]:
    """Give the files that decide what a part comes to."""
    if part == "canard":
        return [data / "canard/dev.jsonl.gz"]
    return sorted(path for path in (data / "mtrag").rglob("*.jsonl*")) + sorted((data / "mtrag").rglob("*.tsv*"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, then measure and print each part."""
    parser = argparse.ArgumentParser(prog="python -m evals.conversation", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("parts", nargs="*", default=list(PARTS), help=", ".join(PARTS))
    parser.add_argument("--data", type=Path, default=Settings.from_environment().data, metavar="DIR")
    parser.add_argument("--out", type=Path, metavar="DIR", help="keeps the runs; resumed if they are there")
    parser.add_argument("--questions", type=int, metavar="N", help="at most so many, spread evenly")
    parser.add_argument("--mode", choices=("hybrid", "dense", "bm25"), default="hybrid", help="of the part mtrag")
    parser.add_argument("--condenser", metavar="MODULE:FUNCTION", help="a function (history, question) -> query")
    given = parser.parse_args(arguments)
    warnings.simplefilter("ignore", TruncationWarning)  # words find the rest of a long passage
    warnings.simplefilter("ignore", LanguageWarning)  # some passages quote other languages
    try:
        if unknown := [part for part in given.parts if part not in PARTS]:
            raise ConfigError(f"there is no part {unknown[0]!r}: known are {', '.join(PARTS)}.")
        condensers: dict[str, Condenser] = {
            "as asked": as_asked,
            "with the turn before": with_last_turn,
            "with all turns": with_all_turns,
        }
        if given.condenser:
            condensers[given.condenser] = function_named(given.condenser, "condenser")
        for part in given.parts:
            with tempfile.TemporaryDirectory(prefix="ragkit-conversation-") as scratch:
                out = given.out or Path(scratch) / "runs"
                bench = Bench(given.data, condensers, given.questions, given.mode, out)
                print_report(PARTS[part](bench, f"{scratch}/work"), {}, Console(width=150))
    except RagkitError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _condensed(condenser: Condenser, item: Rewrite) -> str | Unscored:
    return condenser(item.history, item.question)


def _judged(bench: Bench, present: set[str]) -> tuple[list[Rewrite], dict[str, dict[str, int]]]:
    """Give the questions of all domains with a relevant passage among those present, and their judgments."""
    items, qrels = [], {}
    for domain in _DOMAINS:
        folder = bench.data / "mtrag/retrieval_tasks" / domain
        judged = read_qrels(folder / "qrels/dev.tsv")
        for item in mtrag_rewrites(folder):
            here = {doc_id: grade for doc_id, grade in judged.get(item.id, {}).items() if doc_id in present}
            if any(here.values()):
                items.append(item)
                qrels[item.id] = here
    return spread(items, bench.questions), qrels


def _levels(title: str, found: Mapping[str, Mapping[str, Estimate]]) -> Table:
    measures = tuple(next(iter(found.values())))
    lines: tuple[tuple[Cell, ...], ...] = tuple(
        (way, *map(_cell, by_measure.values())) for way, by_measure in found.items()
    )
    return Table(title, ("asked", *measures), lines)


def _differences(rows: Mapping[str, Sequence[Row]]) -> Table:
    """Compare every way with asking as is, paired by the questions on which both are scored, on nDCG@10."""
    first, *others = rows
    values = {way: {row.id: row.outcomes["nDCG@10"] for row in found} for way, found in rows.items()}
    paired = {}
    for way in others:
        both = [(values[first][row_id], value) for row_id, value in values[way].items()]
        scored = [(one, two) for one, two in both if not isinstance(one, Unscored) and not isinstance(two, Unscored)]
        paired[way] = compare_paired([one for one, _ in scored], [two for _, two in scored])
    adjusted = holm([paired[way].p for way in others])
    lines = tuple(
        (
            way,
            Interval(paired[way].difference, paired[way].low, paired[way].high, signed=True),
            p,
            paired[way].detectable,
            f"{paired[way].wins} / {paired[way].ties} / {paired[way].losses}",
        )
        for way, p in zip(others, adjusted, strict=True)
    )
    columns = (f"nDCG@10 less {first}", "difference", "p, adjusted", "detectable", "wins / ties / losses")
    return Table("Differences, paired by question", columns, lines)


def _cell(found: Estimate) -> Interval:
    return Interval(found.value, found.low, found.high)


if __name__ == "__main__":
    raise SystemExit(main())
