from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from ragkit.evaluate.outcome import Estimate, Outcome, Row, Unscored
from ragkit.evaluate.statistics.estimate import estimate, estimate_statistic, estimate_statistics, estimates
from ragkit.evaluate.statistics.intervals import difference_of_shares_interval

SKEWED = [float(value) for value in np.random.default_rng(7).beta(0.4, 1.2, 200)]
OUTCOMES: st.SearchStrategy[Outcome] = st.floats(0, 1) | st.builds(Unscored, st.sampled_from(["a", "b"]))


def nan_everywhere(found: Estimate) -> bool:
    return math.isnan(found.value) and math.isnan(found.low) and math.isnan(found.high)


def test_the_interval_equals_scipys_bca() -> None:
    oracle = stats.bootstrap((SKEWED,), np.mean, method="BCa", n_resamples=10_000, rng=1).confidence_interval
    found = estimate(SKEWED)
    # Ours is a little wider by design: 1.1 % for 200 rows.
    assert (found.low, found.high) == pytest.approx((oracle.low, oracle.high), abs=0.002)


def test_small_samples_are_widened_to_about_student() -> None:
    values = [0.2, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.7, 0.8]
    found, student = estimate(values), stats.ttest_1samp(values, 0).confidence_interval()
    assert found.high - found.low == pytest.approx(student.high - student.low, rel=0.08)


def test_what_is_unscored_lowers_the_coverage_and_not_the_mean() -> None:
    found = estimate([1.0, 0.5, Unscored("no claims"), Unscored("no claims"), Unscored("no JSON")])
    assert (found.value, found.n, found.coverage) == (0.75, 2, 0.4)
    assert found.reasons == {"no claims": 2, "no JSON": 1}


def test_nothing_scored_is_nan_with_its_reasons() -> None:
    found = estimate([Unscored("no JSON")])
    assert nan_everywhere(found)
    assert (found.n, found.coverage, found.reasons) == (0, 0.0, {"no JSON": 1})


def test_no_rows_have_no_coverage() -> None:
    found = estimate([])
    assert nan_everywhere(found)
    assert math.isnan(found.coverage)


def test_one_row_has_a_value_and_no_interval() -> None:
    found = estimate([0.5])
    assert found.value == 0.5
    assert math.isnan(found.low)


def test_rows_that_are_all_right_leave_room_for_a_wrong_one() -> None:
    found = estimate([1.0] * 25)
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(0.8668, abs=1e-4)


def test_shares_have_wilsons_interval() -> None:
    oracle = stats.binomtest(45, 60).proportion_ci(method="wilson")
    found = estimate([1.0] * 45 + [0.0] * 15)
    assert (found.low, found.high) == pytest.approx((oracle.low, oracle.high))


def test_the_same_seed_gives_the_same_interval() -> None:
    assert estimate(SKEWED, seed=1) == estimate(SKEWED, seed=1)
    assert estimate(SKEWED, seed=1).low != estimate(SKEWED, seed=2).low


@settings(max_examples=50, deadline=None)
@given(st.lists(OUTCOMES, min_size=1, max_size=30))
def test_the_value_lies_in_its_interval_and_the_interval_in_the_range_of_the_measure(column: list[Outcome]) -> None:
    found = estimate(column, draws=200)
    scored = [outcome for outcome in column if not isinstance(outcome, Unscored)]
    assert found.n + sum(found.reasons.values()) == len(column)
    if len(scored) > 1:
        assert -1e-12 <= found.low <= found.value + 1e-12
        assert found.value - 1e-12 <= found.high <= 1 + 1e-12


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(OUTCOMES, OUTCOMES), min_size=1, max_size=20))
def test_measures_side_by_side_are_those_alone(pairs: list[tuple[Outcome, Outcome]]) -> None:
    rows = [Row(id=str(place), outcomes={"x": x, "y": y}) for place, (x, y) in enumerate(pairs)]
    together = estimates(rows, draws=100)
    for name, column in (("x", [x for x, _ in pairs]), ("y", [y for _, y in pairs])):
        alone = estimate(column, draws=100)
        assert (together[name].n, together[name].reasons) == (alone.n, alone.reasons)
        numbers = [(found.value, found.low, found.high, found.coverage) for found in (together[name], alone)]
        assert numbers[0] == pytest.approx(numbers[1], nan_ok=True)


def test_measures_keep_their_order_and_a_missing_one_is_unscored() -> None:
    rows = [Row(id="1", outcomes={"b": 0.1, "a": 0.2}), Row(id="2", outcomes={"a": 0.4})]
    found = estimates(rows, draws=50)
    assert list(found) == ["b", "a"]
    assert found["b"].reasons == {"not measured": 1}
    assert found["a"].value == pytest.approx(0.3)


