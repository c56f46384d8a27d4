"""What models were asked, took and cost: counted call by call, read as frozen values."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from threading import Lock
from typing import Any, Literal

import numpy as np

from ragkit.errors import ConfigError
from ragkit.remote.prices import PriceTable, TokenUsage, prices

__all__ = ["MeasuredCall", "Meter", "ModelReading", "Spread"]

_PERCENTILES = (50.0, 90.0, 95.0, 99.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredCall:
    """One call as it went."""

    model: str
    """Under which name it is counted."""
    outcome: Literal["answered", "failed", "left"]
    """`left`: the caller went away before the end of a stream, or cancelled."""
    latency_s: float
    """From the call to the end of the reply, in seconds."""
    first_token_s: float | None = None
    """From the call to the first chunk that says something; None where nothing was streamed."""
    usage: TokenUsage | None = None
    """None where it is not known."""
    answered_as: str | None = None
    """What the server says that answered, such as a snapshot; priced before `model`."""
    cached: bool = False
    """From a cache: it took and cost nothing."""
    estimated: bool = False
    """The usage was counted here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How times are spread, in seconds; percentiles interpolate linearly between the measured."""

    n: int
    mean: float
    p50: float
    p90: float
    p95: float
    p99: float
    max: float

    @classmethod
    def of(cls, times: Sequence[float]) -> Spread | None:
        """Give the spread of times; None where there are none."""
        if not times:
            return None
        p50, p90, p95, p99 = np.percentile(np.asarray(times, dtype=np.float64), _PERCENTILES).tolist()
        return cls(n=len(times), mean=sum(times) / len(times), p50=p50, p90=p90, p95=p95, p99=p99, max=max(times))


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReading:
    """What one model did."""

    calls: int = 0
    """All of them, those from a cache too."""
    errors: int = 0
    left: int = 0
    """Calls whose caller went away before the end."""
    cached_calls: int = 0
    estimated_calls: int = 0
    """Calls whose tokens were counted here."""
    unpriced_calls: int = 0
    """Answered calls whose cost is not known: no price of the model or of some tokens, or no usage."""
    input_tokens: int = 0
    output_tokens: int = 0
    """Reasoning included."""
    cached_tokens: int = 0
    """Of `input_tokens`, those the server had kept."""
    reasoning_tokens: int = 0
    apart_tokens: int = 0
    """Those with prices of their own: of another service tier, of sound, written to the server's cache."""
    cost_usd: float | None = 0.0
    """US dollars; None as soon as the cost of one answered call is not known."""
    priced_usd: float = 0.0
    """US dollars of the calls whose cost is known."""
    latency_s: Spread | None = None
    """Of answered calls that did not come from a cache, the latest ones."""
    first_token_s: Spread | None = None


class Meter:
    """Counts calls by model; safe from many threads. Give one to several `MeteredChatModel`."""

    def __init__(
        self,
        *,
        table: PriceTable | None = None,
        clock: Callable[[], float] = time.perf_counter,
        window: int = 10_000,
    ) -> None:
        """Start at nothing.

        Args:
            table: Prices; None takes the table shipped with ragkit.
            clock: Seconds that never run backwards.
            window: Of so many latest times of each model the spread is given, at least 1.

        Raises:
            ConfigError: If `window` is below 1.
        """
        if window < 1:
            raise ConfigError(f"window must be at least 1, got {window}.")
        self.clock = clock
        self._table = prices() if table is None else table
        self._window = window
        self._tallies: dict[str, _Tally] = {}
        self._lock = Lock()

    def record(self, call: MeasuredCall) -> None:
        """Count a call."""
        cost = self._cost(call)
        with self._lock:
            tally = self._tallies.setdefault(call.model, _Tally(self._window))
            tally.add(call, cost)

    def snapshot(self) -> Mapping[str, ModelReading]:
        """Give what was counted so far, by model; later calls do not change it."""
        with self._lock:
            return {name: tally.reading() for name, tally in sorted(self._tallies.items())}

    def as_dict(self) -> dict[str, Any]:
        """Give the snapshot as JSON values, with the day and the source of the prices."""
        models = {name: asdict(reading) for name, reading in self.snapshot().items()}
        return {"models": models, "prices": {"as_of": self._table.as_of.isoformat(), "source": self._table.source}}

    def _cost(self, call: MeasuredCall) -> float | None:
        if call.cached:
            return 0.0
        if call.usage is None:
            return None
        names = (call.answered_as, call.model)
        costs = (self._table.cost_usd(name, call.usage) for name in names if name is not None)
        return next((cost for cost in costs if cost is not None), None)


@dataclass(slots=True)
class _Tally:
    window: int
    counts: dict[str, int] = field(default_factory=dict)
    priced_usd: float = 0.0
    latencies: deque[float] = field(init=False)
    first_tokens: deque[float] = field(init=False)

    def __post_init__(self) -> None:
        self.latencies = deque(maxlen=self.window)
        self.first_tokens = deque(maxlen=self.window)

    def add(self, call: MeasuredCall, cost: float | None) -> None:
        self._count("calls", 1)
        self._count("errors", call.outcome == "failed")
        self._count("left", call.outcome == "left")
        self._count("cached_calls", call.cached)
        self._count("estimated_calls", call.estimated)
        # A call that failed may have cost something too, but nobody says what.
        self._count("unpriced_calls", cost is None and (call.outcome != "failed" or call.usage is not None))
        self.priced_usd += cost or 0.0
        if call.usage is not None and not call.cached:
            for name, tokens in asdict(call.usage).items():
                self._count(name, tokens)
        if not call.cached:
            self._time(call)

    def reading(self) -> ModelReading:
        return ModelReading(
            **self.counts,
            cost_usd=None if self.counts.get("unpriced_calls") else self.priced_usd,
            priced_usd=self.priced_usd,
            latency_s=Spread.of(list(self.latencies)),
            first_token_s=Spread.of(list(self.first_tokens)),
        )

    def _count(self, name: str, more: int) -> None:
        self.counts[name] = self.counts.get(name, 0) + int(more)

    def _time(self, call: MeasuredCall) -> None:
        if call.outcome == "answered":
            self.latencies.append(call.latency_s)
        if call.first_token_s is not None:
            self.first_tokens.append(call.first_token_s)
