from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("torch", reason="the models are built with it")
pytest.importorskip("transformers", reason="the models are built with it")

import transformers

from ragkit.models.local.engines.batching import BatchingEngine
from ragkit.models.local.engines.choose import context_of, engine_for
from ragkit.models.local.engines.plain import GenerateEngine
from ragkit.models.local.generation import Request

LONGROPE = {
    "rope_type": "longrope",
    "rope_theta": 10_000.0,
    "short_factor": [1.0] * 4,
    "long_factor": [2.0] * 4,
    "original_max_position_embeddings": 64,
}
SMALL = {"vocab_size": 96, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
ODD: dict[str, Callable[[], Any]] = {
    "mamba": lambda: transformers.MambaForCausalLM(
        transformers.MambaConfig(vocab_size=96, hidden_size=16, state_size=4)
    ),
    "jamba": lambda: transformers.JambaForCausalLM(
        transformers.JambaConfig(
            **SMALL, intermediate_size=32, num_key_value_heads=2, attn_layer_period=2, attn_layer_offset=1,
            expert_layer_period=2, num_experts=2, mamba_d_state=4, use_mamba_kernels=False,
        )
    ),
    "recurrent_gemma": lambda: transformers.RecurrentGemmaForCausalLM(
        transformers.RecurrentGemmaConfig(**{**SMALL, "num_hidden_layers": 3}, intermediate_size=48, lru_width=32)
    ),
    "gpt1": lambda: transformers.OpenAIGPTLMHeadModel(
        transformers.OpenAIGPTConfig(vocab_size=96, n_positions=64, n_embd=32, n_layer=2, n_head=4)
    ),
    "rwkv": lambda: transformers.RwkvForCausalLM(
        transformers.RwkvConfig(vocab_size=96, hidden_size=32, num_hidden_layers=2, context_length=64)
    ),
    "t5": lambda: transformers.T5ForConditionalGeneration(
        transformers.T5Config(
            vocab_size=96, d_model=32, d_kv=8, d_ff=48, num_layers=1, num_heads=4, decoder_start_token_id=0
        )
    ),
    "longrope": lambda: transformers.Phi3ForCausalLM(
        transformers.Phi3Config(
            **SMALL, intermediate_size=48, max_position_embeddings=256, original_max_position_embeddings=64,
            rope_parameters=LONGROPE, pad_token_id=0, bos_token_id=1, eos_token_id=2,
        )
    ),
}  # fmt: skip


def test_attention_models_share_batches_and_keep_prefixes(small_model: Callable[[str], Any]) -> None:
    engine = engine_for(small_model("llama"), end_tokens=[2], prefix_bytes=1234, max_batch=3)
    assert isinstance(engine, BatchingEngine)
    assert engine.context_tokens == 256
    assert engine.prefixes.max_bytes == 1234


@pytest.mark.parametrize("name", sorted(ODD))
def test_models_with_other_state_are_left_to_transformers(name: str) -> None:
    model = ODD[name]().eval()
    engine = engine_for(model, end_tokens=[])
    assert isinstance(engine, GenerateEngine)
    assert len(list(engine.start(Request(prompt=[5, 6, 7], max_tokens=3)))) == 3
    engine.close()


@pytest.mark.parametrize(
    ("config", "context"),
    [
        (transformers.LlamaConfig(max_position_embeddings=128), 128),
        (transformers.GPT2Config(n_positions=64), 64),
        (transformers.MptConfig(max_seq_len=32), 32),
        (transformers.BloomConfig(), None),
        (transformers.T5Config(), None),
        (transformers.BartConfig(max_position_embeddings=32), None),
    ],
)
def test_the_context_is_what_the_configuration_states(config: Any, context: int | None) -> None:
    assert context_of(config) == context
