"""Does a confidence of 0.8 come true in eight of ten cases? Calibration error, Brier score, log-loss, reliability bins.

Sources: ECE after Guo et al., ICML 2017 (bins open below and closed above); equal-mass bins after Nixon et al., 2019.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ragkit.errors import InputError

if TYPE_CHECKING:
    from ragkit.evaluate.statistics.estimate import Statistic

__all__ = ["CalibrationBin", "brier", "calibration_error", "log_loss", "reliability_bins"]

_SMALLEST = float(np.finfo(np.float64).eps)  # as scikit-learn clips


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Rows of about the same confidence."""

    low: float
    """Confidences lie above this; the first bin holds its own bound too."""
    high: float
    """Confidences lie at or below this."""
    confidence: float
    """Their mean."""
    accuracy: float
    """Share of them that came true."""
    count: int
    """At least 1."""


def brier(confidence: float, correct: float) -> float:
    """Give the squared distance of a confidence from what came of it: from 0 (best) to 1."""
    return (_checked(confidence) - correct) ** 2


def log_loss(confidence: float, correct: float) -> float:
    """Give the negative natural logarithm of the probability given to what came: from 0 (best), at most about 36.

    A confidence of 0 or 1 counts as the nearest number of double precision (2.2e-16 off), as in scikit-learn.
    """
    sure = min(max(_checked(confidence), _SMALLEST), 1 - _SMALLEST)
    return -(correct * math.log(sure) + (1 - correct) * math.log1p(-sure))


def calibration_error(
    confidences: Sequence[float], correct: Sequence[float], *, bins: int = 10, equal_mass: bool = False
) -> Statistic:
    """Give the expected calibration error: the mean distance of accuracy from confidence over bins, by their rows.

    Biased upwards on few rows: compare it between runs of the same size only.

    Args:
        confidences: n fractions from 0 to 1.
        correct: n outcomes from 0 to 1.
        bins: Number of bins, usually 10 or 15.
        equal_mass: Bins of equal numbers of rows instead of equal width; equal confidences stay together.

    Returns:
        From 0 to 1. The bins are those of the rows given, also for resampled rows.

    Raises:
        InputError: If a confidence lies outside 0 to 1, or `bins` < 1.
    """
    sure = _checked_all(confidences)
    places = _places(sure, _edges(sure, bins, equal_mass=equal_mass))
    gaps = np.zeros((len(sure), bins))
    gaps[np.arange(len(sure)), places] = np.asarray(correct, dtype=np.float64) - sure

    def statistic(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.abs(weights @ gaps).sum(axis=1) / weights.sum(axis=1))

    return statistic


def reliability_bins(
    confidences: Sequence[float], correct: Sequence[float], *, bins: int = 10, equal_mass: bool = False
) -> list[CalibrationBin]:
    """Give the bins of `calibration_error` that hold rows, by rising confidence: a reliability diagram.

    Raises:
        InputError: If a confidence lies outside 0 to 1, or `bins` < 1.
    """
    sure, true = _checked_all(confidences), np.asarray(correct, dtype=np.float64)
    edges = _edges(sure, bins, equal_mass=equal_mass)
    places = _places(sure, edges)
    return [
        CalibrationBin(
            low=float(edges[place]),
            high=float(edges[place + 1]),
            confidence=float(sure[places == place].mean()),
            accuracy=float(true[places == place].mean()),
            count=int((places == place).sum()),
        )
        for place in np.unique(places)
    ]


def _edges(sure: NDArray[np.float64], bins: int, *, equal_mass: bool) -> NDArray[np.float64]:
    if bins < 1:
        raise InputError(f"bins must be at least 1, got {bins}: 10 and 15 are usual.")
    steps = np.linspace(0, 1, bins + 1)
    return np.asarray(np.quantile(sure, steps) if equal_mass and len(sure) else steps)


def _places(sure: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.intp]:
    return np.searchsorted(edges[1:-1], sure, side="left")


def _checked_all(confidences: Sequence[float]) -> NDArray[np.float64]:
    return np.asarray([_checked(one) for one in confidences], dtype=np.float64)


def _checked(confidence: float) -> float:
    if not 0 <= confidence <= 1:
        raise InputError(f"a confidence must lie between 0 and 1, got {confidence}: calibrate scores first.")
    return confidence
