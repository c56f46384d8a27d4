"""What a measurement came to: a number or the reason there is none, one row of a run, and a mean with its interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

__all__ = ["Estimate", "Outcome", "Row", "Unscored"]


@dataclass(frozen=True, slots=True)
class Unscored:
    """No number could be had. Never counted as 0: it lowers the coverage of a mean, not the mean."""

    reason: str
    """A short phrase that many rows can share, such as `no claims` or `the judge gave no JSON`."""

    @property
    def may_pass(self) -> bool:
        """Whether it may be scored when it is tried again: a model failed, or was not there to be asked."""
        return self.reason.startswith(_PASSING)


_PASSING = ("the model failed", "not recorded")

Outcome: TypeAlias = float | Unscored
"""What one measure says of one row: a finite number, or why there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one query, question or response of a run came to."""

    id: str
    """Unique in its run; two runs are compared by it."""
    outcomes: Mapping[str, Outcome]
    """By the name of the measure."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """What a person wants to see of the row, as JSON: the query, what was retrieved, the answer. Never a time."""

    @property
    def may_pass(self) -> bool:
        """Whether a measure is unscored for a reason that may pass: a resumed run works such a row again."""
        return any(isinstance(outcome, Unscored) and outcome.may_pass for outcome in self.outcomes.values())

    def as_dict(self) -> dict[str, Any]:
        """Give the row as a line of `per_query.jsonl`: unscored measures are null, with their reason beside."""
        reasons = {name: value.reason for name, value in self.outcomes.items() if isinstance(value, Unscored)}
        numbers = {name: None if isinstance(value, Unscored) else value for name, value in self.outcomes.items()}
        return {"id": self.id, "measures": numbers, "unscored": reasons, "details": dict(self.details)}

    @classmethod
    def from_dict(cls, line: Mapping[str, Any]) -> Row:
        """Read what `as_dict` gave."""
        reasons = line.get("unscored", {})
        outcomes = {
            name: Unscored(reasons.get(name, "no reason was given")) if value is None else float(value)
            for name, value in line["measures"].items()
        }
        return cls(id=line["id"], outcomes=outcomes, details=line.get("details", {}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A measure over a whole run, with where it lies at 95 % confidence."""

    value: float
    """NaN where nothing was scored."""
    low: float
    """NaN where no interval can be had."""
    high: float
    """NaN where no interval can be had."""
    n: int
    """Rows that were scored."""
    coverage: float
    """Scored rows as a fraction of all rows, from 0 to 1; NaN of a run without rows."""
    reasons: Mapping[str, int] = field(default_factory=dict)
    """How many rows were unscored, by reason."""

    def as_dict(self) -> dict[str, Any]:
        """Give the estimate as in `metrics.json`; NaN becomes null, `reasons` stands only where there are some."""
        numbers = {"value": self.value, "low": self.low, "high": self.high, "n": self.n, "coverage": self.coverage}
        shown: dict[str, Any] = {name: None if value != value else value for name, value in numbers.items()}
        return shown | ({"unscored": dict(self.reasons)} if self.reasons else {})
