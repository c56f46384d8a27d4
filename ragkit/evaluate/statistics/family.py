"""Several comparisons at once: what is shown by chance must not be mistaken for what is so."""

from __future__ import annotations

from collections.abc import Sequence
from math import isnan, nan

__all__ = ["holm"]


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust the p values of a family, so that one wrong claim among all stays as rare as the level says.

    The smallest is multiplied by their number, the next by one less, and none may fall below the one before. It needs
    no independence. Source: Holm, Scandinavian Journal of Statistics 6, 1979.

    Args:
        p_values: From 0 to 1; NaN where there was no test, which stays NaN and counts for nothing.

    Returns:
        Adjusted p values in the order given, at most 1.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    tested = sorted((p, place) for place, p in enumerate(p_values) if not isnan(p))
    adjusted, floor = [nan] * len(p_values), 0.0
    for done, (p, place) in enumerate(tested):
        floor = max(floor, min(1.0, p * (len(tested) - done)))
        adjusted[place] = floor
    return adjusted
