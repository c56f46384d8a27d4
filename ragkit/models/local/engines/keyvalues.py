"""The key-values of one sequence, written in place: a step copies nothing that was there before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ragkit._optional import require

with require(feature="LocalChatModel", package="torch", extra="local"):
    import torch
with require(feature="LocalChatModel", package="transformers", extra="local"):
    from transformers.cache_utils import Cache, CacheLayerMixin

__all__ = ["GrowingLayer", "SequenceCache"]


class GrowingLayer(CacheLayerMixin):  # type: ignore[no-untyped-call]
    """Keys and values of one layer, in buffers with room to grow.

    transformers' own layers concatenate at each step, which copies the whole context for one token. A sliding-window
    layer keeps all its tokens here, because a prefix may be cut anywhere; the model's mask still hides the old ones.

    Args:
        room: Tokens to allocate for at first.
        window: Tokens that a query of this layer looks back on, itself included; None for all.
    """

    is_sliding = False
    is_croppable = False

    def __init__(self, room: int, window: int | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.length = 0
        self.window = window
        self._room = room
        self._keys: torch.Tensor
        self._values: torch.Tensor

    @property
    def nbytes(self) -> int:
        """Bytes of the buffers, spare room included."""
        held = (self._keys, self._values) if self.is_initialized else ()
        return sum(states.untyped_storage().nbytes() for states in held)

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Allocate the buffers once shapes, dtype and device are known."""
        self.dtype, self.device = key_states.dtype, key_states.device
        self._keys = _buffer(key_states, self._room)
        self._values = _buffer(value_states, self._room)
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append `(1, heads, n, dim)` states and give views of all: `(1, heads, length, dim)`."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        start, self.length = self.length, self.length + key_states.shape[-2]
        if self.length > self._keys.shape[-2]:
            # An eighth more: the copies of a growing sequence add up to less than nine times its size.
            self._reallocate(start, self.length + self.length // 8 + 16)
        self._keys[:, :, start : self.length].copy_(key_states)
        self._values[:, :, start : self.length].copy_(value_states)
        return self._keys[:, :, : self.length], self._values[:, :, : self.length]

    def fork(self, length: int, room: int) -> GrowingLayer:
        """Give a copy of the first `length` tokens that shares nothing with this layer."""
        layer = GrowingLayer(room, self.window)
        layer.update(self._keys[:, :, :length], self._values[:, :, :length])
        return layer

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Give the number of keys that a query of `query_length` new tokens meets, and the position of the first."""
        return self.length + query_length, 0

    def get_seq_length(self) -> int:
        """Give the number of tokens held."""
        return self.length

    def get_max_length(self) -> int:
        """Say that there is no limit."""
        return -1

    def _reallocate(self, length: int, room: int) -> None:
        keys, values = _buffer(self._keys, room), _buffer(self._values, room)
        keys[:, :, :length].copy_(self._keys[:, :, :length])
        values[:, :, :length].copy_(self._values[:, :, :length])
        self._keys, self._values = keys, values


def _buffer(states: torch.Tensor, room: int) -> torch.Tensor:
    rows, heads, length, dim = states.shape
    return states.new_empty((rows, heads, max(room, length), dim))


class SequenceCache(Cache):
    """What a torch model remembers of one sequence; a transformers cache that the model writes to.

    Args:
        layers: One for each layer of the model.
    """

    def __init__(self, layers: Sequence[GrowingLayer]) -> None:
        super().__init__(layers=list(layers))
        self.rows = list(layers)

    @property
    def length(self) -> int:
        """Tokens held."""
        return self.rows[0].length

    @property
    def nbytes(self) -> int:
        """Bytes of storage held, spare room included."""
        return sum(layer.nbytes for layer in self.rows)

    def cut(self, length: int) -> None:
        """Forget what comes after the first `length` tokens."""
        for layer in self.rows:
            layer.length = min(layer.length, length)

    def fork(self, length: int, room: int) -> SequenceCache:
        """Give a copy of the first `length` tokens, with room for `room`."""
        return SequenceCache([layer.fork(length, room) for layer in self.rows])
