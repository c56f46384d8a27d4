"""Small models with random weights of many architectures, and what transformers itself makes of them."""

from __future__ import annotations

import functools
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

pytest.importorskip("torch", reason="the models are built with it")
pytest.importorskip("transformers", reason="the models are built with it")

import torch
import transformers

from ragkit.models.local.engines.batching import BatchingEngine
from ragkit.models.local.engines.decoder import TorchDecoder

VOCABULARY = 96
SMALL = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 256,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
GROUPED = {**SMALL, "num_key_value_heads": 2}
LATENT = {"q_lora_rank": 16, "kv_lora_rank": 16, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 12}
EXPERTS = {"n_routed_experts": 4, "num_experts_per_tok": 2, "n_group": 1, "topk_group": 1, "moe_intermediate_size": 16}
BUILDERS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("Llama", GROUPED),
    "gpt2": ("GPT2", {"vocab_size": VOCABULARY, "n_positions": 256, "n_embd": 32, "n_layer": 2, "n_head": 4}),
    "qwen2": ("Qwen2", GROUPED),
    "qwen2_windowed": ("Qwen2", {**GROUPED, "use_sliding_window": True, "sliding_window": 8, "max_window_layers": 1}),
    "qwen3": ("Qwen3", {**GROUPED, "head_dim": 8}),
    "mistral_windowed": ("Mistral", {**GROUPED, "sliding_window": 8}),
    "gemma": ("Gemma", {**GROUPED, "num_key_value_heads": 1, "head_dim": 8}),
    "gemma2_eager": ("Gemma2", {**GROUPED, "head_dim": 8, "sliding_window": 8, "attn_implementation": "eager"}),
    "gemma3": ("Gemma3", {**GROUPED, "head_dim": 8, "sliding_window": 8}),
    "neox": ("GPTNeoX", SMALL),
    "opt": ("OPT", {**SMALL, "ffn_dim": 48, "word_embed_proj_dim": 32}),
    "bloom": ("Bloom", {"vocab_size": VOCABULARY, "hidden_size": 32, "n_layer": 2, "n_head": 4}),
    "phi3": ("Phi3", GROUPED),
    "mixtral": ("Mixtral", {**GROUPED, "num_local_experts": 4}),
    "deepseek": ("DeepseekV3", {**SMALL, **LATENT, **EXPERTS, "num_key_value_heads": 4, "first_k_dense_replace": 1}),
    "jetmoe": ("JetMoe", {**GROUPED, "kv_channels": 8, "num_local_experts": 2, "num_experts_per_tok": 2}),
    "gptj": (
        "GPTJ",
        {"vocab_size": VOCABULARY, "n_positions": 256, "n_embd": 32, "n_layer": 2, "n_head": 4, "rotary_dim": 4},
    ),
}


def _build(name: str) -> Any:
    family, options = BUILDERS[name]
    config_class = getattr(transformers, "Gemma3TextConfig" if family == "Gemma3" else f"{family}Config")
    model_class = getattr(transformers, family + ("LMHeadModel" if family == "GPT2" else "ForCausalLM"))
    torch.manual_seed(7)
    model = model_class(config_class(**options, tie_word_embeddings=False)).eval()
    with torch.no_grad():
        for weights in model.parameters():  # as small as a new model's, they would make every token equally likely
            if weights.dim() > 1:
                weights.mul_(10)
    return model


@pytest.fixture(scope="session")
def small_model() -> Callable[[str], Any]:
    """Gives the causal model of the named architecture, the same each time."""
    return functools.cache(_build)


@pytest.fixture(scope="session")
def llama(small_model: Callable[[str], Any]) -> Any:
    return small_model("llama")


@pytest.fixture(scope="session")
def prompt_of() -> Callable[[int, int], list[int]]:
    """Gives so many token ids, without the special ones, for a seed."""

    def make(length: int, seed: int) -> list[int]:
        draw = random.Random(seed)
        return [draw.randrange(4, VOCABULARY) for _ in range(length)]

    return make


@pytest.fixture(scope="session")
def reference() -> Callable[..., list[int]]:
    """Gives what transformers generates greedily; nothing ends it early."""

    def make(model: Any, prompt: Sequence[int], count: int, **options: Any) -> list[int]:
        ids = torch.tensor([list(prompt)])
        settings = {"do_sample": False, "max_new_tokens": count, "eos_token_id": None, "pad_token_id": 0, **options}
        with torch.inference_mode():
            out = model.generate(ids, attention_mask=torch.ones_like(ids), **settings)
        return [int(token) for token in out[0, 0 if model.config.is_encoder_decoder else len(prompt) :]]

    return make


@pytest.fixture
def engine_of() -> Iterator[Callable[..., BatchingEngine]]:
    """Makes engines that are closed afterwards; their threads must have ended by then."""
    made: list[BatchingEngine] = []

    def make(model: Any, **options: Any) -> BatchingEngine:
        decoder = model if hasattr(model, "fork") else TorchDecoder(model)
        made.append(BatchingEngine(decoder, **{"end_tokens": (), "context_tokens": 256, **options}))
        return made[-1]

    yield make
    for engine in made:
        engine.close()
    assert [thread.name for thread in threading.enumerate() if thread.name == "ragkit-generation"] == []
