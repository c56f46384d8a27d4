"""`ScriptedChatModel`: a LangChain chat model that says what a test tells it to, and remembers what it was asked."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.base import LangSmithParams
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, message_chunk_to_message
from langchain_core.messages.ai import add_ai_message_chunks
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import ConfigDict, Field, PrivateAttr

from ragkit.errors import InputError
from ragkit.testing.binding import ToolKeywords
from ragkit.testing.lines import Lines
from ragkit.testing.script import Call, Cut, Delay, Line, Pieces, Step, reply_of, steps_of, usage_of, words

if TYPE_CHECKING:
    from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun

__all__ = ["ScriptedChatModel"]


class ScriptedChatModel(ToolKeywords, BaseChatModel):
    """A chat model that follows a script, sync and async, whole and as a stream; safe from many threads.

    A stream gives the same reply as `invoke`, cut into pieces. Stop strings end the reply. Tool calls come from the
    script, whatever tools are bound; `with_structured_output` reads either a tool call or JSON text from it.

    Tokens are words. Nothing is read from the environment and nothing is sent anywhere.

    Example:
        >>> model = ScriptedChatModel(["Good morning.", [{"name": "add", "args": {"a": 1, "b": 2}}]])
        >>> model.invoke("Hello").content
        'Good morning.'
        >>> model.invoke("What is 1 + 2?").tool_calls[0]["args"]
        {'a': 1, 'b': 2}
        >>> [call.text for call in model.calls]
        ['Hello', 'What is 1 + 2?']
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    script: Any = Field(exclude=True, repr=False)
    """Lines given out one after the other, or a function of the messages that gives a line each time."""
    model_name: str = "scripted"
    """Stands in `response_metadata` and in traces."""
    cut: Cut = Field(default=words, exclude=True, repr=False)
    """Cuts a text, or the JSON arguments of a tool call, into the pieces of a stream; the default cuts before words."""
    sleep: Callable[[float], object] | None = Field(default=None, exclude=True, repr=False)
    """Waits for a `Delay`, in seconds; what it gives is awaited in async calls. None really waits."""
    temperature: float | None = None
    max_tokens: int | None = None
    stop: list[str] | None = None
    """Used where a call names no stop strings."""

    _lines: Lines[Sequence[BaseMessage], Line] = PrivateAttr()
    _calls: list[Call] = PrivateAttr(default_factory=list)
    _lock: threading.Lock = PrivateAttr(default_factory=threading.Lock)

    def __init__(self, script: Sequence[Line] | Callable[[Sequence[BaseMessage]], Line], **options: Any) -> None:
        """Take a script; the other fields are keywords.

        Raises:
            InputError: If the script is neither lines nor a function; one text is no lines.
        """
        if isinstance(script, str) or not (callable(script) or isinstance(script, Iterable)):
            raise InputError(
                f"the script is one {type(script).__name__}: give a list of lines, or a function of the messages."
            )
        super().__init__(**{**options, "script": script})
        self._lines = Lines(script)

    @property
    def calls(self) -> tuple[Call, ...]:
        """What was asked so far, in order; also what then failed."""
        with self._lock:
            return tuple(self._calls)

    @property
    def lines_left(self) -> int:
        """Lines of the script that nothing has asked for yet; 0 where a function makes them."""
        return len(self._lines)

    def get_token_ids(self, text: str) -> list[int]:
        """Give one number per word; the same word has the same number."""
        return [zlib.crc32(word.encode("utf-8", "surrogatepass")) for word in text.split()]

    @property
    def _llm_type(self) -> str:
        return "scripted"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": self.model_name}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop, **kwargs)
        params["ls_provider"] = "ragkit"
        params["ls_model_name"] = kwargs.get("model") or self.model_name
        return params

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        done = [self._do(step) for step in self._steps(messages, stop, kwargs, False)]
        return _result(done)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        done = [await self._ado(step) for step in self._steps(messages, stop, kwargs, False)]
        return _result(done)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        for step in self._steps(messages, stop, kwargs, True):
            if (message := self._do(step)) is not None:
                chunk = ChatGenerationChunk(message=message)
                if run_manager:
                    run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                yield chunk

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        for step in self._steps(messages, stop, kwargs, True):
            if (message := await self._ado(step)) is not None:
                chunk = ChatGenerationChunk(message=message)
                if run_manager:
                    await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                yield chunk

    def _steps(
        self, messages: Sequence[BaseMessage], stop: list[str] | None, keywords: dict[str, Any], streamed: bool
    ) -> Iterator[Step]:
        """Note the call and give what happens, in order; the line is taken from the script at once."""
        stop = self.stop if stop is None else stop
        call = Call.of(messages, stop, keywords, streamed=streamed)
        with self._lock:
            self._calls.append(call)
            number = len(self._calls)
            made_here = self._lines
        *delays, line = made_here.next(call.messages, before=lambda given: isinstance(given, Delay))
        yield from (delay for delay in delays if isinstance(delay, Delay))
        if isinstance(line, Exception):
            yield line
        elif isinstance(line, Pieces):
            yield from self._told(line, call.messages)
        elif isinstance(line, Delay):
            raise InputError("the script's function gave a Delay alone: give Pieces(Delay(...), ...) instead.")
        else:
            reply = self._finished(reply_of(line, call_id=f"call_{number}", stop=stop or ()), call.messages)
            yield from steps_of(reply, self.cut)

    def _told(self, pieces: Pieces, messages: Sequence[BaseMessage]) -> Iterator[Step]:
        said = [_own(item) for item in pieces.items]
        yield from said
        whole = _joined([item for item in said if isinstance(item, AIMessageChunk)])
        # What the pieces tell themselves is not told twice: usage adds up over chunks, and so does text.
        end = self._finished(whole, messages)
        yield AIMessageChunk(
            content="",
            usage_metadata=None if whole.usage_metadata else end.usage_metadata,
            response_metadata={
                key: value for key, value in end.response_metadata.items() if key not in whole.response_metadata
            },
            chunk_position="last",
        )

    def _finished(self, reply: AIMessage, messages: Sequence[BaseMessage]) -> AIMessage:
        reason = "tool_calls" if reply.tool_calls or reply.invalid_tool_calls else "stop"
        told = {"finish_reason": reason, "model_name": self.model_name, **reply.response_metadata}
        usage = reply.usage_metadata or usage_of(messages, reply)
        return reply.model_copy(update={"response_metadata": told, "usage_metadata": usage})

    def _do(self, step: Step) -> AIMessageChunk | None:
        if isinstance(step, Delay):
            (self.sleep or time.sleep)(step.seconds)
            return None
        return _chunk(step)

    async def _ado(self, step: Step) -> AIMessageChunk | None:
        if isinstance(step, Delay):
            waited = (self.sleep or asyncio.sleep)(step.seconds)
            if inspect.isawaitable(waited):
                await _awaited(waited)
            return None
        return _chunk(step)


def _own(item: str | Step) -> Step:
    if isinstance(item, str):
        return AIMessageChunk(content=item)
    # LangChain writes ids into the chunks it passes on; the script is not its to change.
    return item.model_copy(deep=True) if isinstance(item, AIMessageChunk) else item


async def _awaited(waited: Awaitable[object]) -> None:
    await waited


def _chunk(step: AIMessageChunk | Exception) -> AIMessageChunk:
    if isinstance(step, Exception):
        raise step
    return step


def _joined(chunks: Sequence[AIMessageChunk]) -> AIMessageChunk:
    return add_ai_message_chunks(*chunks) if chunks else AIMessageChunk(content="")


def _result(done: Sequence[AIMessageChunk | None]) -> ChatResult:
    message = message_chunk_to_message(_joined([chunk for chunk in done if chunk is not None]))
    return ChatResult(generations=[ChatGeneration(message=message)])
