from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.language_models import FakeListChatModel

from ragkit.errors import ConfigError
from ragkit.models.wrappers.limiter import RateLimiter


class Clock:
    """Time that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    async def asleep(self, seconds: float) -> None:
        self.sleep(seconds)


def _limiter(**limits: Any) -> tuple[RateLimiter, Clock]:
    clock = Clock()
    return RateLimiter(**limits, clock=clock, sleep=clock.sleep, asleep=clock.asleep), clock


async def test_requests_are_spaced_evenly_and_each_waits_once() -> None:
    limiter, clock = _limiter(requests_per_minute=6)

    assert all([limiter.acquire(), await limiter.aacquire(), limiter.acquire()])

    assert clock.slept == [10.0, 10.0]


def test_what_was_unused_may_be_used_at_once() -> None:
    limiter, clock = _limiter(requests_per_minute=70, burst_s=10)

    for _ in range(11):
        limiter.acquire()

    assert clock.slept == [1.0]


def test_without_blocking_one_is_told_to_go_or_not() -> None:
    limiter, clock = _limiter(requests_per_minute=1)

    assert limiter.acquire(blocking=False) is True
    assert limiter.acquire(blocking=False) is False
    clock.now = 60.0
    assert limiter.acquire(blocking=False) is True
    assert clock.slept == []


async def test_without_blocking_a_coroutine_is_told_too() -> None:
    limiter, _ = _limiter(requests_per_minute=1)

    assert [await limiter.aacquire(blocking=False) for _ in range(2)] == [True, False]


def test_tokens_are_reserved_and_settled() -> None:
    limiter, clock = _limiter(tokens_per_minute=6100, burst_s=1)

    limiter.acquire(tokens=1000)
    limiter.settle(reserved=1000, used=100)
    limiter.acquire(tokens=100)

    # 100 tokens are let through at once, the rest at 100 a second.
    assert clock.slept == [1.0]


def test_a_request_larger_than_the_limit_passes_and_is_paid_off() -> None:
    limiter, clock = _limiter(tokens_per_minute=600, burst_s=60)

    limiter.acquire(tokens=6000)
    limiter.acquire(tokens=1)

    assert clock.slept[0] == pytest.approx((6000 + 1 - 300) / 5)


@given(
    st.integers(1, 100),
    st.integers(100, 5000),
    st.floats(0.1, 60),
    st.lists(st.tuples(st.floats(0, 20), st.integers(0, 400)), min_size=1, max_size=60),
)
@settings(max_examples=50, deadline=None)
def test_no_minute_has_more_than_the_limits(
    requests: int, tokens: int, burst_s: float, asked: list[tuple[float, int]]
) -> None:
    limiter, clock = _limiter(requests_per_minute=requests, tokens_per_minute=tokens, burst_s=burst_s)
    passed: list[tuple[float, int]] = []

    for pause, need in asked:
        clock.now += pause
        limiter.acquire(tokens=need)
        passed.append((clock.now, need))

    for start, _ in passed:
        minute = [need for at, need in passed if start <= at < start + 60 - 1e-6]
        assert len(minute) <= requests + 1e-6
        # The last one may need more than can pass at once; it does not wait for ever, and is paid off after.
        assert sum(minute[:-1]) <= tokens + 1e-6


def test_threads_are_given_a_moment_each_in_the_order_in_which_they_came() -> None:
    gate, over = threading.Semaphore(0), threading.Event()
    booked: list[float] = []

    def sleep(seconds: float) -> None:
        booked.append(seconds)
        gate.release()
        assert over.wait(60)

    limiter = RateLimiter(requests_per_minute=6, clock=lambda: 0.0, sleep=sleep)
    limiter.acquire()
    threads = [threading.Thread(target=limiter.acquire) for _ in range(5)]

    for thread in threads:
        thread.start()
        assert gate.acquire(timeout=60)
    over.set()
    for thread in threads:
        thread.join()

    assert booked == [10.0, 20.0, 30.0, 40.0, 50.0]


class _Held:
    """An asynchronous sleep that lasts until it is told to end."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def __call__(self, seconds: float) -> Awaitable[None]:
        self.waits.append(seconds)
        return asyncio.sleep(3600)


async def test_a_cancelled_caller_leaves_the_line() -> None:
    held, clock = _Held(), Clock()
    limiter = RateLimiter(requests_per_minute=6, tokens_per_minute=60, burst_s=1, clock=clock, asleep=held)
    assert await limiter.aacquire(tokens=1)
    tasks = [asyncio.create_task(limiter.aacquire(tokens=1)) for _ in range(3)]
    await asyncio.sleep(0)

    for task in tasks[1:]:
        task.cancel()
    await asyncio.gather(*tasks[1:], return_exceptions=True)
    late = asyncio.create_task(limiter.aacquire(tokens=1))
    await asyncio.sleep(0)

    assert held.waits == [10.0, 20.0, 30.0, 20.0]
    for task in (tasks[0], late):
        task.cancel()
    await asyncio.gather(tasks[0], late, return_exceptions=True)


def test_an_interrupted_thread_leaves_the_line() -> None:
    clock = Clock()

    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    limiter = RateLimiter(requests_per_minute=6, clock=clock, sleep=interrupted)
    limiter.acquire()
    with pytest.raises(KeyboardInterrupt):
        limiter.acquire()
    clock.now = 10.0

    assert limiter.acquire(blocking=False) is True


def test_a_settlement_while_others_wait_moves_only_who_comes_later() -> None:
    limiter, clock = _limiter(tokens_per_minute=6100, burst_s=1)
    limiter.acquire(tokens=100)

    limiter.settle(reserved=100, used=1100)
    limiter.acquire(tokens=100)

    assert clock.slept == [11.0]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "a RateLimiter needs a limit: requests_per_minute or tokens_per_minute"),
        ({"requests_per_minute": 0}, r"requests_per_minute must be a number above 0 \(None for no limit\), got 0"),
        ({"tokens_per_minute": float("nan")}, "tokens_per_minute must be a number above 0.*got nan"),
        ({"tokens_per_minute": float("inf")}, "tokens_per_minute must be a number above 0.*got inf"),
        ({"requests_per_minute": 1, "burst_s": 0}, "burst_s must be above 0 and at most 60 seconds, got 0"),
        ({"requests_per_minute": 1, "burst_s": 61}, "burst_s must be above 0 and at most 60 seconds, got 61"),
    ],
)
def test_a_limit_out_of_range_is_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        RateLimiter(**options)


def test_any_langchain_model_takes_it() -> None:
    limiter, clock = _limiter(requests_per_minute=60)
    model = FakeListChatModel(responses=["a"], rate_limiter=limiter)

    for _ in range(3):
        model.invoke("Hi")

    assert clock.slept == [1.0, 1.0]
