from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import pytest

pytest.importorskip("torch", reason="the models are built with it")
pytest.importorskip("transformers", reason="the models are built with it")

import torch
import transformers

from ragkit.errors import ContextLengthError, InputError, ModelError
from ragkit.models.local.engines.plain import GenerateEngine
from ragkit.models.local.generation import Request, Sampling

Prompt = Callable[[int, int], list[int]]
Reference = Callable[..., list[int]]
EngineOf = Callable[..., GenerateEngine]
SMALL = {"vocab_size": 96, "hidden_size": 32, "num_hidden_layers": 2, "bos_token_id": 1, "eos_token_id": 2}


def _louder(model: Any) -> Any:
    with torch.no_grad():
        for weights in model.parameters():
            if weights.dim() == 2:
                weights.mul_(10)
    return model.eval()


@pytest.fixture(scope="module")
def mamba() -> Any:
    torch.manual_seed(2)
    return _louder(transformers.MambaForCausalLM(transformers.MambaConfig(**SMALL, state_size=4)))


@pytest.fixture(scope="module")
def t5() -> Any:
    torch.manual_seed(2)
    size = transformers.T5Config(
        vocab_size=96, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4, decoder_start_token_id=0
    )
    return _louder(transformers.T5ForConditionalGeneration(size))


@pytest.fixture
def plain() -> Iterator[EngineOf]:
    made: list[GenerateEngine] = []

    def make(model: Any, **options: Any) -> GenerateEngine:
        made.append(GenerateEngine(model, **{"end_tokens": (), "context_tokens": None, **options}))
        return made[-1]

    yield make
    for engine in made:
        engine.close()
    assert not any(thread.name == "ragkit-generation" for thread in threading.enumerate())


def test_a_state_space_model_gives_the_tokens_of_generate(
    mamba: Any, prompt_of: Prompt, reference: Reference, plain: EngineOf
) -> None:
    engine = plain(mamba)
    prompts = [prompt_of(length, length) for length in (3, 17)]
    generations = [engine.start(Request(prompt=prompt, max_tokens=12)) for prompt in prompts]
    for prompt, generation in zip(prompts, generations, strict=True):
        assert list(generation) == reference(mamba, prompt, 12)
        assert (generation.finish_reason, generation.cached_tokens) == ("length", 0)


async def test_an_encoder_decoder_reads_the_prompt_in_its_encoder(
    t5: Any, prompt_of: Prompt, reference: Reference, plain: EngineOf
) -> None:
    generation = plain(t5).start(Request(prompt=prompt_of(9, 1), max_tokens=10))
    expected = reference(t5, prompt_of(9, 1), 10)
    assert [token async for token in generation] == expected[1:]  # without the token that the decoder starts from
    assert len(expected) == 11


def test_an_end_token_ends_the_turn_and_is_not_given(
    mamba: Any, prompt_of: Prompt, reference: Reference, plain: EngineOf
) -> None:
    tokens = reference(mamba, prompt_of(5, 0), 12)
    end = tokens[4]
    generation = plain(mamba, end_tokens=[end]).start(Request(prompt=prompt_of(5, 0), max_tokens=50))
    assert list(generation) == tokens[: tokens.index(end)]
    assert generation.finish_reason == "stop"


