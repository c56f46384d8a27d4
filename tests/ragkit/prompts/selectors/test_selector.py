"""What holds of every selector."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.errors import ConfigError
from ragkit.messages.tokens import counter_for
from ragkit.prompts.examples import Example
from ragkit.prompts.selectors.given import FixedSelector, LengthSelector, RandomSelector
from ragkit.prompts.selectors.marginal import MMRSelector
from ragkit.prompts.selectors.ngrams import NGramOverlapSelector
from ragkit.prompts.selectors.selector import PoolSelector, Selector
from ragkit.prompts.selectors.similarity import SimilaritySelector
from ragkit.prompts.selectors.stratified import StratifiedSelector
from ragkit.testing import HashingEmbeddings

bounded = settings(max_examples=50, deadline=None)
encoder = HashingEmbeddings(32)
Make: TypeAlias = Callable[..., PoolSelector]

EVERY: dict[str, Make] = {
    "fixed": lambda pool, **more: FixedSelector(pool, **more),
    "random": lambda pool, **more: RandomSelector(pool, 3, **more),
    "length": lambda pool, **more: LengthSelector(pool, 60, counter_for("gpt-4o"), **more),
    "similarity": lambda pool, **more: SimilaritySelector(pool, encoder, 3, **more),
    "mmr": lambda pool, **more: MMRSelector(pool, encoder, 3, **more),
    "n-gram overlap": lambda pool, **more: NGramOverlapSelector(pool, 3, **more),
    "stratified": lambda pool, **more: StratifiedSelector(pool, 2, **more),
    "stratified by nearness": lambda pool, **more: StratifiedSelector(pool, 2, encoder=encoder, **more),
}
POOL = [Example("a film", "good"), Example("the film", "bad")]

every = pytest.mark.parametrize("make", EVERY.values(), ids=list(EVERY))
texts = st.text(st.sampled_from("ab é世界\u202e{}"), min_size=1, max_size=8)
pools = st.lists(st.builds(Example, texts, st.sampled_from("xyz")), max_size=8)


@every
def test_it_is_a_selector_with_a_pool(make: Make, reviews: Sequence[Example]) -> None:
    assert isinstance(make(reviews), Selector)
    assert isinstance(make(reviews), PoolSelector)
    assert make(reviews).examples == tuple(reviews)


@every
@bounded
@given(pool=pools, text=texts)
def test_the_same_text_gets_the_same_examples_of_the_pool_and_never_itself(
    make: Make, pool: list[Example], text: str
) -> None:
    chosen = list(make(pool).select(text))
    assert chosen == list(make(pool).select(text))
    assert all(example in pool for example in chosen)
    assert all(chosen.count(example) <= pool.count(example) for example in chosen)
    assert text.strip() not in [example.input.strip() for example in chosen]


@every
def test_the_very_text_is_shown_where_that_is_wanted(make: Make) -> None:
    pool = [Example("a gem", "good")]
    assert make(pool).select(" a gem\n") == []
    assert make(pool, show_same=True).select(" a gem\n") == pool


@every
def test_an_empty_pool_gives_nothing(make: Make) -> None:
    assert make([]).select("any") == []


@every
def test_other_examples_make_another_selector_like_a_new_one(make: Make, reviews: Sequence[Example]) -> None:
    selector = make(reviews)
    other = selector.with_examples([("a new film", "good"), *reviews[:2]])
    assert other.examples == (Example("a new film", "good"), *reviews[:2])
    assert selector.examples == tuple(reviews)
    assert other.select("a film") == make(other.examples).select("a film")
    assert other.card == make(other.examples).card


@every
def test_the_card_is_json_without_a_word_of_the_examples(make: Make, reviews: Sequence[Example]) -> None:
    card = make(reviews).card
    assert card["pool"] == 6
    assert len(card["sha256"]) == 64
    assert "acting" not in json.dumps(card) + repr(make(reviews))
    assert make(reviews[:5]).card != card


def test_cards_tell_all_selectors_apart(reviews: Sequence[Example]) -> None:
    cards = [json.dumps(make(reviews, **more).card) for make in EVERY.values() for more in ({}, {"show_same": True})]
    assert len(set(cards)) == 2 * len(EVERY)


@pytest.mark.parametrize(
    "make",
    [
        lambda count: RandomSelector([], count),
        lambda count: SimilaritySelector([], encoder, count),
        lambda count: MMRSelector([], encoder, count),
        lambda count: NGramOverlapSelector([], count),
    ],
)
@pytest.mark.parametrize("count", [-1, 1.5, True])
def test_a_count_below_0_is_refused(make: Callable[[object], Selector], count: object) -> None:
    with pytest.raises(ConfigError, match=rf"^count must be a whole number from 0, got {count}\.$"):
        make(count)


@pytest.mark.parametrize(
    "make",
    [
        lambda threshold: SimilaritySelector(POOL, encoder, 2, threshold=threshold),
        lambda threshold: NGramOverlapSelector(POOL, 2, threshold=threshold),
    ],
)
def test_a_threshold_that_is_no_number_is_refused(make: Callable[[float], Selector]) -> None:
    with pytest.raises(ConfigError, match=r"^threshold must be a number, got nan\.$"):
        make(float("nan"))


@pytest.mark.parametrize(
    "selector",
    [
        RandomSelector(POOL, 0),
        SimilaritySelector(POOL, encoder, 0),
        MMRSelector(POOL, encoder, 0),
        NGramOverlapSelector(POOL, 0),
        StratifiedSelector(POOL, 0),
        StratifiedSelector(POOL, 0, encoder=encoder),
    ],
    ids=lambda selector: type(selector).__name__,
)
def test_no_example_is_asked_for_and_none_is_given(selector: Selector) -> None:
    assert selector.select("a film") == []
