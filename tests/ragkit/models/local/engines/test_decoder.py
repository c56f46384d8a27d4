"""Whatever the architecture, whoever shares the batch, whatever was kept: the tokens are transformers' own."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

import pytest

pytest.importorskip("torch", reason="the models are built with it")
pytest.importorskip("transformers", reason="the models are built with it")

import torch
import transformers

from ragkit.models.local.engines.batching import BatchingEngine
from ragkit.models.local.engines.decoder import TorchDecoder, plain_windows
from ragkit.models.local.engines.packed import NotExchangeableError, PackedCache
from ragkit.models.local.generation import Request

TOGETHER = [
    "llama", "gpt2", "qwen2", "qwen2_windowed", "qwen3", "mistral_windowed", "gemma", "gemma3", "neox", "opt", "phi3",
    "mixtral", "deepseek",
]  # fmt: skip
IN_TURN = ["gemma2_eager", "bloom", "gptj"]
SEEN_TO_BE_IN_TURN = ["jetmoe"]

Build = Callable[[str], Any]
Prompt = Callable[[int, int], list[int]]
Reference = Callable[..., list[int]]
EngineOf = Callable[..., BatchingEngine]


@pytest.mark.parametrize("name", TOGETHER)
def test_rows_share_passes_where_attention_can_be_exchanged(name: str, small_model: Build) -> None:
    assert TorchDecoder(small_model(name)).shares_passes


@pytest.mark.parametrize("name", IN_TURN)
def test_other_models_compute_rows_in_turn(name: str, small_model: Build) -> None:
    assert not TorchDecoder(small_model(name)).shares_passes


def test_a_model_that_looks_at_its_keys_is_seen_to_compute_in_turn(small_model: Build, prompt_of: Prompt) -> None:
    model, texts = small_model("jetmoe"), [prompt_of(9, 0), prompt_of(4, 1)]
    decoder = TorchDecoder(model)
    rows = [decoder.empty(16), decoder.empty(16)]
    assert decoder.shares_passes
    decoder.forward(rows[:1], [texts[0][:5]])
    logits = decoder.forward(rows, [texts[0][5:], texts[1]])
    assert not decoder.shares_passes
    with torch.inference_mode():
        for text, found in zip(texts, logits, strict=True):
            torch.testing.assert_close(found, model(torch.tensor([text])).logits[0, -1], rtol=1e-3, atol=2e-3)


@pytest.mark.parametrize(
    "use", [lambda keys: keys.shape, lambda keys: keys[:, :1], lambda keys: torch.cat([keys, keys])]
)
def test_keys_that_stand_for_several_rows_cannot_be_mistaken(
    use: Callable[[Any], Any], small_model: Build, prompt_of: Prompt
) -> None:
    decoder = TorchDecoder(small_model("llama"))
    cache = PackedCache([decoder.empty(4), decoder.empty(4)], [1, 1])
    keys, _ = cache.update(torch.zeros(1, 2, 2, 8), torch.zeros(1, 2, 2, 8), 0)
    with pytest.raises(NotExchangeableError, match="The model"):
        use(keys)


def test_engines_and_generate_may_use_one_model_at_the_same_time(
    llama: Any, prompt_of: Prompt, reference: Reference, engine_of: EngineOf
) -> None:
    expected = {seed: reference(llama, prompt_of(5 + seed, seed), 12) for seed in range(4)}
    made = [engine_of(llama) for _ in range(2)]
    for _ in range(2):
        generations = {
            (place, seed): engine.start(Request(prompt=prompt_of(5 + seed, seed), max_tokens=12))
            for place, engine in enumerate(made)
            for seed in expected
        }
        assert reference(llama, prompt_of(7, 2), 12) == expected[2]
        for (_, seed), generation in generations.items():
            assert list(generation) == expected[seed]


def likeliest(model: Any, prompt: list[int], reply: list[int]) -> list[int]:
    """What the model alone, in one pass without a cache, finds likeliest in the place of each token of a reply."""
    with torch.inference_mode():
        logits = model(torch.tensor([[*prompt, *reply]]), use_cache=False).logits
    return [int(token) for token in logits[0, len(prompt) - 1 : -1].argmax(-1)]


@pytest.mark.parametrize("name", TOGETHER + IN_TURN + SEEN_TO_BE_IN_TURN)
def test_rows_that_join_at_different_times_get_the_tokens_of_the_model_alone(
    name: str, small_model: Build, prompt_of: Prompt, engine_of: EngineOf
) -> None:
    model, engine = small_model(name), engine_of(small_model(name))
    prompts = [prompt_of(length, seed) for seed, length in enumerate((3, 40, 1, 17))]
    first = engine.start(Request(prompt=prompts[0], max_tokens=20))
    begun = list(islice(first, 3))
    others = [engine.start(Request(prompt=prompt, max_tokens=12)) for prompt in prompts[1:]]
    replies = [begun + list(first), *(list(generation) for generation in others)]
    assert [len(reply) for reply in replies] == [20, 12, 12, 12]
    for prompt, reply in zip(prompts, replies, strict=True):
        assert reply == likeliest(model, prompt, reply)


@pytest.mark.parametrize("name", TOGETHER + IN_TURN + SEEN_TO_BE_IN_TURN)
def test_turns_of_a_conversation_get_the_tokens_of_the_model_alone_without_computing_it_again(
    name: str, small_model: Build, prompt_of: Prompt, engine_of: EngineOf
) -> None:
    model, engine = small_model(name), engine_of(small_model(name))
    text, cached = prompt_of(20, 0), []
    for turn in range(3):
        generation = engine.start(Request(prompt=text, max_tokens=9))
        reply = list(generation)
        assert reply == likeliest(model, text, reply)
        cached.append(generation.cached_tokens)
        text = [*text, *reply, *prompt_of(5, turn + 1)]
    assert cached == [0, 28, 42]


@pytest.mark.parametrize("name", TOGETHER)
def test_the_logits_of_a_row_do_not_depend_on_how_it_was_computed(
    name: str, small_model: Build, prompt_of: Prompt
) -> None:
    model, decoder = small_model(name), TorchDecoder(small_model(name))
    texts = [prompt_of(30, 1), prompt_of(13, 2), prompt_of(9, 3)]
    rows = [decoder.empty(4) for _ in texts]
    decoder.forward(rows, [text[:cut] for text, cut in zip(texts, (12, 1, 8), strict=True)])
    decoder.forward(rows[1:], [texts[1][1:2], texts[2][8:]])
    logits = [*decoder.forward(rows[:2], [texts[0][12:], texts[1][2:]])]
    with torch.inference_mode():
        for text, found in zip(texts[:2], logits, strict=True):
            torch.testing.assert_close(found, model(torch.tensor([text])).logits[0, -1], rtol=1e-3, atol=2e-3)


def test_a_fork_and_its_origin_go_separate_ways(llama: Any, prompt_of: Prompt) -> None:
    decoder, text = TorchDecoder(llama), prompt_of(20, 0)
    origin = decoder.empty(20)
    decoder.forward([origin], [text])
    fork = decoder.fork(origin, 12, 14)
    decoder.forward([fork], [prompt_of(30, 1)])
    again = decoder.fork(origin, 20, 20)
    assert (origin.length, fork.length, again.length) == (20, 42, 20)
    one, other = decoder.forward([origin], [[5]]), decoder.forward([again], [[5]])
    torch.testing.assert_close(one, other)


def test_the_bytes_of_key_values_are_those_of_the_storage(llama: Any, prompt_of: Prompt) -> None:
    decoder = TorchDecoder(llama)
    row = decoder.empty(64)
    assert row.nbytes == 0
    decoder.forward([row], [prompt_of(10, 0)])
    assert row.nbytes == 64 * 2 * 2 * 2 * 8 * 4  # tokens, keys and values, layers, heads, dimensions, bytes
    decoder.forward([row], [prompt_of(70, 0)])
    assert row.nbytes == (80 + 80 // 8 + 16) * 2 * 2 * 2 * 8 * 4


def test_attention_is_as_before_after_a_pass(llama: Any, prompt_of: Prompt) -> None:
    decoder = TorchDecoder(llama)
    decoder.forward([decoder.empty(8), decoder.empty(8)], [prompt_of(4, 0), prompt_of(6, 1)])
    assert llama.config._attn_implementation == "sdpa"
    with pytest.raises(IndexError):
        decoder.forward([decoder.empty(8), decoder.empty(8)], [[5], [10_000]])
    assert llama.config._attn_implementation == "sdpa"


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")  # peft's own use
def test_a_lora_adapter_shares_passes_and_counts(prompt_of: Prompt, reference: Reference, engine_of: EngineOf) -> None:
    peft = pytest.importorskip("peft", reason="the adapter is built with it")
    torch.manual_seed(1)
    size = {"vocab_size": 96, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2}
    base = transformers.LlamaForCausalLM(transformers.LlamaConfig(**size, num_attention_heads=4)).eval()
    plain = reference(base, prompt_of(10, 0), 12)
    adapted = peft.get_peft_model(
        base, peft.LoraConfig(r=4, lora_alpha=400, target_modules=["q_proj"], init_lora_weights=False)
    ).eval()
    assert TorchDecoder(adapted).shares_passes
    engine = engine_of(adapted)
    expected = [reference(adapted, prompt_of(length, 0), 12) for length in (10, 20)]
    generations = [engine.start(Request(prompt=prompt_of(length, 0), max_tokens=12)) for length in (10, 20)]
    assert [list(generation) for generation in generations] == expected
    assert expected[0] != plain


@pytest.mark.parametrize(
    ("name", "windows"),
    [("llama", [None, None]), ("mistral_windowed", [8, 8]), ("qwen2_windowed", [None, 8]), ("gemma2_eager", [8, None])],
)
def test_windows_are_told_by_the_configuration(name: str, windows: list[int | None], small_model: Build) -> None:
    assert plain_windows(small_model(name).config) == windows


def test_chunked_attention_is_not_plain() -> None:
    size = {"vocab_size": 96, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2}
    chunked = transformers.Llama4TextConfig(**size, num_attention_heads=4, attention_chunk_size=8)
    assert plain_windows(chunked) is None


def test_a_sequence_has_no_largest_length_of_its_own(llama: Any) -> None:
    decoder = TorchDecoder(llama)
    rows = [decoder.empty(8), decoder.empty(8)]
    assert (rows[0].get_max_length(), PackedCache(rows, [1, 1]).get_max_length()) == (-1, -1)


def test_a_model_with_other_state_is_refused() -> None:
    size = transformers.MambaConfig(vocab_size=96, hidden_size=16, state_size=4, num_hidden_layers=1)
    with pytest.raises(ValueError, match="MambaForCausalLM keeps other state than attention's: use GenerateEngine"):
        TorchDecoder(transformers.MambaForCausalLM(size))
