"""Is B better than A, on the same rows?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, isnan, lgamma, log, nan

import numpy as np
from numpy.typing import NDArray

from ragkit.errors import InputError
from ragkit.evaluate.statistics.estimate import Statistic, Statistics
from ragkit.evaluate.statistics.intervals import difference_of_shares_interval, percentile_interval, student_interval
from ragkit.evaluate.statistics.power import detectable_effect, rows_needed
from ragkit.evaluate.statistics.resampling import mean_draws, resamples, sign_flips

__all__ = ["Paired", "compare_paired", "compare_paired_lines", "compare_statistic", "compare_statistics", "mid_p"]

_TIE = 1e-12  # differences below are rounding: 0.1 + 0.2 - 0.3
_BOOTSTRAP_FROM = 200  # rows; with fewer, Student's interval covers better: see `evals.statistics`


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """The mean difference b - a over rows that both have, and what can be said of it."""

    difference: float
    """NaN without rows."""
    low: float
    """Of the 95 % interval: bootstrap percentiles from 200 rows on, Student's below; of values that are all 0 or
    1, or such differences compared with none, Bonett and Price's. NaN for fewer than two rows."""
    high: float
    """As `low`."""
    p: float
    """Two-sided, of the sign-flip permutation test, for values that are all 0 or 1 with McNemar's mid-p, for a
    statistic of the whole run as `compare_statistic` says; NaN without rows."""
    n: int
    """Rows compared."""
    detectable: float
    """The true difference that so many rows would show in 80 % of runs; NaN where no row differs from another."""
    needed: int | None
    """Rows that would show the minimum effect in 80 % of runs; None where that cannot be told."""
    wins: int
    """Rows where b is larger."""
    ties: int
    """Rows where both are the same to 1e-12."""
    losses: int
    """Rows where a is larger."""


def compare_paired(
    a: Sequence[float], b: Sequence[float], *, min_effect: float = 0.01, seed: int = 0, permutations: int = 10_000
) -> Paired:
    """Compare two systems by their values of the same rows.

    The test asks: were A and B the same, so that each row's difference could as well have had the other sign, how often
    would the mean difference be as far from 0? All sign patterns are tried where they are no more than `permutations`,
    else so many are drawn, and the one seen counts as one more (Phipson and Smyth, SAGMB 9, 2010). Source of the test:
    Fisher, The Design of Experiments, 1935, section 21; of its use on rankings: Smucker et al., CIKM 2007. Values that
    are all 0 or 1 are compared by `mid_p`, the same test with its steps halved.

    Args:
        a: The baseline's value of each row, finite.
        b: The candidate's value of each row, in the same order.
        min_effect: The difference that `needed` is asked for.
        seed: Of permutations and bootstrap.
        permutations: Sign patterns at most; also the number of bootstrap samples.

    Raises:
        InputError: If the lengths differ or a value is not finite.

    Example:
        >>> compare_paired([0.1, 0.2, 0.3, 0.1, 0.2, 0.4], [0.2, 0.4, 0.6, 0.5, 0.7, 1.0]).p
        0.03125
    """
    if len(a) != len(b):
        raise InputError(f"The baseline has {len(a)} values and the candidate {len(b)}: give both for the same rows.")
    sides = np.array([a, b], dtype=np.float64)
    if not np.isfinite(sides).all():
        place = int(np.flatnonzero(~np.isfinite(sides).all(axis=0))[0])
        raise InputError(f"Row {place} has the values {a[place]} and {b[place]}: leave rows without a number out.")
    (found,) = compare_paired_lines(sides[:1], sides[1:], min_effect=min_effect, seed=seed, permutations=permutations)
    return found


def compare_paired_lines(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    *,
    min_effect: float = 0.01,
    seed: int = 0,
    permutations: int = 10_000,
) -> list[Paired]:
    """Do `compare_paired` for several measures of the same rows at once; they share their draws.

    Args:
        a: (measures, n) finite: the baseline's values.
        b: (measures, n) finite: the candidate's values of the same rows.
        min_effect: As in `compare_paired`.
        seed: As in `compare_paired`.
        permutations: As in `compare_paired`.
    """
    tidy = _tidy(b - a)
    if tidy.shape[1] == 0:
        nothing = Paired(
            difference=nan, low=nan, high=nan, p=nan, n=0, detectable=nan, needed=None, wins=0, ties=0, losses=0
        )
        return [nothing] * len(tidy)
    shares = [_are_shares(left, right, line) for left, right, line in zip(a, b, tidy, strict=True)]
    p_values = _p_values(tidy, shares, seed=seed, permutations=permutations)
    draws = mean_draws(tidy, draws=permutations if tidy.shape[1] >= _BOOTSTRAP_FROM else 0, seed=seed)
    lines = zip(tidy, p_values, draws.T, shares, strict=True)
    return [_described(line, p, drawn, share, min_effect) for line, p, drawn, share in lines]


