"""One forward pass of a causal model over several sequences: the seam between the decode loop and what computes."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from itertools import chain
from typing import Any, Protocol, TypeVar

from ragkit._optional import require
from ragkit.models.local.engines.keyvalues import GrowingLayer, SequenceCache
from ragkit.models.local.engines.packed import NotExchangeableError, PackedCache, attention_by_row

with require(feature="LocalChatModel", package="torch", extra="local"):
    import torch
with require(feature="LocalChatModel", package="transformers", extra="local"):
    from transformers.cache_utils import DynamicCache, DynamicLayer, DynamicSlidingWindowLayer

__all__ = ["Decoder", "KeyValues", "TorchDecoder", "plain_windows", "takes_key_values"]


class KeyValues(Protocol):
    """What a decoder remembers of one sequence, so that only new tokens are computed. Opaque to the engine."""

    @property
    def length(self) -> int:
        """Tokens held."""
        ...

    @property
    def nbytes(self) -> int:
        """Bytes of storage really held, spare room included."""
        ...


Kept = TypeVar("Kept", bound=KeyValues)


class Decoder(Protocol[Kept]):
    """Computes logits. Called by one thread at a time; knows nothing of requests, sampling or prefixes."""

    @property
    def vocabulary(self) -> int:
        """Number of token ids: a prompt holds ids from 0 to below this."""
        ...

    def empty(self, room: int) -> Kept:
        """Begin a sequence that will hold about `room` tokens (a hint: it may hold more)."""
        ...

    def fork(self, kept: Kept, length: int, room: int) -> Kept:
        """Copy the first `length` tokens, from 1 to `kept.length`; writing to one leaves the other as it is."""
        ...

    def forward(self, rows: Sequence[Kept], tokens: Sequence[Sequence[int]]) -> torch.Tensor:
        """Append tokens to sequences and say what may come next.

        Args:
            rows: One or more sequences, each at most once. What a row computes does not depend on the others.
            tokens: For each row one or more new token ids (a piece of a prompt, or the token chosen last).

        Returns:
            `(rows, vocabulary)` logits after each row's last token, of any float type, on any device.

        Raises:
            Exception: Whatever went wrong; the rows of the pass are not used again.
        """
        ...


class TorchDecoder:
    """A transformers causal model whose state is plain attention (`plain_windows` tells), on its own device and dtype.

    Rows share a pass where the model lets attention be exchanged (nearly every architecture of the last years); the
    others are computed one after the other. Either way the result is what the model alone would give.

    Args:
        model: In evaluation mode. Its weights are never changed.

    Raises:
        ValueError: If the model keeps other state than the keys and values of attention.
    """

    def __init__(self, model: Any) -> None:
        self._model = _bare(model)
        windows = plain_windows(self._model.config)
        if windows is None or not takes_key_values(model):
            raise ValueError(f"{type(self._model).__name__} keeps other state than attention's: use GenerateEngine.")
        self._windows = windows
        self._accepts = _parameters(self._model)
        self._configs = _attention_configs(self._model)
        self.shares_passes = _attends_exchangeably(self._model, self._configs, self._accepts)
        """Whether several rows are computed in one pass; False from the first pass that shows the model cannot."""

    @property
    def vocabulary(self) -> int:
        """Number of token ids that the model embeds."""
        return int(self._model.get_input_embeddings().num_embeddings)

    def empty(self, room: int) -> SequenceCache:
        """Begin a sequence with room for `room` tokens."""
        return SequenceCache([GrowingLayer(room, window) for window in self._windows])

    def fork(self, kept: SequenceCache, length: int, room: int) -> SequenceCache:
        """Copy the first `length` tokens."""
        with torch.inference_mode():
            return kept.fork(length, room)

    def forward(self, rows: Sequence[SequenceCache], tokens: Sequence[Sequence[int]]) -> torch.Tensor:
        """Append tokens to sequences and give `(rows, vocabulary)` logits after each row's last one."""
        with torch.inference_mode():
            if len(rows) > 1 and self.shares_passes:
                lengths = [row.length for row in rows]
                try:
                    return self._pass_together(rows, tokens)
                except NotExchangeableError:
                    self.shares_passes = False
                    for row, length in zip(rows, lengths, strict=True):
                        row.cut(length)
            return torch.cat([self._pass_alone(row, piece) for row, piece in zip(rows, tokens, strict=True)])

    def _pass_alone(self, row: SequenceCache, tokens: Sequence[int]) -> torch.Tensor:
        positions = torch.arange(row.length, row.length + len(tokens))
        return self._logits(tokens, positions, row, 1)[:, -1]

    def _pass_together(self, rows: Sequence[SequenceCache], tokens: Sequence[Sequence[int]]) -> torch.Tensor:
        counts = [len(piece) for piece in tokens]
        positions = torch.cat(
            [torch.arange(row.length, row.length + count) for row, count in zip(rows, counts, strict=True)]
        )
        last = torch.tensor(counts, device=self._model.device).cumsum(0) - 1
        with attention_by_row(self._configs):
            return self._logits(list(chain.from_iterable(tokens)), positions, PackedCache(rows, counts), last)[0]

    def _logits(self, tokens: Sequence[int], positions: torch.Tensor, cache: Any, keep: Any) -> torch.Tensor:
        device = self._model.device
        options: dict[str, Any] = {"position_ids": positions[None].to(device), "logits_to_keep": keep}
        given = {name: value for name, value in options.items() if name in self._accepts}
        ids = torch.tensor([list(tokens)], device=device)
        logits: torch.Tensor = self._model(input_ids=ids, past_key_values=cache, use_cache=True, **given).logits
        return logits


def plain_windows(config: Any) -> list[int | None] | None:
    """Say how far each layer looks back (None: on everything); None if the model keeps other state than attention's.

    Args:
        config: Configuration of a transformers model.
    """
    if getattr(config, "is_encoder_decoder", False):
        return None
    text = config.get_text_config(decoder=True)
    if getattr(text, "attention_chunk_size", None) or "chunked_attention" in (getattr(text, "layer_types", None) or ()):
        return None
    layers = DynamicCache(config=text).layers
    if not layers or any(type(layer) not in (DynamicLayer, DynamicSlidingWindowLayer) for layer in layers):
        return None
    return [getattr(layer, "sliding_window", None) for layer in layers]


def takes_key_values(model: Any) -> bool:
    """Tell whether a model is handed what it remembers as key-values: RWKV and the first GPT are not."""
    return "past_key_values" in _parameters(_bare(model))


def _bare(model: Any) -> Any:
    # Adapters such as LoRA live inside the layers of the model that they wrap.
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _parameters(model: Any) -> frozenset[str]:
    return frozenset(inspect.signature(model.forward).parameters)


def _attention_configs(model: Any) -> list[Any]:
    found = {id(module.config): module.config for module in model.modules() if hasattr(module, "config")}
    return list(found.values())


def _attends_exchangeably(model: Any, configs: Sequence[Any], accepts: frozenset[str]) -> bool:
    return (
        bool(model._supports_attention_backend)
        and all(config._attn_implementation == "sdpa" for config in configs)
        and {"position_ids", "logits_to_keep"} <= accepts
    )
