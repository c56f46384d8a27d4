"""A chat model that asks again when the failure may pass."""

from __future__ import annotations

import asyncio
import random as dice
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import TypeVar

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.outputs import ChatResult
from pydantic import Field

from ragkit.models.wrappers.around import ChatModelAroundOne
from ragkit.models.wrappers.calls import (
    AsyncChunks,
    Call,
    Chunks,
    abegun,
    aflow,
    agenerate,
    astream,
    begun,
    flow,
    generate,
    stream,
)
from ragkit.models.wrappers.notes import note_result
from ragkit.remote.policy import RetryPolicy, aretry, retry

__all__ = ["RetryChatModel"]

_T = TypeVar("_T")


class RetryChatModel(ChatModelAroundOne):
    """Asks the inner model again after a rate limit, a time-out or a failing server, as its policy says.

    Only a `ModelError` of ragkit is judged; any other exception passes through at once. A stream is begun again as long
    as none of it has come; after its first chunk a failure is the caller's, for what was given cannot be taken back.
    Replies say how often the model was asked: `response_metadata["ragkit"]["attempts"]`. Around a model that retries by
    itself (`OpenAIChatModel` has a `policy` of its own) attempts multiply: let one of the two ask once.

    Example:
        >>> from langchain_core.language_models import FakeListChatModel
        >>> model = RetryChatModel(model=FakeListChatModel(responses=["Hello."]), policy=RetryPolicy(attempts=3))
        >>> model.invoke("Hi").response_metadata["ragkit"]
        {'attempts': 1}
    """

    policy: RetryPolicy = Field(default_factory=RetryPolicy)
    """How often, how long and how patiently; the deadline bounds attempts and waits, not a stream that has begun."""
    clock: Callable[[], float] = Field(default=time.monotonic, repr=False, exclude=True)
    sleep: Callable[[float], object] = Field(default=time.sleep, repr=False, exclude=True)
    asleep: Callable[[float], Awaitable[object]] = Field(default=asyncio.sleep, repr=False, exclude=True)
    random: Callable[[], float] = Field(default=dice.random, repr=False, exclude=True)

    def _answer(self, call: Call, run: CallbackManagerForLLMRun | None) -> ChatResult:
        attempts = _Attempts()
        result = self._retry(attempts.counted(lambda: generate(self.model, call, run)))
        return note_result(result, attempts.note)

    async def _aanswer(self, call: Call, run: AsyncCallbackManagerForLLMRun | None) -> ChatResult:
        attempts = _Attempts()
        result = await self._aretry(attempts.counted(lambda: agenerate(self.model, call, run)))
        return note_result(result, attempts.note)

    def _chunks(self, call: Call) -> Chunks:
        attempts = _Attempts()
        opened = self._retry(attempts.counted(lambda: begun(stream(self.model, call))))
        yield from flow(opened, attempts.note)

    async def _achunks(self, call: Call) -> AsyncChunks:
        attempts = _Attempts()
        opened = await self._aretry(attempts.counted(lambda: abegun(astream(self.model, call))))
        async with aclosing(aflow(opened, attempts.note)) as chunks:
            async for chunk in chunks:
                yield chunk

    def _retry(self, call: Callable[[], _T]) -> _T:
        return retry(call, self.policy, clock=self.clock, sleep=self.sleep, random=self.random)

    async def _aretry(self, call: Callable[[], Awaitable[_T]]) -> _T:
        return await aretry(call, self.policy, clock=self.clock, sleep=self.asleep, random=self.random)


class _Attempts:
    def __init__(self) -> None:
        self._count = 0

    @property
    def note(self) -> dict[str, int]:
        return {"attempts": self._count}

    def counted(self, call: Callable[[], _T]) -> Callable[[], _T]:
        def count() -> _T:
            self._count += 1
            return call()

        return count
