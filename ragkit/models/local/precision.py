"""On which device and in which number format a model runs best here."""

from __future__ import annotations

from pathlib import Path

from ragkit._optional import require
from ragkit.errors import ConfigError, shorten
from ragkit.models.local.options import DType

with require(feature="LocalChatModel", package="torch", extra="local"):
    import torch

__all__ = ["choose_device", "choose_dtype", "processor_flags"]

_FAST_BFLOAT16 = frozenset({"amx_bf16", "avx512_bf16"})
"""Either makes bfloat16 faster than float32: `python -m evals.benchmarks.generation`, with and without `--dtype`."""


def choose_device(name: str) -> torch.device:
    """Give the device called `name`; for `auto` the first GPU of CUDA, else the processor.

    Raises:
        ConfigError: If there is no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(
            f"device {shorten(name)!r} cannot be used here ({shorten(str(error).splitlines()[0])}): expected auto, "
            "cpu, cuda, cuda:1 … or mps, and torch built for it."
        ) from error
    return device


def choose_dtype(name: DType, device: torch.device, *, flags: frozenset[str] | None = None) -> torch.dtype:
    """Give the number format for `device`.

    `auto` is bfloat16 where matrices of it are fast: processors with AMX or AVX512-BF16, GPUs of CUDA since Ampere
    (older ones: float16); float32 elsewhere, where bfloat16 would be slower.

    Args:
        name: Format asked for.
        device: Where the model will run.
        flags: What the processor can do; None to look.

    Raises:
        ConfigError: For float16 on a processor, which computes it slowly and with too small a range.
    """
    if name == "float16" and device.type == "cpu":
        raise ConfigError("dtype float16 is for GPUs: on a processor take bfloat16 or float32.")
    if name != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[name]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    able = device.type == "cpu" and not _FAST_BFLOAT16.isdisjoint(processor_flags() if flags is None else flags)
    return torch.bfloat16 if able else torch.float32


def processor_flags(path: Path = Path("/proc/cpuinfo")) -> frozenset[str]:
    """Give the names of what the processor can do, as Linux lists them; none where there is no such list."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    return frozenset(next((line.partition(":")[2].split() for line in lines if line.startswith("flags")), []))
