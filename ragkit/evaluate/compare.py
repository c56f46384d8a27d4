"""Two runs over the same rows: what got better or worse, and which differences nobody can tell from chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ragkit.errors import InputError, shorten
from ragkit.evaluate.comparison.directions import has_direction, higher_is_better
from ragkit.evaluate.comparison.measured import DIGITS, Measured, read_measured
from ragkit.evaluate.comparison.per_row import concerns, value_of
from ragkit.evaluate.comparison.verdicts import Compared, Comparison, NotCompared
from ragkit.evaluate.comparison.whole_run import (
    Made,
    holds,
    is_known,
    made_of,
    may_swap,
    pooled_statistics_of,
    statistics_of,
)
from ragkit.evaluate.outcome import Row
from ragkit.evaluate.statistics.family import holm
from ragkit.evaluate.statistics.paired import Paired, compare_paired_lines, compare_statistics

__all__ = ["compare", "compare_measured"]

_OF_THE_SYSTEM = frozenset({"hard", "model", "pool", "predictions", "replies", "run"})
"""Inputs that belong to what is measured, not to what it is measured on."""

_HINDSIGHT = frozenset({"best_exact", "best_f1"})
_DRAWS, _DRAWS_OF_MANY, _MANY = 10_000, 2_000, 2_000  # measures of the whole run go through all rows in every draw

_Pairs: TypeAlias = Sequence[tuple[Row, Row]]
_Numbers: TypeAlias = NDArray[np.float64]


def compare(
    a: Path, b: Path, *, min_effect: float = 0.01, measures: Sequence[str] | None = None, seed: int = 0
) -> Comparison:
    """Compare a candidate with a baseline, each a run's folder or a baseline file.

    A measure that each row has is tested by `compare_paired`. One of the whole run (F1, AUROC, BLEU) is tested by runs
    that swap their answers to each row by the toss of a coin, scores as ranks within their run, so that also few rows
    of many classes claim no more often than the level says. Calibration error has no such swap: its p is that of the
    shifted bootstrap (`compare_statistic`; `comparison.whole_run` says why).

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
    either = list({row.id: row for row in (*a.rows, *b.rows)}.values())
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
                left_out=sum(concerns(name, row) for row in either) - result.paired.n,
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
    """Compare the hashes of the files that both read; the name of the data decides where they share none."""
    shared = sorted(a.inputs.keys() & b.inputs.keys() - _OF_THE_SYSTEM)
    if not shared and a.dataset and b.dataset and a.dataset != b.dataset:
        raise InputError(
            f"{a.name} was measured on {shorten(a.dataset)} and {b.name} on {shorten(b.dataset)}: "
            "only runs over the same data are compared."
        )
    for name in shared:
        if a.inputs[name] != b.inputs[name]:
            raise InputError(
                f"{a.name} and {b.name} were measured on other data: the sha256 of {name} is "
                f"{a.inputs[name][:12]}… there and {b.inputs[name][:12]}… here. Run both on the same files."
            )


def _joined(a: Measured, b: Measured) -> list[tuple[Row, Row]]:
    for side in (a, b):
        _refuse_twins(side)
    theirs = {row.id: row for row in b.rows}
    pairs = [(row, theirs[row.id]) for row in a.rows if row.id in theirs]
    if not pairs:
        raise InputError(
            f"{a.name} ({len(a.rows)} rows) and {b.name} ({len(b.rows)} rows) have no row in common: "
            "only runs over the same rows are compared."
        )
    return pairs


def _refuse_twins(measured: Measured) -> None:
    seen: set[str] = set()
    for row in measured.rows:
        if row.id in seen:
            raise InputError(
                f"{measured.name} has two rows of the id {shorten(repr(row.id))}: rows are compared by their ids, "
                "so give each one of its own."
            )
        seen.add(row.id)


def _family(a: Measured, b: Measured, measures: Sequence[str] | None) -> list[str]:
    shared = [name for name in a.measures if name in b.measures]
    if measures is None:
        return shared
    if unknown := [name for name in measures if name not in shared]:
        raise InputError(f"The runs do not both have the measure {unknown[0]!r}: they share {', '.join(shared)}.")
    if not measures:
        raise InputError(f"No measure is named: name one or more of {', '.join(shared)}, or leave them all in.")
    return list(dict.fromkeys(measures))


