"""Which engine computes a model: the decode loop where its state is plain attention, else transformers' `generate`."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from ragkit.models.local.engines.batching import BatchingEngine
from ragkit.models.local.engines.decoder import TorchDecoder, plain_windows, takes_key_values
from ragkit.models.local.engines.plain import GenerateEngine
from ragkit.models.local.generation import Engine

__all__ = ["context_of", "engine_for", "moves_positions"]


def engine_for(model: Any, *, end_tokens: Collection[int], prefix_bytes: int = 1 << 30, max_batch: int = 8) -> Engine:
    """Give the engine that computes `model` best with the same tokens as transformers' own `generate`.

    Args:
        model: A transformers model that generates, in evaluation mode, or such a model with a LoRA adapter.
        end_tokens: Token ids that end a turn.
        prefix_bytes: Most bytes of key-values kept for the next turn (`BatchingEngine`).
        max_batch: Most generations that run at once (`BatchingEngine`; `GenerateEngine` runs one).
    """
    context_tokens = context_of(model.config)
    if plain_windows(model.config) is None or not takes_key_values(model) or moves_positions(model.config):
        return GenerateEngine(model, end_tokens=end_tokens, context_tokens=context_tokens)
    return BatchingEngine(
        TorchDecoder(model),
        end_tokens=end_tokens,
        context_tokens=context_tokens,
        prefix_bytes=prefix_bytes,
        max_batch=max_batch,
    )


def context_of(config: Any) -> int | None:
    """Give the most tokens of prompt and reply together; None where the model states no limit.

    An encoder-decoder has two separate limits, which this number cannot say: None.
    """
    if getattr(config, "is_encoder_decoder", False):
        return None
    text = config.get_text_config(decoder=True)
    for name in ("max_position_embeddings", "max_seq_len"):
        if isinstance(limit := getattr(text, name, None), int):
            return limit
    return None


def moves_positions(config: Any) -> bool:
    """Tell whether old keys would be other ones in a longer text, so that neither rows nor prefixes can share them."""
    text = config.get_text_config(decoder=True)
    return any(kind in ("dynamic", "longrope") for kind in _rope_kinds(getattr(text, "rope_parameters", None)))


def _rope_kinds(parameters: Any) -> Iterator[str]:
    if isinstance(parameters, dict):
        yield str(parameters.get("rope_type", parameters.get("type", "default")))
        for inner in parameters.values():
            yield from _rope_kinds(inner)
