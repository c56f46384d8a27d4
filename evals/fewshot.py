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
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from evals.choosing import spread
from evals.tasks import halves
from ragkit.embed.encoder import SentenceEncoder
from ragkit.embed.tokens import TruncationWarning
from ragkit.encoder import Encoder
from ragkit.errors import ConfigError, RagkitError
from ragkit.evaluate.data.labelled import LabelledText, ag_news, banking77, sst2
from ragkit.evaluate.measures.classification import Decisions, Numbers
from ragkit.evaluate.outcome import Estimate
from ragkit.evaluate.reports.content import Cell, Interval, Report, Table
from ragkit.evaluate.reports.terminal import print_report
from ragkit.evaluate.statistics.estimate import estimate, estimate_statistic
from ragkit.evaluate.statistics.family import holm
from ragkit.evaluate.statistics.paired import Paired, compare_paired
from ragkit.evaluate.tasks.baselines import ChanceLabel, MajorityLabel
from ragkit.evaluate.tasks.predictor import Item, Predictor
from ragkit.evaluate.tasks.voting import ExampleVote, NearestLabel
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
_DRAWS = 2_000  # of the bootstrap of macro F1, which is slow with 77 labels
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


@dataclass(frozen=True, slots=True)
class Said:
    """What one predictor said of every text."""

    shown: int
    """Examples for a text."""
    hits: Sequence[float]
    accuracy: Estimate
    macro_f1: Estimate


def measured(name: str, data: Path, shots: int, limit: int | None, encoder: Encoder) -> Report:
    """Predict a set in every way, and give one table of what came of it and one of differences."""
    chosen = SETS[name](data)
    test = spread(chosen.test, limit)
    texts = list(dict.fromkeys(item.given for item in (*chosen.pool, *test)))
    known = RememberingEncoder(encoder, dict(zip(texts, encoder.encode_documents(texts), strict=True)))
    found = {label: _said(test, *one) for label, one in _predictors(chosen.pool, shots, known).items()}
    about = f"{len(test):,} texts, {len(chosen.pool):,} examples to choose from."
    return Report(chosen.title, about, (chosen.note,) if chosen.note else (), (_table(found), _differences(found)))


def _predictors(
    pool: Sequence[Item[str, str]], shots: int, encoder: Encoder
) -> dict[str, tuple[int, Predictor[str, str]]]:
    labels = sorted({item.gold for item in pool})
    names = {label: label.replace("_", " ") for label in labels}
    chosen = selectors(pool, shots, encoder)
    return {
        "chance": (0, ChanceLabel(labels, seed=_SEED)),
        "majority": (0, MajorityLabel(pool)),
        "label names": (0, NearestLabel(names, encoder)),
        **{name: (len(one.select("")), ExampleVote(one, encoder)) for name, one in chosen.items()},
    }


def _said(test: Sequence[Item[str, str]], shown: int, predictor: Predictor[str, str]) -> Said:
    gold = [item.gold for item in test]
    said = [str(answer) for answer in predictor.predict([item.given for item in test])]
    hits = [float(left == right) for left, right in zip(gold, said, strict=True)]
    decisions = Decisions.of(gold, said)

    def macro_f1(weights: Numbers) -> Numbers:
        return decisions.counts(weights).macro_f1()

    return Said(shown, hits, estimate(hits), estimate_statistic(macro_f1, len(test), seed=_SEED, draws=_DRAWS))


def _table(found: Mapping[str, Said]) -> Table:
    lines = [(name, said.shown, _interval(said.accuracy), _interval(said.macro_f1)) for name, said in found.items()]
    columns = ("who says it", "examples shown", "accuracy", "macro_f1")
    return Table("By predictor, with 95 % intervals", columns, tuple(lines))


def _differences(found: Mapping[str, Said]) -> Table:
    pairs = [(name, other) for name, said in found.items() if said.shown for other in _AGAINST if name != other]
    compared = {pair: compare_paired(found[pair[1]].hits, found[pair[0]].hits, seed=_SEED) for pair in pairs}
    adjusted = dict(zip(pairs, holm([one.p for one in compared.values()]), strict=True))
    names = dict.fromkeys(name for name, _ in pairs)
    lines = [
        (
            name,
            *(cell for other in _AGAINST for cell in _compared(compared.get((name, other)), adjusted, (name, other))),
        )
        for name in names
    ]
    columns = ("who says it", *(head for other in _AGAINST for head in (f"accuracy - {other}", "p")))
    return Table("Paired differences; p by McNemar's test, adjusted for all of them (Holm)", columns, tuple(lines))


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
