"""What a Sentence-BERT folder says of itself: `modules.json` and the files it names, read without any framework.

Format: sentence-transformers, versions 2 to 6. A folder without `modules.json` is a plain transformer, which
sentence-transformers pools by the mean; so it is here.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ragkit.errors import ModelFilesError, shorten

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["DenseLayer", "ModelLayout", "read_layout"]

_LEGACY_POOLING = {  # in the order in which sentence-transformers concatenates
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
_SETTINGS_FILES = (
    "sentence_bert_config.json",
    "sentence_roberta_config.json",
    "sentence_distilbert_config.json",
    "sentence_camembert_config.json",
    "sentence_albert_config.json",
    "sentence_xlm-roberta_config.json",
    "sentence_xlnet_config.json",
)
_DOCUMENT_PROMPTS = ("document", "passage", "corpus")
_LEARNED_AFTER_PADDING = ("roberta", "xlm-roberta", "camembert", "mpnet")


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseLayer:
    """A projection after the pooling."""

    folder: Path
    """Where its `model.safetensors` lies."""
    dim: int
    """Length of what it gives."""
    activation: str
    """Name of the torch class, such as `Tanh`."""
    plain: bool
    """False for a residual or a layer that reads or writes other features, which only the reference computes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelLayout:
    """How a model turns tokens into one vector."""

    folder: Path
    """The model's folder."""
    transformer: Path
    """The folder with `config.json` and `model.safetensors`."""
    config: Mapping[str, Any]
    """The transformer's `config.json`."""
    max_tokens: int
    """Longest text read, with special tokens."""
    lower_case: bool = False
    """Whether texts are lower-cased before the tokenizer's own rules."""
    pooling: tuple[str, ...] = ("mean",)
    """`mean`, `cls`, `max`, …; more than one are put side by side."""
    pools_prompt: bool = True
    """Whether the tokens of a prompt take part in the pooling."""
    dense: tuple[DenseLayer, ...] = ()
    """Projections, in order."""
    query_prompt: str = ""
    """Put before a query."""
    document_prompt: str = ""
    """Put before a document."""
    language: str | None = None
    """The one language its README names; None for several or none."""
    extra_modules: tuple[str, ...] = ()
    """Modules that only the reference knows."""
    dim: int = 0
    """Length of the sentence vector."""

    def with_prompts(self, query: str, document: str) -> ModelLayout:
        """Give a copy that uses these prompts where the model's own settings name none at all."""
        if self.query_prompt or self.document_prompt:
            return self
        return replace(self, query_prompt=query, document_prompt=document)


def read_layout(folder: Path) -> ModelLayout:
    """Read the layout of the model in `folder`.

    Raises:
        ModelFilesError: If `config.json` is missing or a file cannot be read.
    """
    modules = _read_modules(folder)
    transformer = folder / modules[0][1]
    if not (transformer / "config.json").is_file():
        raise ModelFilesError(
            f"{folder} holds no Sentence-BERT model: {transformer.name}/config.json is missing; "
            "expected modules.json, config.json, tokenizer.json and model.safetensors."
        )
    config = _read_json(transformer / "config.json")
    settings = next((_read_json(transformer / name) for name in _SETTINGS_FILES if (transformer / name).is_file()), {})
    pooling, pools_prompt = _pooling(folder, modules)
    dense = tuple(_dense(folder / path) for kind, path in modules if kind == "Dense")
    query_prompt, document_prompt = _prompts(_read_optional(folder / "config_sentence_transformers.json"))
    return ModelLayout(
        folder=folder,
        transformer=transformer,
        config=config,
        max_tokens=_max_tokens(transformer, config, settings),
        lower_case=bool(settings.get("do_lower_case", False)),
        pooling=pooling,
        pools_prompt=pools_prompt,
        dense=dense,
        query_prompt=query_prompt,
        document_prompt=document_prompt,
        language=_language(folder / "README.md"),
        extra_modules=_extra_modules(modules),
        dim=dense[-1].dim if dense else _width(transformer, config) * len(pooling),
    )


