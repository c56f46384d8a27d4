from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from ragkit.errors import ModelAccessError, ModelTimeoutError, ModelUnavailableError, RateLimitError
from ragkit.models.wrappers.retry import RetryChatModel
from ragkit.remote.policy import RetryPolicy
from ragkit.testing import ScriptedChatModel
from ragkit.testing.script import Line, Pieces

_DOWN = ModelUnavailableError("the server failed", status=503)
_LIMITED = RateLimitError("slow down", retry_after_s=7.0)
_DENIED = ModelAccessError("the key is refused")


class Waits:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    async def asleep(self, seconds: float) -> None:
        self.sleep(seconds)


def _model(lines: Sequence[Line], **policy: Any) -> tuple[RetryChatModel, ScriptedChatModel, Waits]:
    waits, inner = Waits(), ScriptedChatModel(lines)
    options: dict[str, Any] = {"clock": waits.clock, "sleep": waits.sleep, "asleep": waits.asleep}
    return RetryChatModel(model=inner, policy=RetryPolicy(**policy), random=lambda: 1.0, **options), inner, waits


async def _every_way(model: RetryChatModel, way: str) -> Any:
    if way == "invoke":
        return model.invoke("Hi")
    if way == "ainvoke":
        return await model.ainvoke("Hi")
    chunks = list(model.stream("Hi")) if way == "stream" else [chunk async for chunk in model.astream("Hi")]
    return sum(chunks[1:], chunks[0])


WAYS = ["invoke", "ainvoke", "stream", "astream"]


@pytest.mark.parametrize("way", WAYS)
async def test_a_passing_failure_is_asked_again_and_counted(way: str) -> None:
    model, inner, waits = _model([_DOWN, _LIMITED, "Hello there."], base_s=0.5)

    reply = await _every_way(model, way)

    assert reply.content == "Hello there."
    assert reply.response_metadata["ragkit"] == {"attempts": 3}
    assert reply.response_metadata["model_name"] == "scripted"
    assert waits.slept == [0.5, 7.5]
    assert len(inner.calls) == 3


@pytest.mark.parametrize("way", WAYS)
async def test_a_failure_that_will_not_pass_is_raised_at_once(way: str) -> None:
    model, inner, waits = _model([_DENIED, "never"])

    with pytest.raises(ModelAccessError, match="the key is refused"):
        await _every_way(model, way)
    assert (len(inner.calls), waits.slept) == (1, [])


@pytest.mark.parametrize("way", WAYS)
async def test_used_up_attempts_raise_the_last_failure(way: str) -> None:
    model, inner, _ = _model([_DOWN, _LIMITED, "never"], attempts=2)

    with pytest.raises(RateLimitError, match="slow down"):
        await _every_way(model, way)
    assert len(inner.calls) == 2


@pytest.mark.parametrize("way", WAYS)
async def test_the_deadline_ends_it_and_says_how_often_was_asked(way: str) -> None:
    model, _, _ = _model([_DOWN, _LIMITED, "never"], deadline_s=3.0, base_s=1.0)

    with pytest.raises(ModelTimeoutError, match="gave up after 2 attempts: the deadline of 3 s"):
        await _every_way(model, way)


@pytest.mark.parametrize("way", ["stream", "astream"])
async def test_a_stream_that_breaks_after_its_first_chunk_is_not_begun_again(way: str) -> None:
    model, inner, _ = _model([Pieces("Hel", _DOWN), "never"])

    with pytest.raises(ModelUnavailableError, match="the server failed"):
        await _every_way(model, way)
    assert len(inner.calls) == 1


def test_the_note_stands_on_the_first_chunk_only() -> None:
    model, _, _ = _model([_DOWN, "one two three"])

    noted = [chunk.response_metadata.get("ragkit") for chunk in model.stream("Hi")]

    assert noted[0] == {"attempts": 2}
    assert set(map(str, noted[1:])) == {"None"}


def test_an_error_that_is_not_of_a_model_passes_through() -> None:
    model, inner, _ = _model([ZeroDivisionError("a fault of ours"), "never"])

    with pytest.raises(ZeroDivisionError, match="a fault of ours"):
        model.invoke("Hi")
    assert len(inner.calls) == 1


def test_a_stream_without_a_chunk_stays_one() -> None:
    class Silent(ScriptedChatModel):
        def _stream(self, *args: Any, **kwargs: Any) -> Any:
            yield from ()

        async def _astream(self, *args: Any, **kwargs: Any) -> Any:
            for nothing in ():
                yield nothing

    with pytest.raises(ValueError, match="No generation chunks were returned"):
        list(RetryChatModel(model=Silent([])).stream("Hi"))


def test_nested_retries_multiply_and_the_outer_one_notes_its_own() -> None:
    inner, _, waits = _model([_DOWN, _DOWN, "Hi"], attempts=2, base_s=0)
    outer = RetryChatModel(model=inner, policy=RetryPolicy(attempts=2, base_s=0), sleep=waits.sleep)

    assert outer.invoke("Hello").response_metadata["ragkit"] == {"attempts": 2}


def test_the_functions_it_is_given_do_not_show() -> None:
    assert "sleep" not in repr(RetryChatModel(model=ScriptedChatModel([])))
