from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, Generation
from pydantic import BaseModel

from ragkit.models.wrappers.reply_json import generations_from, json_of

_TEXT = st.text(max_size=20)
_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=8,
)
_OBJECT = st.dictionaries(_TEXT, _JSON, max_size=3)
_CALL = st.fixed_dictionaries({"name": _TEXT, "args": _OBJECT, "id": st.none() | _TEXT, "type": st.just("tool_call")})
_INVALID = st.fixed_dictionaries(
    {
        "name": st.none() | _TEXT,
        "args": st.none() | _TEXT,
        "id": st.none() | _TEXT,
        "error": st.none() | _TEXT,
        "type": st.just("invalid_tool_call"),
    }
)
_COUNT = st.integers(0, 10**6)
_USAGE = st.fixed_dictionaries(
    {"input_tokens": _COUNT, "output_tokens": _COUNT, "total_tokens": _COUNT},
    optional={"input_token_details": st.fixed_dictionaries({"cache_read": _COUNT})},
)
_BLOCKS = st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": _TEXT}), min_size=1, max_size=2)
_MESSAGE = st.builds(
    AIMessage,
    content=_TEXT | _BLOCKS,
    additional_kwargs=_OBJECT.map(lambda made: {f"x{name}": value for name, value in made.items()}),
    response_metadata=_OBJECT.map(lambda made: {f"x{name}": value for name, value in made.items()}),
    tool_calls=st.lists(_CALL, max_size=2),
    invalid_tool_calls=st.lists(_INVALID, max_size=2),
    usage_metadata=st.none() | _USAGE,
    id=st.none() | _TEXT,
    name=st.none() | _TEXT,
)
_GENERATION = st.builds(Generation, text=_TEXT, generation_info=st.none() | _OBJECT) | st.builds(
    ChatGeneration, message=_MESSAGE, generation_info=st.none() | _OBJECT
)


@given(st.lists(_GENERATION, max_size=3))
@settings(max_examples=50, deadline=None)
def test_writing_and_reading_is_identity(generations: list[Generation]) -> None:
    assert generations_from(json_of(generations)) == generations


class Answer(BaseModel):
    text: str


def test_a_parsed_answer_becomes_a_plain_object() -> None:
    message = AIMessage("", additional_kwargs={"parsed": Answer(text="yes")})

    (read,) = generations_from(json_of([ChatGeneration(message=message)]))

    assert isinstance(read, ChatGeneration)
    assert read.message.additional_kwargs == {"parsed": {"text": "yes"}}


@pytest.mark.parametrize("value", [b"raw", object(), {1, 2}, print])
def test_what_is_no_json_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match=f"a {type(value).__name__} is no JSON value"):
        json_of([ChatGeneration(message=AIMessage("", response_metadata={"x": value}))])


def test_a_number_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_of([Generation(text="", generation_info={"logprob": float("-inf")})])


def test_only_an_ai_message_is_a_reply() -> None:
    with pytest.raises(TypeError, match="a reply is an AIMessage, not a HumanMessage"):
        json_of([ChatGeneration(message=HumanMessage("x"))])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "{}",
        "[3]",
        "[{}]",
        '[{"generation_info": null}]',
        '[{"generation_info": 3, "text": "x"}]',
        '[{"generation_info": null, "text": 3}]',
        '[{"generation_info": null, "message": 3}]',
        '[{"generation_info": null, "message": {"content": 3}}]',
        '[{"generation_info": null, "message": {"tool_calls": [{"name": 3}]}}]',
        '[{"generation_info": null, "message": {"lc": 1, "type": "constructor", "id": ["os", "system"]}}]',
    ],
)
def test_what_is_not_of_the_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a|Expecting"):
        generations_from(text)


def test_a_constructor_of_langchain_inside_a_reply_stays_plain_data() -> None:
    planted = {"lc": 1, "type": "constructor", "id": ["langchain_core", "messages", "HumanMessage"], "kwargs": {}}
    text = json.dumps([{"generation_info": None, "message": {"response_metadata": {"x": planted}}}])

    (read,) = generations_from(text)

    assert isinstance(read, ChatGeneration)
    assert read.message.response_metadata == {"x": planted}
