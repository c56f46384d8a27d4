"""Every parser against more than 200 spoiled replies: a value, or an `OutputParseError` with all that was said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from typing_extensions import TypedDict

from ragkit.errors import OutputParseError
from ragkit.prompts.parsers.code import code_parser
from ragkit.prompts.parsers.entities import Mention, entities_parser
from ragkit.prompts.parsers.labels import label_parser, labels_parser
from ragkit.prompts.parsers.objects import json_parser
from ragkit.prompts.parsers.parser import Parser
from ragkit.prompts.parsers.texts import answer_parser, list_parser, text_parser


class Film(BaseModel):
    title: str
    years: list[int] = []
    sequel: Film | None = None


class Mood(TypedDict):
    mood: str


@dataclass(frozen=True)
class Case:
    parser: Parser[Any]
    reply: str
    is_value: Callable[[Any], bool]


SCHEMA = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}, "required": ["n"]}
CASES = {
    "label": Case(label_parser(["positive", "negative"]), "positive", lambda value: value in {"positive", "negative"}),
    "labels": Case(labels_parser(["a", "b", "c, d"]), "a, b", lambda value: set(value) <= {"a", "b", "c, d"}),
    "schema": Case(json_parser(SCHEMA), '{"n": 3, "m": [1]}', lambda value: value["n"] >= 1),
    "pydantic": Case(json_parser(Film), '{"title": "Up", "years": [2009]}', lambda value: isinstance(value.title, str)),
    "typed dict": Case(json_parser(Mood), '{"mood": "calm"}', lambda value: isinstance(value["mood"], str)),
    "entities": Case(
        entities_parser(["person", "place"]),
        '{"entities": [{"text": "Ada", "type": "person"}, {"text": "London", "type": "place"}]}',
        lambda value: all(isinstance(mention, Mention) for mention in value),
    ),
    "text": Case(text_parser(), "Ein Hund läuft.", lambda value: bool(value.strip())),
    "python": Case(code_parser("python"), "```python\nx = [1, 2]\n```", lambda value: isinstance(value, str)),
    "sql": Case(code_parser("sql"), "```sql\nSELECT 1\n```", lambda value: isinstance(value, str)),
    "answer": Case(answer_parser("Not in the sources."), "In 1843 [1].", lambda value: value is None or value.strip()),
    "list": Case(list_parser(), "1. one\n2. two\n3. three", lambda value: all(isinstance(item, str) for item in value)),
}


def holds(case: Case, reply: str) -> None:
    value = tried(case.parser, reply)
    if isinstance(value, OutputParseError):
        assert value.raw_output == reply
        assert len(str(value).encode()) < 500
    else:
        assert case.is_value(value)


def tried(parser: Parser[Any], reply: str) -> Any:
    try:
        return parser.parse(reply, given="Ada went to London.")
    except OutputParseError as error:
        return error


@pytest.mark.parametrize("name", CASES)
@pytest.mark.usefixtures("hang_guard")
def test_a_spoiled_reply_gives_a_value_or_an_error_that_carries_it(
    name: str, malformed: Callable[[str], list[str]]
) -> None:
    replies = malformed(CASES[name].reply)
    assert len(replies) >= 200
    for reply in replies:
        holds(CASES[name], reply)


@pytest.mark.parametrize("name", CASES)
@given(reply=st.text(st.characters() | st.sampled_from('{}[]":,\\`\n<>/think-*1.'), max_size=60))
@settings(max_examples=50, deadline=None)
def test_any_text_gives_a_value_or_an_error_that_carries_it(name: str, reply: str) -> None:
    holds(CASES[name], reply)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(
    "reply",
    [
        "sesame",
        '{"sesame": 1}',
        '{"n": "sesame", "title": "sesame", "mood": 1, "sesame": 2}',
        '{"title": 5, "mood": 6, "labels": ["sesame"], "entities": [{"text": "sesame", "type": "sesame"}]}',
        '{"sesame": 1, "sesame": 2}',
        '["sesame", 1]',
        "```python\nsesame = \n```",
        "a, sesame",
        "- sesame\nsesame",
        "Not in the sources. sesame",
    ],
)
def test_an_error_shows_nothing_of_what_was_said_but_as_its_attribute(name: str, reply: str) -> None:
    value = tried(CASES[name].parser, reply)
    if isinstance(value, OutputParseError):
        assert "sesame" not in f"{value!r}{value}"


@pytest.mark.parametrize("name", CASES)
def test_thoughts_before_a_reply_change_nothing(name: str) -> None:
    case = CASES[name]
    wanted = case.parser.parse(case.reply)
    for thoughts in (
        "<think>\nIs it?\n</think>\n\n",
        "<think></think>",
        "\n<thinking>a</thinking>\n",
        "so\n</think>\n",
    ):
        assert case.parser.parse(thoughts + case.reply) == wanted
