from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from ragkit.evaluate.statistics.intervals import (
    acceleration,
    bca_interval,
    difference_of_shares_interval,
    percentile_interval,
    student_interval,
    student_quantile,
    wilson_interval,
)


@pytest.mark.parametrize("degrees", [4, 9, 24, 99, 999])
@pytest.mark.parametrize("level", [0.8, 0.975])
def test_quantiles_of_t_are_within_three_in_a_thousand(level: float, degrees: int) -> None:
    assert student_quantile(level, degrees) == pytest.approx(stats.t.ppf(level, degrees), rel=0.003)


def test_quantiles_of_t_below_a_half_are_negative() -> None:
    assert student_quantile(0.025, 24) == pytest.approx(-student_quantile(0.975, 24))


@pytest.mark.parametrize(("right", "n"), [(0, 20), (3, 20), (20, 20), (45, 60)])
def test_wilson_equals_scipy(right: int, n: int) -> None:
    oracle = stats.binomtest(right, n).proportion_ci(method="wilson")
    assert wilson_interval(right / n, n) == pytest.approx((oracle.low, oracle.high), abs=1e-12)


def test_acceleration_is_a_sixth_of_the_skewness_over_root_n() -> None:
    values = np.array([0.0, 0.0, 0.1, 0.2, 1.0, 3.0])
    assert acceleration(values) == pytest.approx(stats.skew(values) / 6 / math.sqrt(6))


def test_nothing_varying_has_no_acceleration() -> None:
    assert acceleration(np.full(4, 0.3)) == 0.0


def test_one_percent_of_undefined_draws_is_borne_and_more_is_not() -> None:
    draws = np.linspace(0, 1, 1000)
    draws[:10] = math.nan
    low, high = bca_interval(draws, 0.5, n=50, skew=0.0)
    assert 0.01 < low < high < 1
    draws[10] = math.nan
    assert all(math.isnan(bound) for bound in bca_interval(draws, 0.5, n=50, skew=0.0))


@pytest.mark.parametrize(("value", "n"), [(math.nan, 50), (0.5, 1)])
def test_no_value_or_a_single_row_has_no_interval(value: float, n: int) -> None:
    assert all(math.isnan(bound) for bound in bca_interval(np.linspace(0, 1, 100), value, n=n, skew=0.0))


def test_a_value_beyond_all_draws_keeps_an_interval_in_their_range() -> None:
    low, high = bca_interval(np.linspace(0, 1, 1000), 2.0, n=50, skew=0.0)
    assert (low, high) == pytest.approx((1.0, 1.0), abs=0.01)


def test_a_wild_skew_ends_at_the_last_draw() -> None:
    assert bca_interval(np.linspace(0, 1, 1000), 0.5, n=50, skew=1.0)[1] == 1.0


def test_the_difference_of_shares_by_hand() -> None:
    # 3 gained and 1 lost of 20: shares 4/22 and 2/22, difference 0.0909,
    # half width 1.96 * sqrt((6/22 - (2/22) ** 2) / 22) = 0.2150.
    assert difference_of_shares_interval(3, 1, 20) == pytest.approx((-0.1240, 0.3059), abs=5e-4)


def test_the_difference_of_shares_ends_at_one() -> None:
    assert difference_of_shares_interval(3, 0, 3)[1] == 1.0


def test_percentiles_are_widened_for_small_samples() -> None:
    draws = np.linspace(0, 1, 100_001)
    assert percentile_interval(draws, n=10**6) == pytest.approx((0.025, 0.975), abs=1e-5)
    # Ten rows: 2.262 * sqrt(10 / 9) = 2.3845 standard errors, of which the normal distribution leaves 0.855 % beyond.
    assert percentile_interval(draws, n=10) == pytest.approx((0.00855, 0.99145), abs=5e-5)


def test_percentiles_of_mostly_undefined_draws_are_not_given() -> None:
    assert all(math.isnan(bound) for bound in percentile_interval(np.array([0.1, math.nan]), n=50))


def test_students_interval_equals_scipy() -> None:
    values = np.random.default_rng(0).normal(0.1, 0.3, 30)
    oracle = stats.ttest_1samp(values, 0).confidence_interval()
    assert student_interval(values) == pytest.approx((oracle.low, oracle.high), abs=1e-4)


def test_one_value_has_no_students_interval() -> None:
    assert all(math.isnan(bound) for bound in student_interval(np.array([0.3])))
