"""The one place where measurements become tables: medians, ratios, text, Markdown and JSON.

A benchmark gives a `Part`; what is printed, what stands in `benchmarks.md` and what in `benchmarks.json` is made here.
"""

from __future__ import annotations

import json
import math
import statistics
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from ragkit.disk.files import atomic_write

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from evals.benchmarks.measure import Outcome

__all__ = [
    "Column",
    "Part",
    "Ratio",
    "Row",
    "compare",
    "markdown",
    "median_row",
    "number",
    "plain",
    "ratio",
    "save",
    "table",
    "versions_in",
]


_HEAD = """# Benchmarks

Each part is one run on one machine; its ratios are of that run, above 1 where the first side did better, the median of
the rounds first. Rounds are interleaved, every side in fresh processes, the peers in their own environments.

"""


@dataclass(frozen=True, slots=True)
class Column:
    """A measurement that is shown."""

    key: str
    """Its name in `Outcome.numbers`."""
    title: str
    """What stands above it, with the unit."""
    digits: int = 2
    """Digits after the point."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: a side and the medians of its rounds."""

    name: str
    values: Mapping[str, float]
    """By column key; a missing one was not measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """How many times better one side did than another, in one run."""

    what: str
    """Of what, in words."""
    side: str
    """Who is compared; above 1 it did better."""
    peer: str
    """With whom."""
    median: float
    """Of the rounds."""
    rounds: list[float]
    """Round by round: neighbours in time, so that a busy machine disturbs both."""

    def __str__(self) -> str:
        spread = f" ({', '.join(number(one) for one in self.rounds)})" if len(self.rounds) > 1 else ""
        return f"{self.peer} **{number(self.median)}x**{spread}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one benchmark found."""

    name: str
    """As in `--only`."""
    title: str
    """Heading."""
    about: str
    """What was measured on, and how, as one paragraph."""
    settings: dict[str, str]
    """What each side does, in words, precision and durability included."""
    columns: list[Column]
    """What the table shows, in order."""
    rows: list[Row]
    """One for each side that ran."""
    measures_down: bool = False
    """Show the columns as rows, where there are too many to stand side by side."""
    ratios: list[Ratio] = field(default_factory=list)
    """The claims, each from this run."""
    notes: list[str] = field(default_factory=list)
    """What a reader must know to read the table right."""
    failures: dict[str, str] = field(default_factory=dict)
    """Sides that could not be measured, with the reason."""
    versions: dict[str, str] = field(default_factory=dict)
    """Of the packages that did the work."""
    rounds: Mapping[str, Sequence[Outcome]] = field(default_factory=dict)
    """Every outcome, by side."""
    machine: dict[str, Any] = field(default_factory=dict)
    """Where, when and by which command; filled in by the command."""


