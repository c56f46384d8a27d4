from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.errors import InputError
from ragkit.text.blocks import split_blocks
from ragkit.text.chunk import Chunk, chunk
from ragkit.text.tokens import estimate_tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MARKUP = st.lists(
    st.sampled_from(
        ["# ", "## A\n", "- ", "```\n", "| a |\n", "\n", "\n\n", " ", "word ", "One. ", "Two! ", "三。", "x" * 30, "\t"]
    ),
    max_size=60,
).map("".join)
COUNTS: list[Callable[[str], int]] = [len, estimate_tokens, lambda text: len(text.split()), lambda text: 2 + len(text)]


def words(text: str) -> int:
    return len(text.split())


def texts(text: str, found: Sequence[Chunk]) -> list[str]:
    return [text[piece.start : piece.end] for piece in found]


def assert_holds_everything(text: str, found: list[Chunk]) -> None:
    covered = bytearray(len(text))
    for piece in found:
        covered[piece.start : piece.end] = b"\1" * (piece.end - piece.start)
    assert all(covered[at] for at in range(len(text)) if not text[at].isspace())


def test_a_text_that_fits_is_one_chunk() -> None:
    text = "  One sentence. Another.\n\nA paragraph.\n"
    assert chunk(text, words, max_tokens=5) == [Chunk(2, 38, ())]


def test_blank_text_has_no_chunks() -> None:
    assert chunk(" \n\n", words, max_tokens=5) == []


def test_chunks_end_with_sentences() -> None:
    text = "A one. B two. C three. D four. E five."
    assert texts(text, chunk(text, words, max_tokens=5, overlap=0)) == ["A one. B two.", "C three. D four.", "E five."]


@pytest.mark.parametrize(
    ("overlap", "expected"),
    [
        (1, ["A one. B two. C three.", "C three. D four. E five."]),
        (2, ["A one. B two. C three.", "B two. C three. D four.", "C three. D four. E five."]),
        (9, ["A one. B two. C three.", "B two. C three. D four.", "C three. D four. E five."]),
    ],
)
def test_overlap_repeats_whole_sentences(overlap: int, expected: list[str]) -> None:
    text = "A one. B two. C three. D four. E five."
    assert texts(text, chunk(text, words, max_tokens=6, overlap=overlap)) == expected


def test_overlap_gives_way_to_the_next_sentence() -> None:
    text = "One two three. Four five six. Seven."
    assert texts(text, chunk(text, words, max_tokens=4, overlap=1)) == ["One two three.", "Four five six. Seven."]


def test_overlap_stays_in_its_section() -> None:
    text = "# A\n\nOne two three.\n\n# B\n\nFour five six."
    assert texts(text, chunk(text, words, max_tokens=5)) == ["# A\n\nOne two three.", "# B\n\nFour five six."]


def test_headings_are_the_path_above() -> None:
    text = "# A\n\nOne two. Three four.\n\n## B\n\nFive six. Seven eight.\n\n# C\n\nNine."
    found = chunk(text, words, max_tokens=4, overlap=0)
    assert [(piece.headings, text[piece.start : piece.end]) for piece in found] == [
        ((), "# A\n\nOne two."),
        (("A",), "Three four."),
        (("A",), "## B\n\nFive six."),
        (("A", "B"), "Seven eight."),
        ((), "# C\n\nNine."),
    ]


def test_a_deeper_section_that_fits_joins_its_parent() -> None:
    text = "# A\n\nOne.\n\n## B\n\nTwo.\n\n## C\n\nThree."
    assert texts(text, chunk(text, words, max_tokens=20)) == ["# A\n\nOne.\n\n## B\n\nTwo.", "## C\n\nThree."]


def test_a_deeper_section_that_does_not_fit_begins_a_chunk() -> None:
    text = "# A\n\nOne.\n\n## B\n\nTwo three. Four."
    assert texts(text, chunk(text, words, max_tokens=6)) == ["# A\n\nOne.", "## B\n\nTwo three. Four."]


