"""Every part of a report as a table: for readers who cannot see a drawing, and for text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ragkit.evaluate.outcome import Estimate
from ragkit.evaluate.reports.content import (
    Cell,
    Curve,
    Differences,
    Histogram,
    Interval,
    Reliability,
    Table,
)
from ragkit.evaluate.reports.writing import number, share

__all__ = ["Drawn", "as_table", "finite", "histogram", "left_out", "measures_table", "thinned"]

Drawn = Histogram | Differences | Curve | Reliability
"""Parts that are drawn."""

_QUANTILES = {"worst": 0.0, "lower quarter": 0.25, "middle": 0.5, "upper quarter": 0.75, "best": 1.0}


def measures_table(estimates: Mapping[str, Estimate]) -> Table:
    """Set out the measures of a run; a column on unscored rows stands only where there are some."""
    some = any(estimate.reasons for estimate in estimates.values())
    rows: list[tuple[Cell, ...]] = []
    for name, estimate in estimates.items():
        interval = Interval(estimate.value, estimate.low, estimate.high)
        row: tuple[Cell, ...] = (name, interval, estimate.n, share(estimate.coverage))
        rows.append((*row, _reasons(estimate.reasons)) if some else row)
    columns = ("Measure", "Mean with 95 % interval", "n", "Coverage")
    return Table("Measures", (*columns, "Unscored") if some else columns, tuple(rows))


def as_table(section: Drawn) -> Table:
    """Give the numbers behind a drawing."""
    columns: tuple[str, ...]
    rows: list[tuple[Cell, ...]]
    match section:
        case Histogram():
            columns, rows = ("From", "To", "Rows"), _histogram_rows(section)
        case Differences():
            columns, rows = ("What", "Value"), _difference_rows(section)
        case Curve():
            columns, rows = (section.x_label, *section.lines), _curve_rows(section)
        case Reliability():
            columns = ("Confidence", "Right", "Rows")
            rows = [(bin_.confidence, bin_.accuracy, bin_.count) for bin_ in section.bins]
    return Table(section.title, columns, tuple(rows), section.note)


def finite(values: Sequence[float]) -> NDArray[np.float64]:
    """Give the values that are numbers, in their order."""
    numbers = np.asarray(values, dtype=np.float64)
    return numbers[np.isfinite(numbers)]


def left_out(values: Sequence[float]) -> str:
    """Say how many values are no numbers; empty where all are."""
    missing = len(values) - finite(values).size
    return f"{missing:,} of {len(values):,} rows have no number and are left out." if missing else ""


def histogram(values: Sequence[float], bins: int = 20) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Count finite values in bins of equal width: over [0, 1] where all lie in it, else from the least to the greatest.

    Returns:
        Counts (bins,) and edges (bins + 1,); one bin around them where values outside of [0, 1] are the same but for
        rounding.
    """
    numbers = finite(values)
    low, high = (float(numbers.min()), float(numbers.max())) if numbers.size else (0.0, 0.0)
    largest = max(abs(low), abs(high))
    if low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    elif high - low < 1e-9 * largest:
        reach = max(0.5, 1e-3 * largest)
        low, high, bins = low - reach, high + reach, 1
    counts, edges = np.histogram(numbers, bins=bins, range=(low, high))
    return counts.astype(np.int64), edges.astype(np.float64)


def thinned(count: int, limit: int) -> list[int]:
    """Give at most `limit` positions spread evenly over `count`, the first and the last among them."""
    if count <= limit:
        return list(range(count))
    return sorted({round(place) for place in np.linspace(0, count - 1, limit).tolist()})


def _reasons(reasons: Mapping[str, int]) -> str:
    return ", ".join(f"{reason}: {times:,}" for reason, times in sorted(reasons.items(), key=lambda item: -item[1]))


def _histogram_rows(section: Histogram) -> list[tuple[Cell, ...]]:
    counts, edges = histogram(section.values)
    ends = pairwise(edges.tolist())
    return [(low, high, int(found)) for (low, high), found in zip(ends, counts, strict=True) if found]


def _difference_rows(section: Differences) -> list[tuple[Cell, ...]]:
    values = finite(section.values)
    wins, losses = int((values > 0).sum()), int((values < 0).sum())
    rows: list[tuple[Cell, ...]] = [("wins", wins), ("ties", int(values.size) - wins - losses), ("losses", losses)]
    if values.size:
        mean = float(values.mean())
        rows.append(("mean", Interval(mean, math.nan, math.nan, signed=True)))
        spread = np.quantile(values, list(_QUANTILES.values())).tolist()
        rows += [
            (name, Interval(value, math.nan, math.nan, signed=True))
            for name, value in zip(_QUANTILES, spread, strict=True)
        ]
    return rows


def _curve_rows(section: Curve) -> list[tuple[Cell, ...]]:
    """Give each x once, with the lines that have a point there; long lines are thinned to about a dozen."""
    by_x: dict[float, dict[str, float]] = {}
    for name, points in section.lines.items():
        for place in thinned(len(points), 12):
            x, y = points[place]
            by_x.setdefault(x, {})[name] = y
    shown = [_plain(x) for x in sorted(by_x)]
    return [(x, *(by_x[key].get(name) for name in section.lines)) for x, key in zip(shown, sorted(by_x), strict=True)]


def _plain(x: float) -> Cell:
    return int(x) if float(x).is_integer() and abs(x) > 1 else number(x)
