"""A chat model whose calls are counted, timed and priced."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, closing
from types import TracebackType
from typing import Literal, Self

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from pydantic import Field

from ragkit.models.wrappers.around import ChatModelAroundOne
from ragkit.models.wrappers.calls import AsyncChunks, Call, Chunks, agenerate, astream, generate, stream
from ragkit.models.wrappers.meter import MeasuredCall, Meter
from ragkit.models.wrappers.notes import notes_of
from ragkit.models.wrappers.routed import NOTE
from ragkit.models.wrappers.usage import UsageSeen

__all__ = ["MeteredChatModel"]


class MeteredChatModel(ChatModelAroundOne):
    """Counts what the inner model is asked, takes and costs in its meter.

    A call is counted under the name that was asked for, or under that of the model which answered where a fallback is
    inside. Put it outside a cache to see hits beside calls, and inside a retry to see each attempt.

    Example:
        >>> from langchain_core.language_models import FakeListChatModel
        >>> meter = Meter()
        >>> model = MeteredChatModel(model=FakeListChatModel(responses=["Hello."]), meter=meter)
        >>> _ = model.invoke("Hi")
        >>> meter.snapshot()["fake-list-chat-model"].calls
        1
    """

    meter: Meter = Field(default_factory=Meter)
    """Where calls are counted; several models may share one."""

    def _answer(self, call: Call, run: CallbackManagerForLLMRun | None) -> ChatResult:
        with self._watch(call) as watch:
            result = generate(self.model, call, run)
            watch.result(result)
        return result

    async def _aanswer(self, call: Call, run: AsyncCallbackManagerForLLMRun | None) -> ChatResult:
        with self._watch(call) as watch:
            result = await agenerate(self.model, call, run)
            watch.result(result)
        return result

    def _chunks(self, call: Call) -> Chunks:
        with self._watch(call) as watch, closing(stream(self.model, call)) as chunks:
            for chunk in chunks:
                watch.chunk(chunk)
                yield chunk

    async def _achunks(self, call: Call) -> AsyncChunks:
        with self._watch(call) as watch:
            async with aclosing(astream(self.model, call)) as chunks:
                async for chunk in chunks:
                    watch.chunk(chunk)
                    yield chunk

    def _watch(self, call: Call) -> _Watch:
        asked = self._get_ls_params(stop=call.stop, **call.kwargs).get("ls_model_name")
        return _Watch(self.meter, asked or self.model_name or self._llm_type)


class _Watch:
    """One call being watched; when it is left, the meter is told."""

    def __init__(self, meter: Meter, asked: str) -> None:
        self._meter = meter
        self._name = asked
        self._seen = UsageSeen()
        self._started = meter.clock()
        self._first: float | None = None

    def result(self, result: ChatResult) -> None:
        self._seen = UsageSeen.of(result)
        self._see_who(result.generations[0].message)

    def chunk(self, chunk: ChatGenerationChunk) -> None:
        if self._first is None and _says_something(chunk.message):
            self._first = self._meter.clock() - self._started
        self._seen.add(chunk)
        self._see_who(chunk.message)

    def _see_who(self, message: BaseMessage) -> None:
        answered = notes_of(message).get(NOTE)
        if answered is not None:
            self._name = answered["model"]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        outcome: Literal["answered", "failed", "left"] = "answered"
        if error is not None:
            outcome = "left" if isinstance(error, GeneratorExit | asyncio.CancelledError) else "failed"
        self._meter.record(
            MeasuredCall(
                model=self._name,
                outcome=outcome,
                latency_s=self._meter.clock() - self._started,
                first_token_s=self._first,
                usage=self._seen.usage if self._seen.known else None,
                answered_as=self._seen.model_name,
                cached=self._seen.cached,
                estimated=self._seen.estimated,
            )
        )


def _says_something(message: BaseMessage) -> bool:
    return bool(message.content) or (isinstance(message, AIMessageChunk) and bool(message.tool_call_chunks))
