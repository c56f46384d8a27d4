from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage

from ragkit.errors import ConfigError
from ragkit.messages.tokens import counter_for
from ragkit.prompts.examples import Example
from ragkit.prompts.selectors.given import FixedSelector, LengthSelector, RandomSelector
from ragkit.prompts.selectors.stratified import StratifiedSelector

bounded = settings(max_examples=50, deadline=None)
counter = counter_for("gpt-4o")


def pool_of(size: int) -> list[Example]:
    return [Example(f"question {number}", f"answer {number}") for number in range(size)]


def test_fixed_examples_keep_their_order(reviews: Sequence[Example]) -> None:
    assert FixedSelector(reviews).select("great acting") == [*reviews[:2], *reviews[3:]]


def test_the_seed_draws_the_same_examples_for_every_text() -> None:
    selector = RandomSelector(pool_of(100), 4, seed=3)
    assert [example.output for example in selector.select("a")] == ["answer 35", "answer 41", "answer 45", "answer 4"]
    assert selector.select("b") == selector.select("a")
    assert RandomSelector(pool_of(100), 4, seed=4).select("a") != selector.select("a")


def test_the_next_one_drawn_takes_the_place_of_the_text_itself() -> None:
    drawn = RandomSelector(pool_of(9), 9).select("other")
    assert RandomSelector(pool_of(9), 4).select(drawn[1].input) == [drawn[0], *drawn[2:5]]


def test_a_larger_count_begins_with_what_a_smaller_one_shows() -> None:
    drawn = RandomSelector(pool_of(9), 9).select("other")
    assert [RandomSelector(pool_of(9), count).select("other") for count in (2, 20)] == [drawn[:2], drawn]


@bounded
@given(st.integers(1, 120), st.integers(0, 6), st.text(max_size=20))
def test_length_shows_the_longest_beginning_that_fits(max_tokens: int, size: int, text: str) -> None:
    pool = pool_of(size)
    chosen = LengthSelector(pool, max_tokens, counter).select(text)

    def tokens(count: int) -> int:
        turns = [turn for shown in pool[:count] for turn in (HumanMessage(shown.input), AIMessage(shown.output))]
        return counter.messages([*turns, HumanMessage(text)])

    assert chosen == pool[: len(chosen)]
    assert not chosen or tokens(len(chosen)) <= max_tokens
    assert len(chosen) == size or tokens(len(chosen) + 1) > max_tokens


def test_no_length_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^max_tokens must be a whole number from 1, got 0\.$"):
        LengthSelector([], 0, counter)
    with pytest.raises(ConfigError, match=r"^max_tokens must be a whole number from 1, got 2\.5\.$"):
        LengthSelector([], 2.5, counter)  # type: ignore[arg-type]


def test_length_is_counted_by_a_counter_or_as_a_model_counts() -> None:
    pool = pool_of(6)
    assert LengthSelector(pool, 40, "openai:gpt-4o").select("x") == LengthSelector(pool, 40, counter).select("x")
    with pytest.raises(ConfigError, match="tokens can be counted for a chat model, a model's name or a TokenCounter"):
        LengthSelector(pool, 40, 4)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [None, 1.0])
def test_a_draw_without_a_seed_is_refused(seed: object) -> None:
    for make in (lambda: RandomSelector([], 1, seed=seed), lambda: StratifiedSelector([], 1, seed=seed)):  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match=rf"^seed must be a whole number, got {seed}\.$"):
            make()
