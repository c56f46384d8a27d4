"""Few-shot tasks: how far do the majority, neighbours and memories get, and what does a chat model add?

    python -m evals.tasks --data ../shared/data
    python -m evals.tasks sst2 --model mymodels:small --shots 8 --choose nearest --limit 300 --out runs

    sst2      sentiment of film reviews; pool: the training part, 6,920 sentences
    agnews    topic of news; only the test file is at hand, cut in halves by a fixed seed: pool and test
    wnut17    entities nobody has met before; pool: the training part
    multi30k  English to German; memory: the validation part, 1,014 pairs

Every predictor is a run in a folder of its own (`--out DIR`, else a temporary one): stopped and started again, it goes
on where it was, and a chat model is never asked the same thing twice.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from evals.choosing import add_model_option, chat_model, spread
from ragkit.embed.encoder import SentenceEncoder
from ragkit.embed.tokens import TruncationWarning
from ragkit.encoder import Encoder
from ragkit.errors import ConfigError, RagkitError
from ragkit.evaluate.chat import ChatModel
from ragkit.evaluate.data.labelled import AG_NEWS_CLASSES, SST2_CLASSES, ag_news, multi30k, sst2, wnut17
from ragkit.evaluate.measures.entities import read_entities
from ragkit.evaluate.outcome import Row, Unscored
from ragkit.evaluate.reports.content import Case, Cases, Cell, Interval, Report, Table
from ragkit.evaluate.reports.terminal import print_report
from ragkit.evaluate.runs import RunFolder
from ragkit.evaluate.tasks.baselines import ChanceLabel, CopySource, Gazetteer, MajorityLabel, NearestNeighbours
from ragkit.evaluate.tasks.fewshot import FewShotChat, as_entities, entity_examples, text_examples
from ragkit.evaluate.tasks.predictor import Item, Predictor, Recordable
from ragkit.evaluate.tasks.rewriting import translate
from ragkit.evaluate.tasks.runners import classify, mark_entities
from ragkit.evaluate.tasks.working import TaskResult
from ragkit.prompts.examples import Example
from ragkit.prompts.few_shot import FewShot
from ragkit.prompts.selectors.given import RandomSelector
from ragkit.prompts.selectors.selector import Selector
from ragkit.prompts.selectors.similarity import SimilaritySelector
from ragkit.prompts.tasks.entities import entities
from ragkit.prompts.tasks.sentiment import sentiment
from ragkit.prompts.tasks.topic import topic
from ragkit.prompts.tasks.translate import translate as translation
from ragkit.settings import Settings

__all__ = ["SETS", "halves", "main"]

_SEED = 0
_WRONG_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Bench:
    """What the command line asks for."""

    data: Path
    encoder: Encoder
    model: ChatModel | None
    shots: int
    choose: str

    def chat(
        self, pool: Sequence[Example], build: Callable[[Selector], FewShot[Any]], **said: Any
    ) -> dict[str, FewShotChat[Any]]:
        """Give the chat model, if there is one, as a predictor that is shown examples of the pool."""
        if self.model is None:
            return {}
        if not 0 <= self.shots <= len(pool):
            expected = f"expected from 0 to {len(pool)}"
            raise ConfigError(f"{self.shots} examples cannot be shown of a pool of {len(pool)}: {expected}.")
        nearest = self.choose == "nearest"
        selector: Selector = (
            SimilaritySelector(pool, self.encoder, self.shots)
            if nearest
            else RandomSelector(pool, self.shots, seed=_SEED)
        )
        return {"chat": FewShotChat(self.model, build(selector), **said)}


@dataclass(frozen=True, slots=True)
class Task:
    """A labelled set, ready to be predicted."""

    title: str
    files: Mapping[str, Path]
    items: Sequence[Item[Any, Any]]  # Any: labels, entities or translations, as `measure` takes them
    predictors: Mapping[str, Predictor[Any, Any]]
    measure: Callable[..., TaskResult]
    shown: tuple[str, ...]
    """Measures of the table."""
    note: str = ""


def film_reviews(bench: Bench) -> Task:
    """Sentiment: SST-2."""
    files = {"pool": bench.data / "sst2/train.tsv", "test": bench.data / "sst2/test.tsv"}
    pool, test = ([Item(row.id, row.text, row.label) for row in sst2(path)] for path in files.values())
    predictors = _of_labels(bench, pool, SST2_CLASSES, lambda chosen: sentiment(labels=SST2_CLASSES, selector=chosen))
    return Task("SST-2, test", files, test, predictors, classify, ("accuracy", "macro_f1", "matthews"))


def news(bench: Bench) -> Task:
    """Topics: AG News."""
    files = {"test": bench.data / "ag_news/test.csv.gz"}
    pool, test = halves([Item(row.id, row.text, row.label) for row in ag_news(files["test"])])
    predictors = _of_labels(bench, pool, AG_NEWS_CLASSES, lambda chosen: topic(AG_NEWS_CLASSES, selector=chosen))
    note = "Only the test file is at hand: half of it, drawn with seed 0, is the pool, and the other half is predicted."
    shown = ("accuracy", "macro_f1", "matthews")
    return Task("AG News, half of test", files, test, predictors, classify, shown, note)


def new_entities(bench: Bench) -> Task:
    """Named entities: WNUT-17."""
    folder = bench.data / "wnut17_ner"
    pool, test = (
        [Item(row.id, row.tokens, tuple(read_entities(row.tags))) for row in wnut17(folder, split)]
        for split in ("train", "test")
    )
    types = sorted({entity.type for item in pool for entity in item.gold})
    chat = bench.chat(entity_examples(pool), lambda chosen: entities(types, selector=chosen), said=as_entities)
    files = {"pool": folder / "wnut17train.conll", "test": folder / "emerging.test.annotated"}
    shown = ("f1", "f1_surface", "precision", "recall", "exact")
    return Task("WNUT-17, test", files, test, {"gazetteer": Gazetteer(pool), **chat}, mark_entities, shown)


def captions(bench: Bench) -> Task:
    """Translation: Multi30k."""
    folder, splits = bench.data / "multi30k", ("val", "test_2016_flickr")
    memory, test = ([Item(row.id, row.source, row.target) for row in multi30k(folder, split)] for split in splits)
    predictors: dict[str, Predictor[str, str]] = {
        "copy": CopySource(),
        "memory": NearestNeighbours(memory, bench.encoder),
        **bench.chat(text_examples(memory), lambda chosen: translation("German", source="English", selector=chosen)),
    }
    files = {
        name: folder / name for name in (f"{split}.{language}.gz" for split in splits for language in ("en", "de"))
    }
    shown = ("corpus_BLEU", "corpus_chrF", "chrF")
    return Task("Multi30k en-de, test 2016", files, test, predictors, translate, shown)


SETS: Mapping[str, Callable[[Bench], Task]] = {
    "sst2": film_reviews,
    "agnews": news,
    "wnut17": new_entities,
    "multi30k": captions,
}
"""By name: from what was asked for to a labelled set."""


def _of_labels(
    bench: Bench, pool: Sequence[Item[str, str]], labels: Sequence[str], build: Callable[[Selector], FewShot[str]]
) -> dict[str, Predictor[str, str]]:
    return {
        "chance": ChanceLabel(labels, seed=_SEED),
        "majority": MajorityLabel(pool),
        "8 nearest": NearestNeighbours(pool, bench.encoder, neighbours=8),
        **bench.chat(text_examples(pool), build),
    }


def halves(items: Sequence[Item[str, str]], *, seed: int = _SEED) -> tuple[list[Item[str, str]], list[Item[str, str]]]:
    """Cut a set into a pool and a test of equal size, at random by the seed; both in the order of the set."""
    chosen = set(random.Random(seed).sample(range(len(items)), len(items) // 2))  # noqa: S311  # no secret
    pool = [item for place, item in enumerate(items) if place in chosen]
    return pool, [item for place, item in enumerate(items) if place not in chosen]


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
    warnings.simplefilter("ignore", TruncationWarning)  # the beginning of long news says what they are about
    try:
        if unknown := [name for name in given.sets if name not in SETS]:
            raise ConfigError(f"there is no set {unknown[0]!r}: known are {', '.join(SETS)}.")
        model = chat_model(given.model) if given.model else None
        with _folder(given.out) as out, tempfile.TemporaryDirectory(prefix="ragkit-vectors-") as vectors:
            encoder = SentenceEncoder.load(cache=Path(vectors))  # neighbours and examples are found by the same vectors
            bench = Bench(given.data, encoder, model, given.shots, given.choose)
            for name in given.sets:
                report = measured(SETS[name](bench), Path(out) / name, given.limit, given.workers)
                print_report(report, {}, Console(width=150))
    except RagkitError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def measured(task: Task, folder: Path, limit: int | None, workers: int) -> Report:
    """Run every predictor over a set, and give one table of all."""
    items = spread(task.items, limit)
    notes = [task.note] if task.note else []
    lines: list[tuple[Cell, ...]] = []
    for name in task.predictors:
        found = _run(task, name, items, folder / name.replace(" ", "-"), workers).estimates
        lines.append((name, *(Interval(one.value, one.low, one.high) for one in map(found.__getitem__, task.shown))))
        if (coverage := found[task.shown[0]].coverage) < 1:
            notes.append(f"{name}: only {coverage:.1%} could be read.")
    table = Table("By predictor, with 95 % intervals", ("predictor", *task.shown), tuple(lines))
    return Report(task.title, f"{len(items):,} items.", tuple(notes), (table,))


def _run(task: Task, name: str, items: Sequence[Item[Any, Any]], folder: Path, workers: int) -> TaskResult:
    predictor = task.predictors[name]
    asks = {"block": 1, "workers": workers} if isinstance(predictor, Recordable) else {"block": 512}
    config = {"predictor": dict(predictor.card), "items": len(items)}
    with RunFolder.open(folder, command="evals.tasks", dataset=task.title, config=config, inputs=task.files) as run:
        result = task.measure(run, items, predictor, **asks)
        report = Report(f"{task.title}: {name}", f"{len(items):,} items.", (), (_wrong(result.rows),))
        run.finish(result.rows, result.estimates, report)
    return result


def _wrong(rows: Sequence[Row]) -> Cases:
    """Give some rows that were not right, and why unscored ones are."""
    first = [(row, next(iter(row.outcomes.values()))) for row in rows]
    bad = [(row, outcome) for row, outcome in first if isinstance(outcome, Unscored) or outcome < 1.0]
    cases = tuple(
        Case(
            row.details.get("text") or " ".join(row.details["tokens"]),
            {
                "expected": str(row.details["gold"]),
                "said": outcome.reason if isinstance(outcome, Unscored) else str(row.details["said"]),
            },
        )
        for row, outcome in bad[:_WRONG_SHOWN]
    )
    return Cases("Not right", cases, f"{len(cases)} of {len(bad):,}, in the order of the set.")


def _folder(out: Path | None) -> AbstractContextManager[str]:
    """Give the folder that keeps the runs, or one that is gone afterwards."""
    return tempfile.TemporaryDirectory(prefix="ragkit-tasks-") if out is None else nullcontext(str(out))


if __name__ == "__main__":
    raise SystemExit(main())
