"""The forward pass of a BERT-like encoder as an OpenVINO graph, built from the weights themselves.

Sources: Devlin et al. 2019 (BERT), Liu et al. 2019 (RoBERTa: positions), Song et al. 2020 (MPNet: relative bias),
sentence-transformers' Pooling, Dense and Normalize. No framework exports it: nothing but the weights is needed.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ragkit.embed.engines.families import ACTIVATIONS, Family, family_of, why_unsupported
from ragkit.embed.engines.runtime import ops, ov
from ragkit.embed.weights import Weights, read_folder
from ragkit.errors import ModelFilesError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ragkit.embed.layout import ModelLayout

__all__ = ["Graph", "build_graph"]

_PREFIXES = ("", "bert.", "roberta.", "mpnet.", "distilbert.", "camembert.")


class Graph(NamedTuple):
    """A graph and what it looks at: the weights are shared with it, not copied, and must live as long."""

    model: Any  # Any: openvino ships no types
    weights: tuple[Weights, ...]
    vocabulary: int
    """Rows of the token table; a larger token would be read from beyond it, without a word."""


def build_graph(layout: ModelLayout) -> Graph:
    """Build the graph: `ids` and `mask`, both `(n, length)` int32, to `(n, dim)` float32 unit rows.

    Raises:
        ModelFilesError: If weights are missing or have other names than the family's.
    """
    weights = _strip_prefix(read_folder(layout.transformer))
    try:
        ids = ops.parameter([-1, -1], ov.Type.i32, name="ids")
        mask = ops.parameter([-1, -1], ov.Type.i32, name="mask")
        tokens = _Encoder(layout.config, weights).tokens(ids, mask)
        vector = _pool(tokens, mask, layout.pooling)
        vocabulary = len(weights["embeddings.word_embeddings.weight"])
        dense = [read_folder(layer.folder) for layer in layout.dense]
        for layer, kernel in zip(layout.dense, dense, strict=True):
            vector = _dense(vector, kernel, layer.activation)
    except KeyError as error:
        raise ModelFilesError(
            f"{layout.transformer} has no weight named {error}: expected those of a "
            f"{layout.config.get('model_type')} encoder; fetch the model again or choose engine sentence-transformers."
        ) from error
    unit = ops.normalize_l2(vector, ops.constant(np.array([1])), 1e-12, "MAX")
    return Graph(ov.Model([unit], [ids, mask], "sentence_encoder"), (weights, *dense), vocabulary)


class _Encoder:
    """One model's layers; each method adds nodes and gives the last."""

    def __init__(self, config: Mapping[str, Any], weights: Weights) -> None:
        family = family_of(config)
        if family is None:
            raise ModelFilesError(f"no graph for {why_unsupported(config)}: choose engine sentence-transformers.")
        self.family: Family = family
        self.config = config
        self.weights = weights
        self.width, self.layers, self.heads = (int(config[name]) for name in family.config_names)
        self.epsilon = float(config.get("layer_norm_eps", 1e-12))

    def tokens(self, ids: Any, mask: Any) -> Any:
        """Give the last hidden states: `(n, length, width)`."""
        states = self._norm(self._embed(ids, mask), "embeddings.LayerNorm")
        visible = self._attention_mask(ids, mask)
        for number in range(self.layers):
            states = self._layer(states, visible, self.family.layer.format(number))
        return states

    def _embed(self, ids: Any, mask: Any) -> Any:
        table = self.weights["embeddings.position_embeddings.weight"]
        if "embeddings.token_type_embeddings.weight" in self.weights:  # every token is of type 0: added once, here
            table = table + self.weights["embeddings.token_type_embeddings.weight"][0]
        words = ops.gather(_shared(self.weights["embeddings.word_embeddings.weight"]), ids, _axis(0))
        return ops.add(words, ops.gather(ops.constant(table), self._positions(ids), _axis(0)))

    def _positions(self, ids: Any) -> Any:
        if not self.family.positions_after_padding:
            return ops.range(ops.constant(0), _length(ids), ops.constant(1), "i32")
        # A "<pad>" written in a text is a padding token to RoBERTa too: it takes no position of its own.
        padding = int(self.config.get("pad_token_id", 1))
        real = ops.convert(ops.not_equal(ids, ops.constant(np.int32(padding))), "i32")
        return ops.add(ops.multiply(ops.cum_sum(real, _axis(1)), real), ops.constant(np.int32(padding)))

    def _attention_mask(self, ids: Any, mask: Any) -> Any:
        """Give what is added to the attention, `(n, 1 or heads, 1 or length, length)`; finite in bf16 too."""
        padding = ops.subtract(ops.constant(np.float32(1)), ops.convert(mask, "f32"))
        hidden = ops.unsqueeze(ops.multiply(padding, ops.constant(np.float32(-1e9))), ops.constant(np.array([1, 2])))
        if not self.family.relative_bias:
            return hidden
        limit = int(self.config["max_position_embeddings"])
        buckets = _relative_buckets(limit, int(self.config.get("relative_attention_num_buckets", 32)))
        bias = self.weights["encoder.relative_attention_bias.weight"][buckets].transpose(2, 0, 1)[None]
        length = ops.unsqueeze(_length(ids), ops.constant(0))
        start, step = ops.constant(np.array([0, 0])), ops.constant(np.array([1, 1]))
        stop = ops.concat([length, length], 0)
        near = ops.slice(
            ops.constant(np.ascontiguousarray(bias)),
            start,
            ops.convert(stop, "i64"),
            step,
            ops.constant(np.array([2, 3])),
        )
        return ops.add(near, hidden)

    def _layer(self, states: Any, visible: Any, prefix: str) -> Any:
        names = self.family
        query, key, value = (
            self._heads(self._linear(states, prefix + name)) for name in (names.query, names.key, names.value)
        )
        mixed = ops.scaled_dot_product_attention(query, key, value, visible)
        joined = ops.reshape(ops.transpose(mixed, _order(0, 2, 1, 3)), _order(0, 0, self.width), True)
        attended = self._linear(joined, prefix + names.attention_out)
        states = self._norm(ops.add(states, attended), prefix + names.attention_norm)
        wide = self._activate(self._linear(states, prefix + names.wide))
        return self._norm(ops.add(states, self._linear(wide, prefix + names.narrow)), prefix + names.out_norm)

    def _heads(self, states: Any) -> Any:
        split = ops.reshape(states, _order(0, 0, self.heads, self.width // self.heads), True)
        return ops.transpose(split, _order(0, 2, 1, 3))

    def _linear(self, states: Any, name: str) -> Any:
        return _affine(states, self.weights[name + ".weight"], self.weights[name + ".bias"])

    def _norm(self, states: Any, name: str) -> Any:
        even = ops.mvn(states, _axis(-1), True, self.epsilon, "INSIDE_SQRT")
        scaled = ops.multiply(even, ops.constant(self.weights[name + ".weight"][None, None]))
        return ops.add(scaled, ops.constant(self.weights[name + ".bias"][None, None]))

    def _activate(self, states: Any) -> Any:
        kind = ACTIVATIONS[str(self.config.get(self.family.activation_name, "gelu"))]
        if kind in ("relu", "silu"):
            return ops.relu(states) if kind == "relu" else ops.swish(states)
        return ops.gelu(states, kind)


def _pool(tokens: Any, mask: Any, modes: tuple[str, ...]) -> Any:
    """Give one vector a row, `(n, width x modes)`; padding takes no part. Source: sentence-transformers' Pooling."""
    column = ops.unsqueeze(ops.convert(mask, "f32"), ops.constant(2))
    parts = [_pool_one(tokens, column, mode) for mode in modes]
    return parts[0] if len(parts) == 1 else ops.concat(parts, 1)


def _pool_one(tokens: Any, column: Any, mode: str) -> Any:
    if mode == "cls":
        return ops.gather(tokens, ops.constant(0), _axis(1))
    if mode == "max":
        hidden = ops.multiply(ops.subtract(ops.constant(np.float32(1)), column), ops.constant(np.float32(-1e9)))
        return ops.reduce_max(ops.add(tokens, hidden), ops.constant(1))
    total = ops.reduce_sum(ops.multiply(tokens, column), ops.constant(1))
    count = ops.maximum(ops.reduce_sum(column, ops.constant(1)), ops.constant(np.float32(1e-9)))
    return ops.divide(total, count if mode == "mean" else ops.sqrt(count))


def _dense(vector: Any, weights: Weights, activation: str) -> Any:
    kernel = weights["linear.weight"]
    bias = weights.get("linear.bias", np.zeros(kernel.shape[0], dtype=np.float32))
    out = ops.add(ops.matmul(vector, ops.constant(kernel), False, True), ops.constant(bias[None]))
    act = {"Tanh": ops.tanh, "ReLU": ops.relu, "Sigmoid": ops.sigmoid, "SiLU": ops.swish}.get(activation)
    if activation == "GELU":
        return ops.gelu(out, "ERF")
    return act(out) if act else out


def _relative_buckets(length: int, count: int, max_distance: int = 128) -> NDArray[np.int64]:
    """Give the bucket of each pair (query, key). Source: MPNet's `relative_position_bucket` (T5's, both directions)."""
    distance = np.arange(length)[:, None] - np.arange(length)[None, :]
    half = count // 2
    exact = half // 2
    size = np.abs(distance)
    with np.errstate(divide="ignore"):
        scaled = np.log(size.astype(np.float32) / exact) / math.log(max_distance / exact) * (half - exact)
    far = np.minimum(exact + np.where(size < exact, 0, scaled).astype(np.int64), half - 1)
    return np.where(distance < 0, half, 0) + np.where(size < exact, size, far)


def _affine(states: Any, kernel: NDArray[np.float32], bias: NDArray[np.float32]) -> Any:
    return ops.add(ops.matmul(states, _shared(kernel), False, True), ops.constant(bias[None, None]))


def _shared(values: NDArray[np.float32]) -> Any:
    """Look at the mapped file: 50 ms and the size of the weights less than a copy of them."""
    return ops.constant(values, shared_memory=True)


def _axis(number: int) -> Any:
    return ops.constant(np.array([number])) if number < 0 else ops.constant(number)


def _order(*numbers: int) -> Any:
    return ops.constant(np.array(numbers))


def _length(ids: Any) -> Any:
    """Give the number of columns, as a scalar."""
    return ops.gather(ops.shape_of(ids, "i32"), ops.constant(1), ops.constant(0))


def _strip_prefix(weights: Weights) -> Weights:
    """Undo the name that a model saved with a task head puts before its encoder."""
    for prefix in _PREFIXES:
        if prefix + "embeddings.word_embeddings.weight" in weights:
            return {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
    return weights
