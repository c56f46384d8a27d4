"""A chat model that asks the next one when one cannot answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, NamedTuple, Self, TypeVar

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatResult
from langchain_core.runnables import Runnable, RunnablePassthrough
from langchain_core.tools import BaseTool
from pydantic import Field, model_validator

from ragkit.errors import (
    ContextLengthError,
    ModelAccessError,
    ModelError,
    ModelTimeoutError,
    ModelUnavailableError,
    RateLimitError,
    shorten,
)
from ragkit.messages.bound import models_in, name_of
from ragkit.models.wrappers.around import ChatModelAround
from ragkit.models.wrappers.calls import (
    AsyncChunks,
    Call,
    Chunks,
    abegun,
    aflow,
    agenerate,
    astream,
    begun,
    flow,
    generate,
    stream,
)
from ragkit.models.wrappers.notes import Note, note_result, notes_of
from ragkit.models.wrappers.places import put_in_place
from ragkit.models.wrappers.question import text_of
from ragkit.models.wrappers.routed import NOTE, ParserOfTheAnswerer
from ragkit.remote.policy import is_passing

__all__ = ["FallbackChatModel"]

_T = TypeVar("_T")
_ELSEWHERE = (ContextLengthError, ModelAccessError, ModelTimeoutError, ModelUnavailableError, RateLimitError)


class _Failure(NamedTuple):
    name: str
    error: Exception


class FallbackChatModel(ChatModelAround):
    """Asks its models in order until one answers.

    By default the next one is asked where the fault lies with the model or its server, and another one may well
    answer: it is unavailable, too slow, limited, refuses the key, or its context is too short. A `ModelRequestError`
    (a misspelt model, a parameter that does not exist) is raised at once: a fallback would hide for ever that the first
    model is never used. After the first chunk of a stream a failure is the caller's.

    Tools and schemas are bound to each model in its own way. Replies say who answered and why not one before:
    `response_metadata["ragkit"]["fallback"]` holds `place` (from 1), `model` and `failed`.

    Raises:
        ModelError: If no model answered, naming each with its error: a `ModelUnavailableError` where one of them may
            answer a little later.
    """

    models: Sequence[BaseChatModel] = Field(min_length=1)
    """Best first."""
    on: tuple[type[Exception], ...] = _ELSEWHERE
    """Errors after which the next model is asked; any other one is raised at once."""
    bound: Sequence[Mapping[str, Any]] = ()
    """Arguments bound to each model, as `bind_tools` makes them."""

    @model_validator(mode="after")
    def _check_bound(self) -> Self:
        if self.bound and len(self.bound) != len(self.models):
            raise ValueError(f"bound must have one entry for each of the {len(self.models)} models")
        return self

    @property
    def _inner(self) -> Sequence[BaseChatModel]:
        return self.models

    def _get_llm_string(self, stop: list[str] | None = None, **kwargs: Any) -> str:
        # Any of them may answer, each with what is bound to it: a cache must not take one for another.
        return text_of([[model._get_llm_string(stop=stop, **kwargs) for model in self.models], self.bound])

    def _answer(self, call: Call, run: CallbackManagerForLLMRun | None) -> ChatResult:
        result, note = self._ask(call, lambda model, call: generate(model, call, run))
        return note_result(result, _over(notes_of(result.generations[0].message), note))

    async def _aanswer(self, call: Call, run: AsyncCallbackManagerForLLMRun | None) -> ChatResult:
        result, note = await self._aask(call, lambda model, call: agenerate(model, call, run))
        return note_result(result, _over(notes_of(result.generations[0].message), note))

    def _chunks(self, call: Call) -> Chunks:
        opened, note = self._ask(call, lambda model, call: begun(stream(model, call)))
        yield from flow(opened, _over(notes_of(opened.first.message) if opened.first else {}, note))

    async def _achunks(self, call: Call) -> AsyncChunks:
        opened, note = await self._aask(call, lambda model, call: abegun(astream(model, call)))
        note = _over(notes_of(opened.first.message) if opened.first else {}, note)
        async with aclosing(aflow(opened, note)) as chunks:
            async for chunk in chunks:
                yield chunk

    def _ask(self, call: Call, ask: Callable[[BaseChatModel, Call], _T]) -> tuple[_T, Note]:
        failures: list[_Failure] = []
        for place, model in enumerate(self.models):
            try:
                return ask(model, self._call_of(place, call)), _note(model, failures)
            except self.on as error:
                failures.append(_Failure(_name(model), error))
        raise _none_answered(failures) from failures[-1].error

    async def _aask(self, call: Call, ask: Callable[[BaseChatModel, Call], Awaitable[_T]]) -> tuple[_T, Note]:
        failures: list[_Failure] = []
        for place, model in enumerate(self.models):
            try:
                return await ask(model, self._call_of(place, call)), _note(model, failures)
            except self.on as error:
                failures.append(_Failure(_name(model), error))
        raise _none_answered(failures) from failures[-1].error

    def _call_of(self, place: int, call: Call) -> Call:
        return call.with_defaults(self.bound[place]) if self.bound else call

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Bind tools to each model in its own way."""
        if tool_choice is not None:
            kwargs["tool_choice"] = tool_choice
        chains = [_each(model, lambda one: one.bind_tools(tools, **kwargs)) for model in self.models]
        return self._bound_as(chains).bind()

    def with_structured_output(
        self, schema: dict[str, Any] | type, *, include_raw: bool = False, **kwargs: Any
    ) -> Runnable[LanguageModelInput, Any]:
        """Structure replies as each model does; the answer of each is read in its own way."""
        kwargs["include_raw"] = include_raw
        chains = [_each(model, lambda one: one.with_structured_output(schema, **kwargs)) for model in self.models]
        readers = [put_in_place(chain, lambda _: RunnablePassthrough()) for chain in chains]
        return self._bound_as(chains) | ParserOfTheAnswerer(readers)

    def _bound_as(self, chains: Sequence[Runnable[Any, Any]]) -> FallbackChatModel:
        asked = [models_in(chain)[0] for chain in chains]
        earlier: Sequence[Mapping[str, Any]] = self.bound or [{} for _ in asked]
        return self.model_copy(
            update={
                "models": [model for model, _ in asked],
                "bound": [{**before, **_sent(kwargs)} for before, (_, kwargs) in zip(earlier, asked, strict=True)],
            }
        )


