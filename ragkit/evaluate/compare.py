"""Two runs over the same rows: what got better or worse, and which differences nobody can tell from chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ragkit.errors import InputError, shorten
from ragkit.evaluate.comparison.directions import higher_is_better
from ragkit.evaluate.comparison.measured import DIGITS, Measured, read_measured
from ragkit.evaluate.comparison.verdicts import Compared, Comparison, NotCompared
from ragkit.evaluate.comparison.whole_run import made_of, statistic_of
from ragkit.evaluate.outcome import Row
from ragkit.evaluate.statistics.family import holm
from ragkit.evaluate.statistics.paired import Paired, compare_paired_lines, compare_statistic

__all__ = ["compare", "compare_measured"]

_OF_THE_SYSTEM = frozenset({"model", "replies", "run"})
"""Inputs that belong to what is measured, not to what it is measured on."""

_Pairs: TypeAlias = Sequence[tuple[Row, Row]]
_Numbers: TypeAlias = NDArray[np.float64]


def compare(
    a: Path, b: Path, *, min_effect: float = 0.01, measures: Sequence[str] | None = None, seed: int = 0
) -> Comparison:
    """Compare a candidate with a baseline, each a run's folder or a baseline file.

    Args:
        a: The baseline.
        b: The candidate.
        min_effect: The smallest difference that matters, in the unit of the measures, at least 0.
        measures: The family: what is compared, and what Holm's adjustment is over. All that both runs have by default;
            naming the one or two that decide makes their differences easier to show.
        seed: Of permutations and bootstrap.

    Raises:
        InputError: If a run or a named measure is missing, the runs are of other data (a hash or the name differs), or
            they have no row in common.
        LoadError: If a file cannot be read.
    """
    return compare_measured(read_measured(a), read_measured(b), min_effect=min_effect, measures=measures, seed=seed)


def compare_measured(
    a: Measured, b: Measured, *, min_effect: float = 0.01, measures: Sequence[str] | None = None, seed: int = 0
) -> Comparison:
    """Do `compare` for what was read already."""
    if not min_effect >= 0:
        raise InputError(f"The minimum effect must be at least 0, got {min_effect}.")
    _refuse_other_data(a, b)
    pairs = _joined(a, b)
    names = _family(a, b, measures)
    found = _results(pairs, names, min_effect=min_effect, seed=seed)
    adjusted = holm([result.paired.p for result in found.values()])
    rows = len(a.rows) + len(b.rows) - len(pairs)
    shown = names if measures is not None else dict.fromkeys([*a.measures, *b.measures])
    return Comparison(
        baseline=a.name,
        candidate=b.name,
        dataset=b.dataset or a.dataset,
        rows=len(pairs),
        only_baseline=len(a.rows) - len(pairs),
        only_candidate=len(b.rows) - len(pairs),
        min_effect=min_effect,
        measures=tuple(
            Compared(
                measure=name,
                baseline=result.baseline,
                candidate=result.candidate,
                paired=result.paired,
                adjusted=p,
                higher_is_better=higher_is_better(name),
                left_out=rows - result.paired.n,
                min_effect=min_effect,
            )
            for (name, result), p in zip(found.items(), adjusted, strict=True)
        ),
        not_compared=tuple(_side_by_side(name, a, b) for name in shown if name not in found),
        differences={name: result.differences for name, result in found.items() if result.differences},
    )


@dataclass(frozen=True, slots=True)
class _Result:
    baseline: float
    candidate: float
    paired: Paired
    differences: tuple[float, ...] = ()


def _refuse_other_data(a: Measured, b: Measured) -> None:
    if a.dataset and b.dataset and a.dataset != b.dataset:
        raise InputError(
            f"{a.name} was measured on {shorten(a.dataset)} and {b.name} on {shorten(b.dataset)}: "
            "only runs over the same data are compared."
        )
    for name in a.inputs.keys() & b.inputs.keys() - _OF_THE_SYSTEM:
        if a.inputs[name] != b.inputs[name]:
            raise InputError(
                f"{a.name} and {b.name} were measured on other data: the sha256 of {name} is "
                f"{a.inputs[name][:12]}… there and {b.inputs[name][:12]}… here. Run both on the same files."
            )


def _joined(a: Measured, b: Measured) -> list[tuple[Row, Row]]:
    theirs = {row.id: row for row in b.rows}
    pairs = [(row, theirs[row.id]) for row in a.rows if row.id in theirs]
    if not pairs:
        raise InputError(
            f"{a.name} ({len(a.rows)} rows) and {b.name} ({len(b.rows)} rows) have no row in common: "
            "only runs over the same rows are compared."
        )
    return pairs


def _family(a: Measured, b: Measured, measures: Sequence[str] | None) -> list[str]:
    shared = [name for name in a.measures if name in b.measures]
    if measures is None:
        return shared
    if unknown := [name for name in measures if name not in shared]:
        raise InputError(f"The runs do not both have the measure {unknown[0]!r}: they share {', '.join(shared)}.")
    return list(dict.fromkeys(measures))


def _results(pairs: _Pairs, names: Sequence[str], *, min_effect: float, seed: int) -> dict[str, _Result]:
    """Compare by rows what rows carry, by the whole run what can be computed again, in the order of `names`."""
    carried = {name for pair in pairs for row in pair for name in row.outcomes}
    found = _per_row(pairs, [name for name in names if name in carried], min_effect=min_effect, seed=seed)
    for name in names:
        if name not in carried and (result := _whole_run(name, pairs, min_effect=min_effect, seed=seed)):
            found[name] = result
    return {name: found[name] for name in names if name in found}


def _per_row(pairs: _Pairs, names: Sequence[str], *, min_effect: float, seed: int) -> dict[str, _Result]:
    """Compare measures that rows carry; those scored on the same rows share their draws."""
    columns = {name: (_column(pairs, 0, name), _column(pairs, 1, name)) for name in names}
    groups: dict[bytes, list[str]] = {}
    for name, (left, right) in columns.items():
        groups.setdefault((np.isfinite(left) & np.isfinite(right)).tobytes(), []).append(name)
    results: dict[str, _Result] = {}
    for mask, group in groups.items():
        scored = np.frombuffer(mask, dtype=np.bool_)
        sides = np.array([[side[scored] for side in columns[name]] for name in group])
        tests = compare_paired_lines(sides[:, 0], sides[:, 1], min_effect=min_effect, seed=seed)
        for name, (left, right), paired in zip(group, sides, tests, strict=True):
            results[name] = _Result(_mean(left), _mean(right), paired, tuple((right - left).tolist()))
    return results


def _column(pairs: _Pairs, side: int, name: str) -> _Numbers:
    outcomes = (pair[side].outcomes.get(name) for pair in pairs)
    numbers = [value if isinstance(value, int | float) else nan for value in outcomes]
    # As many digits as a baseline holds: else 1/3 would differ from itself, in every row the same way.
    return np.asarray(np.round(numbers, DIGITS), dtype=np.float64)


def _whole_run(name: str, pairs: _Pairs, *, min_effect: float, seed: int) -> _Result | None:
    made = made_of(name, [row for pair in pairs for row in pair])
    held = [pair for pair in pairs if made and all(row.details.get(key) is not None for row in pair for key in made)]
    if made is None or not held:
        return None
    ours, theirs = (statistic_of(name, made, [pair[side] for pair in held]) for side in (0, 1))
    once = np.ones((1, len(held)))
    paired = compare_statistic(ours, theirs, len(held), min_effect=min_effect, seed=seed)
    return _Result(float(ours(once)[0]), float(theirs(once)[0]), paired)


def _side_by_side(name: str, a: Measured, b: Measured) -> NotCompared:
    values = a.measures.get(name, nan), b.measures.get(name, nan)
    return NotCompared(measure=name, baseline=values[0], candidate=values[1], reason=_why_not(name, a, b))


def _why_not(name: str, a: Measured, b: Measured) -> str:
    if name not in a.measures:
        return "only the candidate has it"
    if name not in b.measures:
        return "only the baseline has it"
    return "a measure of the whole run, whose rows do not hold what it is made of"


def _mean(values: _Numbers) -> float:
    return float(values.mean()) if values.size else nan
