"""Measures of a whole run (F1, AUROC), computed again from its rows, so that two runs can be compared by them.

Rows of detection hold `label`, `score` and `predicted`; rows of classification `gold` and `said`; rows of answers
`label`, `score`, `abstained` and `right_if_answered`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from ragkit.evaluate.measures import abstention, detection
from ragkit.evaluate.measures.calibration import calibration_error
from ragkit.evaluate.measures.classification import ClassCounts, Decisions
from ragkit.evaluate.outcome import Row
from ragkit.evaluate.statistics.estimate import Statistic

__all__ = ["MADE_OF", "Made", "made_of", "statistic_of"]

Made: TypeAlias = tuple[str, ...]
"""The details that a measure is made of."""

_Maker: TypeAlias = Callable[..., Statistic]  # of the measure's name and a column for each detail it is made of

_DETECTION: Made = ("label", "predicted")
_RANKING: Made = ("label", "score")
_CLASSES: Made = ("gold", "said")
_CONFIDENCE: Made = ("score", "right_if_answered")
_REFUSAL: Made = ("abstained", "label")

MADE_OF = frozenset({*_DETECTION, *_RANKING, *_CLASSES, *_CONFIDENCE, *_REFUSAL})
"""Every detail that some measure is made of."""


def made_of(measure: str, rows: Sequence[Row]) -> Made | None:
    """Tell which details a measure is computed from; None where it is not known here, or no row holds them."""
    makers = _MAKERS.get(_name(measure), {})
    return next((made for made in makers if any(_holds(row, made) for row in rows)), None)


def statistic_of(measure: str, made: Made, rows: Sequence[Row]) -> Statistic:
    """Give a measure as a statistic of rows that hold all of `made`; what they hold besides does not count."""
    columns = [[row.details[name] for row in rows] for name in made]
    made_statistic: Statistic = _MAKERS[_name(measure)][made](measure, *columns)
    return made_statistic


def _name(measure: str) -> str:
    return "f1:" if measure.startswith("f1:") else measure


def _holds(row: Row, made: Made) -> bool:
    return all(row.details.get(name) is not None for name in made)


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


_MAKERS: Mapping[str, Mapping[Made, _Maker]] = {
    "abstain_f1": {_REFUSAL: _plain(abstention.abstain_f1)},
    "aurc": {_CONFIDENCE: _of_losses(abstention.aurc)},
    "auroc": {_RANKING: _plain(detection.auroc)},
    "average_precision": {_RANKING: _plain(detection.average_precision)},
    "balanced_accuracy": {
        _CLASSES: _counted(ClassCounts.balanced_accuracy),
        _DETECTION: _plain(detection.balanced_accuracy),
    },
    "coverage@risk=0.05": {_CONFIDENCE: _of_losses(abstention.coverage_at_risk, most=0.05)},
    "ece_10": {_CONFIDENCE: _calibrated(bins=10)},
    "ece_15_equal_mass": {_CONFIDENCE: _calibrated(bins=15, equal_mass=True)},
    "excess_aurc": {_CONFIDENCE: _of_losses(abstention.excess_aurc)},
    "f1": {_DETECTION: _plain(detection.f1)},
    "f1:": {_CLASSES: _of_class},
    "macro_f1": {_CLASSES: _counted(ClassCounts.macro_f1)},
    "matthews": {_CLASSES: _counted(ClassCounts.matthews)},
    "precision": {_DETECTION: _plain(detection.precision)},
    "recall": {_DETECTION: _plain(detection.recall)},
}
