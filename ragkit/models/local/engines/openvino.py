"""A causal model as an OpenVINO graph, behind the seam of torch: one sequence after the other, each with its state.

The graph is traced from the model that torch has loaded and compiled for the processor, in bfloat16 where it has that
and the model is in it. Each sequence is a request whose state is its keys and values, which OpenVINO grows in place.

Against torch with packed weights (`onednn.py`) on 144 million random parameters, one thread, AMD with AVX512-BF16: a
step takes the same time in float32 and 0.75 of it in bfloat16, 512 tokens of prompt 0.9 and 0.85. Rows of a batch are
computed in turn, so that callers at once gain nothing over one after another: this engine is for one caller at a time.
Conversion takes seconds; afterwards the weights are there about twice, torch's and those laid out by OpenVINO.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple, cast

import numpy as np

from ragkit._optional import require
from ragkit.errors import ConfigError
from ragkit.models.local.engines.batching import BatchingEngine
from ragkit.models.local.engines.choose import context_of, moves_positions
from ragkit.models.local.engines.decoder import plain_windows
from ragkit.models.local.generation import Engine

with require(feature="engine='openvino'", package="torch", extra="local"):
    import torch
with require(feature="engine='openvino'", package="transformers", extra="local"):
    from transformers.cache_utils import Cache, CacheLayerMixin

_MODULES = cast("dict[str, Any]", sys.modules)
if "openvino_telemetry" not in _MODULES:
    _MODULES["openvino_telemetry"] = None  # it would write into the home folder and talk to the network

import openvino as ov  # noqa: E402 - after what must be kept out
from openvino.passes import MakeStateful, Manager  # noqa: E402
from openvino.tools.ovc import convert_model  # noqa: E402

__all__ = ["OpenVinoDecoder", "openvino_engine"]


def openvino_engine(
    model: Any, *, end_tokens: Collection[int], prefix_bytes: int = 1 << 30, max_batch: int = 8
) -> Engine:
    """Give an engine that computes `model` with OpenVINO; the arguments are those of `engine_for`.

    Raises:
        ConfigError: If the model is not of plain attention over all that came before, or not on the CPU.
    """
    return BatchingEngine(
        OpenVinoDecoder(model),
        end_tokens=end_tokens,
        context_tokens=context_of(model.config),
        prefix_bytes=prefix_bytes,
        max_batch=max_batch,
    )


class _Sequence:
    """One sequence: a request with its state."""

    def __init__(self, request: Any, bytes_a_token: int) -> None:
        self.request = request
        self.length = 0
        self._bytes_a_token = bytes_a_token

    @property
    def nbytes(self) -> int:
        """Bytes that the tokens take; OpenVINO does not tell what room it spares beside them."""
        return self.length * self._bytes_a_token


class _Shape(NamedTuple):
    """Of the keys and values of one layer."""

    heads: int
    dim: int


class OpenVinoDecoder:
    """Computes logits with OpenVINO; see `Decoder`.

    Args:
        model: A transformers causal model on the CPU, in evaluation mode, in float32 or bfloat16; kept, because the
            graph shares its weights.

    Raises:
        ConfigError: If the model is not of plain attention over all that came before.
    """

    def __init__(self, model: Any) -> None:
        _check(model)
        self._vocabulary = int(model.get_input_embeddings().num_embeddings)
        precision = "bf16" if model.dtype == torch.bfloat16 and _has_bf16() else "f32"
        settings = {
            "INFERENCE_PRECISION_HINT": precision,
            "KV_CACHE_PRECISION": precision,
            "PERFORMANCE_HINT": "LATENCY",
        }
        shapes = _shapes(model)
        self._model = model  # the graph looks at its weights: without them it would read freed memory
        self._compiled = ov.Core().compile_model(_graph(model, shapes), "CPU", settings)
        self._bytes_a_token = 2 * (2 if precision == "bf16" else 4) * sum(one.heads * one.dim for one in shapes)

    @property
    def vocabulary(self) -> int:
        """Number of token ids that the model embeds."""
        return self._vocabulary

    def empty(self, room: int) -> _Sequence:
        """Begin a sequence."""
        return _Sequence(self._compiled.create_infer_request(), self._bytes_a_token)

    def fork(self, kept: _Sequence, length: int, room: int) -> _Sequence:
        """Copy the first `length` tokens."""
        copy = self.empty(room)
        of = {state.name: state for state in kept.request.query_state()}
        for state in copy.request.query_state():
            values = of[state.name].state.data
            state.state = ov.Tensor(np.ascontiguousarray(values[:, :, :length]))
        copy.length = length
        return copy

    def forward(self, rows: Sequence[_Sequence], tokens: Sequence[Sequence[int]]) -> torch.Tensor:
        """Append tokens to sequences and give `(rows, vocabulary)` float32 logits after each row's last one."""
        return torch.cat([self._pass(row, piece) for row, piece in zip(rows, tokens, strict=True)])

    def _pass(self, row: _Sequence, tokens: Sequence[int]) -> torch.Tensor:
        positions = np.arange(row.length, row.length + len(tokens), dtype=np.int64)[None]
        found = row.request.infer({"ids": np.asarray([tokens], dtype=np.int64), "positions": positions})
        row.length += len(tokens)
        return torch.from_numpy(np.array(found[0], dtype=np.float32))


