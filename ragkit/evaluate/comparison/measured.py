"""What a run measured, ready to be compared: read from its folder, from a baseline file, or taken from rows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import nan
from pathlib import Path
from typing import Any

from ragkit.errors import InputError, LoadError
from ragkit.evaluate.outcome import Row, Unscored

__all__ = ["DIGITS", "Measured", "measured_rows", "read_measured"]

DIGITS = 6
"""After the point, in baselines and whenever runs are compared."""

_FORMAT = "ragkit_baseline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The values of a run, row by row, and what they were measured on."""

    name: str
    """What a person calls it: the path it was read from."""
    dataset: str = ""
    """Empty where it is not known, which then is not compared."""
    inputs: Mapping[str, str] = field(default_factory=dict)
    """sha256 of each input file, by what it is."""
    config: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    measures: Mapping[str, float]
    """The value of each measure over the whole run, in the order to be shown; NaN where nothing was scored."""
    rows: tuple[Row, ...]


def read_measured(path: Path) -> Measured:
    """Read a finished run's folder, or a file that `write_baseline` wrote.

    Raises:
        InputError: If there is no such path, or the run is not finished.
        LoadError: If a file cannot be read; names file and line.
    """
    if path.is_dir():
        return _of_folder(path)
    if not path.exists():
        raise InputError(f"There is no run and no baseline at {path}: give a run's folder or a baseline file.")
    return _of_baseline(path)


def measured_rows(rows: Sequence[Row], *, name: str = "this run", dataset: str = "") -> Measured:
    """Take rows as they are; the values of the measures are the means of what was scored."""
    names = dict.fromkeys(measure for row in rows for measure in row.outcomes)
    return Measured(
        name=name, dataset=dataset, measures={measure: _mean(measure, rows) for measure in names}, rows=tuple(rows)
    )


def _mean(measure: str, rows: Sequence[Row]) -> float:
    column = [row.outcomes.get(measure, nan) for row in rows]
    scored = [value for value in column if not isinstance(value, Unscored) and value == value]
    return sum(scored) / len(scored) if scored else nan


def _of_folder(folder: Path) -> Measured:
    path = folder / "metrics.json"
    if not path.exists():
        begun = (folder / "config.json").exists()
        raise InputError(
            f"The run in {folder} is not finished: run the same command again, it goes on where it stopped."
            if begun
            else f"{folder} is no run, it holds no metrics.json: give the folder of a finished run."
        )
    metrics, rows = _document(path), _lines(folder / "per_query.jsonl")
    with _read_as_written(path):
        return _measured(str(folder), metrics, rows)


def _of_baseline(path: Path) -> Measured:
    document = _document(path)
    if document.get(_FORMAT) != 1:
        raise InputError(f"{path} is no baseline of version 1: write one with --ragkit-update-baselines.")
    with _read_as_written(path):
        lines = document["rows"].items()
        rows = tuple(_baseline_row(row_id, document["columns"], *line) for row_id, line in lines)
        return _measured(str(path), document, rows)


def _baseline_row(row_id: str, columns: Sequence[str], values: Sequence[float | None], details: Any = None) -> Row:
    return Row.from_dict({"id": row_id, "measures": dict(zip(columns, values, strict=True)), "details": details or {}})


def _measured(name: str, document: Mapping[str, Any], rows: tuple[Row, ...]) -> Measured:
    return Measured(
        name=name,
        dataset=document["dataset"],
        inputs={key: entry["sha256"] for key, entry in document["inputs"].items()},
        config=document["config"],
        versions=document["versions"],
        measures={key: _number(entry["value"]) for key, entry in document["measures"].items()},
        rows=rows,
    )


@contextmanager
def _read_as_written(path: Path) -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise LoadError(str(path), f"it is not as ragkit writes it ({error!r}): restore it or run again.") from error


def _number(value: float | None) -> float:
    return nan if value is None else float(value)


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except ValueError as error:
        raise LoadError(str(path), f"it is not JSON ({error}): restore it or run again.") from error
    if not isinstance(document, dict):
        raise LoadError(str(path), "it is not a JSON object: restore it or run again.")
    return document


def _lines(path: Path) -> tuple[Row, ...]:
    if not path.exists():
        raise LoadError(str(path), "it is missing, and runs are compared row by row: restore it or run again.")
    return tuple(_row(path, number, line) for number, line in enumerate(path.read_bytes().splitlines(), start=1))


def _row(path: Path, number: int, line: bytes) -> Row:
    with _read_as_written(path.with_name(f"{path.name}:{number}")):
        return Row.from_dict(json.loads(line))