def compare_statistic(
    a: Statistic,
    b: Statistic,
    n: int,
    *,
    pooled: Statistic | None = None,
    min_effect: float = 0.01,
    seed: int = 0,
    draws: int = 10_000,
) -> Paired:
    """Compare two systems by a statistic of the whole run (F1, AUROC), whose value no single row has.

    The interval is of both computed on the same samples of rows. p is the share of samples whose difference lies as far
    from the one seen as that lies from 0 (Berg-Kirkpatrick et al., EMNLP 2012, after Efron and Tibshirani, 1993,
    section 16.4). Of few rows, or of few rows of a class, that claims too often: with `pooled`, p is that of
    approximate randomisation instead, in which the two swap their answers to a row by the toss of a coin (Yeh, COLING
    2000). Of two systems that are the same it never does; but it asks for answers that could stand on either side:
    labels and counts, not scores of two scales, of which their ranks can.

    Args:
        a: The baseline's statistic, as `estimate_statistic` takes it.
        b: The candidate's, over the same n rows.
        n: Rows, at least 1.
        pooled: The statistic over 2 n rows, the baseline's before the candidate's; None for the bootstrap's p.
        min_effect: The difference that `needed` is asked for.
        seed: Of the bootstrap and the swaps.
        draws: Bootstrap samples, and swaps. NaN ones are left out; of more than 1 % of the samples comes no interval
            and no p.

    Returns:
        wins, ties and losses are 0: no row wins.
    """
    (found,) = compare_statistics(
        _alone(a),
        _alone(b),
        n,
        pooled=None if pooled is None else _alone(pooled),
        min_effect=min_effect,
        seed=seed,
        draws=draws,
    )
    return found


def compare_statistics(
    a: Statistics,
    b: Statistics,
    n: int,
    *,
    pooled: Statistics | None = None,
    min_effect: float = 0.01,
    seed: int = 0,
    draws: int = 10_000,
) -> list[Paired]:
    """Do `compare_statistic` for several statistics of the same rows at once; they share draws and what they count.

    Args:
        a: The baseline's statistics, as `estimate_statistics` takes them.
        b: The candidate's, in the same order.
        n: As in `compare_statistic`.
        pooled: As in `compare_statistic`, in the same order.
        min_effect: As in `compare_statistic`.
        seed: As in `compare_statistic`.
        draws: As in `compare_statistic`.
    """
    whole = np.ones((1, n))
    seen = _tidy(b(whole)[0] - a(whole)[0])
    drawn = _lines([b(block) - a(block) for block in resamples(n, draws=draws, seed=seed)])
    by_chance = drawn - seen[:, np.newaxis] if pooled is None else _swapped(pooled, n, draws=draws, seed=seed)
    lines = zip(seen.tolist(), drawn, by_chance, strict=True)
    return [_of_whole_run(value, line, chance, n, min_effect) for value, line, chance in lines]


def _alone(statistic: Statistic) -> Statistics:
    return lambda weights: statistic(weights)[:, np.newaxis]


def _swapped(pooled: Statistics, n: int, *, draws: int, seed: int) -> NDArray[np.float64]:
    """Give the differences of two systems that swapped their answers to some rows, `(statistics, draws)`."""
    both = (np.hstack([signs > 0, signs < 0]).astype(np.float64) for signs in sign_flips(n, draws=draws, seed=seed))
    return _lines([pooled(kept) - pooled(1 - kept) for kept in both])


