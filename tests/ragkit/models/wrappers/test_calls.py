from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from langchain_core.messages import AIMessageChunk, HumanMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from ragkit.models.wrappers.calls import Call, abegun, aflow, astream, begun, flow, in_one_chunk, stream
from ragkit.testing import ScriptedChatModel

_CALL = Call([HumanMessage("Hi")], None, {})


class Whole(ScriptedChatModel):
    disable_streaming: bool = True


class Listed(ScriptedChatModel):
    """Streams through iterators that are no generators."""

    def _stream(self, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        return iter(list(super()._stream(*args, **kwargs)))

    def _astream(self, *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:
        return _Async(iter(list(super()._stream(*args, **kwargs))))


class _Async:
    def __init__(self, items: Iterator[ChatGenerationChunk]) -> None:
        self._items = items

    def __aiter__(self) -> _Async:
        return self

    async def __anext__(self) -> ChatGenerationChunk:
        for item in self._items:
            return item
        raise StopAsyncIteration


async def test_a_model_that_may_not_stream_gives_one_chunk() -> None:
    model = Whole(lambda _: "one two")

    chunks = [*stream(model, _CALL), *[chunk async for chunk in astream(model, _CALL)]]

    assert [chunk.text for chunk in chunks] == ["one two", "one two"]


async def test_streams_that_are_no_generators_work_too() -> None:
    model = Listed(lambda _: "one two")

    assert "".join(chunk.text for chunk in stream(model, _CALL)) == "one two"
    assert "".join([chunk.text async for chunk in astream(model, _CALL)]) == "one two"


async def test_a_stream_without_a_chunk_flows_as_one() -> None:
    class Silent(ScriptedChatModel):
        def _stream(self, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
            yield from ()

        async def _astream(self, *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:
            for nothing in ():
                yield nothing

    assert list(flow(begun(stream(Silent([]), _CALL)), {"x": 1})) == []
    assert [chunk async for chunk in aflow(await abegun(astream(Silent([]), _CALL)), {"x": 1})] == []


def test_a_chunk_that_is_one_already_is_given_as_it_is() -> None:
    message = AIMessageChunk("Hi")

    assert in_one_chunk(ChatResult(generations=[ChatGeneration(message=message)])).message is message


def test_a_reply_that_is_not_an_ai_message_becomes_one() -> None:
    chunk = in_one_chunk(ChatResult(generations=[ChatGeneration(message=HumanMessage("Hi", id="1"))]))

    assert chunk.message == AIMessageChunk("Hi", id="1", chunk_position="last")
