"""Retries and deadlines, with a clock, a sleep and dice that the tests hold."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.errors import (
    ConfigError,
    ContextLengthError,
    ModelAccessError,
    ModelError,
    ModelRequestError,
    ModelTimeoutError,
    ModelUnavailableError,
    RateLimitError,
)
from ragkit.remote.policy import Deadline, RetryPolicy, aretry, is_passing, next_wait, retry

BUSY = ModelUnavailableError("busy", status=503)


@dataclass
class Time:
    """Time that passes only where it is slept or worked."""

    now: float = 100.0
    waits: list[float] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    async def asleep(self, seconds: float) -> None:
        self.sleep(seconds)


class Calls:
    """Fails as scripted, then succeeds; each call takes some time."""

    def __init__(self, *errors: Exception, time: Time | None = None, takes_s: float = 0.0) -> None:
        self.errors = list(errors)
        self.count = 0
        self.time = time
        self.takes_s = takes_s

    def __call__(self) -> str:
        self.count += 1
        if self.time:
            self.time.now += self.takes_s
        if self.errors:
            raise self.errors.pop(0)
        return "done"

    async def later(self) -> str:
        return self()


def run(calls: Calls, policy: RetryPolicy, time: Time, chance: float = 1.0) -> str:
    return retry(calls, policy, clock=time.clock, sleep=time.sleep, random=lambda: chance)


def test_waits_double_up_to_the_ceiling_and_are_jittered_from_zero() -> None:
    time = Time()
    run(Calls(*[BUSY] * 5), RetryPolicy(attempts=6, base_s=1.0, ceiling_s=5.0), time)
    assert time.waits == [1.0, 2.0, 4.0, 5.0, 5.0]
    half = Time()
    run(Calls(*[BUSY] * 3), RetryPolicy(base_s=1.0), half, chance=0.5)
    assert half.waits == [0.5, 1.0, 2.0]
    none = Time()
    run(Calls(*[BUSY] * 3), RetryPolicy(base_s=1.0), none, chance=0.0)
    assert none.waits == [0.0, 0.0, 0.0]


def test_a_thousand_failures_overflow_nothing() -> None:
    assert next_wait(RetryPolicy(attempts=9999), BUSY, failed=5000, remaining_s=float("inf"), chance=1.0) == 30.0


def test_what_the_server_asks_for_is_waited_and_a_part_of_the_base_on_top() -> None:
    time = Time()
    run(Calls(RateLimitError("slow", retry_after_s=7.0)), RetryPolicy(base_s=0.5), time, chance=0.5)
    assert time.waits == [7.25]
    now = Time()
    run(Calls(ModelUnavailableError("busy", status=503, retry_after_s=0.0)), RetryPolicy(), now, chance=0.0)
    assert now.waits == [0.0]


def test_a_server_that_asks_for_more_than_patience_is_not_asked_again() -> None:
    error = RateLimitError("come back tomorrow", retry_after_s=86_400.0)
    calls = Calls(error)
    with pytest.raises(RateLimitError, match="come back tomorrow") as caught:
        run(calls, RetryPolicy(patience_s=120.0), Time())
    assert caught.value is error
    assert calls.count == 1


def test_the_last_failure_is_raised_as_it_is_when_attempts_are_used_up() -> None:
    calls = Calls(*[BUSY] * 9)
    with pytest.raises(ModelUnavailableError, match=r"^busy$"):
        run(calls, RetryPolicy(attempts=4), Time())
    assert calls.count == 4


def test_one_attempt_never_waits() -> None:
    time = Time()
    with pytest.raises(ModelUnavailableError, match="busy"):
        run(Calls(BUSY), RetryPolicy(attempts=1), time)
    assert time.waits == []


@pytest.mark.parametrize(
    "error",
    [
        RateLimitError("no money", quota=True),
        ModelAccessError("no"),
        ModelRequestError("wrong", status=400),
        ContextLengthError("long"),
        ModelUnavailableError("odd", status=200),
        ModelUnavailableError("odd", status=501),
        ModelError("odd"),
        ValueError("odd"),
    ],
)
def test_what_will_not_pass_is_raised_at_once(error: Exception) -> None:
    calls = Calls(error)
    with pytest.raises(type(error)) as caught:
        run(calls, RetryPolicy(), Time())
    assert caught.value is error
    assert calls.count == 1
    assert not is_passing(error)


@pytest.mark.parametrize(
    "error",
    [
        RateLimitError("slow"),
        ModelTimeoutError("late"),
        ModelUnavailableError("gone"),
        *[ModelUnavailableError("busy", status=status) for status in (408, 409, 425, 500, 502, 503, 504, 529)],
    ],
)
def test_what_may_pass_is_tried_again(error: Exception) -> None:
    assert is_passing(error)
    assert run(Calls(error), RetryPolicy(), Time()) == "done"


def test_a_deadline_that_is_over_names_the_attempts_and_the_last_failure() -> None:
    time = Time()
    calls = Calls(*[BUSY] * 9, time=time, takes_s=4.0)
    with pytest.raises(ModelTimeoutError, match=r"gave up after 3 attempts: the deadline of 10 s is over. .*: busy"):
        run(calls, RetryPolicy(deadline_s=10.0, base_s=0.0), time)
    assert calls.count == 3


def test_a_wait_that_the_deadline_has_no_room_for_is_not_begun() -> None:
    time = Time()
    calls = Calls(RateLimitError("slow", retry_after_s=60.0))
    with pytest.raises(ModelTimeoutError, match=r"after 1 attempt: .* with 10 s left and 60 s to wait") as caught:
        run(calls, RetryPolicy(deadline_s=10.0), time, chance=0.0)
    assert time.waits == []
    assert isinstance(caught.value.__cause__, RateLimitError)


def test_a_deadline_that_runs_already_counts() -> None:
    time = Time()
    deadline = Deadline(10.0, time.clock)
    time.now += 9.5
    assert deadline.remaining_s() == 0.5
    with pytest.raises(ModelTimeoutError, match="deadline is over"):
        retry(Calls(BUSY), RetryPolicy(base_s=1.0), deadline=deadline, sleep=time.sleep, random=lambda: 1.0)
    time.now += 9.5
    assert deadline.remaining_s() == 0.0


def test_no_deadline_leaves_infinitely_much() -> None:
    assert Deadline().remaining_s() == float("inf")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"attempts": 0}, "attempts must be at least 1, got 0"),
        ({"base_s": -1.0}, r"base_s must be a number of seconds, at least 0, got -1.0"),
        ({"ceiling_s": float("nan")}, "ceiling_s must be"),
        ({"patience_s": float("inf")}, "patience_s must be"),
        ({"deadline_s": 0.0}, r"deadline_s must be above 0 \(None for no deadline\), got 0.0"),
        ({"deadline_s": float("nan")}, "deadline_s must be above 0"),
    ],
)
def test_values_out_of_range_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        RetryPolicy(**options)  # type: ignore[arg-type]  # one of several fields


async def test_the_awaited_twin_does_the_same() -> None:
    time = Time()
    calls = Calls(BUSY, BUSY)
    policy = RetryPolicy(base_s=1.0)
    done = await aretry(calls.later, policy, clock=time.clock, sleep=time.asleep, random=lambda: 1.0)
    assert (done, time.waits, calls.count) == ("done", [1.0, 2.0], 3)
    with pytest.raises(ModelRequestError, match="wrong"):
        await aretry(Calls(ModelRequestError("wrong")).later, policy, sleep=time.asleep)


failures = st.builds(
    lambda asked, limited: (RateLimitError if limited else ModelUnavailableError)("busy", retry_after_s=asked),
    st.none() | st.floats(0, 500),
    st.booleans(),
)


@given(
    errors=st.lists(failures, max_size=12),
    attempts=st.integers(1, 10),
    base_s=st.floats(0, 20),
    deadline_s=st.floats(0.01, 300),
    takes_s=st.floats(0, 30),
    chance=st.floats(0, 1),
)
@settings(max_examples=50, deadline=None)
def test_no_wait_begins_that_would_outlive_the_deadline(
    errors: list[Exception], attempts: int, base_s: float, deadline_s: float, takes_s: float, chance: float
) -> None:
    time = Time()
    calls = Calls(*errors, time=time, takes_s=takes_s)
    started = time.now
    with contextlib.suppress(ModelError):
        run(calls, RetryPolicy(attempts=attempts, base_s=base_s, deadline_s=deadline_s), time, chance)
    assert sum(time.waits) < deadline_s
    assert time.now - started <= deadline_s + takes_s + 1e-6
    assert calls.count <= attempts
