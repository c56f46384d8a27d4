from __future__ import annotations

from datetime import date

import pytest
from pydantic import BaseModel
from typing_extensions import TypedDict

from ragkit.errors import ConfigError, OutputParseError
from ragkit.prompts.parsers.objects import json_parser


class Film(BaseModel):
    title: str
    shown: date | None = None


class Opaque:
    """Nothing that pydantic knows."""


class Mood(TypedDict):
    mood: str
    sure: float


def test_a_class_is_made_of_the_json() -> None:
    parser = json_parser(Film)
    assert parser.parse('{"title": "Up", "shown": "2009-05-13"}') == Film(title="Up", shown=date(2009, 5, 13))
    assert parser.schema["required"] == ["title"]
    assert json_parser(Mood).parse('{"mood": "calm", "sure": 1}') == {"mood": "calm", "sure": 1.0}


@pytest.mark.parametrize(
    ("reply", "said"),
    [('{"title": 5}', "title: Input should be a valid string"), ("[]", "not as asked for: Input should be an object")],
)
def test_json_that_the_class_does_not_take_is_refused(reply: str, said: str) -> None:
    with pytest.raises(OutputParseError, match=said) as caught:
        json_parser(Film).parse(reply)
    assert caught.value.raw_output == reply


def test_types_are_not_changed_to_make_them_fit() -> None:
    with pytest.raises(OutputParseError, match="sure: Input should be a valid number"):
        json_parser(Mood).parse('{"mood": "calm", "sure": "1"}')


def test_a_schema_gives_what_it_describes() -> None:
    parser = json_parser({"type": "object", "properties": {"n": {"type": "integer"}}})
    assert parser.parse('Here:\n{"n": 3}') == {"n": 3}
    with pytest.raises(OutputParseError, match="not as asked for: n is a text of length 1; expected integer"):
        parser.parse('{"n": "3"}')


def test_what_describes_no_json_is_refused() -> None:
    with pytest.raises(ConfigError, match="by a schema or a class, got str"):
        json_parser("Film")  # type: ignore[call-overload]
    with pytest.raises(ConfigError, match="Opaque does not describe JSON"):
        json_parser(Opaque)
    with pytest.raises(ConfigError, match="word 'not'"):
        json_parser({"not": {}})
