"""`RecordedChatModel`: what a local model said, recorded once and replayed bit for bit without its weights."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.base import LangSmithParams
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import Field, PrivateAttr

from ragkit.errors import ConfigError
from ragkit.testing.binding import ToolKeywords
from ragkit.testing.generation_log import GenerationLog, NotRecordedError
from ragkit.testing.generation_values import Asked, chunk_of, dumped, loaded, question, result_of

if TYPE_CHECKING:
    from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun

__all__ = ["NotRecordedError", "RecordedChatModel"]


class RecordedChatModel(ToolKeywords, BaseChatModel):
    """A chat model around a chat model, or around nothing but a recording of it; safe from many threads.

    Content, chunks, tool calls and their ids, usage and finish reason come back as they were; a stream chunk by chunk.
    A reply that was recorded whole is streamed as one chunk, and a recorded stream is joined for `invoke`. What is
    recorded is found by the model's card, the messages (without the ids that LangChain draws), stop strings, tools and
    other keywords.

    Nothing is recorded of a generation that fails or is left in the middle.

    Example:
        >>> model = RecordedChatModel(path="answers.jsonl", inner=local, mode="record")  # doctest: +SKIP
        >>> RecordedChatModel(path="answers.jsonl").invoke("Why is the sky blue?")  # doctest: +SKIP
        AIMessage(...)

    Raises:
        ConfigError: If there is no model and something is to be recorded, or a model that has no card and none given.
        LoadError: If the file cannot be read.
    """

    path: Path
    """A file of JSON lines, see `GenerationLog`."""
    inner: BaseChatModel | None = Field(default=None, exclude=True)
    """Who answers what is recorded; not needed to replay."""
    card: Mapping[str, Any] | None = Field(default=None, exclude=True, repr=False)
    """All that decides what the model says. None takes `inner.card` with its parameters, or what the file tells."""
    mode: Literal["replay", "new", "record"] = "replay"
    """Only replay; replay and record what is new; or ask for everything and write the file anew."""
    hint: str = Field(default="pytest --ragkit-record", exclude=True, repr=False)
    """The command that records anew, for messages."""

    _log: GenerationLog = PrivateAttr()

    def __init__(self, **fields: Any) -> None:
        """Open the recording; the fields are keywords."""
        super().__init__(**fields)
        # Not in a validator: pydantic would hide our errors in its own.
        card = self.card if self.card is not None else _card_of(self.inner)
        if self.mode != "replay" and self.inner is None:
            raise ConfigError(f"mode {self.mode!r} needs a model that answers: give inner, or use mode='replay'.")
        if self.inner is not None and card is None:
            raise ConfigError(f"{type(self.inner).__name__} has no card: give one that names model and parameters.")
        anew = self.mode == "record"
        self._log = GenerationLog(self.path, card, writing=self.mode != "replay", anew=anew, hint=self.hint)

    def close(self) -> None:
        """Let another process write; replaying goes on."""
        self._log.close()

    @property
    def _llm_type(self) -> str:
        return "recorded"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"card": self._log.card}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop, **kwargs)
        params["ls_model_name"] = kwargs.get("model") or str(self._log.card.get("model", "recorded"))
        return params

    def get_token_ids(self, text: str) -> list[int]:
        """Count as the model does; recorded too.

        Raises:
            NotRecordedError: If the text is not recorded and there is no model to ask.
        """
        asked: Asked = {"form": "tokens", "text": text}
        if (known := self._known(asked)) is not None:
            return list(known)
        ids = self._model(asked).get_token_ids(text)
        self._log.keep(asked, ids)
        return ids

    def get_num_tokens_from_messages(self, messages: list[BaseMessage], tools: Sequence[Any] | None = None) -> int:
        """Count as the model does, template and tools included; recorded too.

        Raises:
            NotRecordedError: If these messages are not recorded and there is no model to ask.
        """
        described = [convert_to_openai_tool(tool) for tool in tools or ()]
        asked = question("length", messages, None, {"tools": described or None})
        if (known := self._known(asked)) is not None:
            return int(known[0])
        length = self._model(asked).get_num_tokens_from_messages(messages, tools)
        self._log.keep(asked, [length])
        return length

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        asked = question("reply", messages, stop, kwargs)
        if (known := self._replayed(asked, "stream")) is not None:
            return result_of(known)
        model = self._model(asked)
        made = model._generate(messages, stop=stop, **_keywords(model, kwargs)).generations
        self._log.keep(asked, [dumped(generation) for generation in made])
        return ChatResult(generations=made)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        asked = question("reply", messages, stop, kwargs)
        if (known := self._replayed(asked, "stream")) is not None:
            return result_of(known)
        model = self._model(asked)
        made = (await model._agenerate(messages, stop=stop, **_keywords(model, kwargs))).generations
        self._log.keep(asked, [dumped(generation) for generation in made])
        return ChatResult(generations=made)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        asked = question("stream", messages, stop, kwargs)
        known = self._replayed(asked, "reply")
        chunks = map(chunk_of, known) if known is not None else self._streamed(asked, messages, stop, kwargs)
        for chunk in chunks:
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
        asked = question("stream", messages, stop, kwargs)
        known = self._replayed(asked, "reply")
        chunks = _each(map(chunk_of, known)) if known is not None else self._astreamed(asked, messages, stop, kwargs)
        async for chunk in chunks:
            if run_manager:
                await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    def _streamed(
        self, asked: Asked, messages: list[BaseMessage], stop: list[str] | None, keywords: Mapping[str, Any]
    ) -> Iterator[ChatGenerationChunk]:
        model, kept = self._model(asked), []
        if type(model)._stream is BaseChatModel._stream:
            made: Iterator[ChatGenerationChunk] = iter(_result_chunks(model, messages, stop, keywords))
        else:
            made = model._stream(messages, stop=stop, **_keywords(model, keywords))
        for chunk in made:
            kept.append(dumped(chunk))  # before LangChain writes its ids into it
            yield chunk
        self._log.keep(asked, kept)

    async def _astreamed(
        self, asked: Asked, messages: list[BaseMessage], stop: list[str] | None, keywords: Mapping[str, Any]
    ) -> AsyncIterator[ChatGenerationChunk]:
        model, kept = self._model(asked), []
        streams = type(model)
        if streams._astream is BaseChatModel._astream and streams._stream is BaseChatModel._stream:
            made = _each(iter(_result_chunks(model, messages, stop, keywords)))
        else:
            made = model._astream(messages, stop=stop, **_keywords(model, keywords))
        async for chunk in made:
            kept.append(dumped(chunk))
            yield chunk
        self._log.keep(asked, kept)

    def _known(self, asked: Asked) -> Sequence[Any] | None:
        return None if self.mode == "record" else self._log.find(asked)

    def _replayed(self, asked: Asked, other_form: str) -> list[ChatGeneration] | None:
        """Give what was recorded, in this form or else in the other; None if it is to be asked for."""
        known = self._known(asked)
        if known is None and self.mode == "replay":
            known = self._known({**asked, "form": other_form})
        return None if known is None else [loaded(document) for document in known]

    def _model(self, asked: Asked) -> BaseChatModel:
        if self.mode == "replay" or self.inner is None:
            raise self._log.missing(asked)
        return self.inner


def _card_of(model: BaseChatModel | None) -> dict[str, Any] | None:
    card = getattr(model, "card", None)
    if model is None or card is None:
        return None
    parameters = {name: value for name, value in model._identifying_params.items() if name not in card}
    return {**card, "parameters": parameters}


def _keywords(model: BaseChatModel, keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Give a model's own keywords for tools that were bound here as OpenAI describes them."""
    given = dict(keywords)
    if tools := given.pop("tools", None):
        choice = {name: given.pop(name) for name in ("tool_choice", "parallel_tool_calls", "strict") if name in given}
        given |= getattr(model.bind_tools(tools, **choice), "kwargs", {})
    return given


def _result_chunks(
    model: BaseChatModel, messages: list[BaseMessage], stop: list[str] | None, keywords: Mapping[str, Any]
) -> list[ChatGenerationChunk]:
    made = model._generate(messages, stop=stop, **_keywords(model, keywords)).generations
    return [chunk_of(generation) for generation in made[:1]]


async def _each(chunks: Iterator[ChatGenerationChunk]) -> AsyncIterator[ChatGenerationChunk]:
    for chunk in chunks:
        yield chunk
