"""`OpenAIChatModel`: LangChain's model of the OpenAI API, made predictable.

A subclass of `ChatOpenAI`, so that messages, tools, structured output and the Responses API are exactly LangChain's;
what it is made of stands in `configured.py`, what waits for the server goes through `calls.py` and `streams.py`.
"""

from __future__ import annotations

from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import aclosing, closing, suppress
from functools import partial
from itertools import count
from types import MappingProxyType
from typing import Any, TypeVar, cast

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from pydantic import PrivateAttr

from ragkit.errors import ModelRequestError, OutputParseError
from ragkit.models.openai.calls import Guard
from ragkit.models.openai.chunks import Tally, with_refusal
from ragkit.models.openai.configured import ConfiguredChatModel
from ragkit.models.openai.options import call_timeout, check_choices, timeouts_of
from ragkit.models.openai.replies import checked
from ragkit.models.openai.schemas import is_schema, parsed, past_openai
from ragkit.models.openai.streams import Opened, arest, astart, rest, start
from ragkit.models.openai.usage import with_usage
from ragkit.remote.policy import Deadline, aretry, retry
from ragkit.remote.watch import Watch

__all__ = ["OpenAIChatModel"]

_T = TypeVar("_T")
_OURS = ("stream_usage", "keep_misfit")
_NOT_ASKING: Mapping[str, Any] = MappingProxyType({"stream_usage": False})


