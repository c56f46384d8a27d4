from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from ragkit.errors import InputError
from ragkit.evaluate.statistics.estimate import Statistic
from ragkit.evaluate.statistics.paired import (
    compare_paired,
    compare_paired_lines,
    compare_statistic,
    compare_statistics,
    mid_p,
)
from ragkit.evaluate.statistics.power import detectable_effect

VALUES = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=12)


def reciprocal_ranks(seed: int, n: int) -> NDArray[np.float64]:
    ranks = np.random.default_rng(seed).choice([1, 1, 2, 3, 7, math.inf, math.inf], n)
    return np.asarray(1 / ranks)


def test_fishers_darwin_data() -> None:
    # Darwin's maize in eighths of an inch; Fisher 1935, section 21, counts 863 + 863 of 32,768 sums at least as far.
    differences = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
    found = compare_paired([0.0] * 15, [float(d) for d in differences], permutations=40_000)
    assert found.p == pytest.approx(1726 / 32768)


@settings(max_examples=20, deadline=None)
@given(VALUES)
def test_few_rows_have_the_exact_p_of_scipy(pairs: list[tuple[float, float]]) -> None:
    a, b = ([pair[side] for pair in pairs] for side in (0, 1))
    differences = np.round([*np.subtract(b, a), 0.0], 6)  # scipy wants two rows; one that ties changes nothing
    oracle = stats.permutation_test(
        (differences,), np.mean, permutation_type="samples", vectorized=True, n_resamples=math.inf
    )
    assert compare_paired([0.0] * len(differences), differences.tolist()).p == pytest.approx(oracle.pvalue)


def test_many_rows_have_the_p_of_scipy_within_the_error_of_drawing() -> None:
    a, b = reciprocal_ranks(1, 300), np.clip(reciprocal_ranks(2, 300) + 0.03, 0, 1)
    oracle = stats.permutation_test(
        (b - a,), np.mean, permutation_type="samples", vectorized=True, n_resamples=10_000, rng=3
    )
    assert compare_paired(a.tolist(), b.tolist()).p == pytest.approx(oracle.pvalue, abs=0.015)


def test_values_of_0_and_1_have_the_mid_p_of_mcnemars_test() -> None:
    # 10 gained, 2 lost: P(X <= 2) of 12 coins is 79 / 4096, and half of P(X = 2) = 66 / 4096 counts, on two sides.
    a, b = [0.0] * 10 + [1.0] * 2 + [1.0] * 30, [1.0] * 10 + [0.0] * 2 + [1.0] * 30
    assert compare_paired(a, b).p == pytest.approx((2 * 79 - 66) / 4096)


@given(st.integers(0, 60), st.integers(0, 60))
def test_the_mid_p_is_scipys_exact_p_less_the_chance_of_what_was_seen(gained: int, lost: int) -> None:
    exact = stats.binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
    seen = stats.binom.pmf(gained, gained + lost, 0.5)
    expected = 1.0 if gained == lost else exact - seen
    assert mid_p(gained, lost) == pytest.approx(expected)
    assert mid_p(gained, lost) == mid_p(lost, gained)


def test_few_rows_have_students_interval() -> None:
    a, b = reciprocal_ranks(1, 100), reciprocal_ranks(2, 100)
    oracle = stats.ttest_rel(b, a).confidence_interval()
    found = compare_paired(a.tolist(), b.tolist())
    assert (found.low, found.high) == pytest.approx((oracle.low, oracle.high), abs=1e-4)


def test_many_rows_have_scipys_bootstrap_percentiles() -> None:
    a, b = reciprocal_ranks(1, 300), reciprocal_ranks(2, 300)
    oracle = stats.bootstrap((b - a,), np.mean, method="percentile", n_resamples=10_000, rng=4).confidence_interval
    found = compare_paired(a.tolist(), b.tolist())
    assert (found.low, found.high) == pytest.approx((oracle.low, oracle.high), abs=0.003)


def test_wins_ties_and_losses_are_of_the_second() -> None:
    found = compare_paired([0.1, 0.3, 0.5, 0.5], [0.2, 0.1 + 0.2, 0.4, 0.9])
    assert (found.wins, found.ties, found.losses, found.n) == (2, 1, 1, 4)
    assert found.difference == pytest.approx(0.1)


def test_a_clear_win_has_the_smallest_p_that_the_draws_can_give() -> None:
    assert compare_paired([0.0] * 50, [1.0] * 49 + [0.9], permutations=999).p == 0.001


def test_systems_that_never_differ_have_p_1_and_no_power_to_speak_of() -> None:
    found = compare_paired([0.5] * 30, [0.5] * 30)
    assert (found.difference, found.low, found.high, found.p, found.ties) == (0.0, 0.0, 0.0, 1.0, 30)
    assert math.isnan(found.detectable)
    assert found.needed is None


