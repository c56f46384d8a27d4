"""Models of the Hugging Face hub: found in its cache without its library, fetched with it when allowed."""

from __future__ import annotations

import re
from pathlib import Path

from ragkit.errors import ModelFilesError, shorten

__all__ = ["cached_snapshot", "default_hub_cache", "fetch_snapshot", "is_hub_id", "missing_files", "refusal"]

_WANTED = ["*.json", "*.txt", "*.model", "README.md", "model*.safetensors", "*/config.json", "*/model.safetensors"]
_UNWANTED = [
    "onnx/*",
    "openvino/*",
    "coreml/*",
    "*.onnx",
    "*.bin",
    "*.h5",
    "*.pt",
    "*.pkl",
    "*.ot",
    "*.msgpack",
    "*.gguf",
]


def is_hub_id(model: str) -> bool:
    """Say whether `model` reads as `organisation/name`, and not as a path."""
    return bool(re.fullmatch(r"[A-Za-z0-9][\w.-]*/[\w.-]+", model)) and ".." not in model


def default_hub_cache() -> Path:
    """Give where the hub's own tools keep models by default."""
    return Path.home() / ".cache" / "huggingface" / "hub"


def cached_snapshot(model: str, *, revision: str | None = None, hub_cache: Path | None = None) -> Path | None:
    """Give the folder of a model that is already in the hub's cache, complete; None when it is not.

    Args:
        model: Hub id.
        revision: Branch, tag or commit; None for `main`, or the only snapshot there is.
        hub_cache: The cache; None for the hub's default folder.
    """
    home = (hub_cache or default_hub_cache()) / f"models--{model.replace('/', '--')}"
    reference = home / "refs" / (revision or "main")
    if reference.is_file():
        snapshot = home / "snapshots" / reference.read_text(encoding="ascii").strip()
    elif revision:
        snapshot = home / "snapshots" / revision
    else:
        snapshots = [path for path in home.glob("snapshots/*") if path.is_dir()]
        if len(snapshots) != 1:
            return None
        snapshot = snapshots[0]
    return snapshot if snapshot.is_dir() and not missing_files(snapshot) else None


def fetch_snapshot(
    model: str, *, revision: str | None = None, hub_cache: Path | None = None, token: str | None = None
) -> Path:
    """Download what ragkit reads of a model (safetensors, tokenizer, settings; never a pickle), showing progress.

    Raises:
        ModelFilesError: If it cannot be had, or has no safetensors weights.
    """
    from huggingface_hub import snapshot_download  # here: 0.3 s that a model on disk need not wait for
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        folder = Path(
            snapshot_download(
                model,
                revision=revision,
                cache_dir=hub_cache or default_hub_cache(),
                token=token or False,  # False: do not look for one in the environment or the home folder
                allow_patterns=_WANTED,
                ignore_patterns=_UNWANTED,
            )
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        raise ModelFilesError(
            f"model {shorten(model)} could not be downloaded ({shorten(error, 200)}): check the name and the network, "
            f"or pass a folder that holds {_named(missing_files(None))}."
        ) from error
    if missing := missing_files(folder):
        raise ModelFilesError(
            f"model {shorten(model)} has no {_named(missing)} on the hub: ragkit reads safetensors only, never a "
            "pickled .bin; choose a model that has them, or convert it and pass its folder."
        )
    return folder


def refusal(model: str, hub_cache: Path | None) -> ModelFilesError:
    """Say which files are needed where, when downloads are off."""
    return ModelFilesError(
        f"model {shorten(model)} is not in {hub_cache or default_hub_cache()} and downloads are off: allow them once, "
        f"or pass a folder that holds {_named(missing_files(None))}, and 1_Pooling/config.json if it has one."
    )


def missing_files(folder: Path | None) -> list[str]:
    """Name the files without which nothing can be loaded that are not in `folder`; all that a model needs for None."""
    if folder is None:
        return ["modules.json", "config.json", "tokenizer.json", "model.safetensors"]
    # Older models keep the transformer in a folder of its own, without modules.json it is the whole of the model.
    home = next((path.parent for path in folder.glob("0_*/config.json")), folder)
    weights = home / "model.safetensors"
    split = home / "model.safetensors.index.json"
    absent = ["config.json"] if not (home / "config.json").is_file() else []
    return absent + ([weights.name] if not weights.is_file() and not split.is_file() else [])


def _named(files: list[str]) -> str:
    return ", ".join(files)
