"""`LocalChatModel`: Hugging Face weights that run here, as a LangChain chat model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, ModelProfile
from langchain_core.language_models.base import LangSmithParams
from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.tools import BaseTool
from pydantic import ConfigDict, Field, SecretStr, ValidationError

from ragkit.errors import ConfigError, InputError, shorten
from ragkit.models.local.batch import TogetherBatches
from ragkit.models.local.call import Call, Running, by_timer, prepare
from ragkit.models.local.control import token_ids
from ragkit.models.local.conversation import text_of
from ragkit.models.local.listener import Listener, as_chunk, as_result, last_chunk
from ragkit.models.local.options import (
    DType,
    EngineName,
    LoadOptions,
    Quantize,
    ReplyOptions,
    read_reply_options,
)
from ragkit.models.local.structured import ToolBinding
from ragkit.models.local.tools.form import ReplyForm
from ragkit.models.local.tools.schema import as_tools
from ragkit.models.local.weights import Loaded, load
from ragkit.prompts.prompt import Prompt

__all__ = ["LocalChatModel"]


class LocalChatModel(TogetherBatches, ToolBinding):
    """A causal or encoder-decoder model of the Hugging Face hub, running here; one instance serves many callers.

    The weights load when it is made. Copies (`model_copy`, `configurable_fields`) share them, and so does
    `LocalChatModel(model=…, weights=other.weights)` where what decides the loading is the same. Callers that ask at
    once share forward passes, and what was computed for a conversation's earlier turns is kept for the next one.

    Any of `temperature`, `top_p`, `top_k`, `repetition_penalty`, `seed`, `max_tokens`, `stop`, `timeout_s`,
    `documents` and `template_options` may be given to a call (`invoke(…, temperature=0.7)`) or bound (`bind`).

    It is not serialisable in LangChain's sense: loading one from a file would load whatever weights the file names.

    Example:
        `LocalChatModel(model="Qwen/Qwen2.5-0.5B-Instruct", max_tokens=200).invoke("Why is the sky blue?").content`

    Raises:
        ConfigError: For an unknown field, or a value out of range.
        ModelFilesError: If the model's files are missing or damaged.
    """

    model_config = ConfigDict(
        arbitrary_types_allowed=True,
        extra="forbid",
        hide_input_in_errors=True,
        populate_by_name=True,
        protected_namespaces=(),
    )

    model: str
    """Hub id (`organisation/name`) or folder. Naming a hub id is consent to download it once."""
    revision: str | None = None
    """Branch, tag or commit of a hub id."""
    adapter: str | None = None
    """Folder of a LoRA adapter, merged into the weights as they load."""
    dtype: DType = "auto"
    """Number format of the weights; `auto`: bfloat16 where processor or GPU are fast with it, else float32."""
    device: str = "auto"
    """`cpu`, `cuda`, `cuda:1`, `mps`; `auto`: a GPU of CUDA where there is one."""
    quantize: Quantize | None = None
    """Weights in 8 or 4 bits: faster and smaller, a little less exact."""
    engine: EngineName = "auto"
    """What computes."""
    prefix_bytes: int = 1 << 30
    """Memory for what was computed of earlier prompts, in bytes; 0 keeps nothing."""
    max_batch: int = 8
    """Most replies that share a forward pass."""
    tool_prompt: Prompt | None = None
    """How tools are told to a model whose chat template has no place for them, in place of ragkit's `call-tools`: such
    as `load_prompt("call-tools", folder="prompts")`."""
    downloads: bool = True
    """Whether a hub id may be fetched."""
    hub_cache: Path | None = None
    """The hub's cache; None for its default folder."""
    token: SecretStr | None = None
    """For private models of the hub."""
    temperature: float = 0.0
    """0 takes the likeliest token, so that the same question has the same answer; above 0 it is drawn."""
    top_p: float = 1.0
    """Draw among the likeliest tokens that together hold this probability, in (0, 1]."""
    top_k: int = 0
    """Draw among this many likeliest tokens; 0 for all."""
    repetition_penalty: float = 1.0
    """Above 1 makes what was said before less likely."""
    seed: int | None = None
    """Makes drawing repeatable."""
    max_tokens: int | None = None
    """Most tokens of a reply; None for as many as the context has room for (1,024 where the model states none)."""
    stop: list[str] | None = None
    """Texts that end a reply, which is cut before them; a call's own replace them."""
    timeout_s: float | None = Field(default=None, alias="timeout")
    """Most seconds for one reply, waiting for a place in the batch included; None for as long as it takes."""
    max_retries: int | None = None
    """Accepted as LangChain's models have it; a local model has nothing to try again."""
    streaming: bool = False
    """Accepted as LangChain's models have it: makes `invoke` gather a stream; `stream` streams anyway."""
    template_options: Mapping[str, Any] = Field(default_factory=dict)
    """Switches that the model's chat template knows, such as `{"enable_thinking": False}`."""
    weights: Any = Field(default=None, exclude=True, repr=False)
    """What is in memory; another model's to share it, where it was loaded with the same options."""

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise _as_config_error(error, type(self)) from error
        options = self._load_options()
        self._reply_options({}, None).sampling()
        if not isinstance(self.weights, Loaded | None):
            raise ConfigError("weights are another LocalChatModel's `weights`, or None to load them.")
        if self.weights is None or self.weights.options != options:
            self.weights = load(options)
        if self.profile is None:
            self.profile = _profile(self.weights)

    @property
    def card(self) -> Mapping[str, Any]:
        """Everything that decides what the model says to a prompt, in JSON's types.

        `model`, `revision` (sha256 of the weights), `config`, `tokenizer` and `template` (sha256 of each), `dtype`,
        `device`, `quantize`, `adapter` (sha256 or None), `engine`.
        """
        return dict(self._loaded.card)

    def close(self) -> None:
        """Cancel what runs and free what is kept, for all who share the weights; asking afterwards is an error."""
        self._loaded.engine.close()

    def get_token_ids(self, text: str) -> list[int]:
        """Give the model's token ids of a text, without the tokens that a prompt has around it.

        Raises:
            InputError: For half a character, which no tokenizer reads.
        """
        if self.custom_get_token_ids is not None:
            return self.custom_get_token_ids(text)
        return token_ids(self._loaded.backend, text)

    def get_num_tokens_from_messages(
        self,
        messages: list[BaseMessage],
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool] | None = None,
    ) -> int:
        """Give the exact length of the prompt that these messages make, template and tools included.

        What the template refuses, such as the parts of a conversation that `trim_messages` tries, is counted message by
        message, each as a question of its own: that is a little more than it takes together.
        """
        described = as_tools(tools or ())
        try:
            return len(self._loaded.layout.ids(messages, tools=described, options=self.template_options))
        except InputError:
            asked = [HumanMessage(text_of(message)) for message in messages]
            return sum(
                len(self._loaded.layout.ids([question], tools=described, options=self.template_options))
                for question in asked
            )

    @property
    def _width(self) -> int:
        return 2 * self.max_batch  # one half computes while the other waits to follow

    @property
    def _llm_type(self) -> str:
        return "ragkit-local"

    @property
    def _identifying_params(self) -> Mapping[str, Any]:
        """What the cache of LangChain keys on: all that decides a reply."""
        return {**self._loaded.card, **self._reply_fields()}

    def _get_invocation_params(self, stop: list[str] | None = None, **kwargs: Any) -> dict[str, Any]:
        return super()._get_invocation_params(stop=self.stop if stop is None else stop, **kwargs)

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=self.stop if stop is None else stop, **kwargs)
        params["ls_provider"], params["ls_model_name"] = "ragkit", kwargs.get("model") or self._loaded.name
        return params

    @property
    def _loaded(self) -> Loaded:
        if self.weights.options != self._load_options():
            raise ConfigError("what decides the loading was changed after it: make a new LocalChatModel instead.")
        return self.weights  # type: ignore[no-any-return]  # checked when it was made

    def _load_options(self) -> LoadOptions:
        values = {item.name: getattr(self, item.name) for item in fields(LoadOptions)}
        values["token"] = self.token.get_secret_value() if self.token else None
        return LoadOptions(**values)

    def _reply_fields(self) -> dict[str, Any]:
        names = {item.name for item in fields(ReplyOptions)} & type(self).model_fields.keys()
        return {name: getattr(self, name) for name in sorted(names)}

    def _reply_options(self, keywords: dict[str, Any], stop: Sequence[str] | None) -> ReplyOptions:
        return read_reply_options({**self._reply_fields(), "stop": self.stop or ()}, keywords, stop)

    def _call(self, messages: Sequence[BaseMessage], stop: Sequence[str] | None, keywords: dict[str, Any]) -> Call:
        form = ReplyForm.from_keywords(keywords)
        return prepare(self._loaded, messages, self._reply_options(keywords, stop), form)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        call = self._call(messages, stop, kwargs)
        listener, texts = call.listener(streams=False), []
        with call.start(by_timer) as running:
            for token in running.generation:
                texts.append(listener.feed(token).text)
                if listener.stopped:
                    break
            return _whole(call, running, listener, texts)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        call = await asyncio.to_thread(self._call, messages, stop, kwargs)
        listener, texts = call.listener(streams=False), []
        with call.start(asyncio.get_running_loop().call_later) as running:
            async for token in running.generation:
                texts.append(listener.feed(token).text)
                if listener.stopped:
                    break
            return _whole(call, running, listener, texts)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        call = self._call(messages, stop, kwargs)
        listener = call.listener(streams=True)
        with call.start(by_timer) as running:
            for token in running.generation:
                heard = listener.feed(token)
                if heard.text or heard.calls:
                    yield as_chunk(heard)
                if listener.stopped:
                    break
            rest = listener.finish()
            yield last_chunk(rest, call.outcome(running, listener))

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        call = await asyncio.to_thread(self._call, messages, stop, kwargs)
        listener = call.listener(streams=True)
        with call.start(asyncio.get_running_loop().call_later) as running:
            async for token in running.generation:
                heard = listener.feed(token)
                if heard.text or heard.calls:
                    yield as_chunk(heard)
                if listener.stopped:
                    break
            rest = listener.finish()
            yield last_chunk(rest, call.outcome(running, listener))


