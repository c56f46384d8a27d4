"""What ends a reply early: the caller who leaves, time, an error; on a scripted engine."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from ragkit.errors import ModelError, ModelTimeoutError
from ragkit.models.local.chat import LocalChatModel

CHAT: list[BaseMessage] = [SystemMessage("Be brief."), HumanMessage("What is the capital of France?")]


@pytest.fixture(scope="module")
def model(chat_llama_folder: Path) -> LocalChatModel:
    return LocalChatModel(model=str(chat_llama_folder), dtype="float32", max_tokens=24)


def spelt(model: LocalChatModel, text: str) -> list[int]:
    return model.get_token_ids(text)


def test_a_stream_that_is_left_cancels_its_generation(scripted: Any, model: LocalChatModel) -> None:
    engine = scripted([spelt(model, "Paris is the capital.")], then="waits")
    stream = engine.under(model).stream(CHAT)
    next(stream)
    assert not engine.started[0].cancelled.is_set()
    stream.close()  # type: ignore[attr-defined]  # it is a generator
    assert engine.started[0].cancelled.is_set()
    assert engine.started[0].given == 1


def test_a_loop_that_is_left_cancels_its_generation(scripted: Any, model: LocalChatModel) -> None:
    engine = scripted([spelt(model, "Paris is the capital.")], then="waits")
    for _ in engine.under(model).stream(CHAT):
        break
    assert engine.started[0].cancelled.is_set()


async def settled(generation: Any) -> bool:
    """Whether it was cancelled, as soon as the event loop has run what it has to run."""
    for _ in range(10):
        await asyncio.sleep(0)
    return generation.cancelled.is_set()


async def test_an_async_stream_that_is_left_cancels_its_generation(scripted: Any, model: LocalChatModel) -> None:
    engine = scripted([spelt(model, "Paris is the capital.")] * 2, then="waits")
    stream = engine.under(model).astream(CHAT)
    await anext(stream)
    await stream.aclose()  # type: ignore[attr-defined]  # it is a generator
    assert await settled(engine.started[0])
    async for _ in engine.under(model).astream(CHAT):
        break
    assert await settled(engine.started[1])


@pytest.mark.parametrize("way", ["ainvoke", "astream"])
async def test_a_cancelled_task_cancels_its_generation(scripted: Any, model: LocalChatModel, way: str) -> None:
    engine = scripted([spelt(model, "Paris")], then="waits")

    async def ask() -> None:
        if way == "ainvoke":
            await engine.under(model).ainvoke(CHAT)
        async for _ in engine.under(model).astream(CHAT):
            pass

    task = asyncio.create_task(ask())
    while not engine.started or engine.started[0].given == 0:
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await settled(engine.started[0])


async def test_an_error_of_the_engine_surfaces_at_once(scripted: Any, model: LocalChatModel) -> None:
    failure = ModelError("the computation failed.")
    asked = scripted([spelt(model, "Paris")] * 4, then=failure).under(model)
    with pytest.raises(ModelError, match="the computation failed"):
        asked.invoke(CHAT)
    with pytest.raises(ModelError, match="the computation failed"):
        list(asked.stream(CHAT))
    with pytest.raises(ModelError, match="the computation failed"):
        await asked.ainvoke(CHAT)
    with pytest.raises(ModelError, match="the computation failed"):
        _ = [chunk async for chunk in asked.astream(CHAT)]


async def test_a_reply_that_takes_too_long_is_given_up(scripted: Any, model: LocalChatModel) -> None:
    engine = scripted([spelt(model, "Paris")[:1]] * 4, then="waits")
    asked = engine.under(model)
    sentence = r"reply was not whole after 0\.01 s \(1 tokens came\): allow more time"
    with pytest.raises(ModelTimeoutError, match=sentence):
        asked.invoke(CHAT, timeout=0.01)
    with pytest.raises(ModelTimeoutError, match=sentence):
        list(asked.stream(CHAT, timeout_s=0.01))
    asked = asked.model_copy(update={"timeout_s": 0.01})
    with pytest.raises(ModelTimeoutError, match=sentence):
        await asked.ainvoke(CHAT)
    with pytest.raises(ModelTimeoutError, match=sentence):
        _ = [chunk async for chunk in asked.astream(CHAT)]
    assert all(generation.cancelled.is_set() for generation in engine.started)


def test_a_reply_that_was_whole_in_time_is_read_whole_however_slowly(model: LocalChatModel) -> None:
    stream = model.stream(CHAT, timeout_s=0.5)
    pieces = [next(stream).text]
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer) or thread.name == "ragkit-generation":
            thread.join(timeout=30)
    try:
        pieces += [chunk.text for chunk in stream]
    except ModelTimeoutError:
        return  # this machine was too slow for the reply: told, and not cut off
    assert "".join(pieces) == model.invoke(CHAT).text


def test_a_reply_in_time_leaves_no_timer_behind(scripted: Any, model: LocalChatModel) -> None:
    before = threading.active_count()
    for _ in range(5):
        scripted([[5]]).under(model).invoke(CHAT, timeout=600)
    for thread in threading.enumerate():
        if isinstance(thread, threading.Timer):
            thread.join(timeout=30)
    assert threading.active_count() <= before


def test_a_model_that_is_closed_ends_its_replies(scripted: Any, chat_llama_folder: Path, model: LocalChatModel) -> None:
    engine = scripted([spelt(model, "Paris")], then="waits")
    asked = engine.under(model)
    stream = asked.stream(CHAT)
    next(stream)
    asked.close()
    with pytest.raises(ModelError, match="the model was closed while it replied"):
        list(stream)
    own = LocalChatModel(model=str(chat_llama_folder))
    own.close()
    with pytest.raises(ModelError, match="closed"):
        own.invoke(CHAT)


async def test_async_callers_hold_no_thread_each(scripted: Any, model: LocalChatModel) -> None:
    engine = scripted([spelt(model, "Paris")] * 100, then="waits")
    tasks = [asyncio.create_task(engine.under(model).ainvoke(CHAT)) for _ in range(100)]
    while len(engine.started) < 100 or any(generation.given == 0 for generation in engine.started):
        await asyncio.sleep(0.001)
    assert threading.active_count() < 60
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert all([await settled(generation) for generation in engine.started])


async def test_a_stop_text_ends_an_async_reply_too(scripted: Any, model: LocalChatModel) -> None:
    engine = scripted([spelt(model, "Paris.END and more")] * 2, then="waits")
    reply = await engine.under(model).ainvoke(CHAT, stop=["END"])
    chunks = [chunk async for chunk in engine.under(model).astream(CHAT, stop=["END"])]
    assert reply.content == "".join(str(chunk.content) for chunk in chunks) == "Paris."
    assert all(generation.cancelled.is_set() for generation in engine.started)
