"""Tensors of a `.safetensors` file as numpy views of the mapped file, nothing copied and nothing executed."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ragkit.errors import ModelFilesError
from ragkit.remote.hub import weight_files

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Weights", "read_folder", "read_weights"]

Weights: TypeAlias = "dict[str, NDArray[np.float32]]"
"""Tensors by name, float32."""

_HEADER_LIMIT = 100_000_000
_BYTES = {"F32": 4, "F16": 2, "BF16": 2, "F64": 8}


def read_weights(path: Path) -> Weights:
    """Read every floating-point tensor of one file; integer buffers (such as `position_ids`) are left out.

    float32 tensors are private views of the file, which must not be cut short in place while they are used (replacing
    it, as installers do, is fine); others are converted. Format: the safetensors README (8 bytes little-endian header
    length, JSON header, data).

    Raises:
        ModelFilesError: If the file is missing, truncated or not safetensors.
    """
    try:
        data = np.memmap(path, dtype=np.uint8, mode="c")  # OpenVINO shares writable memory only
        size = int.from_bytes(data[:8].tobytes(), "little")
        if not 2 <= size <= min(_HEADER_LIMIT, len(data) - 8):
            raise ValueError(f"a header of {size} bytes in a file of {len(data)}")
        header = json.loads(data[8 : 8 + size].tobytes())
        return {
            name: _tensor(data[8 + size :], entry)
            for name, entry in header.items()
            if name != "__metadata__" and entry["dtype"] in _BYTES
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelFilesError(
            f"{path} cannot be read as safetensors ({error}): missing, cut short or damaged; fetch the model again."
        ) from error


def read_folder(folder: Path) -> Weights:
    """Read `model.safetensors`, or the parts that `model.safetensors.index.json` names.

    Raises:
        ModelFilesError: If a file is missing or damaged.
    """
    weights: Weights = {}
    for path in weight_files(folder):
        weights.update(read_weights(path))
    return weights


def _tensor(data: NDArray[np.uint8], entry: dict[str, Any]) -> NDArray[np.float32]:
    shape, (start, end), kind = entry["shape"], entry["data_offsets"], str(entry["dtype"])
    if not 0 <= start <= end <= len(data) or end - start != math.prod(shape) * _BYTES[kind]:
        raise ValueError(f"a tensor of shape {shape} at bytes {start} to {end}")
    raw = data[start:end]
    if kind == "F32":
        values = raw.view(np.float32)
    elif kind == "BF16":  # the upper half of a float32
        values = (raw.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
    else:
        values = raw.view(np.float16 if kind == "F16" else np.float64).astype(np.float32)
    return values.reshape(shape)