def _profile(loaded: Loaded) -> ModelProfile:
    """Tell LangChain what the model can do: agents choose how to ask for a form by it, and when to summarise."""
    profile = ModelProfile(
        text_inputs=True,
        image_inputs=False,
        audio_inputs=False,
        video_inputs=False,
        pdf_inputs=False,
        text_outputs=True,
        tool_calling=True,
        tool_choice=True,
        structured_output=True,
    )
    limit = loaded.source_tokens or loaded.engine.context_tokens
    if limit is not None:
        profile |= ModelProfile(max_input_tokens=limit, max_output_tokens=limit)
    return profile


def _whole(call: Call, running: Running, listener: Listener, texts: Sequence[str]) -> ChatResult:
    text = "".join(texts) + listener.finish().text
    return as_result(text, call.outcome(running, listener), family=call.family, call_id=call.call_id)


def _as_config_error(error: ValidationError, kind: type[BaseChatModel]) -> ConfigError:
    first = error.errors(include_url=False, include_input=False)[0]
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        known = ", ".join(sorted(kind.model_fields))
        return ConfigError(f"{kind.__name__} has no field {shorten(name)!r}: expected one of {known}.")
    return ConfigError(f"{kind.__name__} cannot take its {shorten(name)}: {first['msg']}.")
