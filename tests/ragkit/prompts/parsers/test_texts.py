from __future__ import annotations

from typing import Any

import pytest

from ragkit.errors import ConfigError, OutputParseError
from ragkit.prompts.parsers.texts import answer_parser, list_parser, text_parser


def test_text_is_taken_as_it_is() -> None:
    assert text_parser().parse(' "ein Hund"\n') == '"ein Hund"'
    with pytest.raises(OutputParseError, match="the reply is empty"):
        text_parser().parse(" \n")


@pytest.mark.parametrize(
    "reply", ["Not in the sources.", "not in the  sources", '"Not in the sources."', "**Not in the sources**"]
)
def test_the_sentence_that_declines_gives_none(reply: str) -> None:
    assert answer_parser("Not in the sources.").parse(reply) is None


def test_an_answer_is_given_whole() -> None:
    assert answer_parser("Not in the sources.").parse(" In 1843 [1]. ") == "In 1843 [1]."


def test_a_short_sentence_that_declines_may_occur_in_answers() -> None:
    assert answer_parser("No.").parse("There is no doubt: 1843.") == "There is no doubt: 1843."
    with pytest.raises(OutputParseError, match="declines and says more"):
        answer_parser("No.").parse("No, it was in 1843.")


def test_declining_in_a_script_without_blanks_is_seen() -> None:
    assert answer_parser("資料にありません。").parse("資料にありません") is None
    with pytest.raises(OutputParseError, match="declines and says more"):
        answer_parser("資料にありません。").parse("資料にありませんが、1815年です。")


def test_declining_and_answering_at_once_is_no_answer() -> None:
    with pytest.raises(OutputParseError, match="declines and says more"):
        answer_parser("Not in the sources.").parse("It is not in the sources, but I know it: 1843.")
    for declines in (".", None):
        with pytest.raises(ConfigError, match=r"must have words, got ('\.'|None)"):
            answer_parser(declines)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "reply",
    ["one\ntwo", "- one\n- two", "1. one\n2. two", "1) one\n\n2) two", "Two of them:\n* one\n* two", '["one", "two"]',
     "١. one\n٢. two", "・one\n・two", "– one\n– two",
     '```json\n["one", "two"]\n```'],
)  # fmt: skip
def test_lists_come_in_many_coats(reply: str) -> None:
    assert list_parser(2).parse(reply) == ["one", "two"]


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("- one\ntwo", "no plain list"),
        ("1. one\n3. two", "no plain list"),
        ("1. one\n- two", "no plain list"),
        ("one", "lists 1; expected 2"),
        ("Sure!\none\ntwo", "lists 3; expected 2"),
        ("[]", "no list of texts"),
        ('["one", ""]', "no list of texts"),
    ],
)
def test_what_is_no_clear_list_is_refused(reply: str, said: str) -> None:
    with pytest.raises(OutputParseError, match=said):
        list_parser(2).parse(reply)


def test_lines_without_bullets_are_a_list_only_where_their_number_is_known() -> None:
    assert list_parser(2).parse("one\ntwo") == ["one", "two"]
    with pytest.raises(OutputParseError, match="no plain list"):
        list_parser().parse("I cannot do that.")


@pytest.mark.parametrize("count", [0, True, "3", 2.0])
def test_a_count_is_at_least_one(count: Any) -> None:
    with pytest.raises(ConfigError, match=f"count must be a whole number from 1, got {count!r}"):
        list_parser(count)
