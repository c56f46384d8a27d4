"""Where each family of encoders keeps its weights, and in what it differs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ACTIVATIONS", "Family", "family_of", "why_unsupported"]

ACTIVATIONS = {
    "gelu": "ERF",
    "gelu_new": "TANH",
    "gelu_pytorch_tanh": "TANH",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
}
"""Names in `hidden_act`; for GELU how it is computed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Names of weights, and the few differences between post-norm encoders."""

    layer: str
    """Prefix of a layer; `{}` is its number."""
    query: str
    key: str
    value: str
    attention_out: str
    attention_norm: str
    wide: str
    narrow: str
    out_norm: str
    positions_after_padding: bool = False
    """Whether positions count from `pad_token_id + 1` and skip padding, as RoBERTa's do."""
    relative_bias: bool = False
    """Whether a learned bias by distance is added to the attention, as MPNet's is."""
    config_names: tuple[str, str, str] = ("hidden_size", "num_hidden_layers", "num_attention_heads")
    activation_name: str = "hidden_act"


_BERT = Family(
    layer="encoder.layer.{}.",
    query="attention.self.query",
    key="attention.self.key",
    value="attention.self.value",
    attention_out="attention.output.dense",
    attention_norm="attention.output.LayerNorm",
    wide="intermediate.dense",
    narrow="output.dense",
    out_norm="output.LayerNorm",
)
_ROBERTA = Family(
    **{name: getattr(_BERT, name) for name in Family.__dataclass_fields__ if name != "positions_after_padding"},
    positions_after_padding=True,
)
_MPNET = Family(
    layer="encoder.layer.{}.",
    query="attention.attn.q",
    key="attention.attn.k",
    value="attention.attn.v",
    attention_out="attention.attn.o",
    attention_norm="attention.LayerNorm",
    wide="intermediate.dense",
    narrow="output.dense",
    out_norm="output.LayerNorm",
    positions_after_padding=True,
    relative_bias=True,
)
_DISTILBERT = Family(
    layer="transformer.layer.{}.",
    query="attention.q_lin",
    key="attention.k_lin",
    value="attention.v_lin",
    attention_out="attention.out_lin",
    attention_norm="sa_layer_norm",
    wide="ffn.lin1",
    narrow="ffn.lin2",
    out_norm="output_layer_norm",
    config_names=("dim", "n_layers", "n_heads"),
    activation_name="activation",
)
_FAMILIES = {
    "bert": _BERT,
    "roberta": _ROBERTA,
    "xlm-roberta": _ROBERTA,
    "camembert": _ROBERTA,
    "mpnet": _MPNET,
    "distilbert": _DISTILBERT,
}


def family_of(config: Mapping[str, Any]) -> Family | None:
    """Give the family of a `config.json`; None for one that the graph does not know."""
    return _FAMILIES.get(str(config.get("model_type")))


def why_unsupported(config: Mapping[str, Any]) -> str:
    """Say in what a transformer goes beyond the graph; empty when it does not."""
    family = family_of(config)
    if family is None:
        return f"architecture {config.get('model_type')!r} (known: {', '.join(_FAMILIES)})"
    if config.get("position_embedding_type", "absolute") != "absolute":
        return f"position_embedding_type {config['position_embedding_type']!r}"
    if config.get("is_decoder"):
        return "a decoder"
    activation = config.get(family.activation_name, "gelu")
    return "" if activation in ACTIVATIONS else f"activation {activation!r}"