def _read_modules(folder: Path) -> list[tuple[str, str]]:
    path = folder / "modules.json"
    if not path.is_file():
        return [("Transformer", ""), ("Pooling", "")]
    try:
        modules = [(entry["type"].rpartition(".")[2], entry["path"]) for entry in json.loads(path.read_bytes())]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelFilesError(f"{path} is not a list of modules ({error}): fetch the model again.") from error
    if not modules:
        raise ModelFilesError(f"{path} names no module: expected a Transformer first; fetch the model again.")
    return modules


def _extra_modules(modules: list[tuple[str, str]]) -> tuple[str, ...]:
    """Name what is not Transformer, Pooling, any number of Dense, Normalize, in this order."""
    kinds = [kind for kind, _ in modules]
    usual = re.fullmatch(r"Transformer Pooling( Dense| Normalize| Dropout)*", " ".join(kinds))
    inner = "Normalize" in kinds[:-1] and "Dense" in kinds[kinds.index("Normalize") :]
    return () if usual and not inner else tuple(kinds)


def _pooling(folder: Path, modules: list[tuple[str, str]]) -> tuple[tuple[str, ...], bool]:
    path = next((path for kind, path in modules if kind == "Pooling"), "")
    settings = _read_optional(folder / path / "config.json") if path else {}
    modes = settings.get("pooling_mode", [mode for key, mode in _LEGACY_POOLING.items() if settings.get(key)])
    modes = (modes,) if isinstance(modes, str) else tuple(modes)
    return modes or ("mean",), bool(settings.get("include_prompt", True))


def _dense(folder: Path) -> DenseLayer:
    settings = _read_json(folder / "config.json")
    odd = (
        settings.get("use_residual") or settings.get("module_input_name", "sentence_embedding") != "sentence_embedding"
    )
    other = settings.get("module_output_name") not in (None, "sentence_embedding")
    activation = str(settings.get("activation_function", "torch.nn.modules.activation.Tanh")).rpartition(".")[2]
    return DenseLayer(folder=folder, dim=int(settings["out_features"]), activation=activation, plain=not (odd or other))


def _prompts(settings: Mapping[str, Any]) -> tuple[str, str]:
    """Give the prompts of a query and of a document, as `encode_query` and `encode_document` choose them."""
    prompts = settings.get("prompts") or {}
    default = prompts.get(settings.get("default_prompt_name") or "", "")
    document = next((prompts[name] for name in _DOCUMENT_PROMPTS if name in prompts), default)
    return prompts.get("query", default) or "", document or ""


def _width(transformer: Path, config: Mapping[str, Any]) -> int:
    for name in ("hidden_size", "dim", "d_model"):
        if name in config:
            return int(config[name])
    raise ModelFilesError(
        f"{transformer / 'config.json'} names no hidden_size: expected a transformer's configuration."
    )


def _max_tokens(transformer: Path, config: Mapping[str, Any], settings: Mapping[str, Any]) -> int:
    """Give the smallest of what the settings, the tokenizer and the position table allow."""
    positions = config.get("max_position_embeddings", 512)
    if config.get("model_type") in _LEARNED_AFTER_PADDING:  # rows up to the padding's are never used
        positions -= config.get("pad_token_id", 1) + 1
    named = settings.get("max_seq_length")
    tokenizer = _read_optional(transformer / "tokenizer_config.json").get("model_max_length")
    return int(min(positions, *(limit for limit in (named or tokenizer, positions) if limit)))


def _language(readme: Path) -> str | None:
    """Read `language:` of the front matter: one code, or a list of one."""
    if not readme.is_file():
        return None
    head = readme.read_text(encoding="utf-8", errors="replace")[:20_000]
    front = re.match(r"---\s*\n(.*?)\n---", head, flags=re.DOTALL)
    found = (
        re.search(r"^language:[ \t]*(.*)((?:\n[ \t]*-[ \t]*\S+)*)", front.group(1), flags=re.MULTILINE)
        if front
        else None
    )
    codes = re.findall(r"[A-Za-z]+", f"{found.group(1)} {found.group(2)}") if found else []
    return codes[0].lower() if len(codes) == 1 and len(codes[0]) in (2, 3) else None


def _read_optional(path: Path) -> dict[str, Any]:
    return _read_json(path) if path.is_file() else {}


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ModelFilesError(f"{path} cannot be read ({shorten(error)}): fetch the model again.") from error
    if not isinstance(value, dict):
        raise ModelFilesError(f"{path} holds a {type(value).__name__}, expected an object: fetch the model again.")
    return value
