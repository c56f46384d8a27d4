"""Which engine computes a model: by name, or the lean one where it can."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ragkit.embed.engines.families import why_unsupported
from ragkit.errors import ConfigError

if TYPE_CHECKING:
    from ragkit.embed.engines.engine import Engine, EngineName
    from ragkit.embed.layout import ModelLayout

__all__ = ["make_engine", "why_not_lean"]

_POOLINGS = ("cls", "max", "mean", "mean_sqrt_len_tokens")
_DENSE_ACTIVATIONS = ("GELU", "Identity", "ReLU", "SiLU", "Sigmoid", "Tanh")


def why_not_lean(layout: ModelLayout) -> str:
    """Say what of a model only the reference computes; empty when OpenVINO does all of it."""
    if layout.extra_modules:
        return f"modules {' + '.join(layout.extra_modules)}"
    if other := [mode for mode in layout.pooling if mode not in _POOLINGS]:
        return f"pooling {other[0]!r}"
    if not layout.pools_prompt and (layout.query_prompt or layout.document_prompt):
        return "a prompt that is left out of the pooling"
    for layer in layout.dense:
        if not layer.plain or layer.activation not in _DENSE_ACTIVATIONS:
            return f"a Dense layer with {layer.activation}"
    return why_unsupported(layout.config)


def make_engine(name: EngineName, layout: ModelLayout, *, threads: int | None = None) -> Engine:
    """Make the engine; its package is imported here, its graph is built at its first use.

    Raises:
        ConfigError: If the named engine cannot compute this model, or this processor has no bf16.
        MissingExtraError: If it needs a package that is not installed.
    """
    reason = why_not_lean(layout)
    if name == "sentence-transformers" or (name == "auto" and reason):
        from ragkit.embed.engines.sentence_transformers import SentenceTransformersEngine

        return SentenceTransformersEngine(layout)
    if reason:
        raise ConfigError(
            f"engine {name} does not know {reason}: choose engine sentence-transformers (pip install 'ragkit[local]')."
        )
    from ragkit.embed.engines.openvino import OpenVinoEngine, has_bf16

    if name == "openvino-bf16" and not has_bf16():
        raise ConfigError("engine openvino-bf16 needs a processor with bf16 arithmetic: choose openvino-f32 or auto.")
    bf16 = name != "openvino-f32" and has_bf16()
    return OpenVinoEngine(layout, precision="bf16" if bf16 else "f32", threads=threads)