def _has_bf16() -> bool:
    return "BF16" in ov.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


class _JoinedLayer(CacheLayerMixin):  # type: ignore[no-untyped-call]  # transformers ships few types
    """The past as a tensor, and what the pass appends to it, as tracing can follow."""

    is_sliding = False

    def __init__(self, keys: torch.Tensor, values: torch.Tensor) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.keys: torch.Tensor = keys
        self.values: torch.Tensor = values
        self.is_initialized = True

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Do nothing: there always is a past, if an empty one."""

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        self.keys = torch.cat([self.keys, key_states], dim=-2)
        self.values = torch.cat([self.values, value_states], dim=-2)
        return self.keys, self.values

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.keys.shape[-2] + query_length, 0

    def get_seq_length(self) -> int:
        return self.keys.shape[-2]

    def get_max_length(self) -> int:
        return -1


class _Traced(torch.nn.Module):
    """The model as a function of tensors alone."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: torch.Tensor, positions: torch.Tensor, *past: torch.Tensor) -> tuple[torch.Tensor, ...]:
        layers: list[Any] = [_JoinedLayer(keys, values) for keys, values in zip(past[::2], past[1::2], strict=True)]
        places = torch.arange(past[0].shape[2] + ids.shape[1])[None]
        seen = (places[:, None] <= positions[..., None])[:, None]
        logits = self.model(
            input_ids=ids, attention_mask=seen, position_ids=positions, past_key_values=Cache(layers=layers),
            use_cache=True, logits_to_keep=1,
        ).logits  # fmt: skip
        return (logits[:, -1].float(), *(part for layer in layers for part in (layer.keys, layer.values)))


def _check(model: Any) -> None:
    windows = plain_windows(model.config)
    if windows is None or any(window is not None for window in windows) or moves_positions(model.config):
        raise ConfigError(
            "engine='openvino' computes models of plain attention over the whole text, and "
            f"{type(model).__name__} with these settings is none: choose engine='torch'."
        )
    if model.device.type != "cpu" or model.dtype not in (torch.float32, torch.bfloat16):
        raise ConfigError(
            "engine='openvino' computes on the processor in float32 or bfloat16, and the model is on "
            f"{model.device} in {model.dtype}: choose device='cpu' and dtype='auto', or engine='torch'."
        )


def _shapes(model: Any) -> list[_Shape]:
    """Learn the shape of each layer's keys by a pass over one token."""
    with torch.inference_mode():
        layers = model(input_ids=torch.zeros((1, 1), dtype=torch.int64), use_cache=True).past_key_values.layers
    return [_Shape(layer.keys.shape[1], layer.keys.shape[3]) for layer in layers]


def _graph(model: Any, shapes: Sequence[_Shape]) -> Any:
    past = [torch.zeros((1, one.heads, 3, one.dim), dtype=model.dtype) for one in shapes for _ in range(2)]
    ids, positions = torch.zeros((1, 2), dtype=torch.int64), torch.tensor([[3, 4]])
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on what tracing fixes: nothing here depends on lengths but through tensors
        graph = convert_model(_Traced(model).eval(), example_input=(ids, positions, *past))
    names = [f"past.{number}" for number in range(len(past))]
    for port, name in zip(graph.inputs, ["ids", "positions", *names], strict=True):
        port.get_tensor().set_names({name})
    for port, name in zip(graph.outputs[1:], names, strict=True):
        port.get_tensor().set_names({f"{name}.new"})
    shape_of = {"ids": [1, -1], "positions": [1, -1]}
    for number, one in enumerate(one for one in shapes for _ in range(2)):
        shape_of[f"past.{number}"] = [1, one.heads, -1, one.dim]
    graph.reshape({name: ov.PartialShape(shape) for name, shape in shape_of.items()})
    manager = Manager()
    manager.register_pass(MakeStateful({name: f"{name}.new" for name in names}))
    manager.run_passes(graph)
    return graph
