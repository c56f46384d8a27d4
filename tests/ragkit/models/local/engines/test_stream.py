from __future__ import annotations

import asyncio
import threading
import weakref

import pytest

from ragkit.errors import ContextLengthError, ModelError
from ragkit.models.local.engines.stream import Outbox, TokenStream, told


def test_tokens_come_in_order_and_then_the_end() -> None:
    outbox = Outbox()
    for token in (5, 6):
        outbox.put(token)
    outbox.end("length")
    stream = TokenStream(outbox)
    assert list(stream) == [5, 6]
    assert list(stream) == []
    assert stream.finish_reason == "length"


def test_a_reader_that_waits_in_a_thread_gets_each_token_as_it_is_put() -> None:
    outbox, seen, first = Outbox(), [], threading.Event()
    stream = TokenStream(outbox)

    def read() -> None:
        for token in stream:
            seen.append(token)
            first.set()

    reader = threading.Thread(target=read)
    reader.start()
    outbox.put(1)
    assert first.wait(60)
    outbox.put(2)
    outbox.end("stop")
    reader.join(60)
    assert seen == [1, 2]


async def test_a_reader_in_an_event_loop_leaves_the_loop_free() -> None:
    outbox, ticks = Outbox(), 0
    stream = TokenStream(outbox)

    async def read() -> list[int]:
        return [token async for token in stream]

    reader = asyncio.create_task(read())
    for _ in range(5):
        await asyncio.sleep(0)
        ticks += 1
    worker = threading.Thread(target=lambda: (outbox.put(1), outbox.put(2), outbox.end("stop")))
    worker.start()
    assert await asyncio.wait_for(reader, 60) == [1, 2]
    assert ticks == 5
    worker.join()


def test_readers_of_several_loops_share_nothing() -> None:
    boxes = [Outbox() for _ in range(3)]
    found: dict[int, list[int]] = {}

    def run(place: int) -> None:
        async def read() -> list[int]:
            return [token async for token in TokenStream(boxes[place])]

        found[place] = asyncio.run(read())

    threads = [threading.Thread(target=run, args=(place,)) for place in range(3)]
    for thread in threads:
        thread.start()
    for token in range(4):
        for place, box in enumerate(boxes):
            box.put(10 * place + token)
    for box in boxes:
        box.end("stop")
    for thread in threads:
        thread.join(60)
    assert found == {0: [0, 1, 2, 3], 1: [10, 11, 12, 13], 2: [20, 21, 22, 23]}


def test_an_error_comes_after_the_tokens_before_it_with_its_cause() -> None:
    outbox = Outbox()
    outbox.put(1)
    outbox.fail(ZeroDivisionError("by 0"))
    stream = iter(TokenStream(outbox))
    assert next(stream) == 1
    with pytest.raises(ModelError, match="failed while generating: ZeroDivisionError: by 0") as caught:
        next(stream)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


async def test_an_error_of_the_models_own_kind_is_raised_as_it_is() -> None:
    outbox = Outbox()
    outbox.fail(ContextLengthError("too long"))
    with pytest.raises(ContextLengthError, match="too long"):
        _ = [token async for token in TokenStream(outbox)]


def test_cancelling_ends_the_wait_drops_what_is_unread_and_may_be_repeated() -> None:
    outbox = Outbox()
    stream = TokenStream(outbox)
    outbox.put(1)
    stream.cancel()
    stream.cancel()
    outbox.put(2)
    outbox.end("stop")
    outbox.fail(ValueError("late"))
    assert list(stream) == []
    assert stream.finish_reason is None


def test_cancelling_after_the_end_keeps_the_reason_and_what_is_unread() -> None:
    outbox = Outbox()
    outbox.put(1)
    outbox.end("stop")
    stream = TokenStream(outbox)
    stream.cancel()
    assert stream.finish_reason == "stop"
    assert list(stream) == [1]


def test_cancelling_an_error_away_is_quiet() -> None:
    outbox = Outbox()
    outbox.fail(ValueError("unseen"))
    stream = TokenStream(outbox)
    stream.cancel()
    assert list(stream) == []


async def test_cancelling_wakes_a_reader_in_an_event_loop() -> None:
    stream = TokenStream(Outbox())

    async def read() -> list[int]:
        return [token async for token in stream]

    reader = asyncio.create_task(read())
    await asyncio.sleep(0)
    threading.Thread(target=stream.cancel).start()
    assert await asyncio.wait_for(reader, 60) == []


async def test_a_reader_whose_task_was_cancelled_does_not_disturb_the_next_one() -> None:
    outbox = Outbox()
    stream = TokenStream(outbox)
    first = asyncio.create_task(anext(aiter(stream)))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    outbox.put(3)
    outbox.end("stop")
    assert [token async for token in stream] == [3]


def test_a_loop_that_was_closed_while_waiting_does_not_stop_the_engine() -> None:
    outbox = Outbox()
    loop = asyncio.new_event_loop()
    waiting = loop.create_task(outbox.wait_async())
    loop.run_until_complete(asyncio.sleep(0))
    waiting.cancel()
    loop.run_until_complete(asyncio.gather(waiting, return_exceptions=True))
    loop.close()
    outbox.put(1)
    assert outbox.wait() == 1


def test_a_stream_nobody_holds_is_cancelled() -> None:
    outbox = Outbox()
    stream = TokenStream(outbox)
    del stream
    assert outbox.closed


def test_an_error_that_is_kept_does_not_keep_what_was_computed() -> None:
    class Computed:
        pass

    def compute() -> None:
        computed = Computed()
        made.append(weakref.ref(computed))
        raise MemoryError("full")

    made: list[weakref.ref[Computed]] = []
    outbox = Outbox()
    with told([outbox]):
        compute()
    with pytest.raises(ModelError, match="failed while generating: MemoryError: full") as kept:
        list(TokenStream(outbox))
    assert kept.value.__cause__ is not None
    assert made[0]() is None
