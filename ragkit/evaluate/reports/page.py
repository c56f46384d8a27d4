"""A run as one self-contained HTML page: it loads nothing, runs no script and reads well on paper, phone and screen."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from ragkit._optional import require
from ragkit.evaluate.outcome import Estimate
from ragkit.evaluate.reports.content import (
    Case,
    Cases,
    Cell,
    Curve,
    Differences,
    Histogram,
    Interval,
    Reliability,
    Report,
    Table,
)
from ragkit.evaluate.reports.drawing import COLOURS, draw
from ragkit.evaluate.reports.tables import Drawn, as_table, finite, left_out, measures_table
from ragkit.evaluate.reports.writing import count, is_numeric, number, signed, span, visible, written
from ragkit.evaluate.usage import Usage

with require(feature="A report as a page", package="jinja2", extra="eval"):
    import jinja2
    from markupsafe import Markup

__all__ = ["render_html"]

_SHORT_CHARS = 24


@dataclass(frozen=True, slots=True)
class _Bar:
    """Where an interval lies on the scale of its column, in percent of its width."""

    low: float
    width: float
    value: float
    zero: bool


@dataclass(frozen=True, slots=True)
class _CellView:
    text: str
    numeric: bool
    spread: bool = False
    """Whether the cell takes three columns: number, bar, ends."""
    bar: _Bar | None = None
    ends: str = ""
    tone: str = ""

    @property
    def short(self) -> bool:
        """Whether the text stays on one line: the name of a measure broken in two is hard to read."""
        return len(self.text) <= _SHORT_CHARS


@dataclass(frozen=True, slots=True)
class _TableView:
    title: str
    heads: tuple[_CellView, ...]
    rows: tuple[tuple[_CellView, ...], ...]


@dataclass(frozen=True, slots=True)
class _FigureView:
    drawing: str
    x_label: str
    y_label: str
    legend: tuple[tuple[str, str], ...]
    """Name of a line and the class of its mark."""
    key: str
    table: _TableView


@dataclass(frozen=True, slots=True)
class _SectionView:
    name: str
    title: str
    note: str
    table: _TableView | None = None
    figure: _FigureView | None = None
    cases: tuple[Case, ...] = ()


def render_html(
    report: Report, estimates: Mapping[str, Estimate], metrics: Mapping[str, Any], *, usage: Usage | None = None
) -> str:
    """Give the page of a run.

    Args:
        report: What it shows.
        estimates: Its measures, in the order to be shown; may be empty.
        metrics: What `metrics.json` holds; `config`, `inputs`, `seeds` and `versions` are shown folded, where there.
        usage: Time, calls and cost. They stand between `<!-- usage -->` and `<!-- /usage -->`, the only part that
            differs between two runs over the same inputs; None leaves it out.

    Returns:
        HTML of 20 KB and up, the same bytes for the same arguments.
    """
    return _template().render(
        report=report,
        measures=_table(measures_table(estimates)) if estimates else None,
        sections=[_section(section, f"part-{place}") for place, section in enumerate(report.sections, start=1)],
        about=list(_about(metrics)),
        version=metrics.get("versions", {}).get("ragkit", ""),
        usage=list(_usage_facts(usage)) if usage else [],
        latencies=list(_latencies(usage)) if usage else [],
        has_usage=usage is not None,
    )


@cache
def _template() -> jinja2.Template:
    files = resources.files(__package__)
    shop = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    shop.globals["style"] = Markup(files.joinpath("page.css").read_text(encoding="utf-8"))  # noqa: S704 - our own file
    shop.filters["visible"] = visible
    shop.filters["drawing"] = Markup
    return shop.from_string(files.joinpath("page.html").read_text(encoding="utf-8"))


def _section(section: Table | Cases | Drawn, name: str) -> _SectionView:
    match section:
        case Table():
            return _SectionView(name, section.title, section.note, table=_table(section))
        case Cases():
            return _SectionView(name, section.title, section.note, cases=section.cases)
        case _:
            return _SectionView(name, section.title, section.note, figure=_figure(section, name))


def _figure(section: Drawn, name: str) -> _FigureView:
    x_label, y_label = _labels(section)
    legend: tuple[tuple[str, str], ...] = ()
    if isinstance(section, Curve) and len(section.lines) > 1:
        legend = tuple((line, f"line-{place % COLOURS + 1}") for place, line in enumerate(section.lines))
    return _FigureView(draw(section, name), x_label, y_label, legend, _key(section), _table(as_table(section)))


def _labels(section: Drawn) -> tuple[str, str]:
    match section:
        case Histogram():
            return section.x_label, "rows"
        case Differences():
            return "rows, best first", section.x_label
        case Curve():
            return section.x_label, section.y_label
        case Reliability():
            return "confidence", "share that is right; below it, rows"


def _key(section: Drawn) -> str:
    """Say what the marks mean that nothing else says, and what is not drawn."""
    match section:
        case Histogram() if (values := finite(section.values)).size:
            return f"Dashed: the mean, {number(float(values.mean()))}. {left_out(section.values)}".strip()
        case Histogram() | Differences():
            return left_out(section.values)
        case Reliability():
            return "Dashed: as often right as said. Red: how far from it."
        case _:
            return ""


def _table(table: Table) -> _TableView:
    columns = [_column(table, place) for place in range(len(table.columns))]
    rows = tuple(zip(*columns, strict=True)) if table.rows else ()
    heads = []
    for place, head in enumerate(table.columns):
        cells = [row[place] for row in rows]
        numeric = place > 0 and bool(cells) and all(cell.numeric for cell in cells)
        heads.append(_CellView(head, numeric, spread=any(cell.spread for cell in cells)))
    return _TableView(table.title, tuple(heads), rows)


def _column(table: Table, place: int) -> list[_CellView]:
    cells = [row[place] for row in table.rows]
    numeric = place > 0 and all(is_numeric(cell) for cell in cells)
    spread = any(isinstance(cell, Interval) and span(cell) for cell in cells)
    reach = max((abs(end) for cell in cells for end in _signed_ends(cell)), default=0.0)
    return [_cell(cell, numeric=numeric, spread=spread, reach=reach) for cell in cells]


def _signed_ends(cell: Cell) -> list[float]:
    if not isinstance(cell, Interval) or not cell.signed:
        return []
    return [end for end in (cell.low, cell.value, cell.high) if math.isfinite(end)]


def _cell(cell: Cell, *, numeric: bool, spread: bool, reach: float) -> _CellView:
    if not isinstance(cell, Interval):
        return _CellView(written(cell), numeric, spread)
    text = signed(cell.value) if cell.signed else number(cell.value)
    return _CellView(text, numeric, spread, _bar(cell, reach), span(cell), _tone(cell))


def _tone(cell: Interval) -> str:
    if not cell.signed or cell.tone == "neither":
        return ""
    return cell.tone or ("win" if cell.low > 0 else "loss" if cell.high < 0 else "")


def _bar(cell: Interval, reach: float) -> _Bar | None:
    """Place an interval on its scale: −reach to reach for differences, else 0 to 1, or to 100 where 1 is too short."""
    ends = (cell.low, cell.value, cell.high)
    if not all(math.isfinite(end) for end in ends):
        return None
    if cell.signed:
        reach = reach or 1.0
        begin, length = -reach, 2 * reach
    else:
        begin, length = 0.0, 1.0 if max(ends) <= 1 else 100.0
    low, value, high = (100 * (end - begin) / length for end in ends)
    if min(low, value, high) < 0 or max(low, value, high) > 100:
        return None
    return _Bar(round(low, 2), round(max(high - low, 0.0), 2), round(value, 2), cell.signed)


def _about(metrics: Mapping[str, Any]) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Set out what made the run this run, as groups of names with values."""
    heads = {"config": "Configuration", "inputs": "Inputs (sha256)", "seeds": "Seeds", "versions": "Versions"}
    if command := metrics.get("command"):
        yield "Command", [("command", str(command)), ("data set", str(metrics.get("dataset", "")))]
    for key, head in heads.items():
        if facts := list(_flat(metrics.get(key) or {})):
            yield head, [(name.removesuffix(".sha256"), value) for name, value in facts]


def _flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", "none" if value is None else str(value)


def _usage_facts(usage: Usage) -> Iterator[tuple[str, str]]:
    yield "Seconds of work", f"{usage.seconds:,.1f}"
    if usage.calls:
        yield "Model calls", count(usage.calls)
        yield "Tokens in", count(usage.input_tokens)
        yield "Tokens out", count(usage.output_tokens)
        yield "Cost", usage.cost


def _latencies(usage: Usage) -> Iterator[_SectionView]:
    for place, (name, values) in enumerate(usage.latencies_s.items(), start=1):
        if len(values):
            spread = usage.as_dict()["latency_s"][name]
            note = ", ".join(f"{key} {_milliseconds(spread[key])}" for key in ("p50", "p90", "p99", "max"))
            drawn = Histogram(
                f"Latency of one {name}",
                "milliseconds",
                _cut(values, spread["p99"]),
                f"{note}. Slower than p99 is drawn at p99.",
            )
            yield _section(drawn, f"latency-{place}")


def _cut(values: Sequence[float], end: float) -> list[float]:
    """Give times in milliseconds, the slowest hundredth at the place of the 99th percentile: one outlier hides all."""
    return [1000 * min(value, end) for value in values]


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:,.2f} ms"
