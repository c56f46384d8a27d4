"""How often, how long and how patiently a failed call is tried again.

One pure step, `next_wait`, decides after each failure; `retry` and `aretry` are two thin callers of it. The clock, the
sleep and the dice are arguments, so that a test needs no time.
"""

from __future__ import annotations

import asyncio
import random as dice
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from ragkit.errors import ConfigError, ModelError, ModelTimeoutError, ModelUnavailableError, RateLimitError

__all__ = ["Deadline", "RetryPolicy", "aretry", "is_passing", "next_wait", "retry"]

_T = TypeVar("_T")
# Request timeout, conflict of a lock, too early: the client's numbers that speak of the moment, not of the request.
_PASSING_BELOW_500 = frozenset({408, 409, 425})
_NOT_IMPLEMENTED = 501


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How a call that failed for a passing reason is repeated.

    Before attempt n + 1 a uniform part of `min(ceiling_s, base_s * 2 ** (n - 1))` is waited ("full jitter", Brooker,
    AWS Architecture Blog 2015), and where the server said how long to wait, that long and then a part of `base_s`.

    Raises:
        ConfigError: If a value is out of range.
    """

    attempts: int = 4
    """How often to ask in all, at least 1; 1 never repeats."""
    base_s: float = 0.5
    """Longest wait before the second attempt, in seconds."""
    ceiling_s: float = 30.0
    """Longest wait of our own choice, in seconds."""
    patience_s: float = 120.0
    """Longest wait that a server may ask for, in seconds; a call told to wait longer fails at once."""
    deadline_s: float | None = None
    """Longest time for all attempts and the waits between them, in seconds; None for no end."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.attempts < 1:
            raise ConfigError(f"attempts must be at least 1, got {self.attempts}.")
        for name in ("base_s", "ceiling_s", "patience_s"):
            if not 0 <= (value := getattr(self, name)) < float("inf"):
                raise ConfigError(f"{name} must be a number of seconds, at least 0, got {value}.")
        if self.deadline_s is not None and not self.deadline_s > 0:
            raise ConfigError(f"deadline_s must be above 0 (None for no deadline), got {self.deadline_s}.")


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment that a call may not outlive; it starts to run when it is made."""

    limit_s: float | None = None
    """Seconds from the start; None never ends."""
    clock: Callable[[], float] = time.monotonic
    """Seconds that never run backwards."""
    started: float = field(init=False)
    """What the clock said at the start."""

    def __post_init__(self) -> None:
        """Start."""
        object.__setattr__(self, "started", self.clock())

    def remaining_s(self) -> float:
        """Give the seconds left, at least 0; infinity without a limit."""
        if self.limit_s is None:
            return float("inf")
        return max(0.0, self.started + self.limit_s - self.clock())


def is_passing(error: BaseException) -> bool:
    """Whether the same call may succeed a little later.

    So it is for a limit of requests per minute (not for an exhausted quota), for a time-out, and for a server that
    failed, broke off or could not be reached.
    """
    if isinstance(error, RateLimitError):
        return not error.quota
    if isinstance(error, ModelUnavailableError):
        status = error.status
        return status is None or status in _PASSING_BELOW_500 or (status >= 500 and status != _NOT_IMPLEMENTED)
    return isinstance(error, ModelTimeoutError)


def next_wait(policy: RetryPolicy, error: ModelError, *, failed: int, remaining_s: float, chance: float) -> float:
    """Give how long to wait before the next attempt, or raise what the caller should see.

    Args:
        policy: How patient to be.
        error: How the last attempt failed.
        failed: How many attempts have failed, at least 1.
        remaining_s: What is left of the deadline, in seconds; infinity without one.
        chance: A number drawn uniformly from 0 to 1.

    Returns:
        Seconds, below `remaining_s`.

    Raises:
        ModelTimeoutError: If the deadline is over, or would be before the next attempt.
        ModelError: `error` itself, if it will not pass, the attempts are used up, or the server asks for more patience
            than the policy has.
    """
    asked_s = getattr(error, "retry_after_s", None)
    if not is_passing(error):
        raise error
    if remaining_s <= 0:
        raise _too_late(policy, error, failed, "") from error
    if failed >= policy.attempts or (asked_s is not None and asked_s > policy.patience_s):
        raise error
    if asked_s is None:
        wait = chance * min(policy.ceiling_s, policy.base_s * 2.0 ** min(failed - 1, 60))
    else:
        wait = asked_s + chance * policy.base_s
    if wait >= remaining_s:
        raise _too_late(policy, error, failed, f" with {remaining_s:.3g} s left and {wait:.3g} s to wait") from error
    return wait


def _too_late(policy: RetryPolicy, error: ModelError, failed: int, left: str) -> ModelTimeoutError:
    limit = "" if policy.deadline_s is None else f" of {policy.deadline_s:g} s"
    tried = "1 attempt" if failed == 1 else f"{failed} attempts"
    last = "" if isinstance(error, ModelTimeoutError) else f" The last one failed: {error}"
    return ModelTimeoutError(f"gave up after {tried}: the deadline{limit} is over{left}.{last}")


def retry(
    call: Callable[[], _T],
    policy: RetryPolicy,
    *,
    deadline: Deadline | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
    random: Callable[[], float] = dice.random,
) -> _T:
    """Call until it succeeds, fails for good, or the policy's attempts or time are over.

    Args:
        call: What to do. Any error but a `ModelError` passes through at once.
        policy: How patient to be.
        deadline: When it must be over, where it runs already; None starts one of `policy.deadline_s`. It is looked at
            between attempts: a call bounds itself by `deadline.remaining_s()`.
        clock: Seconds that never run backwards; unused where `deadline` is given.
        sleep: How to wait.
        random: Draws a number from 0 to 1.

    Raises:
        ModelTimeoutError: If the deadline is over; the message tells how many attempts there were.
        ModelError: The last failure otherwise.
    """
    deadline = deadline or Deadline(policy.deadline_s, clock)
    failed = 0
    while True:
        try:
            return call()
        except ModelError as error:
            failed += 1
            wait = next_wait(policy, error, failed=failed, remaining_s=deadline.remaining_s(), chance=random())
        sleep(wait)


async def aretry(
    call: Callable[[], Awaitable[_T]],
    policy: RetryPolicy,
    *,
    deadline: Deadline | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    random: Callable[[], float] = dice.random,
) -> _T:
    """Do what `retry` does, for a call that is awaited."""
    deadline = deadline or Deadline(policy.deadline_s, clock)
    failed = 0
    while True:
        try:
            return await call()
        except ModelError as error:
            failed += 1
            wait = next_wait(policy, error, failed=failed, remaining_s=deadline.remaining_s(), chance=random())
        await sleep(wait)
