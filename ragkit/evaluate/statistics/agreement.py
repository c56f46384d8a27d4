"""Do two raters, or a judge and people, say the same?"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from math import nan, sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ragkit.errors import InputError

__all__ = ["balanced_accuracy", "kappa", "kendall_tau", "krippendorff_alpha", "spearman"]


def kappa(a: Sequence[Hashable], b: Sequence[Hashable]) -> float:
    """Give Cohen's kappa of two raters: agreement beyond what their habits alone would give.

    Source: Cohen, Educational and Psychological Measurement 20, 1960.

    Returns:
        From -1 to 1; NaN without rows, or where both always give the same one label, so that chance explains all.

    Raises:
        InputError: If the lengths differ.

    Example:
        >>> kappa([1, 1, 0, 0], [1, 0, 0, 0])
        0.5
    """
    _check_lengths(a, b)
    n = len(a)
    seen = sum(x == y for x, y in zip(a, b, strict=True))
    chance = sum(list(a).count(label) * list(b).count(label) for label in set(a))
    return (seen * n - chance) / (n * n - chance) if n * n != chance else nan


def balanced_accuracy(labels: Sequence[Hashable], predicted: Sequence[Hashable]) -> float:
    """Give the mean over the labels of the share of their rows that were predicted right.

    Returns:
        From 0 to 1; NaN without rows. Labels that are only predicted do not count.

    Raises:
        InputError: If the lengths differ.
    """
    _check_lengths(labels, predicted)
    right: dict[Hashable, list[bool]] = {}
    for label, guess in zip(labels, predicted, strict=True):
        right.setdefault(label, []).append(label == guess)
    return sum(sum(rows) / len(rows) for rows in right.values()) / len(right) if right else nan


def krippendorff_alpha(
    ratings: Sequence[Sequence[float | None]], *, level: Literal["nominal", "ordinal", "interval"] = "nominal"
) -> float:
    """Give Krippendorff's alpha: one minus observed over expected disagreement, for any number of raters and gaps.

    Source: Krippendorff, Computing Krippendorff's Alpha-Reliability, 2011.

    Args:
        ratings: One sequence per rater, all over the same units; None where a rater gave none. Units with fewer than
            two ratings say nothing and are left out.
        level: How far two values are apart: not at all or wholly, by the ratings between them, or by their difference.

    Returns:
        At most 1, 0 for chance, below 0 for systematic disagreement; NaN where fewer than two values are in use.

    Raises:
        InputError: If raters rated different numbers of units.
    """
    if len({len(rater) for rater in ratings}) > 1:
        raise InputError(f"Raters gave {[len(rater) for rater in ratings]} ratings: give one per unit, None for a gap.")
    units = [[rating for rating in unit if rating is not None] for unit in zip(*ratings, strict=True)]
    pairable = [unit for unit in units if len(unit) > 1]
    values = sorted({rating for unit in pairable for rating in unit})
    if len(values) < 2:
        return nan
    matches = _coincidences(pairable, {value: place for place, value in enumerate(values)})
    totals = matches.sum(axis=0)
    apart = _distances(np.array(values), totals, level)
    chance = np.outer(totals, totals) - np.diag(totals)
    return float(1 - (totals.sum() - 1) * (matches * apart).sum() / (chance * apart).sum())


def _coincidences(units: Sequence[Sequence[float]], places: dict[float, int]) -> NDArray[np.float64]:
    """Count ordered pairs of values within units, each unit weighing as many as it has ratings."""
    matches = np.zeros((len(places), len(places)))
    for unit in units:
        counts = np.bincount([places[rating] for rating in unit], minlength=len(places))
        matches += (np.outer(counts, counts) - np.diag(counts)) / (len(unit) - 1)
    return matches


def _distances(values: NDArray[np.float64], totals: NDArray[np.float64], level: str) -> NDArray[np.float64]:
    if level == "interval":
        return np.asarray(np.subtract.outer(values, values) ** 2)
    if level == "ordinal":
        middles = np.cumsum(totals) - totals / 2
        return np.asarray(np.subtract.outer(middles, middles) ** 2)
    return 1 - np.eye(len(values))


def spearman(a: Sequence[float], b: Sequence[float]) -> float:
    """Give the correlation of ranks, ties sharing their mean rank.

    Source: Spearman, American Journal of Psychology 15, 1904.

    Returns:
        From -1 to 1; NaN for fewer than two rows or where one side does not vary.

    Raises:
        InputError: If the lengths differ.
    """
    _check_lengths(a, b)
    if len(set(a)) < 2 or len(set(b)) < 2:
        return nan
    return float(np.corrcoef(_mean_ranks(a), _mean_ranks(b))[0, 1])


def kendall_tau(a: Sequence[float], b: Sequence[float]) -> float:
    """Give Kendall's tau-b: concordant minus discordant pairs of rows, ties taken out of the total. Quadratic in rows.

    Source: Kendall, Biometrika 33, 1945.

    Returns:
        From -1 to 1; NaN for fewer than two rows or where one side does not vary.

    Raises:
        InputError: If the lengths differ.
    """
    _check_lengths(a, b)
    if len(set(a)) < 2 or len(set(b)) < 2:
        return nan
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    agree = untied_x = untied_y = 0.0
    for place in range(len(x)):
        order_x, order_y = np.sign(x[place] - x[:place]), np.sign(y[place] - y[:place])
        agree += float(order_x @ order_y)
        untied_x += float(np.abs(order_x).sum())
        untied_y += float(np.abs(order_y).sum())
    return agree / sqrt(untied_x * untied_y)


def _mean_ranks(values: Sequence[float]) -> NDArray[np.float64]:
    _, place, counts = np.unique(np.asarray(values, dtype=np.float64), return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[place])


def _check_lengths(a: Sequence[object], b: Sequence[object]) -> None:
    if len(a) != len(b):
        raise InputError(f"One side has {len(a)} values, the other {len(b)}: give both for the same rows.")
