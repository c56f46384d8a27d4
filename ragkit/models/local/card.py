"""The card of a loaded model: what names it exactly, for caches and recordings."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ragkit.models.local.options import LoadOptions
from ragkit.remote.hub import weight_files

__all__ = ["model_card"]


def model_card(
    folder: Path, name: str, tokenizer: Any, options: LoadOptions, *, dtype: str, device: str
) -> Mapping[str, Any]:
    """Give everything that decides what a model says, in JSON's types; reads every file of it once."""
    template = tokenizer.chat_template
    adapter = None
    if options.adapter is not None:
        from ragkit.models.local.adapter import adapter_files

        adapter = _sha256(adapter_files(Path(options.adapter).expanduser()))
    settings = [path for item in ("config.json", "generation_config.json") if (path := folder / item).is_file()]
    card = {
        "model": name,
        "revision": _sha256(weight_files(folder)),
        "config": _sha256(settings),
        "tokenizer": hashlib.sha256(tokenizer.backend_tokenizer.to_str().encode()).hexdigest(),
        "template": hashlib.sha256(json.dumps(template).encode()).hexdigest() if template else None,
        "dtype": dtype.removeprefix("torch."),
        "device": device,
        "quantize": options.quantize,
        "adapter": adapter,
        "engine": "torch" if options.engine == "auto" else options.engine,
    }
    if options.tool_prompt is not None:
        card["tool_prompt"] = options.tool_prompt.sha256
    return MappingProxyType(card)


def _sha256(files: Sequence[Path]) -> str:
    """Give the sha256 of one file, or of the several files' sha256 in a row."""
    digests = []
    for path in files:
        with path.open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
