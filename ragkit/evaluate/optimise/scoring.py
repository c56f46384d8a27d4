"""What a reply is worth: the measures that builders name, by row and, where no row has a value, over the whole run.

A reply that cannot be read is worth nothing here, unlike in `ragkit.evaluate.tasks`, where it lowers the coverage: what
is measured is a prompt, and one that is answered in a readable form only where the task is easy must not win. The same
holds of a prompt that is too long. Where the model failed there is no value, and the row is left out on both sides of a
comparison.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ragkit.errors import ConfigError, shorten
from ragkit.evaluate.measures.classification import ClassCounts, Decisions, Numbers
from ragkit.evaluate.measures.exact import exact_match, token_f1
from ragkit.evaluate.outcome import Estimate, Unscored
from ragkit.evaluate.statistics.estimate import Statistic, estimate, estimate_statistic
from ragkit.evaluate.statistics.paired import Paired, compare_paired, compare_statistic

__all__ = [
    "MEASURES",
    "TOO_LONG",
    "UNREADABLE",
    "Answer",
    "TaskMeasure",
    "compared",
    "measure_named",
    "measured",
    "value",
]


UNREADABLE = Unscored("the reply cannot be read")
TOO_LONG = Unscored("the prompt is too long")


class Answer(NamedTuple):
    """What was said of a row, beside what should have been said."""

    said: Any
    """What the builder's parser read; `UNREADABLE`, `TOO_LONG`, or another `Unscored` where the model failed."""
    gold: Any

    @property
    def failed(self) -> bool:
        """Whether there is nothing to measure: the model failed, which says nothing of the prompt."""
        return isinstance(self.said, Unscored) and not self.worthless

    @property
    def worthless(self) -> bool:
        """Whether it is worth nothing, whatever the measure."""
        return isinstance(self.said, Unscored) and self.said in (UNREADABLE, TOO_LONG)


ByRow: TypeAlias = Callable[[Any, Any], float]  # Any: whatever the builder's parser gives
Whole: TypeAlias = Callable[[Sequence[Answer]], Statistic]


@dataclass(frozen=True, slots=True)
class TaskMeasure:
    """What replies are worth."""

    name: str
    by_row: ByRow
    """From what was said and what is right to a number from 0 to 1; never called with what could not be read."""
    whole: Whole | None = None
    """From all answers to a statistic of weighted rows, for measures that no single row has; None for the mean."""


def measured(measure: TaskMeasure, answers: Sequence[Answer], *, seed: int = 0) -> Estimate:
    """Give the measure of answers with its 95 % interval; rows on which the model failed lower the coverage."""
    if measure.whole is None:
        return estimate([one.said if one.failed else _worth(measure, one) for one in answers], seed=seed)
    scored = [one for one in answers if not one.failed]
    reasons = Counter(one.said.reason for one in answers if one.failed)
    statistic = measure.whole(scored)
    return estimate_statistic(statistic, len(scored), rows=len(answers), reasons=reasons, seed=seed)


def value(measure: TaskMeasure, answers: Sequence[Answer]) -> float:
    """Give the measure of answers without an interval, which takes a thousandth of the time; NaN of none."""
    scored = [one for one in answers if not one.failed]
    if not scored:
        return float("nan")
    if measure.whole is None:
        return float(np.mean([_worth(measure, one) for one in scored]))
    return float(measure.whole(scored)(np.ones((1, len(scored))))[0])


def compared(measure: TaskMeasure, before: Sequence[Answer], after: Sequence[Answer], *, seed: int = 0) -> Paired:
    """Compare answers to the same rows, over those on which the model failed on neither side.

    The p of a measure of the whole run is that of swapped answers: the bootstrap's would call two prompts that are as
    good as each other different in 13 of 100 comparisons of 77 classes on 60 rows, where 5 are promised.
    """
    both = [pair for pair in zip(before, after, strict=True) if not (pair[0].failed or pair[1].failed)]
    if measure.whole is None or not both:
        values = ([_worth(measure, pair[side]) for pair in both] for side in (0, 1))
        return compare_paired(*values, seed=seed)
    left, right = ([pair[side] for pair in both] for side in (0, 1))
    whole, pooled = measure.whole, measure.whole([*left, *right])
    return compare_statistic(whole(left), whole(right), len(both), pooled=pooled, seed=seed)