def test_a_heading_stays_with_what_follows_it() -> None:
    text = "# A long title\n\n## B\n\nOne two. Three four. Five six."
    found = chunk(text, words, max_tokens=8, overlap=0)
    assert [(piece.headings, text[piece.start : piece.end]) for piece in found] == [
        ((), "# A long title\n\n## B\n\nOne two."),
        (("A long title", "B"), "Three four. Five six."),
    ]


def test_paragraphs_stay_whole_where_the_chunk_is_half_full() -> None:
    text = "One two. Three four.\n\nFive six. Seven eight.\n\nNine."
    assert texts(text, chunk(text, words, max_tokens=6, overlap=0)) == [
        "One two. Three four.",
        "Five six. Seven eight.\n\nNine.",
    ]


def test_a_paragraph_is_cut_where_the_chunk_would_stay_half_empty() -> None:
    text = "One.\n\nTwo three four. Five six seven."
    assert texts(text, chunk(text, words, max_tokens=6, overlap=0)) == ["One.\n\nTwo three four.", "Five six seven."]


def test_code_that_fits_alone_stays_whole() -> None:
    text = "One two three.\n\n```\na = 1.\n\nb\n```\n\nFour."
    assert texts(text, chunk(text, words, max_tokens=7)) == ["One two three.", "```\na = 1.\n\nb\n```\n\nFour."]


def test_code_that_is_too_long_is_cut_between_lines_and_keeps_its_indentation() -> None:
    text = "```\ndef f():\n    return 1\n    # end. End.\n```"
    assert texts(text, chunk(text, words, max_tokens=5)) == [
        "```\ndef f():\n    return 1",
        "    # end. End.\n```",
    ]


def test_a_table_is_cut_between_rows_only_if_too_long() -> None:
    text = "| a | b |\n|---|---|\n| 1. Two | 3 |\n| 4 | 5 |"
    assert texts(text, chunk(text, words, max_tokens=17)) == [text]
    assert texts(text, chunk(text, words, max_tokens=12)) == [
        "| a | b |\n|---|---|\n| 1. Two | 3 |",
        "| 4 | 5 |",
    ]


def test_plain_text_has_no_headings() -> None:
    text = "# no heading\n\nOne two."
    assert chunk(text, words, max_tokens=9, markdown=False) == [Chunk(0, 22, ())]


def test_a_sentence_that_is_too_long_is_cut_at_spaces() -> None:
    text = "one two three four five six seven"
    assert texts(text, chunk(text, words, max_tokens=3)) == ["one two three", "four five six", "seven"]


def test_a_word_that_is_too_long_is_cut_by_characters() -> None:
    text = "ab abcdefghij"
    assert texts(text, chunk(text, len, max_tokens=5)) == ["ab", "abcde", "fghij"]


def test_wide_spaces_do_not_count_against_a_piece() -> None:
    text = "abcd." + " " * 50 + "\n\nefgh."
    assert texts(text, chunk(text, len, max_tokens=6)) == ["abcd.", "efgh."]


def test_tokens_of_the_empty_text_are_paid_once_per_chunk() -> None:
    text = "A one. B two. C three."
    assert texts(text, chunk(text, lambda t: 2 + words(t), max_tokens=8)) == [text]


def test_a_count_that_grows_when_parts_are_joined_is_obeyed() -> None:
    def count(part: str) -> int:
        return words(part) ** 2

    text = "A one. B two. C three."
    found = texts(text, chunk(text, count, max_tokens=16, overlap=1))
    assert found == ["A one. B two.", "B two. C three."]
    assert texts(text, chunk(text, count, max_tokens=15, overlap=1)) == ["A one.", "B two.", "C three."]


def test_overlap_gives_way_when_the_whole_counts_more_than_its_parts() -> None:
    text = "Aa. Bb. Cc dd ee."
    assert texts(text, chunk(text, lambda t: words(t) ** 2, max_tokens=11)) == ["Aa. Bb.", "Cc dd ee."]


