"""What a report says, as plain values: the pages that draw it are `page.py`, `terminal.py` and `markdown.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from ragkit.errors import InputError

__all__ = [
    "Case",
    "Cases",
    "Cell",
    "Curve",
    "Differences",
    "Histogram",
    "Interval",
    "Reliability",
    "ReliabilityBin",
    "Report",
    "Section",
    "Table",
    "Tone",
]


Tone: TypeAlias = Literal["win", "loss", "neither"]
"""What a difference is for the run that is judged."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A number with where it lies at 95 % confidence, drawn as a small bar on the scale of its column."""

    value: float
    """Shown with four decimals; NaN is shown as a dash."""
    low: float
    """NaN where no interval can be had."""
    high: float
    """NaN where no interval can be had."""
    signed: bool = False
    """A difference: shown with its sign, on a scale with a line at zero."""
    tone: Tone | None = None
    """How a difference is coloured, as a test with its corrections says, also where lower is better; None: by its sign
    where its interval leaves zero out."""


Cell: TypeAlias = str | int | float | Interval | None
"""Text as it is, a count with thousands apart, a number with four decimals, an interval, or a dash."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under column heads; a column without text is set as numbers."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    """Each as long as `columns`; the first cell names the row."""
    note: str = ""
    """A sentence below the title of this section, in all kinds."""

    def __post_init__(self) -> None:
        for number, row in enumerate(self.rows, start=1):
            if len(row) != len(self.columns):
                raise InputError(
                    f"row {number} of the table {self.title!r} has {len(row)} cells, "
                    f"expected {len(self.columns)}: give one cell for each column."
                )


@dataclass(frozen=True, slots=True)
class Histogram:
    """How the values of all rows are spread."""

    title: str
    x_label: str
    values: Sequence[float]
    """One per row, any order; NaN and infinite ones are left out and counted."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Differences:
    """Wins and losses of one run against another, row by row, sorted when drawn."""

    title: str
    x_label: str
    """What is subtracted from what, such as `nDCG@10, dense − bm25`."""
    values: Sequence[float]
    """One per row, above 0 where the first run is better; NaN are left out and counted."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Curve:
    """Lines over one axis: risk over coverage, a measure over the size of the corpus."""

    title: str
    x_label: str
    y_label: str
    lines: Mapping[str, tuple[tuple[float, float], ...]]
    """Points (x, y) of each line by its name, in the order in which they are joined."""
    note: str = ""
    log_x: bool = False
    """Whether the horizontal axis counts in powers of ten; every x is above 0 then."""

    def __post_init__(self) -> None:
        if self.log_x and any(x <= 0 for points in self.lines.values() for x, _ in points):
            raise InputError(f"the curve {self.title!r} has a point at or below 0: log_x needs every x above 0.")


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """The rows whose confidence falls into one bin."""

    confidence: float
    """Their mean confidence, from 0 to 1."""
    accuracy: float
    """The fraction of them that is right, from 0 to 1."""
    count: int


@dataclass(frozen=True, slots=True)
class Reliability:
    """How often what was said with some confidence is right."""

    title: str
    bins: tuple[ReliabilityBin, ...]
    """Empty bins may be left out."""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """One row that a person should look at."""

    heading: str
    """What was asked."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """Short values by name: the score, the expected answer."""
    items: tuple[str, ...] = ()
    """Longer texts in order, best first: what was retrieved, the claims."""


@dataclass(frozen=True, slots=True)
class Cases:
    """Rows that a person should look at, such as the worst queries."""

    title: str
    cases: tuple[Case, ...]
    note: str = ""


Section: TypeAlias = Table | Histogram | Differences | Curve | Reliability | Cases
"""One part of a report."""


@dataclass(frozen=True, slots=True)
class Report:
    """Everything a report shows besides the table of measures, which is made of the estimates."""

    title: str
    dataset: str
    """A sentence that says what was measured on, such as `SciFact, test: 300 queries, 5,183 passages.`"""
    notes: tuple[str, ...] = ()
    """Sentences that a reader must not miss, such as that the corpus is closed."""
    sections: tuple[Section, ...] = ()