def test_one_row_shows_nothing() -> None:
    found = compare_paired([0.0], [1.0])
    assert (found.difference, found.p, found.n, found.needed) == (1.0, 0.5, 1, None)
    assert math.isnan(found.low)


def test_no_rows_are_not_compared() -> None:
    found = compare_paired([], [])
    assert found.n == 0
    assert math.isnan(found.p)
    assert math.isnan(found.difference)


def test_the_needed_rows_follow_the_minimum_effect() -> None:
    a, b = reciprocal_ranks(1, 100).tolist(), reciprocal_ranks(2, 100).tolist()
    rough, fine = (compare_paired(a, b, min_effect=effect).needed for effect in (0.1, 0.01))
    assert rough is not None
    assert fine is not None
    assert 95 * rough < fine < 100 * rough


def test_other_lengths_are_refused() -> None:
    with pytest.raises(
        InputError, match=r"The baseline has 1 values and the candidate 2: give both for the same rows\."
    ):
        compare_paired([0.1], [0.1, 0.2])


def test_a_value_that_is_no_number_is_refused() -> None:
    with pytest.raises(InputError, match=r"Row 1 has the values 0\.2 and nan"):
        compare_paired([0.1, 0.2], [0.1, math.nan])


@settings(max_examples=20, deadline=None)
@given(VALUES)
def test_swapping_the_systems_turns_the_difference_and_keeps_p(pairs: list[tuple[float, float]]) -> None:
    a, b = ([round(pair[side], 6) for pair in pairs] for side in (0, 1))
    there, back = compare_paired(a, b), compare_paired(b, a)
    assert there.difference == pytest.approx(-back.difference, abs=1e-12)
    assert (there.wins, there.losses) == (back.losses, back.wins)
    assert there.p == pytest.approx(back.p)
    assert 0 < there.p <= 1


def test_measures_side_by_side_are_those_alone() -> None:
    a, b = reciprocal_ranks(1, 100), reciprocal_ranks(2, 100)
    few = np.zeros(100)
    few[:3] = [0.1, 0.2, -0.1]
    together = compare_paired_lines(np.array([a, a, b]), np.array([b, a + few, a]))
    assert together[0].p == compare_paired(a.tolist(), b.tolist()).p
    assert together[1].p == 0.75  # six of the eight sums 0.4, 0.2, 0.2, 0.0, ... are 0.2 or more from 0
    assert together[2].difference == pytest.approx(-together[0].difference)


def test_values_of_0_and_1_that_all_tie_leave_room_for_one_that_differs() -> None:
    found = compare_paired([1.0] * 20, [1.0] * 20)
    assert (found.low, found.high) == pytest.approx((-0.1260, 0.1260), abs=5e-4)  # 1.96 * sqrt(2 / 22 / 22)


def test_values_of_0_and_1_have_the_interval_of_shares() -> None:
    found = compare_paired([0.0] * 18 + [1.0, 0.0], [0.0] * 15 + [1.0] * 3 + [0.0, 0.0])
    assert (found.low, found.high) == pytest.approx((-0.1240, 0.3059), abs=5e-4)
    spread = float(np.std([1, 1, 1, -1] + [0] * 16, ddof=1))
    assert found.detectable == pytest.approx(detectable_effect(spread, 20))


def test_differences_of_shares_against_none_have_the_same_interval() -> None:
    found = compare_paired([0.0] * 20, [1.0] * 3 + [-1.0] + [0.0] * 16)
    assert (found.low, found.high) == pytest.approx((-0.1240, 0.3059), abs=5e-4)


def shares(said: NDArray[np.float64]) -> Statistic:
    return lambda weights: np.asarray(weights @ said / weights.sum(axis=1))


def test_a_mean_as_a_statistic_is_compared_as_a_mean() -> None:
    a, b = reciprocal_ranks(1, 300), np.clip(reciprocal_ranks(2, 300) + 0.05, 0, 1)
    by_rows, whole = compare_paired(a.tolist(), b.tolist()), compare_statistic(shares(a), shares(b), 300)
    assert whole.difference == pytest.approx(by_rows.difference)
    assert (whole.low, whole.high) == pytest.approx((by_rows.low, by_rows.high), abs=0.003)
    assert whole.p == pytest.approx(by_rows.p, abs=0.02)
    assert whole.detectable == pytest.approx(by_rows.detectable, rel=0.03)
    assert (whole.wins, whole.ties, whole.losses) == (0, 0, 0)


def test_a_statistic_that_never_differs_has_p_1() -> None:
    same = shares(reciprocal_ranks(1, 40))
    found = compare_statistic(same, same, 40, draws=200)
    assert (found.difference, found.p, found.needed) == (0.0, 1.0, None)


