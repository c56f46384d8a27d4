"""A report in the terminal."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from ragkit.evaluate.outcome import Estimate
from ragkit.evaluate.reports.content import Case, Cases, Histogram, Report, Section, Table
from ragkit.evaluate.reports.tables import as_table, measures_table
from ragkit.evaluate.reports.writing import is_numeric, visible, written

__all__ = ["print_report"]

_CASES = 3
"""More cases of a part are on the page only."""
_ITEM_CHARS = 300
"""Longer texts of a case are cut in the terminal; the page has them whole."""


def print_report(report: Report, estimates: Mapping[str, Estimate], console: Console) -> None:
    """Print a report: the measures, then every part as a table or as text. Foreign text cannot steer the terminal.

    Histograms and all but the first cases are left to the page, and a line says so.
    """
    console.print(_text(report.title, "bold"))
    console.print(_text(report.dataset))
    for note in report.notes:
        console.print(_text(f"! {note}", "yellow"))
    if estimates:
        _print_table(measures_table(estimates), console)
    for section in report.sections:
        if not isinstance(section, Histogram):
            _print_section(section, console)
    if left := _left_out(report):
        console.print()
        console.print(_text(f"Only in the HTML report: {', '.join(left)}.", "dim"))


def _print_section(section: Section, console: Console) -> None:
    if isinstance(section, Cases):
        _print_heading(section.title, section.note, console)
        for case in section.cases[:_CASES]:
            _print_case(case, console)
    else:
        _print_table(section if isinstance(section, Table) else as_table(section), console)


def _left_out(report: Report) -> list[str]:
    plots = [section.title for section in report.sections if isinstance(section, Histogram)]
    more = sum(len(section.cases[_CASES:]) for section in report.sections if isinstance(section, Cases))
    return [*plots, *([f"{more:,} more cases"] if more else [])]


def _print_table(table: Table, console: Console) -> None:
    _print_heading(table.title, table.note, console)
    grid = Grid(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for place, column in enumerate(table.columns):
        right = place > 0 and all(is_numeric(row[place]) for row in table.rows)
        grid.add_column(_text(column), justify="right" if right else "left", overflow="fold")
    for row in table.rows:
        grid.add_row(*(_text(written(cell)) for cell in row))
    console.print(grid)


def _print_heading(title: str, note: str, console: Console) -> None:
    console.print()
    console.print(_text(title, "bold"))
    if note:
        console.print(_text(note, "dim"))


def _print_case(case: Case, console: Console) -> None:
    console.print(_text(case.heading, "cyan"))
    for name, value in case.facts.items():
        console.print(Padding(_text(f"{name}: {value}"), (0, 0, 0, 2), expand=False))
    for place, item in enumerate(case.items, start=1):
        words = " ".join(item.split())
        cut = words if len(words) <= _ITEM_CHARS else words[: _ITEM_CHARS - 1] + "…"
        console.print(Padding(_text(f"{place}. {cut}", "dim"), (0, 0, 0, 2), expand=False))


def _text(text: str, style: str = "") -> Text:
    return Text(visible(text), style)
