"""Measures of a whole run (F1, AUROC), computed again from its rows, so that two runs can be compared by them.

Rows of detection hold `label`, `score`, `predicted` and `span_characters`; rows of classification, entities and
translation `gold` and `said`; rows of answers `label`, `score`, `abstained` and `right_if_answered`.

Were two systems the same, either could have given what the other said of a row: labels, answers, counts. Their scores
stand on two scales, of which a mixture ranks nothing; so each score is swapped as its rank within its own run, which
changes no measure of a ranking (Bandos, Rockette and Gur, Statistics in Medicine 24, 2005, of the area under the ROC
curve). Calibration error is of the scores themselves and has no such swap: one system may err as far above as the other
below, and mixed they would err less than either.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from ragkit.evaluate.measures import abstention, detection
from ragkit.evaluate.measures.calibration import calibration_error
from ragkit.evaluate.measures.classification import ClassCounts, Decisions, Numbers
from ragkit.evaluate.measures.entities import Entity, EntityCounts, TaggedSentence
from ragkit.evaluate.measures.weighted import mean_where
from ragkit.evaluate.outcome import Row, Unscored
from ragkit.evaluate.statistics.estimate import Statistic, Statistics

__all__ = ["MADE_OF", "Made", "holds", "is_known", "made_of", "may_swap", "pooled_statistics_of", "statistics_of"]

Made: TypeAlias = tuple[str, ...]
"""The details and outcomes that a measure is made of."""

_Maker: TypeAlias = Callable[..., Statistics]  # of measures' names and a column for each detail they are made of

_DETECTION: Made = ("label", "predicted")
_RANKING: Made = ("label", "score")
_CLASSES: Made = ("gold", "said")
_CONFIDENCE: Made = ("score", "right_if_answered")
_REFUSAL: Made = ("abstained", "label")
_ANSWERED: Made = ("correct", "abstained", "label")
_SPANS: Made = ("span_characters",)

_OF_THE_SCALE = frozenset({"ece_10", "ece_15_equal_mass"})

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


def statistics_of(measures: Sequence[str], made: Made, rows: Sequence[Row]) -> Statistics:
    """Give measures as statistics of rows that hold all of `made`; what they hold besides does not count.

    F1 of a label that no row has, and none was said to have, is NaN.
    """
    return _statistics(measures, made, _columns(made, rows))


def may_swap(measure: str) -> bool:
    """Tell whether, were two systems the same, either could have given what the other gave of a row."""
    return measure not in _OF_THE_SCALE


def pooled_statistics_of(
    measures: Sequence[str], made: Made, baseline: Sequence[Row], candidate: Sequence[Row]
) -> Statistics:
    """Give measures as statistics of the baseline's n rows and then the candidate's: what `compare_statistics` swaps.

    Only for those that `may_swap`: scores count by their rank within their own run, ties by the mean of their ranks.
    """
    sides = zip(made, _columns(made, baseline), _columns(made, candidate), strict=True)
    columns = [
        [*_ranks(ours), *_ranks(theirs)] if name == "score" else [*ours, *theirs] for name, ours, theirs in sides
    ]
    return _statistics(measures, made, columns)


def _columns(made: Made, rows: Sequence[Row]) -> list[list[Any]]:
    return [[_part(row, name) for row in rows] for name in made]


def _ranks(scores: Sequence[float]) -> list[float]:
    """Give ranks from 1 for the lowest."""
    _, level, size = np.unique(scores, return_inverse=True, return_counts=True)
    ranks: list[float] = (np.cumsum(size) - (size - 1) / 2)[level].tolist()
    return ranks


def _statistics(measures: Sequence[str], made: Made, columns: Sequence[Sequence[Any]]) -> Statistics:
    """Give measures in their order; those of one maker share what it counts."""
    places: dict[_Maker, list[int]] = {}
    for place, measure in enumerate(measures):
        places.setdefault(_MAKERS[_name(measure)][made], []).append(place)
    parts = [maker([measures[place] for place in among], *columns) for maker, among in places.items()]
    order = np.argsort([place for among in places.values() for place in among])
    return lambda weights: np.hstack([part(weights) for part in parts])[:, order]


def _name(measure: str) -> str:
    return "f1:" if measure.startswith("f1:") else measure


def _part(row: Row, name: str) -> Any:  # Any: details are JSON
    if name in row.details:
        return row.details[name]
    outcome = row.outcomes.get(name)
    return None if isinstance(outcome, Unscored) else outcome


def _plain(what: Callable[..., Statistic]) -> _Maker:
    def make(_: Sequence[str], *columns: Sequence[Any]) -> Statistics:
        statistic = what(*columns)
        return lambda weights: statistic(weights)[:, np.newaxis]

    return make


def _of_classes(measures: Sequence[str], gold: Sequence[str], said: Sequence[str]) -> Statistics:
    decisions = Decisions.of(gold, said)

    def statistics(weights: Numbers) -> Numbers:
        counts = decisions.counts(weights)
        known = {f"f1:{label}": line for label, line in zip(decisions.labels, counts.f1().T, strict=True)}
        known |= {name: what(counts) for name, what in _OF_CLASSES.items() if name in measures}
        unknown = np.full(len(weights), np.nan)
        return np.stack([known.get(measure, unknown) for measure in measures], axis=1)

    return statistics


def _of_losses(what: Callable[..., Statistic], **options: Any) -> _Maker:
    return _plain(lambda scores, right: what(scores, [1.0 - float(one) for one in right], **options))


def _calibrated(**options: Any) -> _Maker:
    return _plain(lambda scores, right: calibration_error(scores, [float(one) for one in right], **options))


def _accuracy_given_answered(correct: Sequence[float], abstained: Sequence[bool], _: Any) -> Statistic:
    return abstention.accuracy_given_answered(correct, abstained)


def _correct_given_answered(correct: Sequence[float], abstained: Sequence[bool], label: Sequence[bool]) -> Statistic:
    return mean_where(correct, [bool(there) and not kept for there, kept in zip(label, abstained, strict=True)])


def _of_entities(measures: Sequence[str], gold: Sequence[Any], said: Sequence[Any]) -> Statistics:
    sides = zip(gold, said, strict=True)
    counts = EntityCounts.of([TaggedSentence((), _entities(one), _entities(two)) for one, two in sides])
    return lambda weights: np.stack([_OF_ENTITIES[measure](counts, weights) for measure in measures], axis=1)


def _entities(listed: Sequence[Sequence[Any]]) -> frozenset[Entity]:
    return frozenset(Entity(*entity) for entity in listed)


def _of_texts(name: str) -> _Maker:
    def what(gold: Sequence[str], said: Sequence[str]) -> Statistic:
        from ragkit.evaluate.measures import translation  # needs sacrebleu, which other comparisons do not

        statistic: Statistic = getattr(translation, name)(said, [[one] for one in gold])
        return statistic

    return _plain(what)


_OF_CLASSES: Mapping[str, Callable[[ClassCounts], Numbers]] = {
    "balanced_accuracy": ClassCounts.balanced_accuracy,
    "macro_f1": ClassCounts.macro_f1,
    "matthews": ClassCounts.matthews,
}
_OF_ENTITIES: Mapping[str, Callable[[EntityCounts, Numbers], Numbers]] = {
    "f1": EntityCounts.f1,
    "precision": EntityCounts.precision,
    "recall": EntityCounts.recall,
}

_MAKERS: Mapping[str, Mapping[Made, _Maker]] = {
    "HasAns_correct_given_answered": {_ANSWERED: _plain(_correct_given_answered)},
    "abstain_f1": {_REFUSAL: _plain(abstention.abstain_f1)},
    "abstain_precision": {_REFUSAL: _plain(abstention.abstain_precision)},
    "accuracy_given_answered": {_ANSWERED: _plain(_accuracy_given_answered)},
    "aurc": {_CONFIDENCE: _of_losses(abstention.aurc)},
    "auroc": {_RANKING: _plain(detection.auroc)},
    "average_precision": {_RANKING: _plain(detection.average_precision)},
    "balanced_accuracy": {
        _CLASSES: _of_classes,
        _DETECTION: _plain(detection.balanced_accuracy),
    },
    "corpus_BLEU": {_CLASSES: _of_texts("corpus_bleu")},
    "corpus_chrF": {_CLASSES: _of_texts("corpus_chrf")},
    "coverage@risk=0.05": {_CONFIDENCE: _of_losses(abstention.coverage_at_risk, most=0.05)},
    "ece_10": {_CONFIDENCE: _calibrated(bins=10)},
    "ece_15_equal_mass": {_CONFIDENCE: _calibrated(bins=15, equal_mass=True)},
    "excess_aurc": {_CONFIDENCE: _of_losses(abstention.excess_aurc)},
    "f1": {_DETECTION: _plain(detection.f1), _CLASSES: _of_entities},
    "f1:": {_CLASSES: _of_classes},
    "macro_f1": {_CLASSES: _of_classes},
    "matthews": {_CLASSES: _of_classes},
    "precision": {_DETECTION: _plain(detection.precision), _CLASSES: _of_entities},
    "recall": {_DETECTION: _plain(detection.recall), _CLASSES: _of_entities},
    "span_f1": {_SPANS: _plain(detection.overlap_f1)},
}
