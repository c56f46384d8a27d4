from __future__ import annotations

from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage, HumanMessage

from ragkit.errors import ModelUnavailableError
from ragkit.models.wrappers.limited import RateLimitedChatModel
from ragkit.models.wrappers.limiter import RateLimiter
from ragkit.testing import ScriptedChatModel

WAYS = ["invoke", "ainvoke", "stream", "astream"]


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


async def _ask(model: Any, way: str, **kwargs: Any) -> None:
    if way == "invoke":
        model.invoke("Hi", **kwargs)
    elif way == "ainvoke":
        await model.ainvoke("Hi", **kwargs)
    elif way == "stream":
        list(model.stream("Hi", **kwargs))
    else:
        [chunk async for chunk in model.astream("Hi", **kwargs)]


_USED = AIMessage("x", usage_metadata={"input_tokens": 150, "output_tokens": 50, "total_tokens": 200})


@pytest.mark.parametrize("way", WAYS)
async def test_a_model_waits_for_what_earlier_calls_really_used(way: str) -> None:
    limiter, clock = _limiter(tokens_per_minute=6100, burst_s=1)
    model = RateLimitedChatModel(model=ScriptedChatModel(lambda _: _USED), limiter=limiter, reply_tokens=5000)

    for _ in range(3):
        await _ask(model, way)

    assert clock.slept == [2.0, 2.0]


async def test_a_failed_call_keeps_what_it_reserved() -> None:
    limiter, clock = _limiter(tokens_per_minute=6100, burst_s=1)
    inner = ScriptedChatModel([ModelUnavailableError("down"), _USED])
    model = RateLimitedChatModel(model=inner, limiter=limiter)

    with pytest.raises(ModelUnavailableError, match="down"):
        await model.ainvoke("Hi", max_tokens=492)
    await model.ainvoke("Hi", max_tokens=492)

    # 8 of the prompt, 492 of the reply, at 100 a second.
    assert clock.slept == [5.0]


def test_without_a_limit_of_tokens_nothing_is_counted() -> None:
    class Never:
        estimated = True

        def text(self, text: str) -> int:
            raise AssertionError(text)

        def messages(self, messages: Any, tools: Any = None) -> int:
            raise AssertionError(messages)

    limiter, _ = _limiter(requests_per_minute=60)
    model = RateLimitedChatModel(model=ScriptedChatModel(["Hi"]), limiter=limiter, counter=Never())

    assert model.invoke([HumanMessage("Hello")]).content == "Hi"


def test_a_counter_can_be_handed_in() -> None:
    class Fixed:
        estimated = True

        def text(self, text: str) -> int:
            return 1

        def messages(self, messages: Any, tools: Any = None) -> int:
            return 300

    limiter, clock = _limiter(tokens_per_minute=6100, burst_s=1)
    model = RateLimitedChatModel(
        model=FakeListChatModel(responses=["a"]), limiter=limiter, counter=Fixed(), reply_tokens=0
    )

    model.invoke("Hi")
    list(model.stream("Hi"))
    model.invoke("Hi")

    # The replies do not say what they took, so that what was reserved stays so.
    assert clock.slept == [3.0, 3.0]
