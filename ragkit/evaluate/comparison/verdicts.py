"""What comparing two runs came to: a verdict for each measure, and what could not be compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan
from typing import Any, Literal

from ragkit.evaluate.statistics.paired import Paired

__all__ = ["Compared", "Comparison", "NotCompared", "Verdict"]

Verdict = Literal["better", "worse", "no difference shown", "too few rows to tell"]

_LEVEL = 0.05
_SHOWN = ("difference", "low", "high", "n", "detectable", "needed", "p")


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One measure of both runs, over the rows that both scored."""

    measure: str
    baseline: float
    """Value of A over the rows compared."""
    candidate: float
    """Value of B over the rows compared."""
    paired: Paired
    """The difference is B minus A, whichever way the measure is better."""
    adjusted: float
    """p after Holm over the family."""
    higher_is_better: bool
    left_out: int
    """Rows of either run that are not in the pair: absent or unscored on one side or both."""
    min_effect: float

    @property
    def gain(self) -> float:
        """The difference turned so that above 0 is better."""
        return self.paired.difference if self.higher_is_better else -self.paired.difference

    @property
    def won(self) -> int:
        """Rows where B is better."""
        return self.paired.wins if self.higher_is_better else self.paired.losses

    @property
    def lost(self) -> int:
        """Rows where A is better."""
        return self.paired.losses if self.higher_is_better else self.paired.wins

    @property
    def verdict(self) -> Verdict:
        """What may be said at the 5 % level.

        `no difference shown` says that one larger than the minimum effect would most likely have been seen, or that the
        interval holds none; otherwise there are too few rows to tell.
        """
        if self.adjusted < _LEVEL:
            return "better" if self.gain > 0 else "worse"
        small = max(abs(self.paired.low), abs(self.paired.high)) <= self.min_effect
        seen = self.paired.detectable <= self.min_effect
        return "no difference shown" if small or seen else "too few rows to tell"

    @property
    def regressed(self) -> bool:
        """Whether B lost significantly and by more than the minimum effect: what a check fails on."""
        return self.verdict == "worse" and -self.gain > self.min_effect

    def as_dict(self) -> dict[str, Any]:
        """Give everything as JSON; NaN becomes null."""
        rows = {"won": self.won, "tied": self.paired.ties, "lost": self.lost}
        numbers = {name: getattr(self.paired, name) for name in _SHOWN}
        return {
            "measure": self.measure,
            "baseline": _null(self.baseline),
            "candidate": _null(self.candidate),
            **{name: _null(value) for name, value in numbers.items()},
            "p_holm": _null(self.adjusted),
            **rows,
            "higher_is_better": self.higher_is_better,
            "left_out": self.left_out,
            "verdict": self.verdict,
            "regressed": self.regressed,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class NotCompared:
    """A measure that stands side by side only."""

    measure: str
    baseline: float
    """NaN where A does not have it."""
    candidate: float
    """NaN where B does not have it."""
    reason: str

    def as_dict(self) -> dict[str, Any]:
        """Give everything as JSON; NaN becomes null."""
        return {
            "measure": self.measure,
            "baseline": _null(self.baseline),
            "candidate": _null(self.candidate),
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What comparing two runs came to."""

    baseline: str
    candidate: str
    dataset: str
    rows: int
    """Rows that both runs have."""
    only_baseline: int
    only_candidate: int
    min_effect: float
    measures: tuple[Compared, ...]
    """The family that Holm's adjustment is over."""
    not_compared: tuple[NotCompared, ...]
    differences: Mapping[str, tuple[float, ...]]
    """B minus A of each row compared, by measure, for those that have a value per row."""

    @property
    def regressions(self) -> tuple[Compared, ...]:
        """Measures that lost significantly and by more than the minimum effect."""
        return tuple(measure for measure in self.measures if measure.regressed)

    def as_dict(self) -> dict[str, Any]:
        """Give everything but the differences as JSON."""
        return {
            "baseline": self.baseline,
            "candidate": self.candidate,
            "dataset": self.dataset,
            "rows": self.rows,
            "only_baseline": self.only_baseline,
            "only_candidate": self.only_candidate,
            "min_effect": self.min_effect,
            "regressed": bool(self.regressions),
            "measures": [measure.as_dict() for measure in self.measures],
            "not_compared": [measure.as_dict() for measure in self.not_compared],
        }


def _null(value: Any) -> Any:
    return None if isinstance(value, float) and isnan(value) else value
