from __future__ import annotations

import asyncio
import json
from datetime import date
from threading import Thread
from typing import Any

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.messages import AIMessage

from ragkit.errors import ModelUnavailableError
from ragkit.models.wrappers.cached import CachedChatModel
from ragkit.models.wrappers.fallback import FallbackChatModel
from ragkit.models.wrappers.meter import Meter, Spread
from ragkit.models.wrappers.metered import MeteredChatModel
from ragkit.models.wrappers.retry import RetryChatModel
from ragkit.remote.policy import RetryPolicy
from ragkit.remote.prices import Price, PriceTable
from ragkit.testing import ScriptedChatModel
from ragkit.testing.script import Delay, Line, Pieces

WAYS = ["invoke", "ainvoke", "stream", "astream"]


_TABLE = PriceTable(as_of=date(2026, 1, 1), source="here", models={"scripted": Price(input=1e6, output=2e6)})


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def _metered(*lines: Line, **options: Any) -> tuple[MeteredChatModel, Meter]:
    clock = Clock()
    meter = Meter(table=_TABLE, clock=clock)
    return MeteredChatModel(model=ScriptedChatModel(list(lines), sleep=clock.sleep, **options), meter=meter), meter


async def _ask(model: Any, way: str, text: str = "two words") -> None:
    if way == "invoke":
        model.invoke(text)
    elif way == "ainvoke":
        await model.ainvoke(text)
    elif way == "stream":
        list(model.stream(text))
    else:
        [chunk async for chunk in model.astream(text)]


@pytest.mark.parametrize("way", WAYS)
async def test_a_call_is_counted_timed_and_priced(way: str) -> None:
    model, meter = _metered(Pieces(Delay(0.5), "Good", Delay(1.5), " morning all"))

    await _ask(model, way)

    reading = meter.snapshot()["scripted"]
    assert (reading.calls, reading.errors, reading.input_tokens, reading.output_tokens) == (1, 0, 2, 3)
    assert reading.cost_usd == reading.priced_usd == 2 * 1 + 3 * 2
    assert reading.latency_s == Spread.of([2.0])
    streamed = way.endswith("stream")
    assert reading.first_token_s == (Spread.of([0.5]) if streamed else None)


@pytest.mark.parametrize("way", WAYS)
async def test_a_failure_is_counted_as_one_and_costs_nothing_known(way: str) -> None:
    model, meter = _metered(ModelUnavailableError("down"))

    with pytest.raises(ModelUnavailableError, match="down"):
        await _ask(model, way)

    reading = meter.snapshot()["scripted"]
    assert (reading.calls, reading.errors, reading.unpriced_calls, reading.cost_usd) == (1, 1, 0, 0.0)
    assert reading.latency_s is None


@pytest.mark.parametrize("way", ["stream", "astream"])
async def test_a_caller_that_leaves_is_no_failure_but_its_cost_is_unknown(way: str) -> None:
    model, meter = _metered("one two three")

    if way == "stream":
        next(left := model.stream("Hi"))
        left.close()  # type: ignore[attr-defined]  # a generator
    else:
        await anext(aleft := model.astream("Hi"))
        await aleft.aclose()  # type: ignore[attr-defined]  # a generator
        await asyncio.sleep(0)

    reading = meter.snapshot()["scripted"]
    assert (reading.calls, reading.errors, reading.left, reading.unpriced_calls) == (1, 0, 1, 1)
    assert reading.cost_usd is None
    assert reading.first_token_s is not None


async def test_a_cancelled_call_has_left() -> None:
    asked = asyncio.Event()

    async def sleep(seconds: float) -> None:
        asked.set()
        await asyncio.sleep(seconds)

    inner = ScriptedChatModel([Pieces(Delay(3600), "late")], sleep=sleep)
    model = MeteredChatModel(model=inner, meter=(meter := Meter()))

    task = asyncio.create_task(model.ainvoke("Hi"))
    await asyncio.wait_for(asked.wait(), 60)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert (meter.snapshot()["scripted"].left, meter.snapshot()["scripted"].errors) == (1, 0)


def test_a_tool_call_is_a_first_token_too() -> None:
    model, meter = _metered([{"name": "add", "args": {"a": 1}}])

    list(model.stream("Hi"))

    assert meter.snapshot()["scripted"].first_token_s == Spread.of([0.0])


def test_an_unknown_price_makes_the_cost_unknown_and_never_nothing() -> None:
    model, meter = _metered("one", "two", model_name="unheard-of")

    model.invoke("Hi")
    model.invoke("Hi")

    reading = meter.snapshot()["unheard-of"]
    assert (reading.cost_usd, reading.unpriced_calls, reading.input_tokens) == (None, 2, 2)