def test_two_that_could_swap_their_answers_are_compared_by_all_their_swaps() -> None:
    # A statistic that is no mean: the root of it. Swapping is tried in full here: 2^8 patterns.
    a, b = reciprocal_ranks(1, 8), np.clip(reciprocal_ranks(2, 8) + 0.2, 0, 1)

    def root(values: NDArray[np.float64]) -> Statistic:
        return lambda weights: np.sqrt(weights @ values)

    patterns = [np.array(pattern, dtype=bool) for pattern in product([False, True], repeat=8)]
    swaps = [np.sqrt(np.where(swap, a, b).sum()) - np.sqrt(np.where(swap, b, a).sum()) for swap in patterns]
    exact = np.mean(np.abs(swaps) >= abs(swaps[0]) - 1e-12)
    found = compare_statistic(root(a), root(b), 8, pooled=root(np.concatenate([a, b])))
    assert found.difference == pytest.approx(swaps[0])
    assert found.p == pytest.approx(exact, abs=0.02)
    assert compare_statistic(root(a), root(b), 8).p != pytest.approx(exact, abs=0.02)


def together(*statistics: Statistic) -> Statistic:
    return lambda weights: np.stack([one(weights) for one in statistics], axis=1)


@pytest.mark.parametrize("swap", [False, True])
def test_statistics_that_share_their_draws_are_compared_as_each_alone(swap: bool) -> None:
    a, b = reciprocal_ranks(1, 40), np.clip(reciprocal_ranks(2, 40) + 0.1, 0, 1)
    pairs = [(a, b), (a**2, b**2), (b, a)]
    ours, theirs = (together(*(shares(pair[side]) for pair in pairs)) for side in (0, 1))
    pooled = [shares(np.concatenate(pair)) if swap else None for pair in pairs]
    all_pooled = together(*(one for one in pooled if one is not None)) if swap else None
    found = compare_statistics(ours, theirs, 40, pooled=all_pooled, draws=500, seed=3)
    assert found == [
        compare_statistic(shares(left), shares(right), 40, pooled=both, draws=500, seed=3)
        for (left, right), both in zip(pairs, pooled, strict=True)
    ]


def test_a_difference_of_rounding_is_none() -> None:
    a, b = np.array([0.1, 0.2, 0.3, 0.0]), np.array([0.3, 0.2, 0.1, 0.0])  # 0.1 + 0.2 + 0.3 is not 0.3 + 0.2 + 0.1

    def summed(values: NDArray[np.float64]) -> Statistic:
        return lambda weights: np.asarray([sum((line * values).tolist()) for line in weights])

    assert summed(a)(np.ones((1, 4)))[0] != summed(b)(np.ones((1, 4)))[0]
    found = compare_statistic(summed(a), summed(b), 4, pooled=summed(np.concatenate([a, b])), draws=200)
    assert (found.difference, found.p) == (0.0, 1.0)


def test_swaps_that_leave_one_side_undefined_are_left_out() -> None:
    # The mean of what was said. Both said most rows, and a swap may leave all of the two that one did not on one side.
    said = np.array([1.0] * 9 + [0.0, 0.0] + [1.0] * 9)
    worth = np.concatenate([np.linspace(0.3, 1.0, 10), np.linspace(0.0, 0.6, 10)]) * said

    def mean(rows: slice) -> Statistic:
        def statistic(weights: NDArray[np.float64]) -> NDArray[np.float64]:
            above, below = weights @ worth[rows], weights @ said[rows]
            return np.divide(above, below, out=np.full(len(weights), math.nan), where=below > 0)

        return statistic

    def undefined(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.where(weights[:, [0, 1]].all(axis=1), math.nan, mean(slice(20))(weights)))

    patterns = np.array(list(product([0.0, 1.0], repeat=10)))
    both = np.hstack([1 - patterns, patterns])
    swaps = undefined(both) - undefined(1 - both)
    seen = float((mean(slice(0, 10))(np.ones((1, 10))) - mean(slice(10, 20))(np.ones((1, 10))))[0])
    exact = float(np.mean(np.abs(swaps[~np.isnan(swaps)]) >= abs(seen) - 1e-12))
    found = compare_statistic(mean(slice(0, 10)), mean(slice(10, 20)), 10, pooled=undefined)
    assert np.isnan(swaps).sum() == 512
    assert found.p == pytest.approx(exact, abs=0.01)


def test_a_statistic_undefined_in_many_draws_is_not_tested() -> None:
    rare = np.zeros(50)
    rare[0] = 1.0

    def undefined(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.where(weights @ rare > 0, 1.0, math.nan))

    found = compare_statistic(shares(rare), undefined, 50, draws=500)
    assert math.isnan(found.p)
    assert math.isnan(found.low)
    assert math.isnan(found.detectable)