def measure_named(name: str) -> TaskMeasure:
    """Give the measure that a builder names.

    Raises:
        ConfigError: If there is none of this name.
        MissingExtraError: If it needs the extra `eval` (ROUGE, chrF, BLEU) and that is not installed.
    """
    if name not in MEASURES:
        known = ", ".join(MEASURES)
        raise ConfigError(f"there is no measure {shorten(repr(name))}: known are {known}; or give a TaskMeasure.")
    return MEASURES[name](name)


def _worth(measure: TaskMeasure, answer: Answer) -> float:
    return 0.0 if answer.worthless else float(measure.by_row(answer.said, answer.gold))


def _accuracy(name: str) -> TaskMeasure:
    return TaskMeasure(name, _same)


def _macro_f1(name: str) -> TaskMeasure:
    return TaskMeasure(name, _same, _macro_f1_of)


def _same(said: Any, gold: Any) -> float:
    return float(said == gold)


def _macro_f1_of(answers: Sequence[Answer]) -> Statistic:
    # What could not be read is of no class: it lowers the recall of its own class and has no F1 itself.
    unread = "\0unreadable"
    said = [unread if one.worthless else one.said for one in answers]
    decisions = Decisions.of([one.gold for one in answers], said)
    classes = [place for place, label in enumerate(decisions.labels) if label != unread]

    def statistic(weights: Numbers) -> Numbers:
        counts = decisions.counts(weights)
        return ClassCounts(*(side[:, classes] for side in (counts.right, counts.predicted, counts.gold))).macro_f1()

    return statistic


def _micro_f1(name: str) -> TaskMeasure:
    return TaskMeasure(name, _f1_of_row, _micro_f1_of)


def _f1_of_row(said: Collection[Hashable], gold: Collection[Hashable]) -> float:
    right, both = _matched(said, gold)
    return 2 * right / both if both else 1.0


def _micro_f1_of(answers: Sequence[Answer]) -> Statistic:
    counts = [_matched(() if one.worthless else one.said, one.gold) for one in answers]
    right, both = np.array(counts, dtype=np.float64).T

    def statistic(weights: Numbers) -> Numbers:
        found = weights @ both
        # Without anything to find and nothing said, all is right.
        return np.asarray(np.divide(2 * (weights @ right), found, out=np.ones(len(found)), where=found > 0))

    return statistic


def _matched(said: Collection[Hashable], gold: Collection[Hashable]) -> tuple[int, int]:
    """Give how many of what was said are right, each as often as it is in the gold, and the size of both together."""
    return (Counter(said) & Counter(gold)).total(), len(said) + len(gold)


def _exact(name: str) -> TaskMeasure:
    return TaskMeasure(name, lambda said, gold: exact_match(_text(said), [_text(gold)]))


def _token_f1(name: str) -> TaskMeasure:
    return TaskMeasure(name, lambda said, gold: token_f1(_text(said), [_text(gold)]))


def _rouge(name: str) -> TaskMeasure:
    from ragkit.evaluate.measures.rouge import Rouge

    rouge = Rouge([name])
    return TaskMeasure(name, lambda said, gold: rouge.score(said, [gold])[name])


def _chrf(name: str) -> TaskMeasure:
    from ragkit.evaluate.measures.translation import sentence_chrf

    return TaskMeasure(name, lambda said, gold: sentence_chrf(said, [gold]))


def _bleu(name: str) -> TaskMeasure:
    from ragkit.evaluate.measures.translation import corpus_bleu, sentence_bleu

    return TaskMeasure(
        name,
        lambda said, gold: sentence_bleu(said, [gold]),
        lambda answers: corpus_bleu(
            ["" if one.worthless else one.said for one in answers], [[one.gold] for one in answers]
        ),
    )


def _readable(name: str) -> TaskMeasure:
    return TaskMeasure(name, lambda said, gold: 1.0)


def _text(said: Any) -> str:
    """Give an answer as text: an abstention is the empty one, as the SQuAD measures have it."""
    return said if isinstance(said, str) else ""


MEASURES: Mapping[str, Callable[[str], TaskMeasure]] = {
    "accuracy": _accuracy,
    "macro_f1": _macro_f1,
    "f1": _micro_f1,
    "exact": _exact,
    "token_f1": _token_f1,
    "rouge1": _rouge,
    "rouge2": _rouge,
    "rougeL": _rouge,
    "chrF": _chrf,
    "BLEU": _bleu,
    "readable": _readable,
}
"""By the name that a builder's `measure` holds.

`f1` is of collections, such as entities or several labels, all rows together. `readable` is the share of replies that
can be read: of programs, those whose syntax is right, for no program that a model wrote is run here.
"""