def test_the_snapshot_that_answered_is_priced_under_the_name_that_was_asked() -> None:
    usage = {"input_tokens": 5, "output_tokens": 4, "total_tokens": 9, "input_token_details": {"cache_read": 2}}
    usage |= {"output_token_details": {"reasoning": 3}}
    reply = AIMessage("x", usage_metadata=usage, response_metadata={"model_name": "scripted-2026-01-01"})
    model, meter = _metered(reply, model_name="alias")

    model.invoke("Hi")

    reading = meter.snapshot()["alias"]
    assert reading.cost_usd == 5 * 1 + 4 * 2
    assert (reading.cached_tokens, reading.reasoning_tokens) == (2, 3)


@pytest.mark.parametrize("way", WAYS)
async def test_usage_that_was_counted_here_is_marked(way: str) -> None:
    model, meter = _metered(AIMessage("x", response_metadata={"estimated": True}))

    await _ask(model, way)

    assert meter.snapshot()["scripted"].estimated_calls == 1


@pytest.mark.parametrize("way", WAYS)
async def test_a_kept_reply_is_counted_but_took_and_cost_nothing(way: str) -> None:
    meter = Meter(table=_TABLE)
    inner = CachedChatModel(model=ScriptedChatModel(lambda _: "one two"), cache=InMemoryCache())
    model = MeteredChatModel(model=inner, meter=meter)

    await _ask(model, way)
    await _ask(model, way)

    reading = meter.snapshot()["scripted"]
    assert (reading.calls, reading.cached_calls, reading.input_tokens, reading.cost_usd) == (2, 1, 2, 2 * 1 + 2 * 2)
    assert reading.latency_s is not None
    assert reading.latency_s.n == 1


def test_langchains_own_cache_costs_nothing_either() -> None:
    meter = Meter(table=_TABLE)
    model = MeteredChatModel(model=ScriptedChatModel(lambda _: "one two", cache=InMemoryCache()), meter=meter)

    model.invoke("Hi")
    model.invoke("Hi")

    assert meter.snapshot()["scripted"].cached_calls == 1


def test_attempts_are_counted_inside_a_retry_and_calls_outside() -> None:
    inside, outside = Meter(), Meter()
    inner = MeteredChatModel(model=ScriptedChatModel([ModelUnavailableError("down"), "Hi"]), meter=inside)
    model = MeteredChatModel(model=RetryChatModel(model=inner, policy=RetryPolicy(base_s=0)), meter=outside)

    model.invoke("Hello")

    assert (inside.snapshot()["scripted"].calls, inside.snapshot()["scripted"].errors) == (2, 1)
    assert (outside.snapshot()["scripted"].calls, outside.snapshot()["scripted"].errors) == (1, 0)


def test_a_call_is_counted_for_the_model_that_answered() -> None:
    meter = Meter()
    first = ScriptedChatModel([ModelUnavailableError("down")], model_name="first")
    model = FallbackChatModel(models=[first, ScriptedChatModel(["Hi"], model_name="second")])

    MeteredChatModel(model=model, meter=meter).invoke("Hello")

    assert list(meter.snapshot()) == ["second"]


def test_a_model_asked_for_in_the_call_is_counted_under_its_name() -> None:
    model, meter = _metered("Hi")

    model.invoke("Hello", model="other")

    assert list(meter.snapshot()) == ["other"]


def test_threads_lose_no_call() -> None:
    meter = Meter()
    model = MeteredChatModel(model=ScriptedChatModel(lambda _: "one two"), meter=meter)
    threads = [Thread(target=lambda: [model.invoke("Hi") for _ in range(25)]) for _ in range(4)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (meter.snapshot()["scripted"].calls, meter.snapshot()["scripted"].output_tokens) == (100, 200)


def test_a_snapshot_stands_still() -> None:
    model, meter = _metered("one", "two")
    model.invoke("Hi")
    before = meter.snapshot()

    model.invoke("Hi")

    assert before["scripted"].calls == 1
    with pytest.raises(AttributeError, match="cannot assign"):
        before["scripted"].calls = 7  # type: ignore[misc]


def test_as_dict_is_json_with_the_prices_day() -> None:
    model, meter = _metered("one")
    model.invoke("Hi")

    read = json.loads(json.dumps(meter.as_dict()))

    assert read["prices"] == {"as_of": "2026-01-01", "source": "here"}
    assert read["models"]["scripted"]["calls"] == 1
    assert read["models"]["scripted"]["latency_s"]["p50"] == 0.0
