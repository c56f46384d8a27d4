"""Weights in 8 or 4 bits, computed by torch's own kernels: nothing else is needed.

int8: one scale for each output, the nearest of 255 steps. int4: a scale and a centre for each 32 inputs of an output,
the nearest of 16 steps; the output head stays in 8 bits, where errors show at once. Products are taken in bfloat16.
Only weights are rounded, so that a row's result never depends on who shares its batch, as it would with rounded
activations (torch's dynamic int8 is faster still, and less exact). Sources: Dettmers et al. 2022 (LLM.int8, section 2:
absmax by row), torch's `_weight_int8pack_mm` and `_weight_int4pack_mm_for_cpu`, the kernels that gpt-fast uses.

What it is for: memory, and the speed of single replies. Against packed bfloat16 (`onednn.py`) the layers take 0.8
(int8) and 0.35 (int4) of the time for one row, 1.4 and 1.0 for eight; a long prompt takes up to twice as long in 4 bits
(AMD with AVX-512, one thread). The kernels end the process on shapes that they do not know: none is given to them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from ragkit._optional import require
from ragkit.errors import ConfigError, shorten

with require(feature="LocalChatModel", package="torch", extra="local"):
    import torch

__all__ = ["Int4Linear", "Int8Linear", "quantized"]

_GROUP = 32
"""Inputs that share a scale in 4 bits."""
_INPUTS, _OUTPUTS = 32, 16
"""The kernel of 8 bits takes multiples of these."""
_FEW_ROWS = 32
"""From here on, an 8-bit weight is unpacked once and multiplied as a whole: faster than row by row."""


class Int8Linear(torch.nn.Module):
    """Computes what `linear` computes, from a weight in 8 bits.

    Args:
        linear: On the CPU; it is not changed.
    """

    steps: torch.Tensor
    scale: torch.Tensor

    def __init__(self, linear: torch.nn.Linear) -> None:
        super().__init__()
        weight = linear.weight.detach().float()
        scale = weight.abs().amax(dim=1).clamp_min(1e-12) / 127
        steps = (weight / scale[:, None]).round().to(torch.int8)
        spare = -linear.out_features % _OUTPUTS
        self.register_buffer("steps", torch.nn.functional.pad(steps, (0, 0, 0, spare)), persistent=False)
        self.register_buffer("scale", torch.nn.functional.pad(scale, (0, spare)).to(torch.bfloat16), persistent=False)
        self.bias = linear.bias
        self.in_features, self.out_features = linear.in_features, linear.out_features

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Give `(…, out_features)` for `(…, in_features)`, in the dtype given."""
        return _by_rows(states, self.bias, self._multiply)

    def _multiply(self, rows: torch.Tensor) -> torch.Tensor:
        if len(rows) > _FEW_ROWS or self.in_features % _INPUTS:
            product = torch.nn.functional.linear(rows, self.steps.to(torch.bfloat16)) * self.scale
        else:
            product = torch.ops.aten._weight_int8pack_mm(rows, self.steps, self.scale)
        return product[:, : self.out_features]


class Int4Linear(torch.nn.Module):
    """Computes what `linear` computes, from a weight in 4 bits.

    Args:
        linear: On the CPU, of a shape that `fits` allows; it is not changed.
    """

    packed: torch.Tensor
    scale_and_centre: torch.Tensor

    def __init__(self, linear: torch.nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        groups = linear.weight.detach().float().reshape(self.out_features, -1, _GROUP)
        low, high = groups.amin(-1), groups.amax(-1)
        scale = ((high - low) / 15).clamp_min(1e-12)
        steps = ((groups - low[..., None]) / scale[..., None]).round().clamp(0, 15).to(torch.int32)
        packed = torch.ops.aten._convert_weight_to_int4pack_for_cpu(steps.flatten(1), 1)
        # the kernel reads a weight as (step - 8) * scale + centre
        both = torch.stack([scale, low + 8 * scale], dim=-1).transpose(0, 1).contiguous()
        self.register_buffer("packed", packed, persistent=False)
        self.register_buffer("scale_and_centre", both.to(torch.bfloat16), persistent=False)
        self.bias = linear.bias

    @staticmethod
    def fits(linear: torch.nn.Linear) -> bool:
        """Tell whether the kernel takes a weight of this shape."""
        return linear.in_features % _GROUP == 0 and linear.out_features % 64 == 0

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Give `(…, out_features)` for `(…, in_features)`, in the dtype given."""
        return _by_rows(states, self.bias, self._multiply)

    def _multiply(self, rows: torch.Tensor) -> torch.Tensor:
        product: torch.Tensor = torch.ops.aten._weight_int4pack_mm_for_cpu(
            rows, self.packed, _GROUP, self.scale_and_centre
        )
        return product


def _by_rows(
    states: torch.Tensor, bias: torch.Tensor | None, multiply: Callable[[torch.Tensor], torch.Tensor]
) -> torch.Tensor:
    rows = states.reshape(-1, states.shape[-1]).to(torch.bfloat16).contiguous()
    product = multiply(rows).to(states.dtype).reshape(*states.shape[:-1], -1)
    return product if bias is None else product + bias.to(states.dtype)


def quantized(model: Any, kind: Literal["int8", "int4"]) -> Any:
    """Replace the linear layers of `model` by ones in 8 or 4 bits, in place, and give it back.

    The table of token embeddings stays as it is, also where the head shared it. A layer whose shape 4 bits cannot take
    gets 8.

    Args:
        model: A transformers model in evaluation mode, on the CPU.
        kind: How many bits.

    Raises:
        ConfigError: If it is on another device, has no plain linear layers, or the kind is unknown.
    """
    if kind not in ("int8", "int4"):
        raise ConfigError(f"quantize must be int8, int4 or None, got {shorten(repr(kind))}.")
    if model.device.type != "cpu":
        raise ConfigError(
            f"quantize={kind!r} computes on the processor only, and the model is on {model.device}: leave quantize "
            "out there (bfloat16 halves the memory of float32), or choose device='cpu'."
        )
    layers = {name: layer for name, layer in model.named_modules() if type(layer) is torch.nn.Linear}
    if not layers:
        raise ConfigError(
            f"{type(model).__name__} has no plain linear layers, so quantize={kind!r} would change nothing."
        )
    head = model.get_output_embeddings()
    with torch.no_grad():
        for name, layer in layers.items():
            small = kind == "int4" and layer is not head and Int4Linear.fits(layer)
            model.set_submodule(name, Int4Linear(layer) if small else Int8Linear(layer))
    return model
