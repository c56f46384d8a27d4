from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.text import blocks, chunk
from ragkit.text.tokens import estimate_tokens

if TYPE_CHECKING:
    from collections.abc import Callable

ENGLISH = (
    "The library was founded in 1898 and moved to its present building on Harbour Street in 1931. It holds about "
    "240,000 volumes, most of them acquired before the war, and lends them to anybody who lives within the county. "
    "Readers who keep a book for longer than three weeks are reminded by letter; nobody has been fined since 1974."
)


def test_only_the_empty_text_counts_nothing() -> None:
    assert estimate_tokens("") == 0
    assert estimate_tokens(" \n ") == 1


def test_words_count_by_threes_and_signs_singly() -> None:
    assert estimate_tokens("a cat, 1998") == 1 + 1 + 1 + 4


def test_hangul_counts_by_its_letters() -> None:
    assert estimate_tokens("검색") == 6


@pytest.mark.parametrize(
    "text",
    [
        ENGLISH,
        "检索增强生成是一种技术，它把检索与生成结合起来。",
        "これは日本語の文章です。カタカナもあります。",
        "한국어 문장입니다. 검색 기술을 설명합니다.",
        "sha256 53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        inspect.getsource(chunk),
        inspect.getsource(blocks),
    ],
)
def test_estimate_is_not_below_word_pieces(text: str, word_pieces: Callable[[str], int]) -> None:
    assert estimate_tokens(text) >= word_pieces(text)


def test_estimate_is_at_most_twice_the_word_pieces_of_english(word_pieces: Callable[[str], int]) -> None:
    assert estimate_tokens(ENGLISH) <= 2 * word_pieces(ENGLISH)


@settings(max_examples=50, deadline=None)
@given(st.text(), st.text())
def test_estimate_of_two_texts_apart_is_the_sum(left: str, right: str) -> None:
    joined = estimate_tokens(left + " " + right)
    assert joined <= max(1, estimate_tokens(left) + estimate_tokens(right))
