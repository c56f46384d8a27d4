"""From a hub id or folder to a model that is ready to be asked: safetensors only, and never a model's own code."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock, get_ident
from typing import Any

from huggingface_hub.errors import StrictDataclassError

from ragkit._optional import require
from ragkit.errors import ModelFilesError, shorten
from ragkit.models.local.card import model_card
from ragkit.models.local.control import without_limits
from ragkit.models.local.engines.choose import engine_for
from ragkit.models.local.folder import find_folder
from ragkit.models.local.generation import Engine
from ragkit.models.local.onednn import pack
from ragkit.models.local.options import LoadOptions
from ragkit.models.local.precision import choose_device, choose_dtype
from ragkit.models.local.prompt import Layout, layout_for

with require(feature="LocalChatModel", package="transformers", extra="local"):
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer
    from transformers.utils import logging as transformers_logging
with require(feature="LocalChatModel", package="safetensors", extra="local"):
    from safetensors import SafetensorError

__all__ = ["Loaded", "load"]

_UNREADABLE = (
    ImportError,  # weights in a form that needs one more package
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    RuntimeError,
    SafetensorError,
    StrictDataclassError,
)
_LOADING = Lock()
"""transformers sets torch's number format for the whole process while it builds a model: one at a time."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Loaded:
    """A model in memory; safe from many threads, shared by any number of chat models, never copied."""

    options: LoadOptions
    name: str
    """Hub id, or the folder's last part."""
    card: Mapping[str, Any]
    """Everything that decides what it says, in JSON's types: see `LocalChatModel.card`."""
    engine: Engine
    tokenizer: Any
    """transformers' tokenizer; it stands on the tokenizers library."""
    backend: Any
    """That library's tokenizer, which neither pads nor cuts."""
    layout: Layout
    end_tokens: frozenset[int]
    vocabulary: int
    """Width of the logits; may exceed the tokenizer's vocabulary."""
    source_tokens: int | None = None
    """Longest source text of an encoder-decoder whose positions are counted; None where there is no such limit."""

    @cached_property
    def grammars(self) -> Any:
        """Makes the grammars that replies are held to; about a second, spent on the first that is needed."""
        from ragkit.models.local.tools.grammar import Grammars  # here: llguidance, for those who constrain

        return Grammars(self.tokenizer, vocabulary=self.vocabulary, end_tokens=sorted(self.end_tokens))

    @cached_property
    def special(self) -> Mapping[str, int]:
        """Tokens that are never text, by their spelling."""
        added = self.backend.get_added_tokens_decoder()
        return {what.content: token for token, what in added.items() if what.special}

    def __deepcopy__(self, memo: object) -> Loaded:
        return self


def load(options: LoadOptions) -> Loaded:
    """Load a model's weights, tokenizer and settings. Takes seconds; hashing the weights is about one per gigabyte.

    Raises:
        ModelFilesError: If files are missing, damaged or need code of their own; the message names them.
        ConfigError: If device, dtype or adapter do not fit.
    """
    # A thread that has computed keeps its OpenMP threads for as long as it lives. Were it the caller's, the engine's
    # thread would compute beside them, on more threads than cores, and take half as long again for each token.
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="ragkit-loading") as loader:
        return loader.submit(_load, options).result()


