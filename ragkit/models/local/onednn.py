"""Linear layers in oneDNN's own weight layout: several rows cost about as much as one, on processors.

torch multiplies float32 by the BLAS it was built with, which on 2 to 16 rows (a batch that decodes) takes up to twice
the time of one row on AMD, and lays bfloat16 weights out anew in every call. torch's own compiler avoids both by
packing the weights once; the two operators that it uses for that are used here without compiling anything.
"""

from __future__ import annotations

from typing import Any

from ragkit._optional import require

with require(feature="LocalChatModel", package="torch", extra="local"):
    import torch

__all__ = ["PackedLinear", "can_pack", "pack"]

_DTYPES = (torch.float32, torch.bfloat16)
_ROWS = 8
"""What the layout is chosen for; it serves one row and thousands equally well (measured, differences of a few %)."""


class PackedLinear(torch.nn.Module):
    """Computes what `linear` computes, up to rounding; for inference only.

    Args:
        linear: On the CPU, in float32 or bfloat16. It is not changed; drop it to free its weight.
    """

    def __init__(self, linear: torch.nn.Linear) -> None:
        super().__init__()
        weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), _ROWS)
        self.register_buffer("weight", weight, persistent=False)
        self.bias = linear.bias
        self.in_features = linear.in_features
        self.out_features = linear.out_features

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Give `(…, out_features)` for `(…, in_features)`."""
        computed: torch.Tensor = torch.ops.mkldnn._linear_pointwise(states, self.weight, self.bias, "none", [], "")
        return computed


def can_pack(model: Any) -> bool:
    """Tell whether packing helps: weights on the CPU, of a kind that oneDNN multiplies, in a torch built with it."""
    operators = ("_reorder_linear_weight", "_linear_pointwise")
    return (
        torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and all(hasattr(torch.ops.mkldnn, name) for name in operators)
        and model.device.type == "cpu"
        and model.dtype in _DTYPES
        # On older processors oneDNN refuses bfloat16 when the layer is called.
        and (model.dtype != torch.bfloat16 or torch.ops.mkldnn._is_mkldnn_bf16_supported())
    )


def pack(model: Any) -> Any:
    """Replace the linear layers of `model` by packed ones, in place, and give it back; where it cannot help, as it is.

    A head that shares its weight with the input table gets a copy of its own, the others need no more memory than
    before. What is no plain `torch.nn.Linear` (an adapter, a quantized layer) stays.

    Args:
        model: A transformers model in evaluation mode, with no adapter that is still to be merged.
    """
    if not can_pack(model):
        return model
    with torch.no_grad():
        for name, module in list(model.named_modules()):
            if type(module) is torch.nn.Linear and module.weight.dtype in _DTYPES and min(module.weight.shape) > 1:
                model.set_submodule(name, PackedLinear(module))
    return model
