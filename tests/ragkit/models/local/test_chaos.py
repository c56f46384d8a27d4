"""What goes wrong around a local model: readers leave, passes fail, callers outnumber places, the model is closed."""

from __future__ import annotations

import asyncio
import gc
import threading
import tracemalloc
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from ragkit.errors import ModelError
from ragkit.models.local.chat import LocalChatModel
from ragkit.models.local.engines.batching import BatchingEngine
from ragkit.models.local.engines.decoder import TorchDecoder

QUESTIONS = [f"Question {number}: what is the capital of France?" for number in range(64)]


@pytest.fixture(scope="module")
def patient(chat_llama_folder: Path) -> LocalChatModel:
    return LocalChatModel(model=str(chat_llama_folder), dtype="float32", max_tokens=200)


class Fragile:
    """A decoder that raises in chosen passes, may wait before each, and counts them."""

    def __init__(
        self, decoder: TorchDecoder, error: Exception, *, passes: Sequence[int], gate: threading.Event
    ) -> None:
        self.vocabulary = decoder.vocabulary
        self.empty, self.fork = decoder.empty, decoder.fork
        self.passes, self.error, self.gate, self.decoder = set(passes), error, gate, decoder
        self.count = 0
        self.begun = threading.Event()

    def forward(self, rows: Sequence[Any], tokens: Sequence[Sequence[int]]) -> torch.Tensor:
        self.begun.set()
        assert self.gate.wait(timeout=60)
        self.count += 1
        if self.count in self.passes:
            raise self.error
        return self.decoder.forward(rows, tokens)


Breaks = Callable[..., tuple[LocalChatModel, Fragile]]


@pytest.fixture
def breaks(patient: LocalChatModel, chat_llama_folder: Path) -> Breaks:
    """Make a model whose passes number so and so fail."""

    def make(*passes: int, error: Exception | None = None, open_: bool = True) -> tuple[LocalChatModel, Fragile]:
        torch_model = AutoModelForCausalLM.from_pretrained(chat_llama_folder, dtype=torch.float32).eval()
        gate = threading.Event()
        if open_:
            gate.set()
        fragile = Fragile(TorchDecoder(torch_model), error or ValueError("the pass broke"), passes=passes, gate=gate)
        ends = patient.weights.end_tokens
        engine = BatchingEngine(fragile, end_tokens=ends, context_tokens=512)
        weights = replace(patient.weights, engine=engine)
        return LocalChatModel(model=patient.model, dtype="float32", max_tokens=20, weights=weights), fragile

    return make


async def astreamed(model: LocalChatModel) -> list[Any]:
    return [chunk async for chunk in model.astream(QUESTIONS[0])]


WAYS: dict[str, Callable[[LocalChatModel], Any]] = {
    "invoke": lambda model: model.invoke(QUESTIONS[0]),
    "stream": lambda model: list(model.stream(QUESTIONS[0])),
    "batch": lambda model: model.batch(QUESTIONS[:3]),
    "ainvoke": lambda model: asyncio.run(model.ainvoke(QUESTIONS[0])),
    "astream": lambda model: asyncio.run(astreamed(model)),
    "abatch": lambda model: asyncio.run(model.abatch(QUESTIONS[:3])),
}


def generating() -> list[threading.Thread]:
    """The threads that compute tokens."""
    return [thread for thread in threading.enumerate() if thread.name == "ragkit-generation"]


def at_rest() -> bool:
    """Wait, boundedly, until no thread computes; one that is about to end is given the time."""
    for thread in generating():
        thread.join(timeout=60)
    return not generating()


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def system_threads() -> int:
    return sum(1 for _ in Path("/proc/self/task").iterdir())


# --- readers who leave ---


def leave(model: LocalChatModel, number: int) -> None:
    """Read one chunk and walk away."""
    stream = model.stream(QUESTIONS[number % 64])
    next(stream)
    if number % 2:
        stream.close()  # type: ignore[attr-defined]
    del stream


async def aleave(model: LocalChatModel, number: int) -> None:
    async for _ in model.astream(QUESTIONS[number % 64]):
        break


async def cancel_in_the_middle(model: LocalChatModel, number: int) -> None:
    """Have the task that reads cancelled after its first chunk."""
    begun = asyncio.Event()

    async def read() -> None:
        async for _ in model.astream(QUESTIONS[number % 64]):
            begun.set()

    task = asyncio.create_task(read())
    await begun.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def abandon_a_hundred(model: LocalChatModel) -> None:
    async def in_tasks() -> None:
        await asyncio.gather(*(aleave(model, number) for number in range(25)))
        await asyncio.gather(*(cancel_in_the_middle(model, number) for number in range(25)))

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda number: leave(model, number), range(50)))
    asyncio.run(in_tasks())


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts what /proc lists")
def test_a_hundred_streams_abandoned_midway_leave_nothing_behind(chat_llama_folder: Path) -> None:
    model = LocalChatModel(model=str(chat_llama_folder), dtype="float32", max_tokens=200, prefix_bytes=1_000_000)
    prefixes = model.weights.engine.prefixes

    def settled() -> tuple[int, int, int]:
        assert at_rest()
        prefixes.clear()
        gc.collect()
        return open_files(), system_threads(), tracemalloc.get_traced_memory()[0]

    abandon_a_hundred(model)
    tracemalloc.start()
    try:
        abandon_a_hundred(model)
        files, threads, memory = settled()
        for _ in range(2):
            abandon_a_hundred(model)
            assert prefixes.nbytes <= 1_000_000
        after = settled()
    finally:
        tracemalloc.stop()
    assert after[0] <= files
    assert after[1] <= threads
    assert after[2] - memory < 200_000
    assert (prefixes.nbytes, len(prefixes)) == (0, 0)


