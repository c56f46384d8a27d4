"""Requests and tokens per minute, kept to by waiting in line."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import reduce
from threading import Lock

from langchain_core.rate_limiters import BaseRateLimiter

from ragkit.errors import ConfigError

__all__ = ["RateLimiter"]


class RateLimiter(BaseRateLimiter):
    """Lets callers through in the order in which they came, at most so many requests and tokens in any minute.

    Each caller is given its moment when it comes (the generic cell rate algorithm, ITU-T I.371, one line for both
    limits) and sleeps once until then; nobody polls. Threads and event loops may share one limiter; processes may not.
    Serves any LangChain model as `rate_limiter`, where it counts requests; `RateLimitedChatModel` counts tokens too.
    """

    def __init__(
        self,
        *,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        burst_s: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
        asleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        """Set the limits.

        Args:
            requests_per_minute: Above 0; None for no limit.
            tokens_per_minute: Above 0, of prompts and replies together; None for no limit.
            burst_s: What was left unused of the last so many seconds may be used at once, above 0 and at most 60. The
                steady rate is lower in return, so that no minute has more than the limit. One request, however many
                tokens it needs, always passes in the end.
            clock: Seconds that never run backwards.
            sleep: How a thread waits.
            asleep: How a coroutine waits.

        Raises:
            ConfigError: If there is no limit, or a value is out of range.
        """
        limits = {"requests_per_minute": requests_per_minute, "tokens_per_minute": tokens_per_minute}
        if requests_per_minute is None and tokens_per_minute is None:
            raise ConfigError(f"a RateLimiter needs a limit: {' or '.join(limits)}.")
        for name, value in limits.items():
            if value is not None and not 0 < value < float("inf"):
                raise ConfigError(f"{name} must be a number above 0 (None for no limit), got {value}.")
        if not 0 < burst_s <= 60:
            raise ConfigError(f"burst_s must be above 0 and at most 60 seconds, got {burst_s}.")
        self._requests = _Limit.of(requests_per_minute, burst_s, unit=1.0)
        self._tokens = _Limit.of(tokens_per_minute, burst_s, unit=0.0)
        self._passed = _Used()
        self._booked = _Used()
        self._waiting: list[_Place] = []
        self._clock, self._sleep, self._asleep = clock, sleep, asleep
        self._lock = Lock()

    @property
    def counts_tokens(self) -> bool:
        """Whether there is a limit of tokens."""
        return self._tokens is not None

    def acquire(self, *, blocking: bool = True, tokens: float = 0) -> bool:
        """Wait for one's turn.

        Args:
            blocking: Wait as long as it takes; False gives up at once where there would be a wait.
            tokens: What the request is thought to need; `settle` puts it right.

        Returns:
            Whether the request may be sent.
        """
        place, wait = self._book(tokens, blocking=blocking)
        if wait > 0 and place is not None:
            try:
                self._sleep(wait)
            except BaseException:
                self._leave(place)
                raise
        return place is not None

    async def aacquire(self, *, blocking: bool = True, tokens: float = 0) -> bool:
        """Do what `acquire` does, without blocking the loop; a caller that is cancelled leaves the line."""
        place, wait = self._book(tokens, blocking=blocking)
        if wait > 0 and place is not None:
            try:
                await self._asleep(wait)
            except BaseException:
                self._leave(place)
                raise
        return place is not None

    def settle(self, *, reserved: float, used: float) -> None:
        """Put right what `acquire` was told: what was not used is free again, what was used beyond it is owed."""
        with self._lock:
            self._advance(self._clock())
            if self._tokens is not None:
                self._passed = replace(self._passed, tokens=self._passed.tokens + (used - reserved) / self._tokens.rate)
            self._count_again()

    def _book(self, tokens: float, *, blocking: bool) -> tuple[_Place | None, float]:
        with self._lock:
            now = self._clock()
            self._advance(now)
            start = max(now, self._waiting[-1].start if self._waiting else now, self._opens(tokens))
            if start > now and not blocking:
                return None, 0.0
            place = _Place(start, tokens)
            self._waiting.append(place)
            self._booked = self._after(self._booked, place)
            return place, start - now

    def _leave(self, place: _Place) -> None:
        with self._lock:
            self._advance(self._clock())
            # Whose moment has come may have been seen by the server; those behind keep the moment they were given.
            self._waiting = [other for other in self._waiting if other is not place]
            self._count_again()

    def _advance(self, now: float) -> None:
        while self._waiting and self._waiting[0].start <= now:
            self._passed = self._after(self._passed, self._waiting.pop(0))

    def _count_again(self) -> None:
        self._booked = reduce(self._after, self._waiting, self._passed)

    def _opens(self, tokens: float) -> float:
        moments = [limit.opens(until, amount) for limit, until, amount in self._lines(self._booked, tokens)]
        return max(moments)

    def _after(self, used: _Used, place: _Place) -> _Used:
        requests, tokens = self._requests, self._tokens
        return _Used(
            used.requests if requests is None else requests.after(used.requests, place.start, 1.0),
            used.tokens if tokens is None else tokens.after(used.tokens, place.start, place.tokens),
        )

    def _lines(self, used: _Used, tokens: float) -> list[tuple[_Limit, float, float]]:
        lines = ((self._requests, used.requests, 1.0), (self._tokens, used.tokens, tokens))
        return [(limit, until, amount) for limit, until, amount in lines if limit is not None]


@dataclass(frozen=True, slots=True)
class _Used:
    """Until when what was let through has used up each limit."""

    requests: float = float("-inf")
    tokens: float = float("-inf")


@dataclass(frozen=True, slots=True, eq=False)
class _Place:
    """A caller's place in the line: the moment it was given, and what it needs."""

    start: float
    tokens: float


@dataclass(frozen=True, slots=True)
class _Limit:
    rate: float
    """Per second, in the long run."""
    burst: float
    """What may pass at once."""

    @classmethod
    def of(cls, per_minute: float | None, burst_s: float, *, unit: float) -> _Limit | None:
        """Split a limit so that a burst and then a minute at the steady rate are within it.

        Where a burst is less than the one unit that comes at a time, the rate alone spaces the units.
        """
        if per_minute is None:
            return None
        burst = per_minute * burst_s / (60.0 + burst_s)
        return cls(per_minute / 60.0, unit) if burst <= unit else cls((per_minute - burst) / 60.0, burst)

    def opens(self, until: float, amount: float) -> float:
        """Give when `amount` may pass; more than a burst may when nothing is used up."""
        return until + (min(amount, self.burst) - self.burst) / self.rate

    def after(self, until: float, start: float, amount: float) -> float:
        return max(until, start) + amount / self.rate
