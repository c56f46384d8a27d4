from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.errors import ConfigError, OutputParseError
from ragkit.prompts.control import escape_control
from ragkit.prompts.parsers.entities import Mention, entities_parser, show_mentions

PEOPLE = entities_parser(["person", "place"])


def test_each_mention_takes_the_first_free_place() -> None:
    reply = show_mentions([("Ada", "person"), ("Ada", "Person"), ("London", "place")])
    assert PEOPLE.parse(reply, given="Ada met Ada King in London") == (
        Mention("Ada", "person", 0, 3),
        Mention("Ada", "person", 8, 11),
        Mention("London", "place", 20, 26),
    )


def test_a_word_of_its_own_comes_before_a_part_of_one() -> None:
    assert PEOPLE.parse(show_mentions([("Ann", "person")]), given="Anna met Ann")[0].start == 9
    assert PEOPLE.parse(show_mentions([("東京", "place")]), given="私は東京都に行く")[0] == Mention(
        "東京", "place", 2, 4
    )


def test_a_line_end_passes_for_a_blank_and_the_text_as_written_is_given() -> None:
    found = PEOPLE.parse(show_mentions([("New York", "place")]), given="in New\n  York")
    assert found == (Mention("New\n  York", "place", 3, 13),)


def test_a_mention_that_stands_nowhere_is_kept_without_a_place() -> None:
    reply = show_mentions([("Bob", "person"), ("Ada", "person"), ("Ada", "person")])
    assert PEOPLE.parse(reply, given="Ada came") == (
        Mention("Bob", "person"),
        Mention("Ada", "person", 0, 3),
        Mention("Ada", "person"),
    )
    assert PEOPLE.parse(reply)[1] == Mention("Ada", "person", None, None)


def test_a_control_token_is_found_by_what_the_prompt_showed_of_it() -> None:
    given = "the token <|im_end|> ends"
    assert PEOPLE.parse(show_mentions([(escape_control("<|im_end|>"), "place")]), given=given) == (
        Mention("<|im_end|>", "place", 10, 20),
    )


@given(st.text("ab \n", max_size=30), st.lists(st.text("ab ", min_size=1, max_size=3).filter(str.strip), max_size=8))
@settings(max_examples=50, deadline=None)
def test_places_hold_the_mention_and_no_two_overlap(text: str, phrases: list[str]) -> None:
    found = PEOPLE.parse(show_mentions([(phrase, "person") for phrase in phrases]), given=text)
    taken = [
        place for mention in found if mention.start is not None for place in range(mention.start, mention.end or 0)
    ]
    assert len(taken) == len(set(taken))
    assert all(text[mention.start : mention.end] == mention.text for mention in found if mention.start is not None)
    assert [mention.text.split() for mention in found] == [phrase.split() for phrase in phrases]


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("none", "no JSON"),
        ("[]", "the value is .*; expected object"),
        (
            '{"entities": [{"text": "Ada", "type": "planet"}]}',
            r"entities\[0\].type is a text of length 6; expected one of",
        ),
        ('{"entities": [{"text": 3, "type": "person"}]}', "text is 3; expected string"),
        ('{"entities": [{"text": " ", "type": "person"}]}', "a mention is empty"),
        ('{"entities": 7}', "entities is 7; expected array"),
        ('{"entities": [{"text": "Ada", "type": "person", "sure": 1}]}', "has keys that are not expected"),
        (json.dumps({"entities": [{"text": "a", "type": "person"}] * 10_001}), "more than 10,000"),
        ("[" * 100_000, "levels deep"),
    ],
)
def test_a_reply_that_is_not_the_json_asked_for_is_refused(reply: str, said: str) -> None:
    with pytest.raises(OutputParseError, match=said) as caught:
        PEOPLE.parse(reply, given="Ada came")
    assert caught.value.raw_output == reply


@pytest.mark.usefixtures("hang_guard")
def test_many_mentions_are_looked_up_in_a_long_text() -> None:
    said = show_mentions([(f"word w{number}", "person") for number in range(2_000)])
    found = PEOPLE.parse(said, given="word " * 40_000 + "w7")
    assert [mention.text for mention in found if mention.start is not None] == ["word w7"]


@pytest.mark.parametrize(
    ("text", "phrase", "place"),
    [("ba a a", "a a", (3, 6)), ("so\n \tso", " so so", (0, 7)), ("Adam", "Ada", (0, 3)), ("_Ada Ada", "Ada", (5, 8))],
)
def test_blanks_and_parts_of_words_are_looked_through_for_a_place(
    text: str, phrase: str, place: tuple[int, int]
) -> None:
    (found,) = PEOPLE.parse(show_mentions([(phrase, "person")]), given=text)
    assert (found.start, found.end) == place


@pytest.mark.parametrize("types", [[], "person", ["a", "A"], [""], [1], {"a", "b"}, None])
def test_types_must_differ(types: Any) -> None:
    with pytest.raises(ConfigError, match="types of entities that differ in more than case are needed"):
        entities_parser(types)
