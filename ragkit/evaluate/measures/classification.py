"""Accuracy, F1 and Matthews' coefficient of labels, counted for many weightings of the rows at once.

`Decisions` holds gold and predicted labels of a run; `counts` adds them up under one weight per row, or under a matrix
of weights, one draw a line, which is how `ragkit.evaluate.statistics` bootstraps a measure of the whole run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ragkit.errors import InputError, shorten

__all__ = ["ClassCounts", "ClassScores", "Decisions", "Numbers"]

Numbers: TypeAlias = "NDArray[np.float64]"
"""Weights `(draws, n)`, counts `(draws, classes)`, or measures `(draws,)`."""


@dataclass(frozen=True, slots=True)
class ClassScores:
    """What one class came to; all fractions from 0 to 1."""

    precision: float
    """NaN where the class was never predicted."""
    recall: float
    """NaN where the class never stands in the gold."""
    f1: float
    """NaN where it is neither predicted nor gold."""
    gold: int
    """Rows of this class."""
    predicted: int
    """Rows said to be of this class."""


@dataclass(frozen=True, slots=True)
class ClassCounts:
    """Weighted counts by class, shape `(draws, classes)` each; every measure gives shape `(draws,)`."""

    right: Numbers
    """Rows of the class that were predicted so."""
    predicted: Numbers
    gold: Numbers

    def accuracy(self) -> Numbers:
        """Give the share of rows whose label is right; NaN of no rows."""
        return _divide(self.right.sum(axis=1), self.gold.sum(axis=1))

    def precision(self) -> Numbers:
        """Give precision by class, `(draws, classes)`; NaN where a class is not predicted."""
        return _divide(self.right, self.predicted)

    def recall(self) -> Numbers:
        """Give recall by class, `(draws, classes)`; NaN where a class is not in the gold."""
        return _divide(self.right, self.gold)

    def f1(self) -> Numbers:
        """Give F1 by class, `(draws, classes)`; NaN where a class is neither predicted nor gold."""
        return _divide(2.0 * self.right, self.predicted + self.gold)

    def macro_f1(self) -> Numbers:
        """Give the mean F1 of the classes that occur, predicted or gold; others are left out, as in scikit-learn."""
        return _mean_of_known(self.f1())

    def balanced_accuracy(self) -> Numbers:
        """Give the mean recall of the classes that the gold holds."""
        return _mean_of_known(self.recall())

    def micro_f1(self, classes: Sequence[int]) -> Numbers:
        """Give the F1 of all decisions for `classes` (columns) taken together; over all classes it is the accuracy."""
        part = list(classes)
        right = self.right[:, part].sum(axis=1)
        return _divide(2.0 * right, self.predicted[:, part].sum(axis=1) + self.gold[:, part].sum(axis=1))

    def matthews(self) -> Numbers:
        """Give Matthews' correlation coefficient for any number of classes, from -1 to 1.

        It is 0 where every row is predicted, or gold, of one class, as in scikit-learn; NaN of no rows.
        Source: Gorodkin, Computational Biology and Chemistry 28 (2004), the coefficient R_K.
        """
        rows = self.gold.sum(axis=1)
        together = self.right.sum(axis=1) * rows - (self.gold * self.predicted).sum(axis=1)
        spread_predicted = rows**2 - (self.predicted**2).sum(axis=1)
        spread_gold = rows**2 - (self.gold**2).sum(axis=1)
        spread = np.sqrt(spread_predicted * spread_gold)
        value = np.divide(together, spread, out=np.zeros_like(together), where=spread > 0)
        return np.asarray(np.where(rows > 0, value, np.nan))


@dataclass(frozen=True, slots=True)
class Decisions:
    """Gold and predicted labels of the same rows."""

    labels: tuple[str, ...]
    """The classes; their order is that of the columns of every count."""
    gold: NDArray[np.int64]
    """Column of the right label of each row, `(n,)`."""
    predicted: NDArray[np.int64]
    """Column of the predicted label of each row, `(n,)`."""

    @classmethod
    def of(cls, gold: Sequence[str], predicted: Sequence[str]) -> Decisions:
        """Read labels, row by row; the classes are all that occur, sorted.

        Raises:
            InputError: If the numbers of labels differ.

        Example:
            >>> float(Decisions.of(["cat", "dog"], ["cat", "cat"]).counts().macro_f1()[0])
            0.3333333333333333
        """
        if len(gold) != len(predicted):
            raise InputError(
                f"got {len(gold)} gold labels and {len(predicted)} predicted ones: give one of each a row."
            )
        labels = tuple(sorted({*gold, *predicted}))
        column = {label: number for number, label in enumerate(labels)}
        codes = [np.asarray([column[label] for label in side], dtype=np.int64) for side in (gold, predicted)]
        return cls(labels, codes[0], codes[1])

    def counts(self, weights: Numbers | None = None) -> ClassCounts:
        """Add up the rows.

        Args:
            weights: How often each row counts, `(draws, n)`; None for one draw in which each counts once.
        """
        given = np.ones((1, len(self.gold))) if weights is None else np.atleast_2d(weights)
        hits = np.where(self.gold == self.predicted, self.gold, -1)
        sides = (hits, self.predicted, self.gold)
        return ClassCounts(*(given @ _indicator(codes, len(self.labels)) for codes in sides))

    def confusion(self) -> NDArray[np.int64]:
        """Give how many rows of each class (line) were predicted as each class (column), `(classes, classes)`."""
        table = np.zeros((len(self.labels),) * 2, dtype=np.int64)
        np.add.at(table, (self.gold, self.predicted), 1)
        return table

    def by_class(self) -> dict[str, ClassScores]:
        """Give precision, recall and F1 by label."""
        counts = self.counts()
        numbers = zip(
            self.labels,
            *(values[0].tolist() for values in (counts.precision(), counts.recall(), counts.f1())),
            counts.gold[0].astype(int).tolist(),
            counts.predicted[0].astype(int).tolist(),
            strict=True,
        )
        return {label: ClassScores(*values) for label, *values in numbers}

    def column(self, label: str) -> int:
        """Give the column of `label`.

        Raises:
            InputError: If no row is, or was said to be, of that class.
        """
        if label not in self.labels:
            raise InputError(f"there is no label {shorten(repr(label))}: the labels are {', '.join(self.labels)}.")
        return self.labels.index(label)


def _indicator(codes: NDArray[np.int64], classes: int) -> Numbers:
    """Give `(n, classes)` with a one in the column of each row's code; a code of -1 has none."""
    return np.asarray(codes[:, np.newaxis] == np.arange(classes), dtype=np.float64)


def _divide(above: Numbers, below: Numbers) -> Numbers:
    out: Numbers = np.full(np.shape(above), np.nan)
    return np.divide(above, below, out=out, where=below > 0)


def _mean_of_known(values: Numbers) -> Numbers:
    known = ~np.isnan(values)
    return _divide(np.where(known, values, 0.0).sum(axis=1), known.sum(axis=1).astype(np.float64))
