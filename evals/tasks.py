"""Few-shot tasks: how far do the majority, neighbours and memories get, and what does a chat model add?

    python -m evals.tasks --data ../shared/data
    python -m evals.tasks sst2 --model mymodels:small --shots 8 --choose nearest --limit 300 --out runs

    sst2      sentiment of film reviews; pool: the training part, 6,920 sentences
    agnews    topic of news; only the test file is at hand, cut in halves by a fixed seed: pool and test
    wnut17    entities nobody has met before; pool: the training part
    multi30k  English to German; memory: the validation part, 1,014 pairs

Every predictor is a run in a folder of its own (`--out DIR`, else a temporary one): stopped and started again, it goes
on where it was, and a chat model is never asked the same thing twice. Published numbers stand beside ours only where
the setting is the same.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from rich.console import Console

from evals.choosing import spread
from evals.models import add_model_option, chat_model
from evals.task_sets import SETS, Labelled, Options
from ragkit.embed.encoder import SentenceEncoder
from ragkit.errors import ConfigError, RagkitError
from ragkit.evaluate.judges.recorded import RecordedModel
from ragkit.evaluate.outcome import Estimate, Row, Unscored
from ragkit.evaluate.reports.content import Case, Cases, Cell, Interval, Report, Table
from ragkit.evaluate.reports.terminal import print_report
from ragkit.evaluate.runs import RunFolder
from ragkit.evaluate.tasks.predictor import Item
from ragkit.evaluate.tasks.working import TaskResult
from ragkit.settings import Settings

__all__ = ["main", "measure"]

_WRONG_SHOWN = 12


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, then predict, print and keep each set."""
    parser = argparse.ArgumentParser(prog="python -m evals.tasks", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("sets", nargs="*", default=list(SETS), help=", ".join(SETS))
    parser.add_argument("--data", type=Path, default=Settings.from_environment().data, metavar="DIR")
    parser.add_argument("--out", type=Path, metavar="DIR", help="keeps the runs; resumed if they are there")
    parser.add_argument("--limit", type=int, metavar="N", help="at most so many items of each set, spread evenly")
    parser.add_argument("--shots", type=int, default=8, help="examples shown to a chat model")
    parser.add_argument("--choose", choices=("nearest", "random"), default="nearest", help="how they are chosen")
    parser.add_argument("--workers", type=int, default=1, help="questions to a chat model at the same time")
    add_model_option(parser)
    given = parser.parse_args(arguments)
    try:
        model = chat_model(given.model) if given.model else None
        options = Options(SentenceEncoder.load(), model, given.shots, given.choose)
        for name in given.sets:
            if name not in SETS:
                raise ConfigError(f"there is no set {name!r}: known are {', '.join(SETS)}.")
            labelled = SETS[name](given.data, options)
            with _folder(given.out) as folder:
                measure(labelled, Path(folder) / name, limit=given.limit, workers=given.workers)
    except RagkitError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def measure(labelled: Labelled, folder: Path, *, limit: int | None = None, workers: int = 1) -> dict[str, TaskResult]:
    """Run every predictor over a set, keep each run, and print one table."""
    items = spread(labelled.items, limit)
    results = {
        name: _run(labelled, name, items, folder / name.replace(" ", "-"), workers) for name in labelled.predictors
    }
    lines: list[tuple[Cell, ...]] = [
        (name, *(_cell(result.estimates.get(measure)) for measure in labelled.measures))
        for name, result in results.items()
    ]
    for system, numbers in labelled.published.items():
        lines.append((system, *(numbers.get(measure) for measure in labelled.measures)))
    coverage = {name: next(iter(result.estimates.values())).coverage for name, result in results.items()}
    notes = [
        *labelled.notes,
        *(f"{name}: only {part:.1%} could be read." for name, part in coverage.items() if part < 1),
    ]
    table = Table("By predictor, with 95 % intervals", ("predictor", *labelled.measures), tuple(lines))
    report = Report(labelled.title, f"{len(items):,} items.", tuple(notes), (table,))
    print_report(report, {}, Console(width=150))
    return results


def _run(labelled: Labelled, name: str, items: Sequence[Item[Any, Any]], folder: Path, workers: int) -> TaskResult:
    make = labelled.predictors[name]
    config = {"predictor": dict(make(lambda model: model).card), "items": len(items)}
    with RunFolder.open(
        folder, command="evals.tasks", dataset=labelled.title, config=config, inputs=labelled.files
    ) as run:
        predictor = make(lambda model: RecordedModel(run.journal, model))
        paid = config["predictor"]["predictor"] == "chat"  # type: ignore[index]  # the card is a mapping
        block = 1 if paid else 512
        result = labelled.run(run, items, predictor, block=block, workers=workers if paid else 1)
        report = Report(f"{labelled.title}: {name}", f"{len(items):,} items.", labelled.notes, (wrong(result.rows),))
        run.finish(result.rows, result.estimates, report)
    return result


def wrong(rows: Sequence[Row]) -> Cases:
    """Give some rows that were not right, and why unscored ones are."""
    first = [(row, next(iter(row.outcomes.values()))) for row in rows]
    bad = [(row, outcome) for row, outcome in first if isinstance(outcome, Unscored) or outcome < 1.0]
    cases = tuple(
        Case(
            " ".join(row.details.get("tokens", [row.details.get("text", "")])),
            {
                "expected": str(row.details["gold"]),
                "said": outcome.reason if isinstance(outcome, Unscored) else str(row.details["said"]),
            },
        )
        for row, outcome in bad[:_WRONG_SHOWN]
    )
    return Cases("Not right", cases, f"{len(cases)} of {len(bad):,}, in the order of the set.")


def _cell(estimate: Estimate | None) -> Cell:
    return None if estimate is None else Interval(estimate.value, estimate.low, estimate.high)


def _folder(out: Path | None) -> AbstractContextManager[str]:
    """Give the folder that keeps the runs, or one that is gone afterwards."""
    return tempfile.TemporaryDirectory(prefix="ragkit-tasks-") if out is None else nullcontext(str(out))


if __name__ == "__main__":
    raise SystemExit(main())
