"""The chat model around a chat model: all that is the inner model's shines through, and nothing of it is changed."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any, Self

from langchain_core.caches import BaseCache
from langchain_core.callbacks import (
    AsyncCallbackManagerForLLMRun,
    BaseCallbackManager,
    CallbackManagerForLLMRun,
    Callbacks,
)
from langchain_core.language_models import BaseChatModel, LanguageModelInput, ModelProfile
from langchain_core.language_models.base import LangSmithParams
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from pydantic import ConfigDict, Field, ValidationError, model_validator

from ragkit.errors import ConfigError, shorten
from ragkit.messages.bound import name_of
from ragkit.messages.counters import counter_of
from ragkit.messages.tokens import TokenCounter
from ragkit.models.wrappers.calls import AsyncChunks, Call, Chunks
from ragkit.models.wrappers.places import put_in_place

__all__ = ["ChatModelAround", "ChatModelAroundOne"]

# What LangChain hands to any chat model: here they are the inner model's own affair.
_STANDARD = frozenset({"api_key", "max_retries", "max_tokens", "stop", "temperature", "timeout"})


class ChatModelAround(BaseChatModel):
    """A chat model that asks others; its subclasses add what they are named for, in four methods that take a `Call`.

    Profile, identifying parameters, tracing parameters, token counts and streaming switches are the inner model's (the
    first one's of several). Its handlers, tags and metadata are taken over, so that one call is one run in a trace; its
    cache and rate limiter are used once for each time it is asked.

    LangChain's standard parameters (temperature, stop, …) are set on the inner model; here they are ignored.

    Raises:
        ConfigError: If an option is unknown or does not fit.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, hide_input_in_errors=True)

    streaming: bool = False
    """Stream underneath `invoke` too."""
    cache: BaseCache | bool | None = Field(default=False, exclude=True)
    """LangChain's own cache of this model; off, for a cache of the inner model is used as it is."""

    def __init__(self, **options: Any) -> None:
        try:
            super().__init__(**options)
        except ValidationError as error:
            raise ConfigError(_told(type(self).__name__, error)) from error

    @model_validator(mode="before")
    @classmethod
    def _check_names(cls, options: Any) -> Any:
        if isinstance(options, Mapping) and (unknown := sorted(set(options) - set(cls.model_fields) - _STANDARD)):
            known = ", ".join(sorted(name for name in cls.model_fields if name not in BaseChatModel.model_fields))
            raise ValueError(f"there is no option {shorten(unknown[0])!r}; its own are {known}")
        return options

    @model_validator(mode="after")
    def _take_over(self) -> Self:
        for inner in self._inner:
            self.callbacks = _together(self.callbacks, inner.callbacks)
            self.tags = [*(self.tags or []), *(tag for tag in inner.tags or [] if tag not in (self.tags or []))] or None
            self.metadata = {**(inner.metadata or {}), **(self.metadata or {})} or None
        if "output_version" not in self.model_fields_set:
            self.output_version = self._first.output_version
        return self

    @property
    @abstractmethod
    def _inner(self) -> Sequence[BaseChatModel]:
        """The models inside, the first one first."""

    @abstractmethod
    def _answer(self, call: Call, run: CallbackManagerForLLMRun | None) -> ChatResult:
        """Give a whole reply."""

    @abstractmethod
    async def _aanswer(self, call: Call, run: AsyncCallbackManagerForLLMRun | None) -> ChatResult:
        """Give a whole reply, without blocking."""

    @abstractmethod
    def _chunks(self, call: Call) -> Chunks:
        """Give a reply as it comes; closing it closes the inner model's stream."""

    @abstractmethod
    def _achunks(self, call: Call) -> AsyncChunks:
        """Give a reply as it comes, without blocking."""

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return self._answer(Call(messages, stop, kwargs), run_manager)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return await self._aanswer(Call(messages, stop, kwargs), run_manager)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        return self._chunks(Call(messages, stop, kwargs))

    def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        return self._achunks(Call(messages, stop, kwargs))

    @property
    def _first(self) -> BaseChatModel:
        return self._inner[0]

    @property
    def model_name(self) -> str | None:
        """Name of the inner model, where it has one."""
        return name_of(self._first)

    @property
    def _llm_type(self) -> str:
        return self._first._llm_type

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        return self._first._identifying_params

    def _resolve_model_profile(self) -> ModelProfile | None:
        return self._first.profile

    def _get_invocation_params(self, stop: list[str] | None = None, **kwargs: Any) -> dict[str, Any]:
        return self._first._get_invocation_params(stop=stop, **kwargs)

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        return self._first._get_ls_params(stop=stop, **kwargs)

    def _get_llm_string(self, stop: list[str] | None = None, **kwargs: Any) -> str:
        return self._first._get_llm_string(stop=stop, **kwargs)

    def _combine_llm_outputs(self, llm_outputs: list[dict[str, Any] | None]) -> dict[str, Any]:
        return self._first._combine_llm_outputs(llm_outputs)

    def _should_stream(self, *, async_api: bool, run_manager: Any = None, **kwargs: Any) -> bool:
        if self._streaming_disabled(**kwargs):
            return False
        asked = {"stream": True, **kwargs} if self.streaming else kwargs
        return any(m._should_stream(async_api=async_api, run_manager=run_manager, **asked) for m in self._inner)

    def _should_use_protocol_streaming(self, *, async_api: bool, run_manager: Any = None, **kwargs: Any) -> bool:
        if self._streaming_disabled(**kwargs):
            return False
        return any(
            m._should_use_protocol_streaming(async_api=async_api, run_manager=run_manager, **kwargs)
            for m in self._inner
        )

    @property
    def token_counter(self) -> TokenCounter:
        """Counts as the inner model does."""
        return counter_of(self._first)

    def get_token_ids(self, text: str) -> list[int]:
        """Give the inner model's tokens of a text."""
        return self._first.get_token_ids(text)

    def get_num_tokens(self, text: str) -> int:
        """Count tokens of a text as the inner model does."""
        return self._first.get_num_tokens(text)

    def get_num_tokens_from_messages(
        self, messages: list[BaseMessage], tools: Sequence[Any] | None = None, **kwargs: Any
    ) -> int:
        """Count tokens of a prompt as the inner model does."""
        return self._first.get_num_tokens_from_messages(messages, tools, **kwargs)


