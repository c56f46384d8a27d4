"""How far two retrieved lists agree: as sets, and as rankings."""

from __future__ import annotations

from collections.abc import Sequence

from ragkit.errors import InputError

__all__ = ["jaccard", "rank_biased_overlap"]


def jaccard(one: Sequence[str], other: Sequence[str]) -> float:
    """Give the size of the intersection over that of the union, from 0 to 1; two empty lists agree.

    Example:
        >>> jaccard(["a", "b"], ["b", "c"])
        0.3333333333333333
    """
    union = {*one, *other}
    return len({*one} & {*other}) / len(union) if union else 1.0


def rank_biased_overlap(one: Sequence[str], other: Sequence[str], *, persistence: float = 0.9) -> float:
    """Give the extrapolated rank-biased overlap of two rankings, from 0 to 1; two empty ones agree.

    The first ranks weigh most: a reader goes on to the next rank with probability `persistence`. What lies below the
    lists is taken to agree as they do at their end. Source: Webber, Moffat and Zobel, TOIS 28(4), 2010, equation 32.

    Args:
        one: Best first, each id once.
        other: The same.
        persistence: Above 0 and below 1.

    Raises:
        InputError: If a list repeats an id, or `persistence` is out of range.

    Example:
        >>> rank_biased_overlap(["a", "b"], ["a", "b"])
        1.0
    """
    if not 0.0 < persistence < 1.0:
        raise InputError(f"persistence must lie between 0 and 1, got {persistence}.")
    for ranking in (one, other):
        if len({*ranking}) != len(ranking):
            raise InputError("a ranking holds an id twice: give each document once.")
    short, long = sorted((one, other), key=len)
    if not long:
        return 1.0
    return _extrapolated(short, long, persistence) if short else 0.0


def _extrapolated(short: Sequence[str], long: Sequence[str], p: float) -> float:
    """Equation 32; `p`, `s`, `l`, `d` and `x` are named there."""
    s, l = len(short), len(long)  # noqa: E741
    overlaps = [len({*short[:d]} & {*long[:d]}) for d in range(1, l + 1)]
    x_s, x_l = overlaps[s - 1], overlaps[l - 1]
    seen = sum(x / d * p**d for d, x in enumerate(overlaps, start=1))
    beyond_short = sum(x_s * (d - s) / (s * d) * p**d for d in range(s + 1, l + 1))
    end = ((x_l - x_s) / l + x_s / s) * p**l
    return (1 - p) / p * (seen + beyond_short) + end
