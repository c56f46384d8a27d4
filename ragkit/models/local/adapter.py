"""LoRA adapters, merged into the weights when a model is loaded: afterwards they cost nothing."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from ragkit._optional import require
from ragkit.errors import ConfigError, ModelFilesError, shorten

with require(feature="an adapter", package="peft", extra="local"):
    from peft import PeftConfig, PeftModel
with require(feature="an adapter", package="safetensors", extra="local"):
    from safetensors import SafetensorError

__all__ = ["adapter_files", "with_adapter"]

_FILES = ("adapter_config.json", "adapter_model.safetensors")


def adapter_files(folder: Path) -> list[Path]:
    """Give the files of an adapter.

    Raises:
        ModelFilesError: If one is not there.
    """
    if missing := [name for name in _FILES if not (folder / name).is_file()]:
        raise ModelFilesError(
            f"adapter {shorten(folder)} has no {' and no '.join(missing)}: expected a folder that peft saved with "
            "safetensors (ragkit reads no pickled adapter_model.bin)."
        )
    return [folder / name for name in _FILES]


def with_adapter(model: Any, folder: Path) -> Any:
    """Give the model with a LoRA adapter merged into its weights (Hu et al. 2021, section 4.1), which it changes.

    Raises:
        ConfigError: If the adapter is of another kind than LoRA.
        ModelFilesError: If it is damaged, or was trained on another model.
    """
    adapter_files(folder)
    try:
        config = PeftConfig.from_pretrained(str(folder), local_files_only=True)
        if (kind := getattr(config.peft_type, "value", config.peft_type)) != "LORA":
            raise ConfigError(f"adapter {shorten(folder)} is of kind {shorten(kind)}: expected LORA.")
        config.inference_mode = True
        with warnings.catch_warnings():  # peft asks for what transformers has renamed; a user can do nothing about it
            warnings.filterwarnings("ignore", ".*is_gradient_checkpointing.*", FutureWarning)
            tuned = PeftModel(model, config)
        loaded = tuned.load_adapter(str(folder), "default")
    except ConfigError:
        raise
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, SafetensorError) as error:
        raise ModelFilesError(
            f"adapter {shorten(folder)} cannot be loaded ({shorten(error, 200)}): damaged, or made for another model."
        ) from error
    if strange := [*loaded.unexpected_keys, *(key for key in loaded.missing_keys if "lora_" in key)]:
        raise ModelFilesError(
            f"adapter {shorten(folder)} does not fit the model ({len(strange)} tensors such as {shorten(strange[0])}): "
            "it was made for another one."
        )
    return tuned.merge_and_unload(safe_merge=True)
