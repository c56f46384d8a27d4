"""How a wrapper calls the model inside: without a run of its own, with its cache, limiter and switches honoured once.

`invoke` and `stream` of the inner model would start a second run under the wrapper's, and every tracer and usage
counter would see each call twice. So the wrapper calls what LangChain itself calls inside a run.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import aclosing, closing
from dataclasses import dataclass
from typing import Any, NamedTuple

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult

from ragkit.models.wrappers.notes import Note, note_chunk

__all__ = [
    "AsyncBegun",
    "AsyncChunks",
    "Begun",
    "Call",
    "Chunks",
    "abegun",
    "aflow",
    "agenerate",
    "astream",
    "begun",
    "flow",
    "generate",
    "in_one_chunk",
    "stream",
]

Chunks = Generator[ChatGenerationChunk, None, None]
AsyncChunks = AsyncGenerator[ChatGenerationChunk, None]


class Begun(NamedTuple):
    """A stream whose first chunk has come; None where it ended without one."""

    first: ChatGenerationChunk | None
    rest: Chunks


class AsyncBegun(NamedTuple):
    """The same, for a stream that is awaited."""

    first: ChatGenerationChunk | None
    rest: AsyncChunks


@dataclass(frozen=True, slots=True)
class Call:
    """What a model is asked."""

    messages: list[BaseMessage]
    stop: list[str] | None
    kwargs: dict[str, Any]

    def with_defaults(self, defaults: Mapping[str, Any]) -> Call:
        """Give the same call with defaults below its own arguments."""
        return Call(self.messages, self.stop, {**defaults, **self.kwargs})


def generate(model: BaseChatModel, call: Call, run: CallbackManagerForLLMRun | None) -> ChatResult:
    """Ask for a whole reply; the model's own cache and rate limiter are used as in `invoke`."""
    return model._generate_with_cache(call.messages, stop=call.stop, run_manager=run, **call.kwargs)


async def agenerate(model: BaseChatModel, call: Call, run: AsyncCallbackManagerForLLMRun | None) -> ChatResult:
    """Do what `generate` does, without blocking."""
    return await model._agenerate_with_cache(call.messages, stop=call.stop, run_manager=run, **call.kwargs)


def stream(model: BaseChatModel, call: Call) -> Chunks:
    """Ask for a reply in pieces, or in one where the model cannot or may not stream, as `stream` of LangChain does.

    Closing it closes the model's own stream at once.
    """
    if not model._should_stream(async_api=False, **{**call.kwargs, "stream": True}):
        yield in_one_chunk(generate(model, call, None))
        return
    if model.rate_limiter:
        model.rate_limiter.acquire(blocking=True)
    yield from model._stream(call.messages, stop=call.stop, **call.kwargs)


async def astream(model: BaseChatModel, call: Call) -> AsyncChunks:
    """Do what `stream` does, without blocking."""
    if not model._should_stream(async_api=True, **{**call.kwargs, "stream": True}):
        yield in_one_chunk(await agenerate(model, call, None))
        return
    if model.rate_limiter:
        await model.rate_limiter.aacquire(blocking=True)
    chunks = model._astream(call.messages, stop=call.stop, **call.kwargs)
    try:
        async for chunk in chunks:
            yield chunk
    finally:
        # An async generator that is only dropped is closed by the loop some time later.
        if isinstance(chunks, AsyncGenerator):
            await chunks.aclose()


def begun(chunks: Chunks) -> Begun:
    """Wait for the first chunk, so that an error before it is raised here; close `rest` when done."""
    return Begun(next(chunks, None), chunks)


async def abegun(chunks: AsyncChunks) -> AsyncBegun:
    """Do what `begun` does, without blocking."""
    return AsyncBegun(await anext(chunks, None), chunks)


def flow(stream: Begun, note: Note | None = None) -> Chunks:
    """Give a stream that has begun, its first chunk with a note; closing it closes the stream."""
    with closing(stream.rest):
        if stream.first is not None:
            yield note_chunk(stream.first, note or {})
        yield from stream.rest


async def aflow(stream: AsyncBegun, note: Note | None = None) -> AsyncChunks:
    """Do what `flow` does, without blocking."""
    async with aclosing(stream.rest):
        if stream.first is not None:
            yield note_chunk(stream.first, note or {})
        async for chunk in stream.rest:
            yield chunk


def in_one_chunk(result: ChatResult) -> ChatGenerationChunk:
    """Give the first reply of a result as a stream's only chunk."""
    generation = result.generations[0]
    return ChatGenerationChunk(message=_as_chunk(generation.message), generation_info=generation.generation_info)


def _as_chunk(message: BaseMessage) -> AIMessageChunk:
    if isinstance(message, AIMessageChunk):
        return message
    answer = message if isinstance(message, AIMessage) else AIMessage(content=message.content)
    return AIMessageChunk(
        content=message.content,
        additional_kwargs=message.additional_kwargs,
        response_metadata=message.response_metadata,
        id=message.id,
        name=message.name,
        tool_calls=answer.tool_calls,
        invalid_tool_calls=answer.invalid_tool_calls,
        usage_metadata=answer.usage_metadata,
        chunk_position="last",
    )