class ChatModelAroundOne(ChatModelAround):
    """A chat model around exactly one other."""

    model: BaseChatModel
    """The model inside; it is never changed."""

    @property
    def _inner(self) -> Sequence[BaseChatModel]:
        return [self.model]

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Bind tools as the inner model does, with this model in its place."""
        if tool_choice is not None:
            kwargs["tool_choice"] = tool_choice
        return put_in_place(self.model.bind_tools(tools, **kwargs), self._around)

    def with_structured_output(
        self, schema: dict[str, Any] | type, *, include_raw: bool = False, **kwargs: Any
    ) -> Runnable[LanguageModelInput, Any]:
        """Structure replies as the inner model does, with this model in its place."""
        chain = self.model.with_structured_output(schema, include_raw=include_raw, **kwargs)
        return put_in_place(chain, self._around)

    def _around(self, inner: BaseChatModel) -> ChatModelAround:
        return self if inner is self.model else self.model_copy(update={"model": inner})


def _told(name: str, error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    place = " ".join(["", *map(str, first["loc"])])
    return f"{name}{place}: {first['msg'].removeprefix('Value error, ')}."


def _together(own: Callbacks, more: Callbacks) -> Callbacks:
    if not own or not more:
        return own or more
    handlers = [*_handlers(own), *(one for one in _handlers(more) if one not in _handlers(own))]
    if isinstance(own, BaseCallbackManager):
        manager = own.copy()
        manager.set_handlers(handlers)
        return manager
    return handlers


def _handlers(callbacks: Callbacks) -> list[Any]:
    return list(callbacks.handlers if isinstance(callbacks, BaseCallbackManager) else callbacks or [])
