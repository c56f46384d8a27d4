"""OpenVINO computes what torch computes: logits, tokens, copies; and refuses what it cannot."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    GPT2Config,
    LlamaConfig,
    LlamaForCausalLM,
    MambaConfig,
    MistralConfig,
    Qwen2Config,
    Qwen3Config,
)

from ragkit.errors import ConfigError
from ragkit.models.local.engines.decoder import TorchDecoder
from ragkit.models.local.engines.openvino import OpenVinoDecoder, openvino_engine
from ragkit.models.local.generation import Request

SIZES: dict[str, Any] = {
    "vocab_size": 97,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "initializer_range": 0.3,
}
CONFIGS = {
    "llama": LlamaConfig(**SIZES),
    "qwen2": Qwen2Config(**SIZES),
    "qwen3": Qwen3Config(**SIZES, head_dim=8),
    "gpt2": GPT2Config(vocab_size=97, n_embd=32, n_layer=2, n_head=4, initializer_range=0.3),
}


def made(config: Any) -> Any:
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(config).eval()


@pytest.fixture(scope="module")
def llama() -> tuple[Any, OpenVinoDecoder]:
    model = made(CONFIGS["llama"])
    return model, OpenVinoDecoder(model)


@pytest.mark.parametrize("name", CONFIGS)
def test_logits_are_those_of_torch_in_pieces_of_any_length(name: str) -> None:
    model = made(CONFIGS[name])
    ours, theirs = OpenVinoDecoder(model), TorchDecoder(model)
    mine, their = ours.empty(20), theirs.empty(20)
    for piece in ([5, 6, 7, 8, 9], [10], [11], [12, 13, 14], [15]):
        found, true = ours.forward([mine], [piece]), theirs.forward([their], [piece])
        assert found.shape == (1, 97)
        assert torch.allclose(found, true, atol=1e-4)
    assert mine.length == 11


def test_a_copy_goes_its_own_way_and_the_original_goes_on(llama: tuple[Any, OpenVinoDecoder]) -> None:
    model, ours = llama
    theirs = TorchDecoder(model)
    mine, their = ours.empty(10), theirs.empty(10)
    ours.forward([mine], [[5, 6, 7, 8]])
    theirs.forward([their], [[5, 6, 7, 8]])
    for row, other in (
        (ours.fork(mine, 2, 10), theirs.fork(their, 2, 10)),
        (ours.fork(mine, 4, 10), theirs.fork(their, 4, 10)),
        (mine, their),
    ):
        for piece in ([9], [20, 21]):
            found, true = ours.forward([row], [piece]), theirs.forward([other], [piece])
            assert torch.allclose(found, true, atol=1e-4)


def test_rows_of_a_pass_are_computed_apart(llama: tuple[Any, OpenVinoDecoder]) -> None:
    _, ours = llama
    alone = [ours.forward([ours.empty(3)], [piece]) for piece in ([1, 2, 3], [4])]
    together = ours.forward([ours.empty(3), ours.empty(1)], [[1, 2, 3], [4]])
    assert torch.equal(together, torch.cat(alone))


def test_bytes_are_those_of_the_tokens_held(llama: tuple[Any, OpenVinoDecoder]) -> None:
    row = llama[1].empty(10)
    assert row.nbytes == 0
    llama[1].forward([row], [[1, 2, 3]])
    assert row.nbytes == 3 * 2 * 2 * 2 * 8 * 4  # tokens, layers, keys and values, heads, width, bytes


def test_the_engine_generates_what_transformers_generates_with_and_without_a_kept_prefix() -> None:
    model = made(CONFIGS["llama"])
    prompt = [5, 6, 7, 8]
    options = {"max_new_tokens": 12, "do_sample": False, "eos_token_id": None, "pad_token_id": 0}
    true = model.generate(torch.tensor([prompt]), **options)[0, 4:].tolist()
    engine = openvino_engine(model, end_tokens=[])
    try:
        assert list(engine.start(Request(prompt=prompt, max_tokens=12))) == true
        with ThreadPoolExecutor(4) as pool:
            requests = [Request(prompt=[*prompt, *true[:4]], max_tokens=8)] * 4
            assert list(pool.map(lambda one: list(engine.start(one)), requests)) == [true[4:]] * 4
        again = engine.start(Request(prompt=[*prompt, *true], max_tokens=1))
        assert len(list(again)) == 1
        assert again.cached_tokens > 0
    finally:
        engine.close()


def test_bfloat16_is_near_float32_and_the_weights_stay_when_nobody_else_holds_the_model() -> None:
    model = made(CONFIGS["llama"])
    exact = OpenVinoDecoder(model)
    true = exact.forward([exact.empty(4)], [[5, 6, 7]])
    half = OpenVinoDecoder(made(CONFIGS["llama"]).to(torch.bfloat16))
    found = half.forward([half.empty(4)], [[5, 6, 7]])
    assert float((found - true).norm() / true.norm()) < 0.05


@pytest.mark.parametrize(
    "config",
    [
        MistralConfig(**SIZES, sliding_window=8),
        MambaConfig(vocab_size=97, hidden_size=16, num_hidden_layers=1, state_size=4),
        LlamaConfig(**SIZES, rope_parameters={"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0}),
    ],
    ids=["window", "state space", "moving positions"],
)
def test_other_models_are_refused(config: Any) -> None:
    with pytest.raises(ConfigError, match=r"with these settings is none: choose engine='torch'"):
        OpenVinoDecoder(made(config))


def test_another_device_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"the model is on meta in torch.float32: choose device='cpu'"):
        OpenVinoDecoder(LlamaForCausalLM(CONFIGS["llama"]).to("meta"))
