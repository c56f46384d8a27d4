"""95 % intervals, from bootstrap draws and in closed form; which is used where was chosen by `evals.statistics`."""

from __future__ import annotations

from functools import cache
from math import isnan, nan, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "acceleration",
    "bca_interval",
    "difference_of_shares_interval",
    "percentile_interval",
    "student_interval",
    "student_quantile",
    "wilson_interval",
]

_NORMAL = NormalDist()
_Z = _NORMAL.inv_cdf(0.975)
_NAN_ALLOWED = 0.01


def bca_interval(draws: NDArray[np.float64], value: float, *, n: int, skew: float) -> tuple[float, float]:
    """Give the 95 % BCa interval, widened for small samples: best for the mean of bounded, skewed scores.

    Bias-corrected and accelerated as in Efron, JASA 82, 1987. A bootstrap knows the spread of the sample at hand,
    which is too small by sqrt((n - 1) / n), and normal quantiles stand where Student's are right: the level is moved by
    both, as in Hesterberg, The American Statistician 69, 2015 (expanded percentiles). It matters below 100 rows.

    Args:
        draws: (draws,) the statistic of each sample drawn; NaN where it is not defined.
        value: The statistic of the rows themselves.
        n: Rows that were drawn from.
        skew: The `acceleration` of the rows' influence on the statistic.

    Returns:
        low and high; NaN both where `value` is, where n < 2, or where more than 1 % of the draws are NaN.
    """
    known = draws[~np.isnan(draws)]
    if isnan(value) or not _enough(known, draws, n):
        return nan, nan
    bias = _NORMAL.inv_cdf(_share_below(known, value))
    reach = _reach(n)
    low, high = np.quantile(known, [_level(bias, skew, z) for z in (-reach, reach)])
    return float(low), float(high)


def percentile_interval(draws: NDArray[np.float64], *, n: int) -> tuple[float, float]:
    """Give the 95 % percentile interval, widened for small samples: best for differences, which are hardly skewed.

    Source: Hesterberg, The American Statistician 69, 2015 (expanded percentiles).

    Args:
        draws: (draws,) the statistic of each sample drawn; NaN where it is not defined.
        n: Rows that were drawn from.

    Returns:
        low and high; NaN both where n < 2, or where more than 1 % of the draws are NaN.
    """
    known = draws[~np.isnan(draws)]
    if not _enough(known, draws, n):
        return nan, nan
    low, high = np.quantile(known, [_NORMAL.cdf(-_reach(n)), _NORMAL.cdf(_reach(n))])
    return float(low), float(high)


def student_interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """Give the 95 % interval of the mean of (n,) values by Student's t; NaN both for fewer than two."""
    n = values.size
    if n < 2:
        return nan, nan
    half = student_quantile(0.975, n - 1) * float(values.std(ddof=1)) / sqrt(n)
    return float(values.mean()) - half, float(values.mean()) + half


def _enough(known: NDArray[np.float64], draws: NDArray[np.float64], n: int) -> bool:
    return n > 1 and known.size >= (1 - _NAN_ALLOWED) * draws.size


def _reach(n: int) -> float:
    return student_quantile(0.975, n - 1) * sqrt(n / (n - 1))


def _share_below(draws: NDArray[np.float64], value: float) -> float:
    # Draws equal to the value count half: most samples of a measure with few values hit it exactly.
    tolerance = 1e-12 * max(1.0, abs(value))
    below = np.count_nonzero(draws < value - tolerance)
    equal = np.count_nonzero(np.abs(draws - value) <= tolerance)
    return min(max((below + equal / 2) / draws.size, 1 / (draws.size + 1)), draws.size / (draws.size + 1))


def _level(bias: float, skew: float, z: float) -> float:
    shifted = bias + z
    slope = 1 - skew * shifted
    # Beyond the pole the formula turns back on itself; the end of the draws is what it tends to.
    return _NORMAL.cdf(bias + shifted / slope) if slope > 0 else float(z > 0)


def acceleration(influence: NDArray[np.float64]) -> float:
    """Give a sixth of the skewness of (n,) influences, over sqrt(n); of a mean, the values are their own influence.

    0 where nothing varies. Source: Efron, JASA 82, 1987, equation 7.3.
    """
    off = influence - influence.mean()
    spread = float((off**2).sum())
    return float((off**3).sum()) / (6 * spread**1.5) if spread > 0 else 0.0


def student_quantile(level: float, degrees: int) -> float:
    """Give a quantile of Student's t by its Cornish-Fisher expansion: at 97.5 % within 0.3 % from 4 degrees of freedom.

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.5.
    """
    total = 0.0
    for term in _expansion(level):
        total = total / degrees + term
    return total


@cache
def _expansion(level: float) -> tuple[float, ...]:
    """Give the terms of a quantile by the power of 1 / degrees they stand at, the highest first."""
    z = _NORMAL.inv_cdf(level)
    return (
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (z**3 + z) / 4,
        z,
    )


def wilson_interval(share: float, n: int) -> tuple[float, float]:
    """Give the 95 % score interval of a share of n rows; not empty when all rows agree.

    Source: Wilson, JASA 22, 1927.
    """
    middle = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    # In exact arithmetic the ends are 0 and 1 where all rows agree; rounded, they would lie on the wrong side of it.
    low = 0.0 if share == 0 else max(0.0, middle - half)
    high = 1.0 if share == 1 else min(1.0, middle + half)
    return low, high


def difference_of_shares_interval(gained: int, lost: int, n: int) -> tuple[float, float]:
    """Give the 95 % interval of the difference of two shares of the same n rows.

    Sound where only a few rows differ, of which a bootstrap sees too little. Source: Bonett and Price, Journal of
    Educational and Behavioral Statistics 37, 2012 (adjusted Wald).

    Args:
        gained: Rows that only the second share counts.
        lost: Rows that only the first share counts.
        n: Rows, at least 1.
    """
    up, down = (gained + 1) / (n + 2), (lost + 1) / (n + 2)
    half = _Z * sqrt((up + down - (up - down) ** 2) / (n + 2))
    return max(-1.0, up - down - half), min(1.0, up - down + half)