def test_the_models_own_settings_do_not_draw_or_keep_beams(
    t5: Any, prompt_of: Prompt, reference: Reference, plain: EngineOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = transformers.GenerationConfig(
        num_beams=4,
        do_sample=True,
        temperature=0.3,
        top_k=3,
        top_p=0.5,
        repetition_penalty=1.8,
        decoder_start_token_id=0,
    )
    expected = reference(t5, prompt_of(9, 1), 10)[1:]
    monkeypatch.setattr(t5, "generation_config", own)
    assert list(plain(t5).start(Request(prompt=prompt_of(9, 1), max_tokens=10))) == expected


def test_a_seed_repeats_without_touching_the_global_generator(mamba: Any, prompt_of: Prompt, plain: EngineOf) -> None:
    engine = plain(mamba)
    state = torch.random.get_rng_state()

    def draw(seed: int) -> list[int]:
        return list(
            engine.start(Request(prompt=prompt_of(5, 0), max_tokens=12, sampling=Sampling(temperature=1.5, seed=seed)))
        )

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_constraint_decides_and_ends_the_turn(mamba: Any, prompt_of: Prompt, plain: EngineOf) -> None:
    class Countdown:
        def __init__(self) -> None:
            self.left = [8, 7, 6]

        def mask(self, logits: Any) -> None:
            logits.fill_(-torch.inf)
            logits[self.left[0]] = 0.0

        def accept(self, token: int) -> None:
            self.left.remove(token)

        @property
        def done(self) -> bool:
            return not self.left

    request = Request(prompt=prompt_of(5, 0), max_tokens=12, constraint=Countdown())
    generation = plain(mamba).start(request)
    assert list(generation) == [8, 7, 6]
    assert generation.finish_reason == "stop"


def test_cancelling_stops_at_the_next_token_and_the_next_caller_is_served(
    mamba: Any, prompt_of: Prompt, reference: Reference, plain: EngineOf
) -> None:
    engine = plain(mamba)
    endless = engine.start(Request(prompt=prompt_of(5, 0), max_tokens=10**6))
    never = engine.start(Request(prompt=prompt_of(5, 1), max_tokens=10**6))
    after = engine.start(Request(prompt=prompt_of(5, 2), max_tokens=4))
    assert len(list(islice(endless, 2))) == 2
    never.cancel()
    endless.cancel()
    assert list(after) == reference(mamba, prompt_of(5, 2), 4)
    assert (list(endless), list(never), endless.finish_reason) == ([], [], None)


def test_a_generation_that_nobody_holds_is_cancelled(mamba: Any, prompt_of: Prompt, plain: EngineOf) -> None:
    generation = plain(mamba).start(Request(prompt=prompt_of(5, 0), max_tokens=10**6))
    next(iter(generation))
    del generation
    deadline = time.monotonic() + 60
    while any(thread.name == "ragkit-generation" for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_an_error_reaches_its_caller_and_the_next_one_is_served(
    mamba: Any, prompt_of: Prompt, plain: EngineOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken:
        done = False

        def mask(self, logits: Any) -> None:
            raise KeyError("grammar")

        def accept(self, token: int) -> None:
            raise NotImplementedError

    engine = plain(mamba)
    broken = engine.start(Request(prompt=prompt_of(5, 0), max_tokens=4, constraint=Broken()))
    fine = engine.start(Request(prompt=prompt_of(5, 0), max_tokens=4))
    with pytest.raises(ModelError, match="The model failed while generating: KeyError: 'grammar'"):
        list(broken)
    assert len(list(fine)) == 4


def test_closing_cancels_and_waits(mamba: Any, prompt_of: Prompt, plain: EngineOf) -> None:
    engine = plain(mamba, context_tokens=50)
    assert engine.context_tokens == 50
    running, waiting = (engine.start(Request(prompt=prompt_of(5, seed), max_tokens=10**6)) for seed in (0, 1))
    next(iter(running))
    engine.close()
    engine.close()
    assert (list(running), list(waiting)) == ([], [])
    with pytest.raises(ModelError, match="This model was closed"):
        engine.start(Request(prompt=[5], max_tokens=1))


@pytest.mark.parametrize(("prompt", "count"), [(33, 5), (5, 32)])
def test_an_encoder_decoder_with_few_positions_says_so_before(prompt: int, count: int, plain: EngineOf) -> None:
    size = {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 16, "decoder_ffn_dim": 16}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "vocab_size": 96}
    config = transformers.BartConfig(**size, **heads, max_position_embeddings=32)
    torch.manual_seed(0)
    engine = plain(transformers.BartForConditionalGeneration(config).eval())
    with pytest.raises(
        ContextLengthError, match="this model reads at most 32 and writes at most 31: shorten"
    ) as caught:
        engine.start(Request(prompt=[5] * prompt, max_tokens=count))
    assert (caught.value.prompt_tokens, caught.value.context_tokens) == (prompt, 32)
    assert len(list(engine.start(Request(prompt=[5] * 32, max_tokens=31)))) == 31


def test_an_unknown_token_is_refused_at_once(mamba: Any, plain: EngineOf) -> None:
    with pytest.raises(InputError, match="the model knows 0 to 95"):
        plain(mamba).start(Request(prompt=[96], max_tokens=1))
