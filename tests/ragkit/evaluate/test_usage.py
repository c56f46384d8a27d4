from __future__ import annotations

from ragkit.evaluate.chat import Reply
from ragkit.evaluate.usage import Usage, usage_of


def test_seconds_calls_tokens_and_cost_are_added_up() -> None:
    replies = [
        Reply(text="a", input_tokens=10, output_tokens=1, cost_usd=0.5, seconds=1.0),
        Reply(text="b", input_tokens=20, output_tokens=2, cost_usd=0.25, seconds=3.0),
    ]
    assert usage_of([(2.0, 4), (1.0, 1)], replies) == Usage(
        seconds=3.0,
        calls=2,
        input_tokens=30,
        output_tokens=3,
        cost_usd=0.75,
        latencies_s={"row": [0.5, 0.5, 0.5, 0.5, 1.0], "reply": [1.0, 3.0]},
    )


def test_calls_without_a_price_are_counted_and_not_free() -> None:
    replies = [Reply(text="a", cost_usd=0.5), Reply(text="b", cost_usd=None), Reply(text="c", cost_usd=0.0)]
    usage = usage_of([], replies)
    assert (usage.calls, usage.cost_usd, usage.unpriced_calls) == (3, 0.5, 1)


def test_the_cost_in_words_never_takes_an_unknown_price_for_nothing() -> None:
    assert Usage(calls=2, cost_usd=0.75).cost == "$0.7500"
    assert Usage(calls=2, unpriced_calls=2).cost == "unpriced"
    assert Usage(calls=1234, cost_usd=0.75, unpriced_calls=1233).cost == "$0.7500, and 1,233 calls unpriced"


def test_a_run_without_models_has_no_latency_of_replies() -> None:
    assert usage_of([(1.0, 1)], []).latencies_s == {"row": [1.0]}


def test_percentiles_interpolate_between_the_times() -> None:
    usage = Usage(seconds=1.5, latencies_s={"row": [float(second) for second in range(101)], "reply": []})
    assert usage.as_dict() == {
        "seconds": 1.5,
        "calls": 0,
        "input_tokens": 0,
        "output_tokens": 0,
        "cost_usd": 0.0,
        "unpriced_calls": 0,
        "latency_s": {"row": {"n": 101, "p50": 50.0, "p90": 90.0, "p95": 95.0, "p99": 99.0, "max": 100.0}},
    }
