"""Means over a part of the rows, as statistics that a bootstrap can resample."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ragkit.evaluate.statistics.estimate import Statistic

__all__ = ["mean_where"]


def mean_where(values: Sequence[float], chosen: Sequence[bool]) -> Statistic:
    """Give the mean of `values` over the rows that are `chosen`, NaN in a draw without any.

    Precision is the mean of being right over what was said, recall the mean of being said over what is right.

    Args:
        values: n numbers.
        chosen: n flags.
    """
    taken = np.asarray(chosen, dtype=np.float64)
    kept = np.where(taken > 0, np.asarray(values, dtype=np.float64), 0.0)

    def statistic(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return _ratio(weights @ kept, weights @ taken)

    return statistic


def _ratio(over: NDArray[np.float64], under: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.divide(over, under, out=np.full(len(over), np.nan), where=under > 0))