def _lines(blocks: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Give blocks of (draws, statistics) as (statistics, draws), each line in one piece: it sums as it would alone."""
    return np.ascontiguousarray(np.concatenate(blocks).T)


def _of_whole_run(
    seen: float, drawn: NDArray[np.float64], by_chance: NDArray[np.float64], n: int, min_effect: float
) -> Paired:
    low, high = percentile_interval(drawn, n=n)
    known = drawn[~np.isnan(drawn)]
    told = not isnan(low)
    chances = _tidy(by_chance[~np.isnan(by_chance)])
    # The spread of a mean over n rows is 1 / sqrt(n) of that of a row.
    spread = float(known.std(ddof=1)) * n**0.5 if told else nan
    varied = spread > _TIE
    return Paired(
        difference=seen,
        low=low,
        high=high,
        p=(1 + int(_as_far(chances, np.float64(seen)).sum())) / (1 + chances.size) if told else nan,
        n=n,
        detectable=detectable_effect(spread, n) if varied else nan,
        needed=rows_needed(spread, min_effect) if varied else None,
        wins=0,
        ties=0,
        losses=0,
    )


def _described(
    line: NDArray[np.float64], p: float, drawn: NDArray[np.float64], share: bool, min_effect: float
) -> Paired:
    n, mean = line.size, float(line.mean())
    low, high = _interval(line, drawn, share)
    spread = float(line.std(ddof=1)) if n > 1 else nan
    varied = spread > _TIE
    return Paired(
        difference=mean,
        low=low,
        high=high,
        p=p,
        n=n,
        detectable=detectable_effect(spread, n) if varied else nan,
        needed=rows_needed(spread, min_effect) if varied else None,
        wins=int((line > 0).sum()),
        ties=int((line == 0).sum()),
        losses=int((line < 0).sum()),
    )


def _are_shares(left: NDArray[np.float64], right: NDArray[np.float64], difference: NDArray[np.float64]) -> bool:
    """Tell values of 0 and 1; of a difference that is compared with none, it counts as what it is a difference of."""
    if not left.any():
        return bool(np.isin(difference, (-1.0, 0.0, 1.0)).all())
    return bool(np.isin([left, right], (0.0, 1.0)).all())


def _interval(line: NDArray[np.float64], drawn: NDArray[np.float64], share: bool) -> tuple[float, float]:
    if share and line.size > 1:
        return difference_of_shares_interval(int((line > 0).sum()), int((line < 0).sum()), line.size)
    return percentile_interval(drawn, n=line.size) if drawn.size else student_interval(line)


def _p_values(differences: NDArray[np.float64], shares: Sequence[bool], *, seed: int, permutations: int) -> list[float]:
    flipped = iter(_sign_flip_p(differences[~np.array(shares, dtype=bool)], seed=seed, permutations=permutations))
    return [
        mid_p(int((line > 0).sum()), int((line < 0).sum())) if share else next(flipped)
        for line, share in zip(differences, shares, strict=True)
    ]


def mid_p(gained: int, lost: int) -> float:
    """Give the two-sided mid-p of McNemar's test: are as many rows gained as lost?

    The sign-flip test of differences of -1, 0 and 1 is this binomial one. Its sums are few, so that counting the sum
    seen in full makes it claim too rarely; here it counts half. Source: Fagerland, Lydersen and Laake, BMC Medical
    Research Methodology 13:91, 2013.

    Args:
        gained: Rows that only the second side counts.
        lost: Rows that only the first side counts.
    """
    n, fewer = gained + lost, min(gained, lost)
    logs = [lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) - n * log(2) for k in range(fewer + 1)]
    chances = [exp(each) for each in logs]
    return min(1.0, 2 * sum(chances) - chances[-1])


def _sign_flip_p(differences: NDArray[np.float64], *, seed: int, permutations: int) -> list[float]:
    """Give the two-sided p of each line; rows that tie change nothing under a flip and need no patterns."""
    few = [2 ** int(np.count_nonzero(line)) <= permutations for line in differences]
    drawn = iter(_drawn_p(differences[~np.array(few, dtype=bool)], seed=seed, permutations=permutations))
    return [_exact_p(line[line != 0]) if small else next(drawn) for line, small in zip(differences, few, strict=True)]


def _exact_p(line: NDArray[np.float64]) -> float:
    patterns = np.arange(2**line.size)[:, None] >> np.arange(line.size) & 1
    signs = 1.0 - 2.0 * patterns
    return float(np.mean(_as_far(signs @ line, line.sum())))


def _drawn_p(differences: NDArray[np.float64], *, seed: int, permutations: int) -> list[float]:
    lines, n = differences.shape
    if lines == 0:
        return []
    seen = differences.sum(axis=1)
    flips = sign_flips(n, draws=permutations, seed=seed)
    as_far = sum(_as_far(signs @ differences.T, seen).sum(axis=0) for signs in flips)
    return [(1 + int(count)) / (1 + permutations) for count in np.atleast_1d(as_far)]


def _tidy(differences: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.abs(differences) <= _TIE, 0.0, differences)


def _as_far(sums: NDArray[np.float64], seen: NDArray[np.float64] | np.float64) -> NDArray[np.bool_]:
    # Sums that are equal on paper differ in their last digits by the order of adding.
    return np.abs(sums) >= np.abs(seen) * (1 - 1e-9)
