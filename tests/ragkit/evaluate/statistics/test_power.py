from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ragkit.evaluate.statistics.power import detectable_effect, rows_needed


def exact_power(effect: float, spread: float, n: int) -> float:
    """Power of the two-sided paired t test at 5 %, by the noncentral t distribution."""
    shift, edge = effect / spread * math.sqrt(n), stats.t.ppf(0.975, n - 1)
    return float(stats.nct.sf(edge, n - 1, shift) + stats.nct.cdf(-edge, n - 1, shift))


@pytest.mark.parametrize("n", [10, 25, 100, 225, 6980])
def test_the_detectable_effect_is_seen_in_80_percent_of_runs(n: int) -> None:
    assert exact_power(detectable_effect(0.3, n), 0.3, n) == pytest.approx(0.8, abs=0.006)


def test_the_textbook_number_of_pairs() -> None:
    # A medium effect (0.5 standard deviations) needs 34 pairs: Cohen 1988; G*Power gives the same.
    assert rows_needed(1.0, 0.5) == 34


@settings(max_examples=50, deadline=None)
@given(st.floats(0.01, 1), st.floats(0.005, 0.5))
def test_the_rows_needed_are_enough_and_one_fewer_is_not(spread: float, effect: float) -> None:
    needed = rows_needed(spread, effect)
    assert needed is not None
    assert detectable_effect(spread, needed) <= effect
    assert needed == 2 or detectable_effect(spread, needed - 1) > effect


@pytest.mark.parametrize(("spread", "effect"), [(0.3, 0.0), (math.nan, 0.1), (math.inf, 0.1)])
def test_no_number_of_rows_shows_nothing(spread: float, effect: float) -> None:
    assert rows_needed(spread, effect) is None


def test_one_pair_detects_nothing() -> None:
    assert math.isnan(detectable_effect(0.3, 1))


def test_pairs_that_do_not_differ_need_two_rows() -> None:
    assert rows_needed(0.0, 0.01) == 2


def test_a_tiny_effect_needs_many_rows_and_little_time() -> None:
    assert rows_needed(1.0, 1e-6) == pytest.approx(7.849e12, rel=1e-3)