class OpenAIChatModel(ConfiguredChatModel):
    """A chat model of OpenAI, or of any server that speaks its API.

    Takes the fields of `langchain_openai.ChatOpenAI`, but for its HTTP clients, and those of `ConfiguredChatModel`. It
    differs in this:

    - Nothing is read from the environment: what is not given is not sent.
    - A call is over within `deadline_s`, retries and their waits included, and a stream too; one attempt, and each wait
      for the next chunk of a stream, within `timeout`. Only what `rate_limiter` makes it wait may come on top.
    - Failures are errors of `ragkit.errors`, with the server's words and without the key. What may pass is tried again
      by `policy`, each time by leave of `rate_limiter`; a stream only until a chunk with something in it was given.
    - `usage_metadata` is always there. Where the server does not tell it, it is counted here and
      `response_metadata["estimated"]` is True. Counting never needs a network.
    - Tools that are not strict may stand beside a `response_format`; a stream of several choices (`n`) is refused.
    - `response_metadata["finish_reason"]` and `additional_kwargs["refusal"]` are there for both APIs.
    - An unknown option is an error; what only the server understands goes into `model_kwargs` or `extra_body`.

    Example:
        >>> from ragkit.models import OpenAIChatModel
        >>> model = OpenAIChatModel(model="gpt-4.1-mini", api_key="not-a-real-key", temperature=0)
        >>> model.get_num_tokens("How many tokens are these?") > 0
        True

    Raises:
        ConfigError: If an option is unknown or does not fit, or OpenAI itself is to be asked without a key.
    """

    _usage_refused: bool = PrivateAttr(default=False)

    def with_structured_output(
        self, schema: Any = None, *, include_raw: bool = False, **options: Any
    ) -> Runnable[LanguageModelInput, Any]:
        """Do what LangChain's does; with `include_raw`, a whole chat completion that does not fit is given, not raised.

        What openai reads (a reply of the Responses API) or what is read piece by piece (a stream) raises all the same.

        Raises:
            OutputParseError: In place of a reply that does not fit, when it is asked for.
        """
        if include_raw and options.get("method", "json_schema") == "json_schema":
            options["keep_misfit"] = True
        return super().with_structured_output(schema, include_raw=include_raw, **options)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        total = Deadline(self._policy.deadline_s)
        call = partial(super()._generate, messages, stop, **self._sent(kwargs))

        def attempt() -> ChatResult:
            guard = self._guard(total, messages, kwargs)
            result = guard.wait(call)
            return guard.read(lambda: self._read(result, guard.watch, messages, kwargs))

        return retry(self._limited(attempt), self._policy, deadline=total)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        total = Deadline(self._policy.deadline_s)
        call = partial(super()._agenerate, messages, stop, **self._sent(kwargs))

        async def attempt() -> ChatResult:
            guard = self._guard(total, messages, kwargs)
            result = await guard.await_(call)
            return guard.read(lambda: self._read(result, guard.watch, messages, kwargs))

        return await aretry(self._alimited(attempt), self._policy, deadline=total)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        total = Deadline(self._policy.deadline_s)
        open_ = partial(super()._stream, messages, stop, **self._streamed(kwargs))

        def attempt(asking: Mapping[str, Any]) -> tuple[Generator[ChatGenerationChunk], Opened]:
            chunks = cast("Generator[ChatGenerationChunk]", open_(**asking))
            return chunks, start(chunks, self._guard(total, messages, kwargs), self._tally(messages, kwargs))

        def begin() -> tuple[Generator[ChatGenerationChunk], Opened]:
            asking = self._asking(kwargs)
            try:
                return attempt(asking)
            except ModelRequestError as error:
                self._note_refusal(error, asking)
            return attempt(_NOT_ASKING)

        chunks, opened = retry(self._limited(begin), self._policy, deadline=total)
        with closing(rest(chunks, opened)) as whole:
            for chunk in whole:
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
        total = Deadline(self._policy.deadline_s)
        open_ = partial(super()._astream, messages, stop, **self._streamed(kwargs))

        async def attempt(asking: Mapping[str, Any]) -> tuple[AsyncGenerator[ChatGenerationChunk], Opened]:
            chunks = cast("AsyncGenerator[ChatGenerationChunk]", open_(**asking))
            return chunks, await astart(chunks, self._guard(total, messages, kwargs), self._tally(messages, kwargs))

        async def begin() -> tuple[AsyncGenerator[ChatGenerationChunk], Opened]:
            asking = self._asking(kwargs)
            try:
                return await attempt(asking)
            except ModelRequestError as error:
                self._note_refusal(error, asking)
            return await attempt(_NOT_ASKING)

        chunks, opened = await aretry(self._alimited(begin), self._policy, deadline=total)
        async with aclosing(arest(chunks, opened)) as whole:
            async for chunk in whole:
                if run_manager:
                    await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                yield chunk

    def _convert_chunk_to_generation_chunk(
        self, chunk: dict[str, Any], default_chunk_class: type, base_generation_info: dict[str, Any] | None
    ) -> ChatGenerationChunk | None:
        deltas = [choice.get("delta") or {} for choice in chunk.get("choices") or []]
        for call in deltas[0].get("tool_calls") or [] if deltas else []:
            call.setdefault("index", None)  # without one LangChain drops the call
        made = super()._convert_chunk_to_generation_chunk(chunk, default_chunk_class, base_generation_info)
        return with_refusal(deltas[0], made) if deltas and made is not None else made

    def _guard(self, total: Deadline, messages: Sequence[BaseMessage], kwargs: Mapping[str, Any]) -> Guard:
        _, wait_s = timeouts_of(self.request_timeout if kwargs.get("timeout") is None else kwargs["timeout"])
        form = kwargs.get("response_format")
        schema = form.__name__ if is_schema(form) else None
        return Guard(total, wait_s, self._secrets_of(kwargs), [message.text for message in messages], schema)

    def _limited(self, attempt: Callable[[], _T]) -> Callable[[], _T]:
        """Ask the rate limiter before every attempt but the first, for which LangChain asks."""
        number = count()

        def limited() -> _T:
            if next(number) and self.rate_limiter:
                self.rate_limiter.acquire(blocking=True)
            return attempt()

        return limited

    def _alimited(self, attempt: Callable[[], Awaitable[_T]]) -> Callable[[], Awaitable[_T]]:
        number = count()

        async def limited() -> _T:
            if next(number) and self.rate_limiter:
                await self.rate_limiter.aacquire(blocking=True)
            return await attempt()

        return limited

    def _sent(self, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Give what goes on to LangChain's own methods."""
        sent = {name: value for name, value in kwargs.items() if name not in _OURS}
        if sent.get("timeout") is not None:
            sent["timeout"] = call_timeout(sent["timeout"])
        return sent if self._on_responses(kwargs) else past_openai(sent, self.extra_body)

    def _streamed(self, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        check_choices(kwargs.get("n", self.n), streaming=True)
        return self._sent(kwargs)

    def _under_schema(self, kwargs: Mapping[str, Any], message: AIMessage, reason: str | None) -> dict[str, Any]:
        """Read a whole reply of Chat Completions; that of the Responses API was read by openai."""
        return parsed(None if self._on_responses(kwargs) else kwargs.get("response_format"), message, reason)

    def _on_responses(self, kwargs: Mapping[str, Any]) -> bool:
        return self._use_responses_api({**kwargs, **self.model_kwargs})

    def _asking(self, kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
        """Give the option that asks Chat Completions for usage; the Responses API tells it unasked."""
        if self._on_responses(kwargs):
            return {}
        return _NOT_ASKING if self._usage_refused else {"stream_usage": kwargs.get("stream_usage")}

    def _note_refusal(self, error: ModelRequestError, asking: Mapping[str, Any]) -> None:
        """Remember that the server refuses to be asked for usage; any other error is raised."""
        about_usage = "stream_options" in str(error) or "include_usage" in str(error)
        if not about_usage or asking in ({}, _NOT_ASKING):
            raise error
        self._usage_refused = True

    def _usage_of(
        self, messages: Sequence[BaseMessage], kwargs: Mapping[str, Any], message: AIMessage, said: UsageMetadata | None
    ) -> dict[str, Any]:
        if kwargs.get("stream_usage", self.stream_usage) is False:
            return {"usage_metadata": said, "response_metadata": {}}
        return with_usage(message, said, counter=self._counter, prompt=messages, tools=kwargs.get("tools"))

    def _tally(self, messages: Sequence[BaseMessage], kwargs: Mapping[str, Any]) -> Tally:
        return Tally(partial(self._usage_of, messages, kwargs), partial(self._under_schema, kwargs))

    def _read(
        self, result: ChatResult, watch: Watch, messages: Sequence[BaseMessage], kwargs: Mapping[str, Any]
    ) -> ChatResult:
        """Check a result, and add usage and, under a schema, the instance to it, in place."""
        for generation in checked(result, watch).generations:
            if isinstance(message := generation.message, AIMessage):
                fields = self._usage_of(messages, {**kwargs, "stream_usage": True}, message, message.usage_metadata)
                message.usage_metadata = fields["usage_metadata"]
                message.response_metadata |= fields["response_metadata"]
                with suppress(*[OutputParseError] if kwargs.get("keep_misfit") else []):
                    reason = (generation.generation_info or {}).get("finish_reason")
                    message.additional_kwargs |= self._under_schema(kwargs, message, reason)
        return result
