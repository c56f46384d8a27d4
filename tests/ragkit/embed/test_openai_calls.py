from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.embed.openai_calls import EmbeddingLimits, count_tokens, cut_to, plan_requests
from ragkit.errors import ConfigError


def test_requests_keep_to_the_number_of_texts() -> None:
    limits = EmbeddingLimits(request_texts=2)
    assert list(plan_requests([1, 1, 1, 1, 1], limits)) == [range(2), range(2, 4), range(4, 5)]


def test_requests_keep_to_the_number_of_tokens() -> None:
    limits = EmbeddingLimits(request_tokens=10)
    assert list(plan_requests([4, 4, 4, 10, 1], limits)) == [range(2), range(2, 3), range(3, 4), range(4, 5)]


def test_a_text_above_the_limit_is_a_request_by_itself() -> None:
    assert list(plan_requests([1, 99, 1], EmbeddingLimits(request_tokens=10))) == [range(1), range(1, 2), range(2, 3)]


def test_nothing_is_no_request() -> None:
    assert list(plan_requests([], EmbeddingLimits())) == []


@given(st.lists(st.integers(1, 30), max_size=60), st.integers(1, 50), st.integers(1, 9))
@settings(max_examples=50, deadline=None)
def test_every_text_is_sent_once_in_order_and_no_request_is_too_large(
    counts: list[int], tokens: int, texts: int
) -> None:
    plan = list(plan_requests(counts, EmbeddingLimits(request_tokens=tokens, request_texts=texts)))
    assert [row for rows in plan for row in rows] == list(range(len(counts)))
    assert all(len(rows) <= texts for rows in plan)
    assert all(len(rows) == 1 or sum(counts[row] for row in rows) <= tokens for rows in plan)


@given(st.text(max_size=200), st.integers(1, 40))
@settings(max_examples=50, deadline=None)
def test_what_is_cut_is_the_longest_beginning_that_fits(text: str, tokens: int) -> None:
    cut = cut_to(text, tokens)
    assert text.startswith(cut)
    assert count_tokens(cut) <= tokens
    assert cut == text or count_tokens(text[: len(cut) + 1]) > tokens


def test_letters_beyond_ascii_count_twice() -> None:
    assert count_tokens("naïve") == 4
    assert count_tokens("検索") == 4
    assert count_tokens("") == 0


@pytest.mark.parametrize("name", ["text_tokens", "request_tokens", "request_texts", "requests_at_once"])
def test_a_limit_below_one_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} must be at least 1, got 0"):
        EmbeddingLimits(**{name: 0})
