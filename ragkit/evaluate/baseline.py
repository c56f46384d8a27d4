"""A run as one small file to keep beside the tests: what it measured on each row, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ragkit.disk.files import atomic_write
from ragkit.errors import InputError
from ragkit.evaluate.comparison.measured import DIGITS, Measured, read_measured
from ragkit.evaluate.comparison.whole_run import MADE_OF
from ragkit.evaluate.outcome import Row, Unscored

__all__ = ["write_baseline"]

_LONGEST_LABEL = 64
_MOST_COUNTS = 3  # of characters, in `span_characters`


def write_baseline(run: Path | Measured, file: Path, *, measures: Sequence[str] | None = None) -> None:
    """Write a baseline, which `compare` takes in place of a run's folder.

    One line per row, so that a change of the baseline reads as the rows that changed; values are rounded to six digits,
    which takes the last bits of different machines out of the file. About 40 bytes per row and measure.

    Args:
        run: A finished run's folder, another baseline, or what was measured.
        file: Written at once or not at all; its folder is made.
        measures: What to keep; all by default.

    Raises:
        InputError: If there is no such run or measure.
    """
    measured = run if isinstance(run, Measured) else read_measured(run)
    kept = list(measured.measures if measures is None else measures)
    if unknown := [name for name in kept if name not in measured.measures]:
        raise InputError(f"{measured.name} has no measure {unknown[0]!r}: it has {', '.join(measured.measures)}.")
    file.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(file, "\n".join(_lines(measured, kept)).encode() + b"\n")


def _lines(measured: Measured, kept: Sequence[str]) -> Iterator[str]:
    """Lay the document out by hand: one line per key, one line per row."""
    columns = [name for name in kept if any(name in row.outcomes for row in measured.rows)]
    head: dict[str, Any] = {
        "ragkit_baseline": 1,
        "dataset": measured.dataset,
        "inputs": {name: {"sha256": sha256} for name, sha256 in measured.inputs.items()},
        "config": dict(measured.config),
        "versions": dict(measured.versions),
        "measures": {name: {"value": _rounded(measured.measures[name])} for name in kept},
        "columns": columns,
    }
    yield "{"
    yield from (f"{_json(key)}: {_json(value)}," for key, value in head.items())
    yield '"rows": {'
    details = [name for name in sorted(MADE_OF) if all(_is_short(row.details.get(name)) for row in measured.rows)]
    rows = [f"{_json(row.id)}: {_json(_values(row, columns, details))}" for row in measured.rows]
    yield from (row + "," for row in rows[:-1])
    yield from rows[-1:]
    yield "}"
    yield "}"


def _values(row: Row, columns: Sequence[str], details: Sequence[str]) -> list[Any]:
    numbers = [_rounded(row.outcomes.get(name, Unscored(""))) for name in columns]
    kept = {name: _rounded(value) for name in details if (value := row.details.get(name)) is not None}
    return [numbers, kept] if kept else [numbers]


def _is_short(value: object) -> bool:
    """Tell labels, numbers and counts from texts and entities, which would make the file large.

    A detail is kept of all rows or of none: of the rows whose texts are short, a measure would be another.
    """
    if isinstance(value, list):
        return len(value) <= _MOST_COUNTS and all(isinstance(one, int) for one in value)
    return (
        value is None
        or isinstance(value, bool | int | float)
        or (isinstance(value, str) and len(value) <= _LONGEST_LABEL)
    )


def _rounded(value: Any) -> Any:
    if isinstance(value, Unscored) or value != value:
        return None
    return round(value, DIGITS) if isinstance(value, float) else value


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
