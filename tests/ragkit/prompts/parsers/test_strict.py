from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.errors import OutputParseError
from ragkit.prompts.parsers.strict import read_json

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner),
)  # fmt: skip


@given(JSON)
@settings(max_examples=50, deadline=None)
def test_what_json_writes_is_read_again(value: object) -> None:
    assert read_json(json.dumps(value)) == value
    assert read_json(f"```json\n{json.dumps(value, indent=2)}\n```") == value


@pytest.mark.parametrize(
    "reply",
    [
        '{"a": 1}',
        '```json\n{"a": 1}\n```',
        'Here you are:\n{"a": 1}',
        'Of course!\n\n```\n{"a": 1}\n```\nI hope it helps.',
    ],
)
def test_the_one_value_of_a_reply_is_found(reply: str) -> None:
    assert read_json(reply) == {"a": 1}


@pytest.mark.parametrize(
    ("reply", "complaint"),
    [
        ('{"a": 1} as you wished', "Extra data"),
        ('It is not {"a": 1}', "no JSON: Expecting value"),
        ('```\n{"a": 1}\n```\nor {"a": 2}', "no JSON"),
        ("```\n{}\n```\n```\n{}\n```", "no JSON"),
        ('{"a": 1, "a": 2}', "a key stands there twice"),
        ('{"a": NaN}', "NaN is no JSON number"),
        ("[1e400]", "no float holds 1e400"),
        ("[" + "7" * 400 + "]", "no float holds 777"),
        ('["\\ud800"]', "half a character"),
        ('{"\\udfff": 1}', "half a character"),
        ("[" * 101 + "]" * 101, "more than 100 levels deep"),
        ("{'a': 1}", "no JSON: Expecting property name"),
    ],
)
def test_json_that_can_be_read_in_two_ways_is_refused(reply: str, complaint: str) -> None:
    with pytest.raises(OutputParseError, match=complaint) as caught:
        read_json(reply)
    assert caught.value.raw_output == reply


def test_brackets_in_texts_are_not_depth() -> None:
    assert read_json(json.dumps({"a": "[" * 500 + '"'})) == {"a": "[" * 500 + '"'}
