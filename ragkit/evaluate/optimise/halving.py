"""Successive halving: many candidates on few rows, few candidates on many.

Source: Karnin, Koren and Somekh, Almost Optimal Exploration in Multi-Armed Bandits, ICML 2013, algorithm 1 (sequential
halving), with two changes: all candidates see the same rows, the first n of one list, so that what was measured in one
round counts in the next and differences are paired; and a reference is measured beside them in each round.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, isnan, log2
from typing import TypeVar

from ragkit.errors import InputError

__all__ = ["Rung", "halve", "rungs"]

Candidate = TypeVar("Candidate")


@dataclass(frozen=True, slots=True)
class Rung:
    """One round of a race."""

    candidates: int
    """Measured in this round, the reference not counted."""
    rows: int
    """On how many rows, from the first, each has been measured when the round ends."""


def rungs(candidates: int, rows: int, calls: int) -> list[Rung]:
    """Plan a race: in each round the calls left are shared out evenly over the rounds left, then the worse half goes.

    Where the calls are enough to measure all candidates on all rows, there is one round; a race ends early where its
    candidates have seen all rows, as more of them would teach nothing.

    Args:
        candidates: At least 1, the reference not counted.
        rows: At least 1.
        calls: At most so many are planned: the sum over rounds of (candidates + 1) times the rows added.

    Raises:
        InputError: If the calls are not enough to measure each candidate and the reference on one row.

    Example:
        >>> rungs(4, 100, 110)
        [Rung(candidates=4, rows=11), Rung(candidates=2, rows=29)]
    """
    if candidates < 1 or rows < 1:
        raise InputError(f"a race needs candidates and rows, got {candidates} and {rows}.")
    if calls < candidates + 1:
        raise InputError(
            f"the {calls} calls left for a race cannot measure {candidates} candidates and the start on one row each: "
            f"expected at least {candidates + 1}; allow more calls or try fewer candidates."
        )
    if (candidates + 1) * rows <= calls:
        return [Rung(candidates, rows)]
    return _shared_out(candidates, rows, calls)


def _shared_out(candidates: int, rows: int, calls: int) -> list[Rung]:
    rounds = max(1, ceil(log2(candidates)))
    planned: list[Rung] = []
    seen, left = 0, calls
    for rounds_left in range(rounds, 0, -1):
        added = min(rows - seen, max(left // rounds_left, candidates + 1) // (candidates + 1))
        if not added or left < candidates + 1:
            break
        seen, left = seen + added, left - added * (candidates + 1)
        planned.append(Rung(candidates, seen))
        candidates = ceil(candidates / 2)
    return planned


def halve(
    candidates: Sequence[Candidate],
    plan: Sequence[Rung],
    values: Callable[[Sequence[Candidate], int], Sequence[float]],
) -> list[Candidate]:
    """Run a race.

    Args:
        candidates: As many as the first rung says; of equal ones the earlier stays.
        plan: From `rungs`.
        values: From candidates and a number of rows to the value of each on the first so many; higher is better, NaN is
            worst.

    Returns:
        The candidates of the last round, best first.
    """
    left = list(candidates)
    for rung in plan:
        left = left[: rung.candidates]
        scored = zip(values(left, rung.rows), left, strict=True)
        left = [one for _, one in sorted(scored, key=lambda pair: -_known(pair[0]))]
    return left


def _known(value: float) -> float:
    return float("-inf") if isnan(value) else value
