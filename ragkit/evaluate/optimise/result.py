"""What came of a search: the builder to use, the trail of all that was tried, and the files that hold both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import isnan
from typing import Any, Generic, TypeVar

from ragkit.evaluate.optimise.candidates import Refused
from ragkit.evaluate.outcome import Estimate
from ragkit.evaluate.reports.content import Cell, Interval, Report, Table
from ragkit.evaluate.statistics.paired import Paired
from ragkit.evaluate.usage import Usage
from ragkit.prompts.few_shot import FewShot

__all__ = ["HeldOut", "Optimised", "Trial"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One candidate, and what it came to on the rows of the search."""

    name: str
    instruction: str
    selection: str
    rows: int
    """Measured on the first so many rows of the search."""
    calls: int
    """Questions first asked for it; those that another candidate had asked before cost nothing."""
    score: Estimate
    """With the interval of a candidate that nobody had chosen: of the best of many it is too kind."""
    difference: Paired
    """To the start, on the rows that both were asked about."""
    p_adjusted: float
    """Of the difference, for all candidates together (Holm); NaN of the start."""
    unreadable: int
    """Replies that could not be read, worth nothing."""

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON; NaN becomes null."""
        return {
            "name": self.name,
            "instruction": self.instruction,
            "selection": self.selection,
            "rows": self.rows,
            "calls": self.calls,
            "score": self.score.as_dict(),
            "difference": _numbers(asdict(self.difference)),
            "p_adjusted": None if isnan(self.p_adjusted) else self.p_adjusted,
            "unreadable": self.unreadable,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """The start and the winner on rows that no choice has seen: the only numbers to quote."""

    rows: int
    start: Estimate
    winner: Estimate
    difference: Paired
    """Winner minus start; all ties where the start itself won the search."""

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON; NaN becomes null."""
        return {
            "rows": self.rows,
            "start": self.start.as_dict(),
            "winner": self.winner.as_dict(),
            "difference": _numbers(asdict(self.difference)),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimised(Generic[T]):
    """What came of a search."""

    best: FewShot[T] = field(repr=False)
    """The winner where it is better than the start on the held-out rows, else the start."""
    winner: FewShot[T] = field(repr=False)
    """The best of the search, whatever the held-out rows said of it."""
    winner_name: str
    improved: bool
    """Whether the winner is better than the start on the held-out rows, at the level asked for."""
    measure: str
    held_out: HeldOut
    trail: tuple[Trial, ...] = field(repr=False)
    """Every candidate, the start first, in the order in which they were first asked."""
    refused: tuple[Refused, ...] = ()
    """Instructions that were not tried."""
    calls: int
    """Questions asked."""
    budget: int
    """Questions allowed."""
    usage: Usage = field(default_factory=Usage, repr=False, compare=False)
    """Tokens, cost and times of all replies; no part of `as_dict`, for it differs from try to try."""

    def __str__(self) -> str:
        return self.verdict

    @property
    def verdict(self) -> str:
        """What came of it, in a sentence."""
        held = self.held_out
        change = f"{held.difference.difference:+.3f} [{held.difference.low:+.3f}, {held.difference.high:+.3f}]"
        seen = f"{self.measure} {held.start.value:.3f} to {held.winner.value:.3f} on {held.rows:,} held-out rows"
        if self.improved:
            return f"Better: {self.winner_name}: {seen}, {change}, p = {held.difference.p:.4f}."
        if self.winner is self.best:
            return f"No better: of {len(self.trail):,} candidates none was better than the start, which is kept."
        return f"No better: {self.winner_name}: {seen}, {change}, p = {held.difference.p:.4f}. The start is kept."

    def as_dict(self) -> dict[str, Any]:
        """Give all but the builders as JSON, in the same bytes for the same search."""
        return {
            "verdict": self.verdict,
            "measure": self.measure,
            "improved": self.improved,
            "winner": self.winner_name,
            "held_out": self.held_out.as_dict(),
            "calls": self.calls,
            "budget": self.budget,
            "prompt": dict(self.best.prompt.card),
            "selector": dict(self.best.selector.card),
            "trail": [trial.as_dict() for trial in self.trail],
            "refused": [asdict(refused) for refused in self.refused],
        }

    def report(self, title: str = "Prompt optimisation") -> Report:
        """Give the trail and the held-out comparison as tables, best candidates first."""
        notes = tuple(f"Not tried: {refused.why}" for refused in self.refused)
        data = f"{self.verdict} {self.calls:,} of {self.budget:,} calls, {self.usage.cost}."
        return Report(title, data, notes, (_held_out_table(self), _trail_table(self)))


def _held_out_table(found: Optimised[Any]) -> Table:
    held = found.held_out
    rows: tuple[tuple[Cell, ...], ...] = (
        ("start", _interval(held.start), None, None),
        (f"winner: {found.winner_name}", _interval(held.winner), _change(held.difference), held.difference.p),
    )
    note = "No choice has seen these rows; the difference is paired, and is the number to quote."
    return Table(f"Held-out: {held.rows:,} rows", ("builder", found.measure, "difference", "p"), rows, note)


def _trail_table(found: Optimised[Any]) -> Table:
    ranked = sorted(found.trail, key=lambda trial: (-trial.rows, -trial.score.value))
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            trial.name,
            trial.rows,
            trial.calls,
            _interval(trial.score),
            _change(trial.difference),
            trial.p_adjusted,
            trial.unreadable,
        )
        for trial in ranked
    )
    columns = ("candidate", "rows", "calls", found.measure, "against the start", "p (Holm)", "unreadable")
    note = "On the rows of the search. The best of many looks better here than it is: quote the held-out rows."
    return Table("All that was tried", columns, rows, note)


def _interval(one: Estimate) -> Interval:
    return Interval(one.value, one.low, one.high)


def _change(pair: Paired) -> Interval:
    return Interval(pair.difference, pair.low, pair.high, signed=True)


def _numbers(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: None if isinstance(value, float) and isnan(value) else value for name, value in values.items()}
