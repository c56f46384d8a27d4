from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.utils.json import parse_partial_json

from ragkit.models.local.tools.json_end import JsonEnd

VALUES = st.recursive(
    st.text(max_size=8) | st.dictionaries(st.text(max_size=4), st.integers(), max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES, st.text(max_size=5))
@settings(max_examples=50, deadline=None)
def test_a_value_ends_where_it_ends(value: object, tail: str) -> None:
    text = json.dumps(value, ensure_ascii=False)
    assert JsonEnd().feed(text + tail) == len(text)


@pytest.mark.parametrize("text", ["12", "null", "-1.5e3"])
def test_a_number_or_a_word_ends_before_what_follows(text: str) -> None:
    assert JsonEnd().feed(text) is None
    assert JsonEnd().feed(f"{text}}}") == len(text)


@given(st.dictionaries(st.text(max_size=4), VALUES, min_size=1, max_size=3), st.data())
@settings(max_examples=100, deadline=None)
def test_a_spoiled_value_is_whole_to_nobody(value: object, data: st.DataObject) -> None:
    text = json.dumps(value)
    end = JsonEnd()
    part = text[: data.draw(st.integers(0, len(text)))]
    end.feed(part)
    try:
        read = parse_partial_json(part + end.spoiler)
    except ValueError:
        read = None
    assert not isinstance(read, dict)
