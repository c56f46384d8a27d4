from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.text.blocks import Block, split_blocks

MARKUP = st.lists(
    st.sampled_from(
        [
            "# ",
            "## ",
            "- ",
            "1. ",
            "a) ",
            "```",
            "~~~",
            "````",
            "|",
            "---",
            "===",
            "\n",
            "\n\n",
            " ",
            "    ",
            "word",
            "B. ",
            "–",
            "\t",
        ]
    )
).map("".join)


def kinds(text: str, *, markdown: bool = True) -> list[tuple[str, str]]:
    return [(block.kind, text[block.start : block.end]) for block in split_blocks(text, markdown=markdown)]


def test_blank_lines_separate_paragraphs() -> None:
    assert kinds("one\nstill one\n  \n\ntwo\n") == [("paragraph", "one\nstill one"), ("paragraph", "two")]


def test_headings_have_their_level() -> None:
    text = "# One\n###### Six\n####### seven\n#tag\n   ### Three"
    assert [(b.kind, b.level) for b in split_blocks(text, markdown=True)] == [
        ("heading", 1),
        ("heading", 6),
        ("paragraph", 0),
        ("heading", 3),
    ]


def test_a_lone_hash_is_an_empty_heading() -> None:
    assert split_blocks("##", markdown=True) == [Block("heading", 0, 2, 2)]


def test_underlined_lines_are_headings() -> None:
    text = "Title\n=====\n\nPart\n---\ntext"
    assert [(b.kind, b.level, text[b.start : b.end]) for b in split_blocks(text, markdown=True)] == [
        ("heading", 1, "Title\n====="),
        ("heading", 2, "Part\n---"),
        ("paragraph", 0, "text"),
    ]


def test_a_rule_under_several_lines_or_a_list_item_is_no_underline() -> None:
    assert kinds("one\ntwo\n---\nthree") == [("paragraph", "one\ntwo"), ("paragraph", "---"), ("paragraph", "three")]
    assert kinds("- one\n---") == [("list", "- one"), ("paragraph", "---")]


def test_a_rule_is_a_block() -> None:
    assert kinds("* * *\ntext\n\n___") == [("paragraph", "* * *"), ("paragraph", "text"), ("paragraph", "___")]


def test_fenced_code_is_one_block_with_its_blank_lines_and_indentation() -> None:
    text = "Run:\n  ```sh\n  # no heading\n\n  ls\n  ```\nDone."
    assert kinds(text) == [
        ("paragraph", "Run:"),
        ("code", "  ```sh\n  # no heading\n\n  ls\n  ```"),
        ("paragraph", "Done."),
    ]


def test_a_fence_is_closed_by_one_at_least_as_long_of_the_same_sign() -> None:
    assert kinds("~~~~\n~~~\n```\n~~~~~\nafter") == [("code", "~~~~\n~~~\n```\n~~~~~"), ("paragraph", "after")]


def test_an_open_fence_ends_at_the_next_blank_line() -> None:
    assert kinds("```py\na = 1\n\nText.\n\n```py\nb") == [
        ("code", "```py\na = 1"),
        ("paragraph", "Text."),
        ("code", "```py\nb"),
    ]


def test_a_table_is_one_block() -> None:
    assert kinds("Intro\na | b\n--|--\n1 | 2\nafter") == [
        ("paragraph", "Intro"),
        ("table", "a | b\n--|--\n1 | 2"),
        ("paragraph", "after"),
    ]


def test_lines_that_begin_with_a_bar_are_a_table_without_delimiter_row() -> None:
    assert kinds("| a | b |\n| 1 | 2 |\nx | y") == [("table", "| a | b |\n| 1 | 2 |"), ("paragraph", "x | y")]


def test_an_indented_table_is_found() -> None:
    assert kinds("     | a |\n     | 1 |") == [("table", "| a |\n     | 1 |")]


def test_indented_text_is_no_heading() -> None:
    assert kinds("    # text") == [("paragraph", "# text")]


def test_each_list_item_is_a_block_with_its_continuation() -> None:
    text = "Buy:\n- milk\n  and bread\n* eggs\n  - brown\n\n1. one\n2) two\n(a) three"
    assert kinds(text) == [
        ("paragraph", "Buy:"),
        ("list", "- milk\n  and bread"),
        ("list", "* eggs"),
        ("list", "- brown"),
        ("list", "1. one"),
        ("list", "2) two\n(a) three"),
    ]


def test_a_wrapped_line_that_begins_like_an_item_goes_on() -> None:
    assert kinds("It came with version\n2. It was written by\nJ. Smith – and\n– in part –\nothers") == [
        ("paragraph", "It came with version\n2. It was written by\nJ. Smith – and\n– in part –\nothers")
    ]


def test_dashes_mark_items_where_a_list_can_begin() -> None:
    assert kinds("All:\n– one\n– two") == [("paragraph", "All:"), ("list", "– one"), ("list", "– two")]


def test_plain_text_has_paragraphs_and_lists_only() -> None:
    assert kinds("# one\n```\n| a |\n- item\n\n* * *", markdown=False) == [
        ("paragraph", "# one\n```\n| a |"),
        ("list", "- item"),
        ("paragraph", "* * *"),
    ]


@pytest.mark.parametrize("markdown", [True, False])
def test_blank_text_has_no_blocks(*, markdown: bool) -> None:
    assert split_blocks(" \n\n\t", markdown=markdown) == []


@settings(max_examples=100, deadline=None)
@given(MARKUP | st.text(), st.booleans())
def test_blocks_hold_all_that_is_no_whitespace_in_order(text: str, markdown: bool) -> None:
    blocks = split_blocks(text, markdown=markdown)
    assert re.sub(r"\s", "", "".join(text[b.start : b.end] for b in blocks)) == re.sub(r"\s", "", text)
    assert all(left.end <= right.start for left, right in itertools.pairwise(blocks))


@pytest.mark.usefixtures("hang_guard")
def test_many_open_fences_come_to_an_end() -> None:
    text = "```x\n" * 200_000
    assert split_blocks(text, markdown=True)[-1].end == len(text.rstrip())
