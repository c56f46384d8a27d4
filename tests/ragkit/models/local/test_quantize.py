"""Weights in 8 and 4 bits: how exact, how small, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from ragkit.errors import ConfigError
from ragkit.models.local.quantize import Int4Linear, Int8Linear, quantized

KINDS = [Int8Linear, Int4Linear]


def layer(inputs: int, outputs: int, *, bias: bool = False, seed: int = 0) -> torch.nn.Linear:
    torch.manual_seed(seed)
    return torch.nn.Linear(inputs, outputs, bias=bias)


def relative_error(found: torch.Tensor, true: torch.Tensor) -> float:
    return float((found.detach().float() - true).norm() / true.norm())


def llama(**sizes: int) -> Any:
    torch.manual_seed(0)
    shape = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2}
    return LlamaForCausalLM(LlamaConfig(vocab_size=100, **{**shape, **sizes})).eval()


@pytest.mark.parametrize("rows", [1, 8, 33, 100])
@pytest.mark.parametrize(("kind", "bound"), [(Int8Linear, 0.02), (Int4Linear, 0.12)])
def test_the_product_differs_by_the_rounding_of_the_weight(
    kind: type[torch.nn.Module], bound: float, rows: int
) -> None:
    exact = layer(64, 128, bias=True)
    states = torch.randn(2, rows, 64)
    found = kind(exact)(states)  # type: ignore[call-arg]
    assert found.shape == (2, rows, 128)
    assert found.dtype == torch.float32
    assert relative_error(found, exact(states).detach()) < bound


@pytest.mark.parametrize(("inputs", "outputs"), [(1, 1), (7, 3), (33, 65), (100, 17)])
def test_8_bits_take_any_shape(inputs: int, outputs: int) -> None:
    exact = layer(inputs, outputs)
    states = torch.randn(5, inputs)
    assert relative_error(Int8Linear(exact)(states), exact(states).detach()) < 0.03


@pytest.mark.parametrize(("inputs", "outputs", "fits"), [(32, 64, True), (48, 64, False), (64, 80, False)])
def test_4_bits_take_whole_groups_only(inputs: int, outputs: int, fits: bool) -> None:
    assert Int4Linear.fits(layer(inputs, outputs)) is fits


@pytest.mark.parametrize("kind", KINDS)
def test_a_weight_of_zeros_gives_zeros(kind: type[torch.nn.Module]) -> None:
    empty = layer(64, 64)
    torch.nn.init.zeros_(empty.weight)
    assert kind(empty)(torch.randn(3, 64)).abs().max() < 1e-6  # type: ignore[call-arg]


@pytest.mark.parametrize("kind", KINDS)
def test_weights_that_are_steps_already_are_kept(kind: type[torch.nn.Module]) -> None:
    exact = layer(32, 64)
    levels = torch.arange(32) % 16 - 8 if kind is Int4Linear else torch.arange(32) * 8 - 127
    levels[-1] = 7 if kind is Int4Linear else 127
    with torch.no_grad():
        exact.weight.copy_(levels.float().expand(64, 32))
    states = torch.eye(32)
    assert torch.equal(kind(exact)(states), exact(states).detach())  # type: ignore[call-arg]


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_is_the_same_whoever_shares_the_batch(kind: type[torch.nn.Module]) -> None:
    small = kind(layer(64, 64))  # type: ignore[call-arg]
    states = torch.randn(8, 64)
    states[1:] *= 1000
    assert torch.allclose(small(states)[0], small(states[:1])[0], rtol=0.02, atol=1e-3)


@pytest.mark.parametrize(("kind", "inner"), [("int8", Int8Linear), ("int4", Int4Linear)])
def test_every_layer_of_a_model_is_replaced_and_the_head_keeps_8_bits(kind: Any, inner: type) -> None:
    model = quantized(llama(), kind)
    assert not [name for name, module in model.named_modules() if type(module) is torch.nn.Linear]
    assert type(model.model.layers[0].mlp.up_proj) is inner
    assert type(model.lm_head) is Int8Linear


def test_a_layer_that_4_bits_cannot_take_gets_8() -> None:
    model = quantized(llama(intermediate_size=72), "int4")
    assert type(model.model.layers[0].mlp.up_proj) is Int8Linear
    assert type(model.model.layers[0].self_attn.q_proj) is Int4Linear


@pytest.mark.parametrize(("kind", "bound"), [("int8", 0.05), ("int4", 0.5)])
def test_a_small_model_says_nearly_the_same(kind: Any, bound: float) -> None:
    exact, ids = llama(), torch.arange(40)[None]
    with torch.inference_mode():
        true = exact(ids).logits
        found = quantized(exact, kind)(ids).logits
    assert relative_error(found, true) < bound


@pytest.mark.parametrize(("kind", "share"), [("int8", 0.30), ("int4", 0.20)])
def test_weights_are_that_much_smaller(kind: Any, share: float) -> None:
    def held(module: Any) -> int:
        return sum(part.nbytes for part in [*module.parameters(), *module.buffers()])

    layer_of = llama().model.layers[0]
    before = held(layer_of.mlp)
    assert held(quantized(llama(), kind).model.layers[0].mlp) <= share * before


def test_another_device_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"quantize='int8' computes on the processor only, and the model is on meta"):
        quantized(llama().to("meta"), "int8")


def test_a_model_without_linear_layers_is_refused() -> None:
    model = GPT2LMHeadModel(GPT2Config(vocab_size=50, n_embd=16, n_layer=1, n_head=2))
    model.lm_head = torch.nn.Identity()
    with pytest.raises(ConfigError, match=r"GPT2LMHeadModel has no plain linear layers, so quantize='int4' would"):
        quantized(model, "int4")


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"quantize must be int8, int4 or None, got 'int2'"):
        quantized(llama(), "int2")  # type: ignore[arg-type]
