from __future__ import annotations

from typing import Any

import pytest

from ragkit.errors import ConfigError, OutputParseError
from ragkit.prompts.parsers.labels import label_parser, labels_parser

NEWS = ["World", "Sci/Tech"]


@pytest.mark.parametrize(
    "reply",
    [
        "Sci/Tech",
        " sci/tech. ",
        '"Sci/Tech".',
        "**Sci/Tech**",
        "Label: `sci/tech`",
        "**Label:** Sci/Tech",
        "**Label**: sci/tech.",
        '{"label": "sci/tech"}',
        '```json\n{"label": "Sci/Tech"}\n```',
        "「Ｓｃｉ／Ｔｅｃｈ」",
        "```\nSci/Tech\n```",
    ],
)
def test_ornaments_around_a_label_do_not_matter(reply: str) -> None:
    assert label_parser(NEWS).parse(reply) == "Sci/Tech"


@pytest.mark.parametrize(
    "reply",
    ["World, Sci/Tech", "not World", "Not: World", "I think it is World", "World!?", "Wor", "World\nWorld", "Label:"],
)
def test_what_is_more_or_less_than_a_label_is_refused(reply: str) -> None:
    with pytest.raises(OutputParseError, match=r"the reply is no label; expected one of World, Sci/Tech") as caught:
        label_parser(NEWS).parse(reply)
    assert caught.value.raw_output == reply


@pytest.mark.parametrize("reply", ['{"label": "Sport"}', '{"label": ["World"]}', '{"label": "World", "sure": 1}', "{"])
def test_an_object_that_holds_more_or_less_than_a_label_is_refused(reply: str) -> None:
    with pytest.raises(OutputParseError, match=r"no label|no JSON") as caught:
        label_parser(NEWS).parse(reply)
    assert caught.value.raw_output == reply


def test_labels_that_are_headings_or_hold_signs_are_read_as_they_are() -> None:
    parser = label_parser(["class", "C", "C++", "e.g.", "'tis"])
    assert [parser.parse(label) for label in parser.labels] == ["class", "C", "C++", "e.g.", "'tis"]
    assert parser.parse("Label: class") == "class"


@pytest.mark.parametrize(
    "labels", [["a"], [], "ab", ["a", "A"], ["a", " "], ["Straße", "STRASSE"], {"a", "b"}, [1, 2], None]
)
def test_a_set_whose_labels_cannot_be_told_apart_is_refused(labels: Any) -> None:
    with pytest.raises(ConfigError, match=r"at least two labels|differs from another in case alone"):
        label_parser(labels)


@pytest.mark.parametrize(
    "reply",
    ["Money, sport", "- money\n- sport", "1. Sport\n2. Money", '["money", "sport", "sport"]', "sport; money",
     '{"labels": ["Sport", "Money"]}', '```json\n["sport", "money"]\n```', "Labels:\nsport, money."],
)  # fmt: skip
def test_several_labels_come_in_the_order_of_the_set(reply: str) -> None:
    assert labels_parser(["sport", "money", "art, old"]).parse(reply) == ("sport", "money")


@pytest.mark.parametrize("reply", ["none", "None.", "[]", '{"labels": []}', '["none"]'])
def test_no_label_at_all_is_an_answer(reply: str) -> None:
    assert labels_parser(["sport", "money"]).parse(reply) == ()


def test_a_label_with_a_comma_is_one() -> None:
    assert labels_parser(["art, old", "art"]).parse("Art, old") == ("art, old",)
    assert labels_parser(["art, old", "art"]).parse('["art, old", "art"]') == ("art, old", "art")


@pytest.mark.parametrize("reply", ["sport, tennis", '["tennis"]', "none, sport", '[["sport"]]', '{"labels": "sport"}'])
def test_a_label_of_no_set_spoils_the_reply(reply: str) -> None:
    with pytest.raises(OutputParseError, match=r"is no label|no JSON list"):
        labels_parser(["sport", "money"]).parse(reply)


def test_the_word_for_none_may_not_be_a_label() -> None:
    with pytest.raises(ConfigError, match="none='None' is a label as well"):
        labels_parser(["none", "some"], none="None")
    assert labels_parser(["a", "b"]).schema["properties"]["labels"]["items"]["enum"] == ["a", "b"]
