from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.evaluate.outcome import Estimate
from ragkit.evaluate.reports.content import Curve, Differences, Histogram, Interval, Reliability, ReliabilityBin, Table
from ragkit.evaluate.reports.tables import as_table, histogram, left_out, measures_table, thinned
from ragkit.evaluate.reports.writing import written


def test_measures_without_unscored_rows_have_no_column_for_them() -> None:
    table = measures_table({"F1": Estimate(value=0.5, low=0.25, high=0.75, n=8, coverage=1.0)})
    assert table == Table(
        "Measures",
        ("Measure", "Mean with 95 % interval", "n", "Coverage"),
        (("F1", Interval(0.5, 0.25, 0.75), 8, "100 %"),),
    )


def test_reasons_stand_by_falling_count() -> None:
    table = measures_table(
        {
            "F1": Estimate(value=0.5, low=0.25, high=0.75, n=8, coverage=1.0),
            "m": Estimate(value=0.5, low=0.25, high=0.75, n=2, coverage=0.25, reasons={"a": 1, "b": 5}),
        }
    )
    assert [row[-1] for row in table.rows] == ["", "b: 5, a: 1"]


def test_a_histogram_lists_its_bins_that_hold_something() -> None:
    table = as_table(Histogram("H", "F1", [0.0, 0.01, 0.52, 1.0, math.nan], "n"))
    shown = [[written(cell) for cell in row] for row in table.rows]
    assert shown == [["0.0000", "0.0500", "2"], ["0.5000", "0.5500", "1"], ["0.9500", "1.0000", "1"]]
    assert (table.columns, table.note) == (("From", "To", "Rows"), "n")


def test_differences_are_wins_ties_losses_and_quantiles() -> None:
    def plain(value: float) -> Interval:
        return Interval(value, math.nan, math.nan, signed=True)

    rows = as_table(Differences("D", "a − b", [0.4, 0.0, -0.2, 0.2, math.nan])).rows
    assert [(name, value.value if isinstance(value, Interval) else value) for name, value in rows] == [
        ("wins", 2),
        ("ties", 1),
        ("losses", 1),
        ("mean", pytest.approx(0.1)),
        ("worst", -0.2),
        ("lower quarter", pytest.approx(-0.05)),
        ("middle", pytest.approx(0.1)),
        ("upper quarter", pytest.approx(0.25)),
        ("best", 0.4),
    ]
    assert as_table(Differences("D", "a − b", [])).rows == (("wins", 0), ("ties", 0), ("losses", 0))


def test_a_curve_lists_each_x_once_with_every_line() -> None:
    lines = {"a": ((1000.0, 0.5), (2000.0, 0.25)), "b": ((0.5, 1.0), (2000.0, 0.75))}
    table = as_table(Curve("C", "passages", "y", lines))
    assert table.columns == ("passages", "a", "b")
    assert table.rows == (("0.5000", None, 1.0), (1000, 0.5, None), (2000, 0.25, 0.75))


def test_a_long_curve_is_thinned_with_both_ends_kept() -> None:
    points = tuple((float(x), 0.0) for x in range(2, 1002))
    rows = as_table(Curve("C", "x", "y", {"a": points})).rows
    assert (len(rows), rows[0][0], rows[-1][0]) == (12, 2, 1001)


def test_reliability_lists_its_bins() -> None:
    bins = (ReliabilityBin(0.25, 0.1, 40),)
    assert as_table(Reliability("R", bins)).rows == ((0.25, 0.1, 40),)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [([1.0], ""), ([1.0, math.nan, math.inf], "2 of 3 rows have no number and are left out."), ([], "")],
)
def test_rows_without_a_number_are_counted(values: list[float], sentence: str) -> None:
    assert left_out(values) == sentence


@given(st.lists(st.floats(-1e6, 1e6) | st.floats(0, 1)))
@settings(max_examples=50, deadline=None)
def test_a_histogram_counts_every_value_once(values: Sequence[float]) -> None:
    counts, edges = histogram(values)
    assert counts.sum() == len(values)
    assert len(edges) == len(counts) + 1
    assert (edges[1:] > edges[:-1]).all()


@pytest.mark.parametrize("values", [[5.000000000000001, 5.000000000000002], [1e20], [2e16, 2e16 + 4], [-7.0, -7.0]])
def test_values_that_are_the_same_but_for_rounding_are_one_bin(values: Sequence[float]) -> None:
    counts, edges = histogram(values)
    assert counts.tolist() == [len(values)]
    assert edges[0] < min(values) <= max(values) < edges[1]


@given(st.integers(1, 10_000), st.integers(2, 500))
@settings(max_examples=50, deadline=None)
def test_thinning_keeps_both_ends_and_the_order(count: int, limit: int) -> None:
    places = thinned(count, limit)
    assert places == sorted(set(places))
    assert len(places) <= limit
    assert (places[0], places[-1]) == (0, count - 1)
