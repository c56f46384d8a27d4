"""Drawings as inline SVG: marks and the numbers of the axes only. Words (titles, labels, names of lines) are HTML.

Colours are the custom properties of `page.css`, so that a drawing follows the light and the dark page. The same values
give the same bytes: no date, no random name, no setting of the person who draws.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray

from ragkit._optional import require
from ragkit.evaluate.reports.content import Curve, Differences, Histogram, Reliability
from ragkit.evaluate.reports.tables import Drawn, finite, histogram, thinned
from ragkit.evaluate.reports.writing import number, signed, visible

with require(feature="A report with drawings", package="matplotlib", extra="eval"):
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator

__all__ = ["COLOURS", "described", "draw"]

COLOURS: Final = 6
"""Lines of a curve that differ in colour; from there on colours repeat with another dash."""

_WIDTH, _HEIGHT = 480, 270
# What is drawn in one of these is shown in the colour of the page of that name: --ink, --rule, --win, --line-1 …
_PLACEHOLDERS: Final = {
    "ink": "#010101",
    "rule": "#010102",
    "win": "#010103",
    "loss": "#010104",
    "muted": "#010105",
} | {f"line-{place}": f"#0102{place:02d}" for place in range(1, COLOURS + 1)}
_DASHES: Final = ("-", (0, (5, 2)), (0, (1.5, 1.5)))
_SVG: Final = "{http://www.w3.org/2000/svg}"
_HREF: Final = "{http://www.w3.org/1999/xlink}href"
_DECIMALS: Final = re.compile(r"-?\d+\.\d{3,}(?:e-?\d+)?")
_FONT: Final = re.compile(r"font(?:-size|-family)?: [^;]*;? ?")


def draw(section: Drawn, name: str) -> str:
    """Draw a part of a report.

    Args:
        section: Its values; none that are finite gives empty axes.
        name: Of the drawing on its page, `[a-z0-9-]+`; begins every id in it.

    Returns:
        An `<svg>` element with a description for who cannot see it, 2 to 20 KB.
    """
    with _settings(name):
        figure = Figure(figsize=(_WIDTH / 72, _HEIGHT / 72), dpi=72)
        match section:
            case Histogram():
                _draw_histogram(_axes(figure), section)
            case Differences():
                _draw_differences(_axes(figure), section)
            case Curve():
                _draw_curve(_axes(figure), section)
            case Reliability():
                _draw_reliability(figure, section)
        raw = io.StringIO()
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(raw, format="svg", transparent=True, metadata=nothing)
    return _inlined(raw.getvalue(), name, described(section))


def described(section: Drawn) -> str:
    """Say in a sentence or two what a drawing shows."""
    match section:
        case Histogram():
            values = finite(section.values)
            what = f"Histogram of {values.size:,} values of {section.x_label}" + _from_to(values)
        case Differences():
            values = finite(section.values)
            wins, losses = int((values > 0).sum()), int((values < 0).sum())
            ties = values.size - wins - losses
            what = f"Sorted differences, {section.x_label}: {wins:,} wins, {ties:,} ties, {losses:,} losses"
            what += f", mean {signed(float(values.mean()))}" if values.size else ""
        case Curve():
            what = f"{section.y_label} over {section.x_label}: {', '.join(section.lines)}"
        case Reliability():
            rows = sum(bin_.count for bin_ in section.bins)
            what = f"Share that is right over confidence, {len(section.bins)} bins of {rows:,} rows"
    return visible(f"{section.title}. {what}.")


def _from_to(values: NDArray[np.float64]) -> str:
    if not values.size:
        return ""
    low, high, mean = (number(float(value)) for value in (values.min(), values.max(), values.mean()))
    return f", from {low} to {high}, mean {mean}"


@contextmanager
def _settings(name: str) -> Iterator[None]:
    """Draw with matplotlib's own defaults, whatever the person has set."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(
            {
                "svg.fonttype": "none",
                "svg.hashsalt": name,
                "font.size": 11,
                "axes.spines.top": False,
                "axes.spines.right": False,
                "axes.spines.left": False,
                "axes.edgecolor": _PLACEHOLDERS["muted"],
                "axes.linewidth": 1,
                "axes.axisbelow": True,
                "axes.grid": True,
                "axes.grid.axis": "y",
                "grid.color": _PLACEHOLDERS["rule"],
                "grid.linewidth": 1,
                "xtick.color": _PLACEHOLDERS["muted"],
                "ytick.color": _PLACEHOLDERS["muted"],
                "xtick.major.pad": 9,
                "ytick.major.pad": 6,
                "xtick.major.size": 0,
                "ytick.major.size": 0,
                "xtick.minor.size": 0,
            }
        )
        yield


def _axes(figure: Any, box: tuple[float, float, float, float] = (0.115, 0.1, 0.865, 0.86)) -> Any:
    # Any: matplotlib ships no types that mypy is given here.
    axes = figure.add_axes(box)
    axes.yaxis.set_major_locator(_places(5))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(_tick))
    return axes


def _places(count: int, *, integer: bool = False) -> Any:
    return MaxNLocator(count, steps=[1, 2, 2.5, 5, 10] if not integer else [1, 2, 5, 10], integer=integer)


def _draw_histogram(axes: Any, section: Histogram) -> None:
    counts, edges = histogram(section.values)
    width = edges[1] - edges[0]
    axes.bar(edges[:-1] + width / 2, counts, width=width * 0.9, color=_PLACEHOLDERS["line-1"])
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(0, max(1, int(counts.max(initial=0))) * 1.05)
    axes.yaxis.set_major_locator(_places(5, integer=True))
    if (values := finite(section.values)).size:
        axes.axvline(float(values.mean()), color=_PLACEHOLDERS["ink"], linewidth=1.5, linestyle=(0, (4, 3)))