def _results(pairs: _Pairs, names: Sequence[str], *, min_effect: float, seed: int) -> dict[str, _Result]:
    """Compare by rows what rows carry, by the whole run what can be computed again, in the order of `names`."""
    rows = [row for pair in pairs for row in pair]
    told = [name for name in names if has_direction(name) and not _decides(name, rows)]
    carried = {name for row in rows for name in row.outcomes}
    columns = {name: (_column(pairs, 0, name), _column(pairs, 1, name)) for name in told}
    by_row = {name: sides for name, sides in columns.items() if name in carried or np.isfinite(sides).any()}
    found = _per_row(by_row, min_effect=min_effect, seed=seed)
    found |= _whole_runs([name for name in told if name not in by_row], pairs, min_effect=min_effect, seed=seed)
    return {name: found[name] for name in names if name in found and found[name].paired.n}


def _per_row(columns: Mapping[str, tuple[_Numbers, _Numbers]], *, min_effect: float, seed: int) -> dict[str, _Result]:
    """Compare measures that each row has a value of; those scored on the same rows share their draws."""
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


def _decides(name: str, rows: Sequence[Row]) -> bool:
    """Tell the support by which a detector decides from the support of answers, of which more is better."""
    return name == "support" and any("predicted" in row.details for row in rows)


def _column(pairs: _Pairs, side: int, name: str) -> _Numbers:
    numbers = [value_of(name, pair[side]) for pair in pairs]
    # As many digits as a baseline holds: else 1/3 would differ from itself, in every row the same way.
    return np.asarray(np.round(numbers, DIGITS), dtype=np.float64)


def _whole_runs(names: Sequence[str], pairs: _Pairs, *, min_effect: float, seed: int) -> dict[str, _Result]:
    """Compare measures that no single row has; those made of the same share their draws and what they count."""
    rows = [row for pair in pairs for row in pair]
    groups: dict[tuple[Made, bool], list[str]] = {}
    for name in names:
        if made := made_of(name, rows):
            groups.setdefault((made, may_swap(name)), []).append(name)
    results: dict[str, _Result] = {}
    for (made, swaps), group in groups.items():
        held = [pair for pair in pairs if all(holds(row, made) for row in pair)]
        if held:
            results |= _of_the_same(group, made, held, swaps=swaps, min_effect=min_effect, seed=seed)
    return results


def _of_the_same(
    names: Sequence[str], made: Made, held: _Pairs, *, swaps: bool, min_effect: float, seed: int
) -> dict[str, _Result]:
    sides = [[pair[side] for pair in held] for side in (0, 1)]
    ours, theirs = (statistics_of(names, made, rows) for rows in sides)
    tests = compare_statistics(
        ours,
        theirs,
        len(held),
        pooled=pooled_statistics_of(names, made, *sides) if swaps else None,
        min_effect=min_effect,
        seed=seed,
        draws=_DRAWS if len(held) <= _MANY else _DRAWS_OF_MANY,
    )
    once = np.ones((1, len(held)))
    values = zip(ours(once)[0].tolist(), theirs(once)[0].tolist(), tests, strict=True)
    return {name: _Result(left, right, paired) for name, (left, right, paired) in zip(names, values, strict=True)}


def _side_by_side(name: str, a: Measured, b: Measured) -> NotCompared:
    values = a.measures.get(name, nan), b.measures.get(name, nan)
    return NotCompared(measure=name, baseline=values[0], candidate=values[1], reason=_why_not(name, a, b))


def _why_not(name: str, a: Measured, b: Measured) -> str:
    if name not in a.measures:
        return "only the candidate has it"
    if name not in b.measures:
        return "only the baseline has it"
    if not has_direction(name):
        return "neither more nor less of it is better"
    if _decides(name, a.rows):
        return "what the detector decides by, on a scale of its own: neither more nor less of it is better"
    if any(name in row.outcomes for row in (*a.rows, *b.rows)):
        return "no row is scored on both sides"
    if name in _HINDSIGHT:
        return "made with the threshold that was best on these very rows"
    if name == "f1_surface":
        return "counts forms of the whole set, of which no sample of its rows holds all"
    if is_known(name):
        return "no row has on both sides what it is made of; a baseline file keeps numbers and labels, no texts"
    return "a measure of the whole run that cannot be computed again from its rows"


def _mean(values: _Numbers) -> float:
    return float(values.mean()) if values.size else nan
