"""A report as Markdown, for a pull request or a notebook."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from ragkit.evaluate.outcome import Estimate
from ragkit.evaluate.reports.content import Case, Cases, Report, Section, Table
from ragkit.evaluate.reports.tables import as_table, measures_table
from ragkit.evaluate.reports.writing import is_numeric, visible, written

__all__ = ["as_markdown"]

# What begins an element in the middle of a line, and what begins a list or underlines a heading at the start of one.
# A bracket alone is text: a link needs what follows the closing one.
_SPECIAL = re.compile(r"[\\`*_<>|~&#$]|\](?=[(\[:])")
_FIRST = re.compile(r"(\d*)([-+.)=])(?=[ =]|$)")


def as_markdown(report: Report, estimates: Mapping[str, Estimate]) -> str:
    """Give a report as GitHub's Markdown: headings, tables, lists. Foreign text is escaped and stays on its line."""
    return "\n".join(_lines(report, estimates)) + "\n"


def _lines(report: Report, estimates: Mapping[str, Estimate]) -> Iterator[str]:
    yield from (f"# {_inline(report.title)}", "", _inline(report.dataset))
    for note in report.notes:
        yield from ("", f"> {_inline(note)}")
    if estimates:
        yield from _table(measures_table(estimates))
    for section in report.sections:
        yield from _section(section)


def _section(section: Section) -> Iterator[str]:
    if isinstance(section, Cases):
        yield from _heading(section.title, section.note)
        for case in section.cases:
            yield from _case(case)
    else:
        yield from _table(section if isinstance(section, Table) else as_table(section))


def _heading(title: str, note: str) -> Iterator[str]:
    yield from ("", f"## {_inline(title)}")
    if note:
        yield from ("", _inline(note))


def _table(table: Table) -> Iterator[str]:
    yield from _heading(table.title, table.note)
    yield ""
    yield _row([_inline(column) for column in table.columns])
    yield _row([_rule(table, place) for place in range(len(table.columns))])
    for row in table.rows:
        yield _row([_inline(written(cell)) for cell in row])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _rule(table: Table, place: int) -> str:
    return "--:" if place > 0 and all(is_numeric(row[place]) for row in table.rows) else "---"


def _case(case: Case) -> Iterator[str]:
    yield from ("", f"### {_inline(case.heading)}", "")
    for name, value in case.facts.items():
        yield f"- {_inline(name)}: {_inline(value)}"
    for place, item in enumerate(case.items, start=1):
        yield f"{place}. {_inline(item)}"


def _inline(text: str) -> str:
    escaped = _SPECIAL.sub(r"\\\g<0>", " ".join(visible(text).split()))
    return f"{first[1]}\\{escaped[len(first[1]) :]}" if (first := _FIRST.match(escaped)) else escaped
