"""Several sequences in one forward pass without padding: they lie end to end, and each attends to its own past only.

All that works token by token (most of the arithmetic, and all weights that must be read) is shared. Attention runs row
by row over each sequence's own key-values, of whatever length, so nothing is padded, masked or copied when a row joins
or leaves. On processors this is also several times faster than one padded and masked call.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from ragkit._optional import require
from ragkit.models.local.engines.keyvalues import GrowingLayer, SequenceCache

with require(feature="LocalChatModel", package="torch", extra="local"):
    import torch
with require(feature="LocalChatModel", package="transformers", extra="local"):
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.cache_utils import Cache, CacheLayerMixin
    from transformers.integrations.sdpa_attention import sdpa_attention_forward
    from transformers.masking_utils import sdpa_mask

__all__ = ["NotExchangeableError", "PackedCache", "attention_by_row"]

_NAME = "ragkit_rows"


class _Piece(NamedTuple):
    """Where the new tokens of one row lie in the pass, and what they see."""

    start: int
    end: int
    keys: torch.Tensor
    values: torch.Tensor
    mask: torch.Tensor | None


class NotExchangeableError(RuntimeError):
    """The model looks at keys or values itself, so attention cannot be computed row by row in its place."""


class _Pieces:
    """Stands where the model expects keys and values, and must be passed on to attention untouched."""

    def __init__(self) -> None:
        self.rows: list[_Piece] = []

    def __getattr__(self, name: str) -> Any:
        raise NotExchangeableError(f"The model asks keys or values for {name!r}.")

    def __getitem__(self, place: Any) -> Any:
        raise NotExchangeableError("The model takes a part of keys or values.")

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, given: Any = (), options: Any = None) -> Any:
        raise NotExchangeableError(f"The model computes {function} of keys or values.")


class _PackedLayer(CacheLayerMixin):  # type: ignore[no-untyped-call]
    """Hands the new keys and values of each row to that row's own layer."""

    is_sliding = False

    def __init__(self, layers: Sequence[GrowingLayer], counts: Sequence[int], masks: _Masks) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._layers = layers
        self._counts = counts
        self._masks = masks

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Do nothing: the rows' layers allocate."""

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Any, Any]:
        pieces, start = _Pieces(), 0
        for layer, count in zip(self._layers, self._counts, strict=True):
            end = start + count
            keys, values = layer.update(key_states[:, :, start:end], value_states[:, :, start:end])
            if count == 1 and layer.window is not None:
                keys, values = keys[:, :, -layer.window :], values[:, :, -layer.window :]
            mask = self._masks.mask(count, layer, keys.device)
            pieces.rows.append(_Piece(start, end, keys, values, mask))
            start = end
        return pieces, pieces

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return query_length, 0

    def get_seq_length(self) -> int:
        return 0

    def get_max_length(self) -> int:
        return -1


class _Masks:
    """The masks of one pass; layers with the same window share them."""

    def __init__(self) -> None:
        self._made: dict[tuple[int, int, int | None], torch.Tensor] = {}

    def mask(self, count: int, layer: GrowingLayer, device: torch.device) -> torch.Tensor | None:
        """Give the `(1, 1, count, length)` mask of a row's last `count` tokens; None where plain causal order does."""
        narrow = layer.window is not None and layer.length > layer.window
        if count == 1 or (count == layer.length and not narrow):
            return None
        key = (count, layer.length, layer.window if narrow else None)
        if key not in self._made:
            self._made[key] = _mask(*key, device)
        return self._made[key]


def _mask(count: int, length: int, window: int | None, device: torch.device) -> torch.Tensor:
    keys = torch.arange(length, device=device)
    queries = torch.arange(length - count, length, device=device)[:, None]
    seen = keys <= queries
    if window is not None:
        seen &= keys > queries - window
    return seen[None, None]


class PackedCache(Cache):
    """The caches of several rows, seen by the model as one.

    Args:
        rows: What each row remembers.
        counts: New tokens of each row in this pass, each at least 1.
    """

    def __init__(self, rows: Sequence[SequenceCache], counts: Sequence[int]) -> None:
        masks = _Masks()
        by_layer = zip(*(row.rows for row in rows), strict=True)
        super().__init__(layers=[_PackedLayer(layers, counts, masks) for layers in by_layer])


def _attend(
    module: torch.nn.Module, query: torch.Tensor, key: Any, value: Any, attention_mask: Any, **options: Any
) -> tuple[torch.Tensor, None]:
    if not isinstance(key, _Pieces):
        states, _ = sdpa_attention_forward(module, query, key, value, attention_mask, **options)
        return states, None
    attended = [
        sdpa_attention_forward(module, query[:, :, at.start : at.end], at.keys, at.values, at.mask, **options)[0]
        for at in key.rows
    ]
    return torch.cat(attended, dim=1), None


AttentionInterface.register(_NAME, _attend)
AttentionMaskInterface.register(_NAME, sdpa_mask)


@contextmanager
def attention_by_row(configs: Sequence[Any]) -> Iterator[None]:
    """Let the models of these configurations attend row by row; who else uses them meanwhile notices nothing."""
    for config in configs:
        config._attn_implementation = _NAME
    try:
        yield
    finally:
        for config in configs:
            config._attn_implementation = "sdpa"