def test_what_is_held_is_what_the_kept_sequences_hold(patient: LocalChatModel) -> None:
    abandon_a_hundred(patient)
    assert at_rest()
    prefixes = patient.weights.engine.prefixes
    assert prefixes.nbytes == sum(kept.nbytes for kept in prefixes._kept.values()) > 0
    prefixes.clear()
    assert prefixes.nbytes == 0


def test_an_abandoned_stream_stops_computing(breaks: Breaks) -> None:
    model, fragile = breaks()
    long = model.model_copy(update={"max_tokens": 400})
    stream = long.stream(QUESTIONS[0])
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert at_rest()
    assert fragile.count < 400


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_dies_reading_leaves_the_others_their_streams(patient: LocalChatModel) -> None:
    def die() -> None:
        for _ in patient.stream(QUESTIONS[1]):
            raise SystemExit  # ends the thread without a word

    alone = patient.invoke(QUESTIONS[0]).content
    threads = [threading.Thread(target=die) for _ in range(5)]
    for thread in threads:
        thread.start()
    assert patient.invoke(QUESTIONS[0]).content == alone
    for thread in threads:
        thread.join(timeout=60)
    assert at_rest()


def test_a_loop_that_closes_while_a_stream_runs_ends_it(patient: LocalChatModel) -> None:
    async def begin() -> None:
        stream = patient.astream(QUESTIONS[2])
        await anext(stream)  # and the loop ends with the stream open

    asyncio.run(begin())
    assert at_rest()
    assert patient.invoke(QUESTIONS[2]).content


# --- passes that fail ---


@pytest.mark.parametrize("failing", [1, 2, 5], ids=["prefill", "first step", "a later step"])
@pytest.mark.parametrize("way", WAYS)
def test_a_failing_pass_reaches_its_caller_and_the_next_call_works(breaks: Breaks, way: str, failing: int) -> None:
    model, fragile = breaks(failing)
    with pytest.raises(ModelError, match=r"The model failed while generating: ValueError: the pass broke"):
        WAYS[way](model)
    assert at_rest()
    assert fragile.count >= failing
    fragile.passes.clear()
    assert WAYS[way](model)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
        MemoryError("no memory"),
    ],
)
def test_memory_that_runs_out_is_told_and_survived(breaks: Breaks, error: Exception) -> None:
    model, _ = breaks(3, error=error)
    with pytest.raises(ModelError, match=type(error).__name__) as caught:
        model.invoke(QUESTIONS[0])
    assert caught.value.__cause__ is error
    assert model.invoke(QUESTIONS[0]).content


def test_a_failing_pass_ends_those_who_shared_it_and_nobody_else(breaks: Breaks) -> None:
    model, fragile = breaks(4)
    with ThreadPoolExecutor(20) as pool:
        calls = [pool.submit(model.invoke, question) for question in QUESTIONS[:20]]
        failed = [call.exception(timeout=60) for call in calls]
    broken = [error for error in failed if error is not None]
    assert all(isinstance(error, ModelError) for error in broken)
    assert 1 <= len(broken) <= 8
    assert fragile.count > 4


# --- more callers than places ---


def test_64_callers_of_8_places_all_get_their_own_answer(patient: LocalChatModel) -> None:
    alone = [patient.invoke(question, max_tokens=6).content for question in QUESTIONS]
    with ThreadPoolExecutor(64) as pool:
        together = list(pool.map(lambda question: patient.invoke(question, max_tokens=6).content, QUESTIONS))
    assert together == alone


async def test_64_tasks_of_8_places_all_get_their_own_answer(patient: LocalChatModel) -> None:
    alone = [(await patient.ainvoke(question, max_tokens=6)).content for question in QUESTIONS]
    together = await asyncio.gather(*(patient.ainvoke(question, max_tokens=6) for question in QUESTIONS))
    assert [one.content for one in together] == alone


# --- a model that is closed ---


@pytest.mark.parametrize("way", ["stream", "astream", "invoke", "ainvoke"])
def test_closing_ends_what_runs_with_an_error(breaks: Breaks, way: str) -> None:
    model, fragile = breaks(open_=False)
    with ThreadPoolExecutor(12) as pool:
        calls = [pool.submit(WAYS[way], model) for _ in range(12)]  # four of them wait for a place
        assert fragile.begun.wait(timeout=60)
        closing = threading.Thread(target=model.close)
        closing.start()
        fragile.gate.set()
        closing.join(timeout=60)
        errors = [call.exception(timeout=60) for call in calls]
    assert not closing.is_alive()
    assert all(isinstance(error, ModelError) and "closed" in str(error) for error in errors)
    assert not generating()


def test_a_closed_model_says_so_and_closes_twice(breaks: Breaks) -> None:
    model, _ = breaks()
    model.close()
    model.close()
    with pytest.raises(ModelError, match=r"This model was closed: make a new one to generate again\."):
        model.invoke(QUESTIONS[0])
