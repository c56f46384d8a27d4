"""Where a model that generates text lies: a folder, or a hub id."""

from __future__ import annotations

from pathlib import Path

from ragkit.errors import ModelFilesError, shorten
from ragkit.models.local.options import LoadOptions
from ragkit.remote.hub import ModelParts, cached_snapshot, fetch_snapshot, is_hub_id, missing_weights, refusal

__all__ = ["PARTS", "find_folder"]

_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json")


def _missing(folder: Path) -> list[str]:
    absent = [] if (folder / "config.json").is_file() else ["config.json"]
    if not any((folder / name).is_file() for name in _TOKENIZERS):
        absent.append("tokenizer.json")
    return absent + missing_weights(folder)


PARTS = ModelParts(
    wanted=("*.json", "*.jinja", "*.txt", "*.model", "model*.safetensors"),
    needed=("config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"),
    missing=_missing,
)
"""A model that generates text."""


def find_folder(options: LoadOptions) -> tuple[Path, str]:
    """Find a model's folder and name, downloading only a hub id that is not here yet.

    Raises:
        ModelFilesError: If the files are not here and cannot be had; the message names them.
    """
    model = options.model
    if model and (folder := Path(model).expanduser()).is_dir():
        _refuse_adapter(folder, model)
        if missing := _missing(folder):
            raise ModelFilesError(
                f"model folder {shorten(model)} has no {' and no '.join(missing)}: expected {', '.join(PARTS.needed)} "
                "(a model split into parts has an index and all of them; ragkit reads safetensors only)."
            )
        return folder, folder.resolve().name
    if not is_hub_id(model):
        raise ModelFilesError(
            f"there is no model folder {shorten(model)!r}: expected a folder with {', '.join(PARTS.needed)}, "
            "or a hub id such as Qwen/Qwen2.5-0.5B-Instruct."
        )
    revision, hub_cache = options.revision, options.hub_cache
    snapshot = cached_snapshot(model, parts=PARTS, revision=revision, hub_cache=hub_cache)
    if snapshot is None and not options.downloads:
        raise refusal(model, hub_cache, PARTS)
    if snapshot is None:
        snapshot = fetch_snapshot(model, parts=PARTS, revision=revision, hub_cache=hub_cache, token=options.token)
    _refuse_adapter(snapshot, model)
    return snapshot, model


def _refuse_adapter(folder: Path, model: str) -> None:
    """Refuse what transformers would merge by itself, unseen by the card and from whatever base model it names."""
    if (folder / "adapter_config.json").is_file():
        raise ModelFilesError(
            f"model {shorten(model)} holds an adapter (adapter_config.json): name the model that it was trained on, "
            "and pass a folder with the adapter alone as `adapter`."
        )