def _draw_differences(axes: Any, section: Differences) -> None:
    values = np.sort(finite(section.values))[::-1]
    values = values[thinned(values.size, 400)] if values.size else np.zeros(1)
    places = np.linspace(0, max(1, finite(section.values).size), values.size + 1)
    for part, colour in ((values > 0, "win"), (values < 0, "loss")):
        if part.any():
            steps = np.stack((places[:-1][part], places[1:][part]), axis=1).ravel()
            corners = np.concatenate((steps[:1], steps, steps[-1:]))
            heights = np.concatenate(([0.0], np.repeat(values[part], 2), [0.0]))
            axes.fill(corners, heights, color=_PLACEHOLDERS[colour], linewidth=0)
    reach = float(np.abs(values).max()) * 1.05 or 1.0
    axes.set_xlim(0, places[-1])
    axes.set_ylim(-reach, reach)
    axes.axhline(0, color=_PLACEHOLDERS["ink"], linewidth=1)
    axes.spines["bottom"].set_visible(False)
    axes.xaxis.set_major_locator(_places(5, integer=True))


def _draw_curve(axes: Any, section: Curve) -> None:
    for place, points in enumerate(section.lines.values()):
        shown = [points[at] for at in thinned(len(points), 300)]
        axes.plot(
            [x for x, _ in shown],
            [y for _, y in shown],
            color=_PLACEHOLDERS[f"line-{place % COLOURS + 1}"],
            linestyle=_DASHES[(place // COLOURS) % len(_DASHES)],
            linewidth=2,
            marker="o" if len(points) <= 15 else "",
            markersize=5,
        )
    if section.log_x:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(10, numticks=7))
        axes.xaxis.set_minor_formatter(FuncFormatter(lambda value, position: ""))
        axes.xaxis.set_major_formatter(FuncFormatter(_tick))
    else:
        axes.xaxis.set_major_locator(_places(6))


def _draw_reliability(figure: Any, section: Reliability) -> None:
    upper = _axes(figure, (0.115, 0.34, 0.865, 0.62))
    lower = _axes(figure, (0.115, 0.1, 0.865, 0.17))
    bins = [bin_ for bin_ in section.bins if bin_.count]
    places = [bin_.confidence for bin_ in bins]
    upper.plot([0, 1], [0, 1], color=_PLACEHOLDERS["muted"], linewidth=1.5, linestyle=(0, (4, 3)))
    upper.vlines(places, places, [bin_.accuracy for bin_ in bins], color=_PLACEHOLDERS["loss"], linewidth=2)
    upper.plot(places, [bin_.accuracy for bin_ in bins], color=_PLACEHOLDERS["line-1"], marker="o", linewidth=2)
    upper.set_ylim(0, 1.03)
    lower.bar(places, [bin_.count for bin_ in bins], width=0.035, color=_PLACEHOLDERS["line-1"])
    lower.yaxis.set_major_locator(_places(2, integer=True))
    upper.set_xticklabels([])
    for axes in (upper, lower):
        axes.set_xlim(-0.02, 1.02)
        axes.set_xticks([0, 0.2, 0.4, 0.6, 0.8, 1])


def _tick(value: float, position: int | None = None) -> str:
    """Write a number at an axis: as short as it can be, thousands apart, millions as M."""
    if abs(value) >= 1_000_000:
        return f"{value / 1_000_000:g}M".replace("-", "−")
    if abs(value) >= 1000:
        return f"{value:,.0f}".replace("-", "−")
    return f"{round(value, 10):g}".replace("-", "−")


def _inlined(svg: str, name: str, description: str) -> str:
    """Make a file of matplotlib a part of a page: no namespaces, ids of its own, colours and fonts of the page."""
    root = ET.fromstring(svg)  # noqa: S314 - written by the line before, from numbers only
    used = {element.get(_HREF, "").removeprefix("#") for element in root.iter()}
    used |= {found[1] for element in root.iter() if (found := re.search(r"url\(#(.+)\)", element.get("clip-path", "")))}
    for element in root.iter():
        element.tag = element.tag.removeprefix(_SVG)
        element.attrib = dict(_attributes(element.attrib, name, used))
        element.text, element.tail = (element.text or "").strip(), ""
    for child in list(root):
        if child.tag in {"metadata", "defs"} and child.find("clipPath") is None:
            root.remove(child)
    root.attrib = {"viewBox": root.attrib["viewBox"], "role": "img", "aria-label": description}
    return ET.tostring(root, encoding="unicode")


def _attributes(attributes: dict[str, str], name: str, used: set[str]) -> Iterator[tuple[str, str]]:
    for key, value in attributes.items():
        if key == "id":
            if value in used:
                yield key, f"{name}-{value}"
        elif key == _HREF:
            yield "href", f"#{name}-{value[1:]}"
        elif key == "clip-path":
            yield key, value.replace("#", f"#{name}-")
        elif key == "style":
            yield key, _styled(value)
        elif key == "d":
            # A hundredth of a unit cannot be seen, and six decimals are half of the page.
            yield key, _DECIMALS.sub(lambda found: f"{float(found[0]):.2f}", " ".join(value.split()))
        elif not value.startswith("rotate(-0 "):
            yield key, value


def _styled(style: str) -> str:
    for name, placeholder in _PLACEHOLDERS.items():
        style = style.replace(placeholder, f"var(--{name})")
    return _FONT.sub("", style)
