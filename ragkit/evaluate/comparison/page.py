"""A comparison as the content of an HTML page: the table, and wins and losses row by row."""

from __future__ import annotations

from collections.abc import Mapping

from ragkit.evaluate.comparison.text import rows_of, verdict_of
from ragkit.evaluate.comparison.verdicts import Compared, Comparison
from ragkit.evaluate.reports.content import Cell, Differences, Interval, Report, Section, Table, Tone

__all__ = ["comparison_report"]

_COLUMNS = (
    "measure",
    "A",
    "B",
    "B − A",
    "verdict",
    "p",
    "p Holm",
    "detectable",
    "rows needed",
    "won",
    "tied",
    "lost",
)
_TONES: Mapping[str, Tone] = {"better": "win", "worse": "loss"}
_MOST_DRAWN = 8  # a picture per measure; beyond, nobody looks


def comparison_report(comparison: Comparison) -> Report:
    """Give the page of a comparison, for `render_html`."""
    return Report(
        title="Comparison of two runs",
        dataset=f"{comparison.dataset or 'Unnamed data'}: {rows_of(comparison.rows)} in both runs.",
        notes=_notes(comparison),
        sections=(_table(comparison), *_side_by_side(comparison), *_differences(comparison)),
    )


def _notes(comparison: Comparison) -> tuple[str, ...]:
    notes = [
        f"A, the baseline: {comparison.baseline}",
        f"B, the candidate: {comparison.candidate}",
        f"The smallest difference that matters: {comparison.min_effect:g}.",
    ]
    for side, count in (("A", comparison.only_baseline), ("B", comparison.only_candidate)):
        are = "is" if count == 1 else "are"
        notes += [f"{rows_of(count)} {are} only in {side} and {are} left out."] if count else []
    return tuple(notes)


def _table(comparison: Comparison) -> Table:
    return Table(
        title="Measures",
        columns=_COLUMNS,
        rows=tuple(_row(measure) for measure in comparison.measures),
        note="Over rows that both runs scored. p is two-sided, of the sign-flip permutation test (of values of 0 "
        "and 1, McNemar's mid-p) or, of a measure of the whole run, of drawing rows anew; adjusted by Holm over this "
        "table. Detectable: the true difference that so many rows show in 80 % of runs. Rows needed: to show the "
        "minimum effect as often.",
    )


def _row(measure: Compared) -> tuple[Cell, ...]:
    paired = measure.paired
    return (
        measure.measure + ("" if measure.higher_is_better else " (lower is better)"),
        measure.baseline,
        measure.candidate,
        Interval(paired.difference, paired.low, paired.high, signed=True, tone=_TONES.get(measure.verdict, "neither")),
        verdict_of(measure),
        paired.p,
        measure.adjusted,
        paired.detectable,
        paired.needed,
        measure.won,
        paired.ties,
        measure.lost,
    )


def _side_by_side(comparison: Comparison) -> tuple[Section, ...]:
    if not comparison.not_compared:
        return ()
    rows = tuple((each.measure, each.baseline, each.candidate, each.reason) for each in comparison.not_compared)
    return (Table(title="Not compared", columns=("measure", "A", "B", "why"), rows=rows),)


def _differences(comparison: Comparison) -> tuple[Section, ...]:
    shown = [each for each in comparison.measures if each.won + each.lost][:_MOST_DRAWN]
    return tuple(
        Differences(
            title=f"{each.measure}, row by row",
            x_label=f"{each.measure}, B − A" if each.higher_is_better else f"{each.measure}, A − B",
            values=[value if each.higher_is_better else -value for value in comparison.differences[each.measure]],
        )
        for each in shown
    )
