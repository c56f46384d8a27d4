"""Packed linear layers compute what torch's own compute."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from ragkit.models.local.onednn import PackedLinear, can_pack, pack


def llama(*, tied: bool = False) -> Any:
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
    return LlamaForCausalLM(LlamaConfig(vocab_size=90, tie_word_embeddings=tied, **shape)).eval()


@pytest.mark.parametrize("rows", [1, 2, 8, 100])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-2)])
def test_a_packed_layer_gives_the_same_up_to_rounding(
    dtype: torch.dtype, tolerance: float, bias: bool, rows: int
) -> None:
    torch.manual_seed(rows)
    plain = torch.nn.Linear(48, 33, bias=bias).to(dtype)
    states = torch.randn(2, rows, 48, dtype=dtype)
    with torch.inference_mode():
        found, true = PackedLinear(plain)(states), plain(states)
    assert found.dtype == dtype
    assert torch.allclose(found, true, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("tied", [False, True])
def test_a_packed_model_generates_the_same_tokens(tied: bool) -> None:
    ids = torch.tensor([[5, 6, 7, 8]])
    options = {"max_new_tokens": 20, "do_sample": False, "pad_token_id": 0}
    true = llama(tied=tied).generate(ids, **options)
    assert torch.equal(pack(llama(tied=tied)).generate(ids, **options), true)


def test_every_linear_layer_is_packed_and_the_input_table_stays() -> None:
    model = pack(llama(tied=True))
    assert not [name for name, module in model.named_modules() if type(module) is torch.nn.Linear]
    assert type(model.lm_head) is PackedLinear
    assert model.get_input_embeddings().weight.shape == (90, 32)


def test_a_model_that_is_not_on_the_processor_stays_as_it_is() -> None:
    model = llama().to("meta")
    assert not can_pack(model)
    assert type(pack(model).lm_head) is torch.nn.Linear


def test_a_model_in_float16_stays_as_it_is() -> None:
    assert type(pack(llama().to(torch.float16)).lm_head) is torch.nn.Linear


def test_a_derived_layer_stays_as_it_is() -> None:
    class Adapted(torch.nn.Linear):
        pass

    model = llama()
    model.lm_head = Adapted(32, 90)
    assert type(pack(model).lm_head) is Adapted