def _each(model: BaseChatModel, bind: Callable[[BaseChatModel], Runnable[Any, Any]]) -> Runnable[Any, Any]:
    try:
        chain = bind(model)
    except NotImplementedError as error:
        raise NotImplementedError(
            f"{_name(model)} takes no tools and no schema: leave it out of the models that are bound."
        ) from error
    return put_in_place(chain, lambda found: found)  # raises where the chain hides its model


def _sent(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    # LangChain takes these out for its traces before it calls a model.
    return {name: value for name, value in kwargs.items() if not name.endswith("structured_output_format")}


def _name(model: BaseChatModel) -> str:
    return name_of(model) or type(model).__name__


def _note(model: BaseChatModel, failures: Sequence[_Failure]) -> Note:
    failed = [{"model": name, "error": f"{type(error).__name__}: {shorten(error, 200)}"} for name, error in failures]
    return {"place": len(failures) + 1, "model": _name(model), "failed": failed}


def _over(notes: Note, note: Note) -> Note:
    """Give the note with that of a fallback inside kept in it: its own answers are read by it."""
    return {NOTE: {**note, "inside": notes[NOTE]} if NOTE in notes else note}


def _none_answered(failures: Sequence[_Failure]) -> ModelError:
    told = "; ".join(f"{name}: {type(error).__name__}: {shorten(error, 300)}" for name, error in failures)
    message = f"none of {len(failures)} models answered. {told}"
    passing = [error for _, error in failures if is_passing(error)]
    if not passing:
        return ModelError(message)
    waits = [wait for error in passing if (wait := getattr(error, "retry_after_s", None)) is not None]
    return ModelUnavailableError(message, retry_after_s=min(waits) if len(waits) == len(passing) else None)
