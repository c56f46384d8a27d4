"""Models of the Hugging Face hub: found in its cache without its library, fetched with it when allowed.

What is fetched of a model, and when it is whole, differs by kind: callers say it with `ModelParts`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ragkit.errors import ModelFilesError, shorten

__all__ = [
    "ModelParts",
    "cached_snapshot",
    "default_hub_cache",
    "fetch_snapshot",
    "is_hub_id",
    "missing_weights",
    "refusal",
    "weight_files",
]

_UNWANTED = [
    "onnx/*",
    "openvino/*",
    "coreml/*",
    "original/*",
    "*.onnx",
    "*.bin",
    "*.h5",
    "*.pt",
    "*.pth",
    "*.pkl",
    "*.ot",
    "*.msgpack",
    "*.gguf",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelParts:
    """What a kind of model consists of."""

    wanted: Sequence[str]
    """Patterns of the files to fetch; pickles and weights in other formats are never among them."""
    needed: Sequence[str]
    """Names to tell a user who must bring the files."""
    missing: Callable[[Path], list[str]]
    """Names the files without which nothing can be loaded that are not in a folder."""


def is_hub_id(model: str) -> bool:
    """Say whether `model` reads as `organisation/name`, and not as a path."""
    return bool(re.fullmatch(r"[A-Za-z0-9][\w.-]*/[\w.-]+", model)) and ".." not in model


def default_hub_cache() -> Path:
    """Give where the hub's own tools keep models by default."""
    return Path.home() / ".cache" / "huggingface" / "hub"


def cached_snapshot(
    model: str, *, parts: ModelParts, revision: str | None = None, hub_cache: Path | None = None
) -> Path | None:
    """Give the folder of a model that is already in the hub's cache, complete; None when it is not.

    Args:
        model: Hub id.
        parts: What makes it complete.
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
    return snapshot if snapshot.is_dir() and not parts.missing(snapshot) else None


def fetch_snapshot(
    model: str,
    *,
    parts: ModelParts,
    revision: str | None = None,
    hub_cache: Path | None = None,
    token: str | None = None,
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
                allow_patterns=list(parts.wanted),
                ignore_patterns=_UNWANTED,
            )
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        raise ModelFilesError(
            f"model {shorten(model)} could not be downloaded ({shorten(error, 200)}): check the name and the network, "
            f"or pass a folder that holds {_named(parts.needed)}."
        ) from error
    if missing := parts.missing(folder):
        raise ModelFilesError(
            f"model {shorten(model)} has no {_named(missing)} on the hub: ragkit reads safetensors only, never a "
            "pickled .bin; choose a model that has them, or convert it and pass its folder."
        )
    return folder


def refusal(model: str, hub_cache: Path | None, parts: ModelParts) -> ModelFilesError:
    """Say which files are needed where, when downloads are off."""
    return ModelFilesError(
        f"model {shorten(model)} is not in {hub_cache or default_hub_cache()} and downloads are off: allow them once, "
        f"or pass a folder that holds {_named(parts.needed)}."
    )


def weight_files(folder: Path) -> list[Path]:
    """Give the weight files of a folder: `model.safetensors`, else the parts of a split model, there or not.

    Where both are there, transformers reads the one file too.

    Raises:
        ModelFilesError: If the index of a split model cannot be read.
    """
    whole, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if whole.is_file() or not index.is_file():
        return [whole]
    try:
        parts = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        return [folder / Path(part).name for part in parts]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelFilesError(f"{index} cannot be read ({error!r}): it is damaged; fetch the model again.") from error


def missing_weights(folder: Path) -> list[str]:
    """Name the weight files that are not in a folder."""
    return [path.name for path in weight_files(folder) if not path.is_file()]


def _named(files: Sequence[str]) -> str:
    return ", ".join(files)
