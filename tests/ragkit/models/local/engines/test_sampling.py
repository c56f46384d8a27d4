from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch", reason="tokens are drawn with it")
pytest.importorskip("transformers", reason="the oracle")

import torch
from transformers import (
    LogitsProcessorList,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from ragkit.errors import ModelError
from ragkit.models.local.engines.sampling import Chooser, candidates
from ragkit.models.local.generation import Request, Sampling


def oracle(scores: Any, sampling: Sampling) -> Any:
    filters = LogitsProcessorList([TemperatureLogitsWarper(sampling.temperature)])
    if sampling.top_k:
        filters.append(TopKLogitsWarper(sampling.top_k))
    if sampling.top_p < 1:
        filters.append(TopPLogitsWarper(sampling.top_p))
    return filters(torch.zeros(1, 1, dtype=torch.int64), scores[None].clone())[0].softmax(-1)


def spread(scores: Any, sampling: Sampling) -> Any:
    found = candidates(scores, sampling)
    return torch.zeros_like(scores).index_put((found.tokens,), found.probabilities)


@given(
    seed=st.integers(0, 10_000),
    size=st.sampled_from([1, 5, 300, 2000]),
    temperature=st.sampled_from([0.05, 0.7, 1.0, 3.0]),
    top_k=st.sampled_from([0, 1, 7, 400, 5000]),
    top_p=st.sampled_from([1e-6, 0.3, 0.9, 0.999, 1.0]),
)
@settings(max_examples=80, deadline=None)
def test_probabilities_are_those_of_transformers(
    seed: int, size: int, temperature: float, top_k: int, top_p: float
) -> None:
    scores = torch.randn(size, generator=torch.Generator().manual_seed(seed)) * 3
    sampling = Sampling(temperature=temperature, top_k=top_k, top_p=top_p)
    torch.testing.assert_close(spread(scores, sampling), oracle(scores, sampling), rtol=1e-4, atol=1e-6)


def test_tokens_that_may_not_come_are_never_candidates() -> None:
    scores = torch.tensor([1.0, -torch.inf, 2.0, -torch.inf])
    for sampling in (Sampling(temperature=1.0), Sampling(temperature=1.0, top_p=0.999, top_k=3)):
        assert sorted(candidates(scores, sampling).tokens.tolist()) == [0, 2]


def test_the_penalty_is_that_of_transformers() -> None:
    scores = torch.tensor([2.0, -1.0, 0.5, 1.9, -3.0])
    seen = [0, 1, 0]
    expected = RepetitionPenaltyLogitsProcessor(1.5)(torch.tensor([seen]), scores[None].clone())[0]
    sampling = Sampling(repetition_penalty=1.5)
    chooser = Chooser(Request(prompt=seen, max_tokens=5, sampling=sampling), seen)
    assert chooser.choose(scores) == int(expected.argmax()) == 3
    assert chooser.choose(scores) == 0  # now the 3 that was chosen counts as seen: 1.27 against 1.33


def test_drawn_tokens_have_the_frequencies_asked_for() -> None:
    scores = torch.tensor([0.6, 0.3, 0.1]).log()
    sampling = Sampling(temperature=1.0, seed=4)
    chooser = Chooser(Request(prompt=[0], max_tokens=1, sampling=sampling), [0])
    counts = Counter(chooser.choose(scores) for _ in range(1500))
    assert [round(counts[token] / 1500, 1) for token in range(3)] == [0.6, 0.3, 0.1]


def test_a_seed_repeats_and_none_does_not() -> None:
    scores = torch.zeros(10_000)

    def draw(seed: int | None) -> list[int]:
        chooser = Chooser(Request(prompt=[0], max_tokens=1, sampling=Sampling(temperature=1.0, seed=seed)), [0])
        return [chooser.choose(scores) for _ in range(8)]

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)
    assert draw(None) != draw(None)


class Only:
    """Lets one token come, then says that the text is whole."""

    def __init__(self, token: int) -> None:
        self.token = token
        self.accepted: list[int] = []

    def mask(self, logits: Any) -> None:
        allowed = logits[self.token].clone()
        logits.fill_(-torch.inf)
        logits[self.token] = allowed

    def accept(self, token: int) -> None:
        self.accepted.append(token)

    @property
    def done(self) -> bool:
        return bool(self.accepted)


@pytest.mark.parametrize("temperature", [0.0, 2.0])
def test_a_constraint_decides_before_the_draw_and_hears_of_it(temperature: float) -> None:
    only, scores = Only(2), torch.tensor([9.0, 8.0, -5.0])
    sampling = Sampling(temperature=temperature, top_p=0.5, top_k=1)
    chooser = Chooser(Request(prompt=[0], max_tokens=1, sampling=sampling, constraint=only), [0])
    assert not chooser.done
    assert chooser.choose(scores) == 2
    assert only.accepted == [2]
    assert chooser.done
    assert scores.tolist() == [9.0, 8.0, -5.0]


@pytest.mark.parametrize("score", [float("nan"), float("-inf"), float("inf")])
def test_scores_that_allow_no_choice_are_an_error(score: float) -> None:
    chooser = Chooser(Request(prompt=[0], max_tokens=1), [0])
    with pytest.raises(ModelError, match=r"No token can come next: the best score is .*try dtype='float32'"):
        chooser.choose(torch.full((4,), score))


@pytest.mark.parametrize("options", [{}, {"top_p": 0.9}, {"top_k": 2}])
def test_a_temperature_next_to_nothing_draws_the_likeliest_token(options: dict[str, Any]) -> None:
    scores = torch.tensor([30.0, 80.0, -torch.inf, 79.0])
    sampling = Sampling(temperature=1e-45, seed=0, **options)
    assert Chooser(Request(prompt=[0], max_tokens=1, sampling=sampling), [0]).choose(scores) == 1


def test_half_precision_is_chosen_from_in_full() -> None:
    chooser = Chooser(Request(prompt=[0], max_tokens=1, sampling=Sampling(temperature=0.01, seed=0)), [0])
    assert chooser.choose(torch.tensor([1.0, 2.0, 1.5], dtype=torch.bfloat16)) == 1


def test_only_the_likeliest_token_of_an_unconstrained_model_is_plain() -> None:
    def plain(**options: Any) -> bool:
        constraint = options.pop("constraint", None)
        request = Request(prompt=[0], max_tokens=1, sampling=Sampling(**options), constraint=constraint)
        return Chooser(request, [0]).plain

    assert plain()
    assert plain(top_p=0.5, top_k=3, seed=1)
    assert not plain(temperature=0.1)
    assert not plain(repetition_penalty=1.1)
    assert not plain(constraint=Only(1))
