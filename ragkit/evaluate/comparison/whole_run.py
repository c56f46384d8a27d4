"""Measures of a whole run (F1, AUROC), computed again from its rows, so that two runs can be compared by them.

Rows of detection hold `label`, `score`, `predicted` and `span_characters`; rows of classification, entities and
translation `gold` and `said`; rows of answers `label`, `score`, `abstained` and `right_if_answered`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from ragkit.evaluate.measures import abstention, detection
from ragkit.evaluate.measures.calibration import calibration_error
from ragkit.evaluate.measures.classification import ClassCounts, Decisions
from ragkit.evaluate.measures.entities import Entity, EntityCounts, TaggedSentence
from ragkit.evaluate.measures.weighted import mean_where
from ragkit.evaluate.outcome import Row, Unscored
from ragkit.evaluate.statistics.estimate import Statistic

__all__ = ["MADE_OF", "Made", "holds", "is_known", "made_of", "statistic_of"]

Made: TypeAlias = tuple[str, ...]
"""The details and outcomes that a measure is made of."""

_Maker: TypeAlias = Callable[..., Statistic]  # of the measure's name and a column for each detail it is made of

_DETECTION: Made = ("label", "predicted")
_RANKING: Made = ("label", "score")
_CLASSES: Made = ("gold", "said")
_CONFIDENCE: Made = ("score", "right_if_answered")
_REFUSAL: Made = ("abstained", "label")
_ANSWERED: Made = ("correct", "abstained", "label")
_SPANS: Made = ("span_characters",)

MADE_OF = frozenset({*_DETECTION, *_RANKING, *_CLASSES, *_CONFIDENCE, *_REFUSAL, *_SPANS})
"""Every detail that some measure is made of."""


def is_known(measure: str) -> bool:
    """Tell whether a measure can be computed again, from rows that hold enough."""
    return _name(measure) in _MAKERS


def holds(row: Row, made: Made) -> bool:
    """Tell whether a row has all that a measure is made of."""
    return all(_part(row, name) is not None for name in made)


def made_of(measure: str, rows: Sequence[Row]) -> Made | None:
    """Tell which details a measure is computed from; None where it is not known here, or no row holds them."""
    makers = _MAKERS.get(_name(measure), {})
    return next((made for made in makers if any(holds(row, made) for row in rows)), None)


def statistic_of(measure: str, made: Made, rows: Sequence[Row]) -> Statistic:
    """Give a measure as a statistic of rows that hold all of `made`; what they hold besides does not count."""
    columns = [[_part(row, name) for row in rows] for name in made]
    made_statistic: Statistic = _MAKERS[_name(measure)][made](measure, *columns)
    return made_statistic


def _name(measure: str) -> str:
    return "f1:" if measure.startswith("f1:") else measure


def _part(row: Row, name: str) -> Any:  # Any: details are JSON
    if name in row.details:
        return row.details[name]
    outcome = row.outcomes.get(name)
    return None if isinstance(outcome, Unscored) else outcome


def _plain(what: Callable[..., Statistic]) -> _Maker:
    return lambda _, *columns: what(*columns)


def _counted(what: Callable[[ClassCounts], Any]) -> _Maker:
    def make(_: str, gold: Sequence[str], said: Sequence[str]) -> Statistic:
        decisions = Decisions.of(gold, said)
        return lambda weights: what(decisions.counts(weights))

    return make


def _of_class(measure: str, gold: Sequence[str], said: Sequence[str]) -> Statistic:
    decisions = Decisions.of(gold, said)
    place = decisions.column(measure.removeprefix("f1:"))
    return lambda weights: decisions.counts(weights).f1()[:, place]


def _of_losses(what: Callable[..., Statistic], **options: Any) -> _Maker:
    return lambda _, scores, right: what(scores, [1.0 - float(one) for one in right], **options)


def _calibrated(**options: Any) -> _Maker:
    return lambda _, scores, right: calibration_error(scores, [float(one) for one in right], **options)


def _accuracy_given_answered(_: str, correct: Sequence[float], abstained: Sequence[bool], __: Any) -> Statistic:
    return abstention.accuracy_given_answered(correct, abstained)


def _correct_given_answered(
    _: str, correct: Sequence[float], abstained: Sequence[bool], label: Sequence[bool]
) -> Statistic:
    return mean_where(correct, [bool(there) and not kept for there, kept in zip(label, abstained, strict=True)])


def _of_entities(what: Callable[..., Any]) -> _Maker:
    def make(_: str, gold: Sequence[Any], said: Sequence[Any]) -> Statistic:
        sides = zip(gold, said, strict=True)
        counts = EntityCounts.of([TaggedSentence((), _entities(one), _entities(two)) for one, two in sides])
        return lambda weights: what(counts, weights)

    return make


def _entities(listed: Sequence[Sequence[Any]]) -> frozenset[Entity]:
    return frozenset(Entity(*entity) for entity in listed)


def _of_texts(name: str) -> _Maker:
    def make(_: str, gold: Sequence[str], said: Sequence[str]) -> Statistic:
        from ragkit.evaluate.measures import translation  # needs sacrebleu, which other comparisons do not

        statistic: Statistic = getattr(translation, name)(said, [[one] for one in gold])
        return statistic

    return make


_MAKERS: Mapping[str, Mapping[Made, _Maker]] = {
    "HasAns_correct_given_answered": {_ANSWERED: _correct_given_answered},
    "abstain_f1": {_REFUSAL: _plain(abstention.abstain_f1)},
    "abstain_precision": {_REFUSAL: _plain(abstention.abstain_precision)},
    "accuracy_given_answered": {_ANSWERED: _accuracy_given_answered},
    "aurc": {_CONFIDENCE: _of_losses(abstention.aurc)},
    "auroc": {_RANKING: _plain(detection.auroc)},
    "average_precision": {_RANKING: _plain(detection.average_precision)},
    "balanced_accuracy": {
        _CLASSES: _counted(ClassCounts.balanced_accuracy),
        _DETECTION: _plain(detection.balanced_accuracy),
    },
    "corpus_BLEU": {_CLASSES: _of_texts("corpus_bleu")},
    "corpus_chrF": {_CLASSES: _of_texts("corpus_chrf")},
    "coverage@risk=0.05": {_CONFIDENCE: _of_losses(abstention.coverage_at_risk, most=0.05)},
    "ece_10": {_CONFIDENCE: _calibrated(bins=10)},
    "ece_15_equal_mass": {_CONFIDENCE: _calibrated(bins=15, equal_mass=True)},
    "excess_aurc": {_CONFIDENCE: _of_losses(abstention.excess_aurc)},
    "f1": {_DETECTION: _plain(detection.f1), _CLASSES: _of_entities(EntityCounts.f1)},
    "f1:": {_CLASSES: _of_class},
    "macro_f1": {_CLASSES: _counted(ClassCounts.macro_f1)},
    "matthews": {_CLASSES: _counted(ClassCounts.matthews)},
    "precision": {_DETECTION: _plain(detection.precision), _CLASSES: _of_entities(EntityCounts.precision)},
    "recall": {_DETECTION: _plain(detection.recall), _CLASSES: _of_entities(EntityCounts.recall)},
    "span_f1": {_SPANS: _plain(detection.overlap_f1)},
}
