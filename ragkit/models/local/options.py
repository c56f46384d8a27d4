"""What decides how weights are loaded, and what decides one reply, as frozen values that check themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from threading import TIMEOUT_MAX
from typing import Any, Literal, TypeAlias

from ragkit.errors import ConfigError, shorten
from ragkit.models.local.generation import Sampling
from ragkit.prompts.prompt import Prompt

__all__ = ["DType", "EngineName", "LoadOptions", "Quantize", "ReplyOptions", "read_reply_options"]

DType: TypeAlias = Literal["auto", "float32", "bfloat16", "float16"]
"""Number format of the weights; `auto`: bfloat16 where processor (AMX, AVX512-BF16) or GPU has it, else float32."""
EngineName: TypeAlias = Literal["auto", "torch", "openvino"]
"""What computes; `auto` is torch."""
Quantize: TypeAlias = Literal["int8", "int4"]
"""Weights in 8 or 4 bits: smaller and faster to read, a little less exact."""

_WHOLE = ("top_k", "seed", "max_tokens")
_REAL = ("temperature", "top_p", "repetition_penalty", "timeout_s")
_MAY_BE_NONE = ("seed", "max_tokens", "timeout_s")
_OWN_NAMES = {"timeout": "timeout_s"}
# LangChain's own: `stream` says that the caller streams, the others describe a schema to whoever traces.
_NOT_OURS = {"stream", "ls_structured_output_format", "structured_output_format"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """Which weights, and how they are held.

    Raises:
        ConfigError: If a value is out of range.
    """

    model: str
    """Hub id (`organisation/name`) or folder; a folder wins over a hub id of the same spelling."""
    revision: str | None = None
    """Branch, tag or commit of a hub id; None for `main`."""
    adapter: str | None = None
    """Folder of a LoRA adapter, merged into the weights."""
    dtype: DType = "auto"
    device: str = "auto"
    """`cpu`, `cuda`, `cuda:1`, `mps` …; `auto`: the first GPU of CUDA, else the processor."""
    quantize: Quantize | None = None
    engine: EngineName = "auto"
    prefix_bytes: int = 1 << 30
    """Memory for what was computed of earlier prompts, in bytes; 0 keeps nothing."""
    max_batch: int = 8
    """Most replies that share one forward pass, at least 1."""
    tool_prompt: Prompt | None = None
    """How tools are told to a model whose template has no place for them; None for ragkit's `call-tools`."""
    downloads: bool = True
    """Whether a hub id may be fetched, once."""
    hub_cache: Path | None = None
    """The hub's cache; None for its default folder."""
    token: str | None = field(default=None, repr=False, compare=False)
    """For private models of the hub; never shown."""

    def __post_init__(self) -> None:
        """Check what has a range."""
        if self.prefix_bytes < 0:
            raise ConfigError(f"prefix_bytes must be at least 0 (0 keeps nothing), got {self.prefix_bytes}.")
        if self.max_batch < 1:
            raise ConfigError(f"max_batch must be at least 1, got {self.max_batch}.")
        if self.quantize is not None and self.engine == "openvino":
            raise ConfigError(f"quantize={self.quantize!r} is computed by engine='torch' only: leave one of them out.")
        if self.tool_prompt is not None:
            self.tool_prompt.only_system("tools")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyOptions:
    """How one reply is made: the model's fields, with what the call says laid over them.

    Raises:
        ConfigError: If a value is out of range.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    repetition_penalty: float = 1.0
    seed: int | None = None
    max_tokens: int | None = None
    """Most tokens of the reply; None for as many as the context has room for."""
    stop: Sequence[str] = ()
    """Texts that end the reply; it is cut before them."""
    timeout_s: float | None = None
    """Most seconds until the reply is whole; None for as long as it takes."""
    documents: Sequence[Mapping[str, Any]] | None = None
    """`{"title", "text"}` for chat templates that have a place for documents."""
    template_options: Mapping[str, Any] = field(default_factory=dict)
    """Switches that the model's chat template knows, such as `enable_thinking`."""

    def __post_init__(self) -> None:
        """Check the types, and what has a range; `Sampling` checks the rest."""
        for name in (*_WHOLE, *_REAL):
            _check_number(name, getattr(self, name))
        if self.max_tokens is not None and self.max_tokens < 1:
            raise ConfigError(f"max_tokens must be at least 1 (or None for what fits), got {self.max_tokens}.")
        if self.timeout_s is not None and not 0 < self.timeout_s <= TIMEOUT_MAX:
            raise ConfigError(
                f"timeout_s must be above 0 and at most {TIMEOUT_MAX:.0f} (or None for no limit), got {self.timeout_s}."
            )
        if not _is_list(self.stop) or not all(isinstance(text, str) and text for text in self.stop):
            raise ConfigError(f"stop must be a list of texts, none of them empty, got {shorten(self.stop)!r}.")
        if self.documents is not None and not (
            _is_list(self.documents) and all(isinstance(item, Mapping) for item in self.documents)
        ):
            raise ConfigError('documents must be a list of dicts such as {"title": "…", "text": "…"}.')
        if not isinstance(self.template_options, Mapping):
            raise ConfigError("template_options must be a dict of the chat template's switches.")

    def sampling(self) -> Sampling:
        """Give what an engine is told of it."""
        return Sampling(**{item.name: getattr(self, item.name) for item in fields(Sampling)})


def _check_number(name: str, value: object) -> None:
    if value is None and name in _MAY_BE_NONE:
        return
    kinds = int if name in _WHOLE else int | float
    if not isinstance(value, kinds) or isinstance(value, bool):
        kind = "whole number" if name in _WHOLE else "number"
        raise ConfigError(f"{name} must be a {kind}, got {shorten(value)!r}.")


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def read_reply_options(
    fields_of_model: Mapping[str, Any], keywords: dict[str, Any], stop: Sequence[str] | None = None
) -> ReplyOptions:
    """Lay the keywords of one call over the model's fields.

    Args:
        fields_of_model: A value for each field of `ReplyOptions` that the model has.
        keywords: What the caller gave or bound; every one must be known.
        stop: LangChain's own argument; replaces the model's.

    Raises:
        ConfigError: For a keyword that nothing reads, and for values out of range.
    """
    known = {item.name for item in fields(ReplyOptions)}
    given = {_OWN_NAMES.get(name, name): value for name, value in keywords.items() if name not in _NOT_OURS}
    if unknown := sorted(given.keys() - known):
        raise ConfigError(
            f"a local model has no option {shorten(unknown[0])!r}: expected one of "
            f"{', '.join(sorted(known | _OWN_NAMES.keys()))}, tools, tool_choice, parallel_tool_calls, response_format."
        )
    if stop is not None:
        given["stop"] = stop
    if given.get("stop", ()) is None:
        del given["stop"]
    return ReplyOptions(**{**fields_of_model, **given})