def number(value: float, digits: int = 2) -> str:
    """Give a number as a table shows it: three figures or `digits` after the point, whatever is shorter; `-` for NaN.

    Example:
        >>> [number(value) for value in (0.0421, 3.14159, 271.8, 12345.6, float("nan"))]
        ['0.042', '3.14', '272', '12,346', '-']
    """
    if math.isnan(value):
        return "-"
    if value == 0 or digits == 0:
        return f"{value:,.0f}"
    places = 2 - math.floor(math.log10(abs(value)))
    return f"{value:,.{max(0, min(places, digits if abs(value) >= 0.1 else digits + 1))}f}"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Give a Markdown table whose columns are also aligned as text: the first to the left, the others to the right."""
    lines = [list(header), *map(list, rows)]
    widths = [max(3, *(len(line[place]) for line in lines)) for place in range(len(header))]
    rule = ["-" * width if place == 0 else "-" * (width - 1) + ":" for place, width in enumerate(widths)]
    return [_line(line, widths) for line in [lines[0], rule, *lines[1:]]]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        cell.ljust(width) if place == 0 else cell.rjust(width)
        for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return f"| {' | '.join(padded)} |"


def median_row(name: str, outcomes: Sequence[Outcome]) -> Row:
    """Give the median of every number that all outcomes have; at least one outcome is needed."""
    keys = set.intersection(*(set(outcome.numbers) for outcome in outcomes))
    values = {key: statistics.median(outcome.numbers[key] for outcome in outcomes) for key in keys}
    return Row(name, values)


def ratio(
    what: str,
    side: tuple[str, Sequence[Outcome]],
    peer: tuple[str, Sequence[Outcome]],
    key: str | tuple[str, str],
    *,
    more: bool = False,
) -> Ratio:
    """Compare one number of two sides, round by round.

    Args:
        what: In words.
        side: Name and outcomes of the one compared.
        peer: Of the other; as many rounds.
        key: Of the number; two keys where the sides call it differently.
        more: Whether more is better, as with a rate; else less is better, as with a time.
    """
    mine, theirs = (key, key) if isinstance(key, str) else key
    pairs = [(a.numbers[mine], b.numbers[theirs]) for a, b in zip(side[1], peer[1], strict=False)]
    each = [_quotient(a, b) if more else _quotient(b, a) for a, b in pairs]
    return Ratio(what=what, side=side[0], peer=peer[0], median=statistics.median(each), rounds=each)


def _quotient(above: float, below: float) -> float:
    return above / below if below else float("nan")


def compare(
    done: Mapping[str, Sequence[Outcome]], side: str, peers: Iterable[str], numbers: Mapping[str, str], *, more: bool
) -> list[Ratio]:
    """Give the ratio of `side` to each peer that ran, for each number (key to words) that both have."""
    mine = done.get(side, [])
    found = []
    for peer in peers:
        theirs = done.get(peer, [])
        for key, what in numbers.items():
            if mine and theirs and key in mine[0].numbers and key in theirs[0].numbers:
                found.append(ratio(what, (side, mine), (peer, theirs), key, more=more))
    return found


def versions_in(done: Mapping[str, Sequence[Outcome]]) -> dict[str, str]:
    """Give the versions that the outcomes name, sorted; sides that differ in one are both told."""
    found: dict[str, set[str]] = {}
    for outcome in (outcome for rounds in done.values() for outcome in rounds):
        for name, version in outcome.versions.items():
            found.setdefault(name, set()).add(version)
    return {name: " and ".join(sorted(found[name])) for name in sorted(found)}


def claims(ratios: Iterable[Ratio]) -> list[str]:
    """Give a line for each thing that was compared, with all peers in it."""
    by_what: dict[tuple[str, str], list[str]] = {}
    for one in ratios:
        by_what.setdefault((one.what, one.side), []).append(str(one))
    return [f"{what}, {side} to {'; '.join(peers)}" for (what, side), peers in by_what.items()]


def markdown(part: Part) -> str:
    """Give a part as Markdown that reads well as text too."""
    machine = part.machine
    lines = [f"## {part.title}", ""]
    if machine:
        lines += [f"`{machine['command']}`, {machine['date']}, {machine['machine']}; load before {machine['load']}", ""]
    lines += [part.about, ""]
    lines += table(*_grid(part))
    for heading, items in (
        ("", [*claims(part.ratios), *part.notes]),
        ("What each side does:", [f"**{name}**: {text}" for name, text in part.settings.items()]),
        ("Not measured:", [f"**{name}**: {reason}" for name, reason in part.failures.items()]),
    ):
        if items:
            lines += ["", *([heading, ""] if heading else []), *(f"- {item}" for item in items)]
    if part.versions:
        lines += ["", f"Versions: {', '.join(f'{name} {one}' for name, one in part.versions.items())}"]
    return "\n".join([*lines, ""])


def _grid(part: Part) -> tuple[list[str], list[list[str]]]:
    """Give header and rows of the part's table."""
    lines = [["", *(column.title for column in part.columns)], *(_cells(row, part.columns) for row in part.rows)]
    if part.measures_down:
        lines = [list(cells) for cells in zip(*lines, strict=True)]
    return lines[0], lines[1:]


def _cells(row: Row, columns: Sequence[Column]) -> list[str]:
    return [row.name, *(number(row.values.get(column.key, math.nan), column.digits) for column in columns)]


def save(part: Part, out: Path, order: Sequence[str]) -> None:
    """Write a part below `out`, and join all parts that lie there into `benchmarks.md` and `benchmarks.json`.

    Args:
        part: Replaces the one of the same name.
        out: Folder; parts of earlier runs stay, each with its own machine and date.
        order: Names of all benchmarks, as they are to stand.
    """
    folder = out / "parts"
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / f"{part.name}.json", json.dumps(plain(part), indent=1, ensure_ascii=False))
    _write(folder / f"{part.name}.md", markdown(part))
    there = [name for name in order if (folder / f"{name}.json").exists() and (folder / f"{name}.md").exists()]
    texts = [(folder / f"{name}.md").read_text(encoding="utf-8") for name in there]
    _write(out / "benchmarks.md", _HEAD + "\n".join(texts))
    values = {name: json.loads((folder / f"{name}.json").read_text(encoding="utf-8")) for name in there}
    _write(out / "benchmarks.json", json.dumps(values, indent=1, ensure_ascii=False))


def plain(part: Part) -> dict[str, Any]:
    """Give a part as JSON holds it: numbers that are none as null, hits left out."""
    plain = asdict(part)
    for outcome in (outcome for rounds in plain["rounds"].values() for outcome in rounds):
        outcome.pop("found")
    finite: dict[str, Any] = _finite(plain)
    return finite


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _write(path: Path, text: str) -> None:
    atomic_write(path, text.encode())
