from __future__ import annotations

import hashlib

import pytest

from ragkit.evaluate.chat import Ask, Message

_ASK = Ask(messages=[Message("user", "Is it so?")])


def test_the_same_question_to_the_same_model_has_the_same_address() -> None:
    again = Ask(messages=(Message("user", "Is it so?"),))
    assert again.key({"name": "m", "temperature": 0}) == _ASK.key({"temperature": 0, "name": "m"})


def test_the_address_is_the_same_in_every_process_and_version() -> None:
    content = '{"messages":[{"content":"Is it so?","role":"user"}],"model":{"name":"m"},"sample":0,"schema":null}'
    assert _ASK.key({"name": "m"}) == hashlib.sha256(content.encode()).hexdigest()


@pytest.mark.parametrize(
    "other",
    [
        Ask(messages=[Message("user", "Is it so")]),
        Ask(messages=[Message("system", "Is it so?")]),
        Ask(messages=[Message("user", "Is it so?")], schema={"type": "object"}),
        Ask(messages=[Message("user", "Is it so?")], sample=1),
        Ask(messages=[]),
    ],
)
def test_another_question_has_another_address(other: Ask) -> None:
    assert other.key({"name": "m"}) != _ASK.key({"name": "m"})


def test_another_model_has_another_address() -> None:
    assert _ASK.key({"name": "m"}) != _ASK.key({"name": "m", "temperature": 1})


def test_half_a_character_in_a_text_has_an_address_of_its_own() -> None:
    halves = [Ask(messages=[Message("user", half)]).key({}) for half in ("\ud83d", "\ud83e")]
    assert len(set(halves)) == 2
