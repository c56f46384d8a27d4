"""A comparison as plain text: for the terminal, and for the message of a test that fails."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isnan

from ragkit.evaluate.comparison.verdicts import Compared, Comparison, NotCompared

__all__ = ["as_text", "rows_of", "verdict_of"]

_HEADS = ("measure", "A", "B", "B - A [95 %]", "p", "p Holm", "detectable", "rows needed", "won/tied/lost", "verdict")


def as_text(comparison: Comparison) -> str:
    """Give the comparison as lines of at most about 140 characters, the last without its newline."""
    return "\n".join(_lines(comparison))


def _lines(comparison: Comparison) -> Iterator[str]:
    yield f"A {comparison.baseline}"
    yield f"B {comparison.candidate}"
    yield f"{_rows(comparison)}; minimum effect {comparison.min_effect:g}; {_family(comparison)}."
    if comparison.measures:
        yield ""
        yield from _aligned([_HEADS, *(_cells(measure) for measure in comparison.measures)])
    if comparison.not_compared:
        yield ""
        yield "Not compared:"
        yield from _aligned([_side_by_side(measure) for measure in comparison.not_compared])


def _rows(comparison: Comparison) -> str:
    alone = [
        f"{count} only in {side}"
        for side, count in (("A", comparison.only_baseline), ("B", comparison.only_candidate))
        if count
    ]
    return f"{rows_of(comparison.rows)} compared" + (f" ({', '.join(alone)})" if alone else "")


def _family(comparison: Comparison) -> str:
    count = len(comparison.measures)
    if count == 0:
        return "nothing could be compared"
    return "one measure, p is not adjusted" if count == 1 else f"p adjusted (Holm) over {count} measures"


def _cells(measure: Compared) -> tuple[str, ...]:
    paired = measure.paired
    rows = f"{measure.won}/{paired.ties}/{measure.lost}" if measure.won + paired.ties + measure.lost else "-"
    return (
        measure.measure + ("" if measure.higher_is_better else " (lower is better)"),
        _number(measure.baseline),
        _number(measure.candidate),
        f"{_number(paired.difference, '+.4f')} [{_number(paired.low, '+.4f')}, {_number(paired.high, '+.4f')}]",
        _number(paired.p),
        _number(measure.adjusted),
        _number(paired.detectable),
        "-" if paired.needed is None else f"{paired.needed:,}",
        rows,
        verdict_of(measure),
    )


def verdict_of(measure: Compared) -> str:
    """Give the verdict with what restricts it: a difference too small to matter, rows left out."""
    small = measure.verdict in {"better", "worse"} and abs(measure.gain) <= measure.min_effect
    notes = [f"by less than {measure.min_effect:g}"] if small else []
    notes += [f"{rows_of(measure.left_out)} left out"] if measure.left_out else []
    return measure.verdict + (f" ({', '.join(notes)})" if notes else "")


def rows_of(count: int) -> str:
    """Give a number of rows in words: `1 row`, `2 rows`."""
    return f"{count} row" + ("" if count == 1 else "s")


def _side_by_side(measure: NotCompared) -> tuple[str, ...]:
    return measure.measure, _number(measure.baseline), _number(measure.candidate), measure.reason


def _number(value: float, form: str = ".4f") -> str:
    return "-" if isnan(value) else format(value, form)


def _aligned(table: Sequence[Sequence[str]]) -> Iterator[str]:
    """Set the first and the last column flush left, numbers flush right."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        inner = "  ".join(cell.rjust(width) for cell, width in zip(row[1:-1], widths[1:-1], strict=True))
        yield f"{row[0].ljust(widths[0])}  {inner}  {row[-1]}"
