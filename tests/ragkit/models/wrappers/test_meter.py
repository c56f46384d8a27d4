from __future__ import annotations

from datetime import date

import pytest

from ragkit.errors import ConfigError
from ragkit.models.wrappers.meter import MeasuredCall, Meter, ModelReading, Spread
from ragkit.remote.prices import Price, PriceTable, TokenUsage

_TABLE = PriceTable(as_of=date(2026, 1, 1), source="here", models={"scripted": Price(input=1e6, output=2e6)})


def test_a_reply_without_usage_is_unpriced() -> None:
    meter = Meter(table=_TABLE)
    meter.record(MeasuredCall(model="scripted", outcome="answered", latency_s=1.0))
    meter.record(MeasuredCall(model="scripted", outcome="answered", latency_s=1.0, usage=TokenUsage(input_tokens=3)))

    reading = meter.snapshot()["scripted"]
    assert (reading.cost_usd, reading.priced_usd, reading.unpriced_calls) == (None, 3.0, 1)


def test_percentiles_equal_a_hand_calculation() -> None:
    assert Spread.of([4.0, 1.0, 3.0, 2.0]) == Spread(
        n=4, mean=2.5, p50=2.5, p90=pytest.approx(3.7), p95=pytest.approx(3.85), p99=pytest.approx(3.97), max=4.0
    )
    assert Spread.of([]) is None


def test_only_the_latest_times_are_kept() -> None:
    meter = Meter(window=2)
    for latency in (9.0, 1.0, 2.0):
        meter.record(MeasuredCall(model="m", outcome="answered", latency_s=latency))

    spread = meter.snapshot()["m"].latency_s
    assert spread is not None
    assert (spread.n, spread.max) == (2, 2.0)
    with pytest.raises(ConfigError, match="window must be at least 1, got 0"):
        Meter(window=0)


def test_an_untouched_reading_is_all_nothing() -> None:
    assert ModelReading().cost_usd == 0.0
    assert Meter().snapshot() == {}