def test_context_keeps_room_free() -> None:
    text = "# Title\n\nOne two. Three four. Five six."

    def context(path: Sequence[str]) -> str:
        return " > ".join(path)

    assert texts(text, chunk(text, words, max_tokens=6, overlap=0, context=context)) == [
        "# Title\n\nOne two.",
        "Three four. Five six.",
    ]
    assert texts(text, chunk(text, words, max_tokens=6, overlap=0, context=lambda _: "long " * 50)) == [
        "# Title",
        "One two.",
        "Three four.",
        "Five six.",
    ]
    assert texts(text, chunk(text, words, max_tokens=6, overlap=0, context=lambda _: "")) == [
        "# Title\n\nOne two. Three four.",
        "Five six.",
    ]


def test_max_tokens_below_one_is_refused() -> None:
    with pytest.raises(InputError, match="max_tokens must be at least 1, got 0"):
        chunk("text", words, max_tokens=0)


def test_negative_overlap_is_refused() -> None:
    with pytest.raises(InputError, match="overlap must be at least 0, got -1"):
        chunk("text", words, max_tokens=5, overlap=-1)


def test_a_character_that_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="room for 2 tokens, but '검' alone counts 3: raise max_tokens"):
        chunk("검색", estimate_tokens, max_tokens=2)


@settings(max_examples=150, deadline=None)
@given(MARKUP | st.text(), st.sampled_from(COUNTS), st.integers(3, 40), st.integers(0, 3), st.booleans())
def test_chunks_fit_and_hold_everything(
    text: str, count: Callable[[str], int], max_tokens: int, overlap: int, markdown: bool
) -> None:
    found = chunk(text, count, max_tokens=max_tokens, overlap=overlap, markdown=markdown)
    assert all(0 < count(piece) <= max_tokens for piece in texts(text, found))
    assert_holds_everything(text, found)
    assert all(left.start < right.start and left.end < right.end for left, right in itertools.pairwise(found))
    assert found == chunk(text, count, max_tokens=max_tokens, overlap=overlap, markdown=markdown)


@settings(max_examples=50, deadline=None)
@given(MARKUP, st.sampled_from(COUNTS), st.integers(3, 40))
def test_without_overlap_nothing_stands_twice(text: str, count: Callable[[str], int], max_tokens: int) -> None:
    found = chunk(text, count, max_tokens=max_tokens, overlap=0)
    assert re.sub(r"\s", "", "".join(texts(text, found))) == re.sub(r"\s", "", text)


@settings(max_examples=50, deadline=None)
@given(MARKUP, st.integers(3, 60))
def test_headings_in_a_chunk_go_down(text: str, max_tokens: int) -> None:
    headings = [block for block in split_blocks(text, markdown=True) if block.kind == "heading"]
    for piece in chunk(text, estimate_tokens, max_tokens=max_tokens):
        levels = [block.level for block in headings if piece.start <= block.start < piece.end]
        assert levels == sorted(set(levels))


@settings(max_examples=50, deadline=None)
@given(text=MARKUP | st.text(), max_tokens=st.integers(4, 40))
def test_chunks_fit_a_real_tokenizer(word_pieces: Callable[[str], int], text: str, max_tokens: int) -> None:
    found = chunk(text, word_pieces, max_tokens=max_tokens)
    assert all(word_pieces(piece) <= max_tokens for piece in texts(text, found))
    assert_holds_everything(text, found)


@pytest.mark.parametrize(
    "text",
    [
        "# Part\n\n" + "Dr. Smith paid 3.5 % of it (see e.g. Fig. 3) to J. Doe. " * 18_000,
        "word " * 200_000,
        "- item\n" * 140_000,
        "x" * 1_000_000,
    ],
    ids=["sentences", "no stop", "items", "one word"],
)
@pytest.mark.usefixtures("hang_guard")
def test_a_megabyte_of_anything_comes_to_an_end(text: str) -> None:
    assert chunk(text, len, max_tokens=1000)[-1].end == len(text.rstrip())


def test_white_space_before_code_that_is_too_long_makes_no_empty_chunk() -> None:
    text = "\t```\n"
    assert texts(text, chunk(text, len, max_tokens=3, overlap=0)) == ["```"]