def _load(options: LoadOptions) -> Loaded:
    folder, name = find_folder(options)
    device = choose_device(options.device)
    dtype = choose_dtype(options.dtype, device)
    tokenizer = _tokenizer(folder)
    model = _model(folder, dtype)
    if options.adapter is not None:
        from ragkit.models.local.adapter import with_adapter  # here: peft takes a second that others need not wait

        model = with_adapter(model, Path(options.adapter).expanduser())
    model = model.to(device).eval()
    if options.quantize is not None:
        from ragkit.models.local.quantize import quantized  # here: for those who choose it

        model = quantized(model, options.quantize)
    elif options.engine != "openvino":
        model = pack(model)
    encoder_decoder = bool(model.config.is_encoder_decoder)
    layout = layout_for(tokenizer, encoder_decoder=encoder_decoder, tool_prompt=options.tool_prompt)
    ends = _end_tokens(model, tokenizer) | set(layout.end_tokens())
    engine = _engine(model, ends, options)
    return Loaded(
        options=options,
        name=name,
        card=model_card(folder, name, tokenizer, options, dtype=str(dtype), device=device.type),
        engine=engine,
        tokenizer=tokenizer,
        backend=without_limits(tokenizer.backend_tokenizer),
        layout=layout,
        end_tokens=frozenset(ends),
        vocabulary=int(model.config.get_text_config(decoder=True).vocab_size),
        source_tokens=getattr(model.config, "max_position_embeddings", None) if encoder_decoder else None,
    )


def _tokenizer(folder: Path) -> Any:
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except _UNREADABLE as error:
        raise _unreadable(folder, "the tokenizer", error) from error
    if not getattr(tokenizer, "is_fast", False):
        raise ModelFilesError(f"model folder {shorten(folder)} has no tokenizer.json: save it with a fast tokenizer.")
    return tokenizer


def _model(folder: Path, dtype: Any) -> Any:
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        kind: Any = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
        with _LOADING, _no_progress_bar():
            model, told = kind.from_pretrained(
                folder,
                dtype=dtype,
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                output_loading_info=True,
            )
    except _UNREADABLE as error:
        raise _unreadable(folder, "the model", error) from error
    if missing := sorted(told["missing_keys"]):  # transformers would fill them with random numbers and warn
        raise ModelFilesError(
            f"the weights in {shorten(folder)} lack {len(missing)} tensors such as {shorten(missing[0])}: they are "
            "damaged, or belong to another config.json; fetch the model again."
        )
    return model


@contextmanager
def _no_progress_bar() -> Iterator[None]:
    """Keep transformers from drawing on the error stream what this thread loads; older releases of 5 always do."""
    thread, set_hook = get_ident(), getattr(transformers_logging, "set_tqdm_hook", lambda _hook: None)

    def bar(factory: Any, given: Sequence[Any], named: Mapping[str, Any]) -> Any:
        return factory(*given, **({**named, "disable": True} if get_ident() == thread else named))

    before = set_hook(bar)
    try:
        yield
    finally:
        set_hook(before)


def _unreadable(folder: Path, what: str, error: Exception) -> ModelFilesError:
    reason = shorten(" ".join(str(error).split()) or type(error).__name__, 200)
    if _needs_code(folder):
        return ModelFilesError(
            f"{what} in {shorten(folder)} needs code of its own (auto_map in config.json), which ragkit never runs: "
            "choose a model that transformers knows."
        )
    return ModelFilesError(
        f"{what} in {shorten(folder)} cannot be read ({reason}): damaged, or unknown to transformers."
    )


def _needs_code(folder: Path) -> bool:
    try:
        return "auto_map" in json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        return False


def _end_tokens(model: Any, tokenizer: Any) -> set[int]:
    """Give every token that the settings call the end: a chat model's template and its base model may differ in it."""
    named: list[Any] = [tokenizer.eos_token_id, model.config.eos_token_id]
    if model.generation_config is not None:
        named.append(model.generation_config.eos_token_id)
    return {token for each in named for token in (each if isinstance(each, Sequence) else [each]) if token is not None}


def _engine(model: Any, ends: set[int], options: LoadOptions) -> Engine:
    room = {"prefix_bytes": options.prefix_bytes, "max_batch": options.max_batch}
    if options.engine == "openvino":
        from ragkit.models.local.engines.openvino import openvino_engine  # here: OpenVINO, for those who choose it

        return openvino_engine(model, end_tokens=ends, **room)
    return engine_for(model, end_tokens=ends, **room)
