"""How well scores find the positive rows: F1, AUROC and others, each as a statistic that a bootstrap can weigh.

A statistic takes weights of shape `(draws, n)`, how often each row counts, and gives one value per draw, `(draws,)`:
NaN where it is not defined (no positive rows, say). Ones of shape `(1, n)` give the plain value, which `value` does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ragkit.errors import InputError

__all__ = [
    "Cut",
    "Floats",
    "Overlap",
    "Statistic",
    "accuracy",
    "auroc",
    "average_precision",
    "balanced_accuracy",
    "best_cut",
    "f1",
    "overlap_f1",
    "precision",
    "recall",
    "span_overlap",
    "value",
]

Floats: TypeAlias = "NDArray[np.float64]"
Statistic: TypeAlias = Callable[[Floats], Floats]


def value(statistic: Statistic, n: int) -> float:
    """Give a statistic of all `n` rows, each counted once."""
    return float(statistic(np.ones((1, n)))[0])


def precision(labels: Sequence[bool], predicted: Sequence[bool]) -> Statistic:
    """Give the share of predicted positives that are positive; NaN where nothing is predicted."""
    counts = _Counts.of(labels, predicted)
    return lambda weights: _ratio(counts.hits(weights), counts.calls(weights))


def recall(labels: Sequence[bool], predicted: Sequence[bool]) -> Statistic:
    """Give the share of positives that are predicted; NaN where there is no positive row."""
    counts = _Counts.of(labels, predicted)
    return lambda weights: _ratio(counts.hits(weights), counts.positives(weights))


def f1(labels: Sequence[bool], predicted: Sequence[bool]) -> Statistic:
    """Give 2 hits / (positives + predicted), the harmonic mean of precision and recall; NaN where both are empty."""
    counts = _Counts.of(labels, predicted)
    return lambda weights: _ratio(2 * counts.hits(weights), counts.positives(weights) + counts.calls(weights))


def accuracy(labels: Sequence[bool], predicted: Sequence[bool]) -> Statistic:
    """Give the share of rows predicted as they are."""
    right = _flags(labels, predicted)[0] == np.asarray(predicted, dtype=bool)
    return lambda weights: _ratio(weights @ right.astype(np.float64), weights.sum(axis=1))


def balanced_accuracy(labels: Sequence[bool], predicted: Sequence[bool]) -> Statistic:
    """Give the mean of the recalls of both classes, 0.5 for chance; NaN where a class is absent."""
    found = recall(labels, predicted)
    left = recall([not label for label in labels], [not call for call in predicted])
    return lambda weights: (found(weights) + left(weights)) / 2


def auroc(labels: Sequence[bool], scores: Sequence[float]) -> Statistic:
    """Give the probability that a positive row scores above a negative one, ties counting half.

    NaN where a class is absent. Equal to `sklearn.metrics.roc_auc_score`.
    """
    groups = _Groups.of(labels, scores)

    def statistic(weights: Floats) -> Floats:
        positive, negative = groups.masses(weights)
        above = np.cumsum(negative, axis=1) - negative  # negatives in groups of higher scores
        lost = (positive * (above + negative / 2)).sum(axis=1)
        return 1 - _ratio(lost, positive.sum(axis=1) * negative.sum(axis=1))

    return statistic


def average_precision(labels: Sequence[bool], scores: Sequence[float]) -> Statistic:
    """Give the precision at each positive row, averaged; rows of one score are taken together.

    NaN where there is no positive row. Equal to `sklearn.metrics.average_precision_score`.
    """
    groups = _Groups.of(labels, scores)

    def statistic(weights: Floats) -> Floats:
        positive, negative = groups.masses(weights)
        hits = np.cumsum(positive, axis=1)
        seen = hits + np.cumsum(negative, axis=1)
        at_each = np.divide(hits, seen, out=np.zeros_like(hits), where=seen > 0)
        return _ratio((positive * at_each).sum(axis=1), positive.sum(axis=1))

    return statistic


class Overlap(NamedTuple):
    """How many characters two markings of one text share."""

    both: int
    predicted: int
    gold: int


def span_overlap(predicted: Sequence[tuple[int, int]], gold: Sequence[tuple[int, int]]) -> Overlap:
    """Count characters marked by `predicted`, by `gold` and by both; spans are half-open and may overlap.

    Example:
        >>> span_overlap([(0, 4)], [(2, 6), (5, 8)])
        Overlap(both=2, predicted=4, gold=6)
    """
    ours, theirs = _characters(predicted), _characters(gold)
    return Overlap(len(ours & theirs), len(ours), len(theirs))


def overlap_f1(overlaps: Sequence[Overlap]) -> Statistic:
    """Give character F1 over all rows together: 2 both / (predicted + gold); NaN where nothing is marked.

    Source: Niu et al., RAGTruth, ACL 2024, section 5 (span-level detection).
    """
    counts = np.asarray(overlaps, dtype=np.float64).reshape(-1, 3)
    both, marked = counts[:, 0], counts[:, 1] + counts[:, 2]
    return lambda weights: _ratio(2 * (weights @ both), weights @ marked)


class Cut(NamedTuple):
    """A threshold and the F1 it reaches on the rows it was chosen on."""

    threshold: float
    """Rows that score at least this are predicted."""
    f1: float


def best_cut(labels: Sequence[bool], scores: Sequence[float]) -> Cut:
    """Give the threshold of the highest F1, the higher of two that tie.

    On the rows it was chosen on, that F1 is optimistic: choose on other rows than those you report.

    Raises:
        InputError: If there is no positive row.
    """
    flags, values = _flags(labels, scores)
    if not flags.any():
        raise InputError("no row is positive: a threshold needs rows of both kinds.")
    order = np.argsort(-values, kind="stable")
    hits, seen = np.cumsum(flags[order]), np.arange(1, len(order) + 1)
    reached = 2 * hits / (seen + flags.sum())
    last_of_score = np.append(np.diff(values[order]) != 0, True)
    best = int(np.where(last_of_score, reached, -1.0).argmax())
    return Cut(float(values[order][best]), float(reached[best]))


def _characters(spans: Sequence[tuple[int, int]]) -> set[int]:
    return {place for start, end in spans for place in range(start, end)}


def _flags(labels: Sequence[bool], others: Sequence[float]) -> tuple[NDArray[np.bool_], Floats]:
    flags, values = np.asarray(labels, dtype=bool), np.asarray(others, dtype=np.float64)
    if flags.shape != values.shape:
        raise InputError(f"there are {flags.size} labels for {values.size} rows: give one for each.")
    if not np.isfinite(values).all():
        raise InputError("a score is not finite: leave rows without a score out, and count them.")
    return flags, values


def _ratio(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)


@dataclass(frozen=True, slots=True)
class _Counts:
    """Labels and predictions as columns to weigh."""

    label: Floats
    call: Floats

    @classmethod
    def of(cls, labels: Sequence[bool], predicted: Sequence[bool]) -> _Counts:
        flags, calls = _flags(labels, predicted)
        return cls(flags.astype(np.float64), calls)

    def hits(self, weights: Floats) -> Floats:
        return weights @ (self.label * self.call)

    def calls(self, weights: Floats) -> Floats:
        return weights @ self.call

    def positives(self, weights: Floats) -> Floats:
        return weights @ self.label


@dataclass(frozen=True, slots=True)
class _Groups:
    """Rows by falling score; those of one score are one group."""

    order: NDArray[np.intp]
    starts: NDArray[np.intp]
    label: Floats

    @classmethod
    def of(cls, labels: Sequence[bool], scores: Sequence[float]) -> _Groups:
        flags, values = _flags(labels, scores)
        order = np.argsort(-values, kind="stable")
        starts = np.flatnonzero(np.append(True, np.diff(values[order]) != 0)) if len(order) else np.zeros(0, np.intp)
        return cls(order, starts, flags[order].astype(np.float64))

    def masses(self, weights: Floats) -> tuple[Floats, Floats]:
        """Give the weight of positives and of negatives in each group, `(draws, groups)`."""
        if not len(self.order):
            empty = np.zeros((len(weights), 0))
            return empty, empty
        ordered = weights[:, self.order]
        positive = np.add.reduceat(ordered * self.label, self.starts, axis=1)
        return positive, np.add.reduceat(ordered, self.starts, axis=1) - positive
