"""Few-shot with the extractive stack: what do chosen examples know of a text's label, without a chat model?

    python -m evals.fewshot --data ../shared/data
    python -m evals.fewshot banking77 --shots 4 --limit 300

    sst2       sentiment of film reviews; pool: the training part, 6,920 sentences; test: 1,821
    agnews     topic of news; only the test file is at hand, cut in halves by a fixed seed: pool and test, 3,800 each
    banking77  intent of bank customers; pool: the training part, 10,003 questions; test: 3,080

Each selector chooses examples of the pool for each text of the test, and these vote on its label with their cosines:
all that a chat model would be shown, and no more. Beside them stand baselines without an example: the majority, chance,
and the label whose name is nearest. Every text of the test counts; with `--limit` so many, spread evenly. The same
arguments give the same numbers.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from rich.console import Console

from evals.choosing import spread
from evals.tasks import halves
from ragkit.embed.encoder import SentenceEncoder
from ragkit.embed.tokens import TruncationWarning
from ragkit.encoder import Encoder
from ragkit.errors import ConfigError, RagkitError
from ragkit.evaluate.data.labelled import LabelledText, ag_news, banking77, sst2
from ragkit.evaluate.outcome import Estimate, Unscored
from ragkit.evaluate.reports.content import Cell, Interval, Report, Table
from ragkit.evaluate.reports.terminal import print_report
from ragkit.evaluate.runs import RunFolder
from ragkit.evaluate.statistics.family import holm
from ragkit.evaluate.statistics.paired import Paired, compare_paired
from ragkit.evaluate.tasks.baselines import ChanceLabel, MajorityLabel
from ragkit.evaluate.tasks.predictor import Item, Predictor
from ragkit.evaluate.tasks.runners import classify
from ragkit.evaluate.tasks.voting import ExampleVote
from ragkit.evaluate.tasks.working import TaskResult
from ragkit.prompts.examples import Example
from ragkit.prompts.selectors.given import FixedSelector, RandomSelector
from ragkit.prompts.selectors.marginal import MMRSelector
from ragkit.prompts.selectors.nearness import RememberingEncoder
from ragkit.prompts.selectors.ngrams import NGramOverlapSelector
from ragkit.prompts.selectors.selector import Selector
from ragkit.prompts.selectors.similarity import SimilaritySelector
from ragkit.prompts.selectors.stratified import StratifiedSelector
from ragkit.settings import Settings

__all__ = ["SETS", "main", "selectors"]

_SEED = 0
_AGAINST = ("label names", "random")


class Labelled(NamedTuple):
    """A set, ready to be predicted."""

    title: str
    pool: Sequence[Item[str, str]]
    test: Sequence[Item[str, str]]
    note: str = ""


def film_reviews(data: Path) -> Labelled:
    """Sentiment: SST-2."""
    return Labelled("SST-2", _items(sst2(data / "sst2/train.tsv")), _items(sst2(data / "sst2/test.tsv")))


def news(data: Path) -> Labelled:
    """Topics: AG News."""
    pool, test = halves(_items(ag_news(data / "ag_news/test.csv.gz")), seed=_SEED)
    return Labelled(
        "AG News", pool, test, "Half of the test file is the pool, drawn with seed 0, the other is predicted."
    )


def intents(data: Path) -> Labelled:
    """Intents: Banking77."""
    pool, test = (_items(banking77(data / "banking77" / name)) for name in ("train.csv", "test.csv"))
    return Labelled("Banking77", pool, test)


SETS: Mapping[str, Callable[[Path], Labelled]] = {"sst2": film_reviews, "agnews": news, "banking77": intents}
"""By name: from the folder of data to a labelled set."""


def selectors(pool: Sequence[Item[str, str]], shots: int, encoder: Encoder) -> dict[str, Selector]:
    """Give every way of choosing `shots` examples; of each label as many, one at least, where they are stratified."""
    examples = [Example(item.given, item.gold, id=item.id) for item in pool]
    each = max(1, shots // len({item.gold for item in pool}))
    return {
        "fixed, spread evenly": FixedSelector(spread(examples, shots)),
        "random": RandomSelector(examples, shots, seed=_SEED),
        "random of each label": StratifiedSelector(examples, each, seed=_SEED),
        "n-gram overlap": NGramOverlapSelector(examples, shots),
        "similarity": SimilaritySelector(examples, encoder, shots),
        "MMR": MMRSelector(examples, encoder, shots),
        "nearest of each label": StratifiedSelector(examples, each, encoder=encoder),
    }


def measured(name: str, data: Path, shots: int, limit: int | None, encoder: Encoder) -> Report:
    """Predict a set in every way, and give one table of what came of it and one of differences."""
    chosen = SETS[name](data)
    test = spread(chosen.test, limit)
    names = [Example(label.replace("_", " "), label) for label in sorted({item.gold for item in chosen.pool})]
    items = (item.given for item in (*chosen.pool, *test))
    texts = list(dict.fromkeys([*items, *(example.input for example in names)]))
    known = RememberingEncoder(encoder, dict(zip(texts, encoder.encode_documents(texts), strict=True)))
    of_examples = selectors(chosen.pool, shots, known)
    predictors: dict[str, Predictor[str, str]] = {
        "chance": ChanceLabel([example.output for example in names], seed=_SEED),
        "majority": MajorityLabel(chosen.pool),
        "label names": ExampleVote(SimilaritySelector(names, known, 1, show_same=True), known),
        **{who: ExampleVote(selector, known) for who, selector in of_examples.items()},
    }
    found = {who: _said(chosen.title, test, predictor) for who, predictor in predictors.items()}
    shown = {who: len(selector.select("")) for who, selector in of_examples.items()}
    notes = [chosen.note] if chosen.note else []
    notes += [f"{who}: only {share:.1%} had an example." for who, share in _coverage(found).items() if share < 1]
    about = f"{len(test):,} texts, {len(chosen.pool):,} examples to choose from."
    return Report(chosen.title, about, tuple(notes), (_table(found, shown), _differences(found, list(of_examples))))


def _said(dataset: str, test: Sequence[Item[str, str]], predictor: Predictor[str, str]) -> TaskResult:
    config = {"predictor": dict(predictor.card), "items": len(test)}
    with (
        TemporaryDirectory(prefix="ragkit-fewshot-") as folder,
        RunFolder.open(Path(folder), command="evals.fewshot", dataset=dataset, config=config) as run,
    ):
        return classify(run, test, predictor, block=len(test), seed=_SEED)


def _coverage(found: Mapping[str, TaskResult]) -> dict[str, float]:
    return {who: result.estimates["accuracy"].coverage for who, result in found.items()}


def _table(found: Mapping[str, TaskResult], shown: Mapping[str, int]) -> Table:
    measures = ("accuracy", "macro_f1")
    lines: list[tuple[Cell, ...]] = [
        (who, shown.get(who, 0), *(_interval(result.estimates[name]) for name in measures))
        for who, result in found.items()
    ]
    return Table("By predictor, with 95 % intervals", ("who says it", "examples shown", *measures), tuple(lines))


def _differences(found: Mapping[str, TaskResult], names: Sequence[str]) -> Table:
    pairs = [(name, other) for name in names for other in _AGAINST if name != other]
    compared = {(name, other): _paired(found[other], found[name]) for name, other in pairs}
    adjusted = dict(zip(pairs, holm([one.p for one in compared.values()]), strict=True))
    lines: list[tuple[Cell, ...]] = [
        (
            name,
            *(cell for other in _AGAINST for cell in _compared(compared.get((name, other)), adjusted, (name, other))),
        )
        for name in names
    ]
    columns = ("who says it", *(head for other in _AGAINST for head in (f"accuracy - {other}", "p")))
    return Table("Paired differences; p by McNemar's test, adjusted for all of them (Holm)", columns, tuple(lines))


def _paired(one: TaskResult, other: TaskResult) -> Paired:
    """Compare two predictors on the texts of which both said something."""
    both = [[row.outcomes["accuracy"] for row in rows] for rows in zip(one.rows, other.rows, strict=True)]
    sides = [
        (left, right) for left, right in both if not isinstance(left, Unscored) and not isinstance(right, Unscored)
    ]
    return compare_paired([left for left, _ in sides], [right for _, right in sides], seed=_SEED)


def _compared(
    one: Paired | None, adjusted: Mapping[tuple[str, str], float], pair: tuple[str, str]
) -> tuple[Cell, Cell]:
    if one is None:
        return None, None
    p = max(adjusted[pair], sys.float_info.min)  # one too small for a float is not 0
    return Interval(one.difference, one.low, one.high, signed=True), p


def _interval(one: Estimate) -> Interval:
    return Interval(one.value, one.low, one.high)


def _items(rows: Iterable[LabelledText]) -> list[Item[str, str]]:
    return [Item(row.id, row.text, row.label) for row in rows]


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line, then predict and print each set."""
    parser = argparse.ArgumentParser(prog="python -m evals.fewshot", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("sets", nargs="*", default=list(SETS), help=", ".join(SETS))
    parser.add_argument("--data", type=Path, default=Settings.from_environment().data, metavar="DIR")
    parser.add_argument("--limit", type=int, metavar="N", help="at most so many texts of each set, spread evenly")
    parser.add_argument("--shots", type=int, default=8, help="examples for each text (default: 8)")
    given = parser.parse_args(arguments)
    warnings.simplefilter("ignore", TruncationWarning)  # the beginning of long news says what they are about
    try:
        if unknown := [name for name in given.sets if name not in SETS]:
            raise ConfigError(f"there is no set {unknown[0]!r}: known are {', '.join(SETS)}.")
        if given.shots < 1:
            raise ConfigError(f"at least one example must be shown, got {given.shots}.")
        encoder = SentenceEncoder.load()
        for name in given.sets:
            print_report(measured(name, given.data, given.shots, given.limit, encoder), {}, Console(width=150))
    except RagkitError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
