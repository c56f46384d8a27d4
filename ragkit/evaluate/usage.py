"""What a run took: seconds, calls, tokens, money, and how the times are spread. It differs from try to try."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ragkit.evaluate.chat import Reply

__all__ = ["Usage", "usage_of"]

_PERCENTILES = {"p50": 50.0, "p90": 90.0, "p95": 95.0, "p99": 99.0, "max": 100.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What the work of a run took, over all its resumes."""

    seconds: float = 0.0
    """Spent inside the work; with several workers more than the clock on the wall shows."""
    calls: int = 0
    """Replies that were really asked for; replays are free."""
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0
    """Of the calls whose price is known."""
    unpriced_calls: int = 0
    """Calls whose price is not known: they may have cost something."""
    latencies_s: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """Seconds of each single step by its name, such as `row` or `reply`; any order."""

    @property
    def cost(self) -> str:
        """What the calls cost, in words: those whose price nobody knows are counted, never taken for free."""
        cost = f"${self.cost_usd:,.4f}"
        if not self.unpriced_calls:
            return cost
        if self.unpriced_calls == self.calls:
            return "unpriced"
        return f"{cost}, and {self.unpriced_calls:,} calls unpriced"

    def as_dict(self) -> dict[str, Any]:
        """Give the content of `usage.json`; latencies as counts and percentiles, in seconds to the microsecond."""
        return {
            "seconds": round(self.seconds, 6),
            "calls": self.calls,
            "input_tokens": self.input_tokens,
            "output_tokens": self.output_tokens,
            "cost_usd": round(self.cost_usd, 9),
            "unpriced_calls": self.unpriced_calls,
            "latency_s": {name: _spread(values) for name, values in self.latencies_s.items() if len(values)},
        }


def usage_of(blocks: Iterable[tuple[float, int]], replies: Iterable[Reply]) -> Usage:
    """Add up what blocks of rows and replies took.

    Args:
        blocks: Seconds and number of rows of each block; a row of a block took its equal share.
        replies: Each reply that was asked for, once.
    """
    worked, asked = list(blocks), list(replies)
    latencies = {
        "row": [seconds / rows for seconds, rows in worked for _ in range(rows)],
        "reply": [reply.seconds for reply in asked],
    }
    return Usage(
        seconds=sum((seconds for seconds, _ in worked), 0.0),
        calls=len(asked),
        input_tokens=sum(reply.input_tokens for reply in asked),
        output_tokens=sum(reply.output_tokens for reply in asked),
        cost_usd=sum((reply.cost_usd or 0.0 for reply in asked), 0.0),
        unpriced_calls=sum(reply.cost_usd is None for reply in asked),
        latencies_s={name: values for name, values in latencies.items() if values},
    )


def _spread(values: Sequence[float]) -> dict[str, float]:
    points = np.percentile(np.asarray(values, dtype=np.float64), list(_PERCENTILES.values()))
    return {"n": len(values), **{name: round(at, 6) for name, at in zip(_PERCENTILES, points.tolist(), strict=True)}}