def test_a_statistic_that_is_a_mean_has_the_interval_of_a_mean() -> None:
    values = np.array(SKEWED)
    found = estimate_statistic(lambda weights: np.asarray(weights @ values / weights.sum(axis=1)), 200)
    alone = estimate(SKEWED)
    assert (found.value, found.low, found.high) == pytest.approx((alone.value, alone.low, alone.high), abs=2e-4)


def test_a_ratio_has_scipys_bca_interval() -> None:
    top, bottom = np.array(SKEWED), np.array(SKEWED[::-1]) + 1
    oracle = stats.bootstrap(
        (top, bottom),
        lambda x, y: x.sum() / y.sum(),
        method="BCa",
        paired=True,
        vectorized=False,
        n_resamples=4000,
        rng=2,
    ).confidence_interval
    found = estimate_statistic(lambda weights: np.asarray((weights @ top) / (weights @ bottom)), 200)
    assert (found.low, found.high) == pytest.approx((oracle.low, oracle.high), abs=0.002)


def test_a_statistic_counts_the_rows_it_was_not_given() -> None:
    found = estimate_statistic(lambda weights: weights.sum(axis=1), 3, rows=12, reasons={"no label": 9}, draws=20)
    assert (found.value, found.n, found.coverage, found.reasons) == (3.0, 3, 0.25, {"no label": 9})


@pytest.mark.parametrize("n", [12, 2_100])
def test_statistics_side_by_side_are_exactly_those_alone_and_share_their_draws(n: int) -> None:
    values = np.random.default_rng(n).beta(0.4, 1.2, (n, 3))
    values[:, 2] = np.where(np.arange(n) == 0, np.nan, 1.0)  # one that is not defined
    asked: list[int] = []

    def together(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        asked.append(len(weights))
        return np.asarray(weights @ values / n)

    names = ["a", "b", "undefined"]
    found = estimate_statistics(names, together, n, rows=n + 1, reasons={"no label": 1}, draws=300)
    calls, asked = asked, []
    for column, name in enumerate(names):
        alone = estimate_statistic(
            lambda weights, column=column: together(weights)[:, column],  # type: ignore[misc]
            n,
            rows=n + 1,
            reasons={"no label": 1},
            draws=300,
        )
        assert repr(found[name]) == repr(alone)
    assert asked == calls * 3


def test_a_statistic_of_no_rows_is_not_asked() -> None:
    def never(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        raise AssertionError(weights)

    found = estimate_statistic(never, 0, rows=4, reasons={"no label": 4})
    assert nan_everywhere(found)
    assert found.coverage == 0.0


def test_a_statistic_undefined_in_many_draws_has_no_interval() -> None:
    rare = np.zeros(50)
    rare[0] = 1.0  # absent from about 36 % of the samples

    def share(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        seen = weights @ rare
        return np.asarray(np.where(seen > 0, 1.0, math.nan))

    found = estimate_statistic(share, 50)
    assert found.value == 1.0
    assert math.isnan(found.low)


def test_many_rows_are_not_left_out_one_by_one() -> None:
    asked: list[int] = []

    def mean(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        asked.append(len(weights))
        return np.asarray(weights[:, 0])

    estimate_statistic(mean, 2001, draws=100)
    assert sum(asked) == 101


@pytest.mark.parametrize("values", [[0.0] * 20, [1.0] + [0.0] * 19, [1.0, -1.0] + [0.0] * 18])
def test_a_difference_of_shares_has_an_interval_on_both_sides_of_0(values: list[float]) -> None:
    rows = [Row(id=str(place), outcomes={"right_change": value}) for place, value in enumerate(values)]
    found = estimates(rows)["right_change"]
    gained, lost = values.count(1.0), values.count(-1.0)
    assert (found.low, found.high) == difference_of_shares_interval(gained, lost, 20)
    assert found.low < 0 < found.high


def test_whole_differences_are_known_by_a_value_below_0_whatever_their_name() -> None:
    assert (estimate([-1.0] + [0.0] * 19).low, estimate([-1.0] + [0.0] * 19).high) == difference_of_shares_interval(
        0, 1, 20
    )


def test_a_share_keeps_wilsons_interval() -> None:
    rows = [Row(id=str(place), outcomes={"right": 0.0, "right_change": 0.0}) for place in range(20)]
    assert estimates(rows)["right"].low == 0.0
    assert estimates(rows)["right_change"].low < 0.0
