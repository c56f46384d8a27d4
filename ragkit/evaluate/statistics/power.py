"""What difference a number of rows can show, and how many rows a difference needs."""

from __future__ import annotations

from bisect import bisect_left
from math import isfinite, nan
from statistics import NormalDist

from ragkit.evaluate.statistics.intervals import student_quantile

__all__ = ["detectable_effect", "rows_needed"]

_LEVEL, _POWER = 0.975, 0.8  # two-sided 5 %
_NORMAL_REACH = NormalDist().inv_cdf(_LEVEL) + NormalDist().inv_cdf(_POWER)


def detectable_effect(spread: float, n: int) -> float:
    """Give the smallest true mean difference that n pairs show with 80 % power at a two-sided level of 5 %.

    (t(0.975) + t(0.8)) * spread / sqrt(n), both quantiles of Student's t with n - 1 degrees of freedom. Source: Cohen,
    Statistical Power Analysis for the Behavioral Sciences, 1988, section 2.4.

    Args:
        spread: Standard deviation of the differences, dividing by n - 1.
        n: Pairs.

    Returns:
        A size in the unit of `spread`; NaN for fewer than two pairs.

    Example:
        >>> round(detectable_effect(0.3, 225), 3)
        0.056
    """
    if n < 2:
        return nan
    quantiles = student_quantile(_LEVEL, n - 1) + student_quantile(_POWER, n - 1)
    return float(quantiles * spread / n**0.5)


def rows_needed(spread: float, effect: float) -> int | None:
    """Give the smallest number of pairs of which `detectable_effect` is at most `effect`.

    Args:
        spread: Standard deviation of the differences.
        effect: The true mean difference to show.

    Returns:
        At least 2; None where no number is enough or none can be told (an effect of 0, a spread of NaN).

    Example:
        >>> rows_needed(0.3, 0.01)
        7066
    """
    if not (isfinite(spread) and effect > 0):
        return None
    # Student's quantiles are larger than the normal ones, so the answer lies at or behind the normal one.
    start = max(2, int((_NORMAL_REACH * spread / effect) ** 2))
    width = 1
    while detectable_effect(spread, start + width) > effect:
        width *= 2
    near = range(start, start + width)
    return start + bisect_left(near, True, key=lambda n: detectable_effect(spread, n) <= effect)
