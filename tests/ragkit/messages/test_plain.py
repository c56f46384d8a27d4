from __future__ import annotations

import enum
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.documents import Document
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ChatMessage,
    ChatMessageChunk,
    FunctionMessage,
    FunctionMessageChunk,
    HumanMessage,
    HumanMessageChunk,
    RemoveMessage,
    SystemMessage,
    SystemMessageChunk,
    ToolMessage,
    ToolMessageChunk,
    message_to_dict,
    messages_from_dict,
)
from pydantic import BaseModel

from ragkit.errors import InputError
from ragkit.messages.plain import as_plain, from_plain, is_plain

# With lone surrogates: a model's bytes cut in two have given them before.
_TEXT = st.text(st.characters(), max_size=12)
_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXT, inner, max_size=3),
    max_leaves=8,
)
_OBJECT = st.dictionaries(_TEXT, _JSON, max_size=3)
_CONTENT = _TEXT | st.lists(_TEXT | _OBJECT, max_size=3)
_ID = st.none() | _TEXT
_SHARED: dict[str, st.SearchStrategy[Any]] = {
    "content": _CONTENT,
    "additional_kwargs": _OBJECT,
    "response_metadata": _OBJECT,
    "id": _ID,
    "name": _ID,
}
_CALL = st.fixed_dictionaries({"name": _TEXT, "args": _OBJECT, "id": _ID, "type": st.just("tool_call")})
_WRONG = st.fixed_dictionaries(
    {"name": _ID, "args": _ID, "id": _ID, "error": _ID, "type": st.just("invalid_tool_call")}
)
_PIECE = st.fixed_dictionaries(
    {"name": _ID, "args": _ID, "id": _ID, "index": st.none() | st.integers(0, 3), "type": st.just("tool_call_chunk")}
)
_COUNT = st.integers(0, 10**6)
_USAGE = st.none() | st.fixed_dictionaries(
    {"input_tokens": _COUNT, "output_tokens": _COUNT, "total_tokens": _COUNT},
    optional={
        "input_token_details": st.fixed_dictionaries({"cache_read": _COUNT}),
        "output_token_details": st.fixed_dictionaries({"reasoning": _COUNT}),
    },
)
_CALLS: dict[str, st.SearchStrategy[Any]] = {
    "tool_calls": st.lists(_CALL, max_size=2),
    "invalid_tool_calls": st.lists(_WRONG, max_size=2),
    "usage_metadata": _USAGE,
}
_RESULT: dict[str, st.SearchStrategy[Any]] = {
    "tool_call_id": _TEXT,
    "artifact": _JSON,
    "status": st.sampled_from(["success", "error"]),
}
MESSAGES: st.SearchStrategy[BaseMessage] = st.one_of(
    *(st.builds(kind, **_SHARED) for kind in (HumanMessage, HumanMessageChunk, SystemMessage, SystemMessageChunk)),
    st.builds(AIMessage, **_SHARED, **_CALLS),
    st.builds(
        AIMessageChunk,
        **_SHARED,
        usage_metadata=_USAGE,
        tool_call_chunks=st.lists(_PIECE, max_size=2),
        chunk_position=st.sampled_from([None, "last"]),
    ),
    *(st.builds(kind, **_SHARED, **_RESULT) for kind in (ToolMessage, ToolMessageChunk)),
    *(st.builds(kind, **{**_SHARED, "name": _TEXT}) for kind in (FunctionMessage, FunctionMessageChunk)),
    *(st.builds(kind, **_SHARED, role=_TEXT) for kind in (ChatMessage, ChatMessageChunk)),
    _TEXT.map(lambda made: RemoveMessage(id=made)),
)


def through_json(message: BaseMessage) -> BaseMessage:
    return from_plain(json.loads(json.dumps(as_plain(message))))


@given(MESSAGES)
@settings(max_examples=40, deadline=None)
def test_there_and_back_is_the_same_message_of_the_same_kind(message: BaseMessage) -> None:
    back = through_json(message)

    assert back == message
    assert type(back) is type(message)


@given(MESSAGES)
@settings(max_examples=20, deadline=None)
def test_what_langchain_itself_keeps_is_kept(message: BaseMessage) -> None:
    assert messages_from_dict([message_to_dict(through_json(message))]) == messages_from_dict(
        [message_to_dict(message)]
    )


def test_fields_with_their_usual_value_are_left_out() -> None:
    assert as_plain(HumanMessage("hi")) == {"type": "human", "content": "hi"}
    assert as_plain(AIMessage("")) == {"type": "ai", "content": ""}


def test_a_call_that_was_taken_away_does_not_come_back() -> None:
    raw = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
    message = AIMessage("", additional_kwargs={"tool_calls": [raw]})
    assert [call["id"] for call in message.tool_calls] == ["c1"]
    message.tool_calls = []

    back = through_json(message)

    assert isinstance(back, AIMessage)
    assert back.tool_calls == []


def test_fields_of_ones_own_are_kept() -> None:
    message = HumanMessage("hi", mood="good")  # type: ignore[call-arg]  # LangChain lets a message have any field

    assert as_plain(message) == {"type": "human", "content": "hi", "mood": "good"}
    assert through_json(message) == message


class Loud(HumanMessage):
    volume: int = 11


def test_a_subclass_becomes_the_kind_of_its_type() -> None:
    back = through_json(Loud("hi"))

    assert type(back) is HumanMessage
    assert back.volume == 11  # type: ignore[attr-defined]


class Mood(enum.Enum):
    GOOD = "good"


def test_values_that_json_can_say_become_plain() -> None:
    found = Document("text", metadata={"page": 3})
    message = ToolMessage("ok", tool_call_id="c", artifact={"found": (found,), "mood": Mood.GOOD, 1: True, None: 0.5})

    assert as_plain(message)["artifact"] == {
        "found": [{"id": None, "metadata": {"page": 3}, "page_content": "text", "type": "Document"}],
        "mood": "good",
        "1": True,
        "null": 0.5,
    }


def test_what_is_given_is_copied() -> None:
    message = AIMessage([{"type": "text", "text": "a"}])
    plain = as_plain(message)
    plain["content"][0]["text"] = "changed"

    assert message.text == "a"


@pytest.mark.parametrize("value", [b"raw", {1, 2}, object(), [print]])
def test_what_json_cannot_say_is_refused_by_the_name_of_its_field(value: Any) -> None:
    with pytest.raises(InputError, match=r"^artifact of a message holds a \w+, which is no JSON value: give text or"):
        as_plain(ToolMessage("ok", tool_call_id="c", artifact=value))


class Odd(BaseModel, arbitrary_types_allowed=True):
    inner: object


def test_a_pydantic_value_that_cannot_be_dumped_is_refused() -> None:
    with pytest.raises(InputError, match="artifact of a message holds a Odd that cannot be dumped as JSON: dump it"):
        as_plain(ToolMessage("ok", tool_call_id="c", artifact=[Odd(inner=object())]))


def test_a_key_that_is_no_text_is_refused() -> None:
    with pytest.raises(InputError, match="artifact of a message has a tuple as key"):
        as_plain(ToolMessage("ok", tool_call_id="c", artifact={(1, 2): 3}))


def test_a_value_that_holds_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)

    with pytest.raises(InputError, match="nested too deeply, or holds itself"):
        as_plain(ToolMessage("ok", tool_call_id="c", artifact=endless))


class Foreign(BaseMessage):
    type: str = "foreign"


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(InputError, match=r"a Foreign is no kind of message that can be kept: expected one of ai, "):
        as_plain(Foreign(content="x"))


@pytest.mark.parametrize("kind", ["os.system", None, 3, ["ai"], "constructor"])
def test_a_plain_value_of_an_unknown_kind_is_refused(kind: Any) -> None:
    with pytest.raises(InputError, match="is no kind of message: expected one of ai, "):
        from_plain({"type": kind, "content": "x"})


def test_a_refusal_names_the_field_and_not_what_it_said() -> None:
    with pytest.raises(InputError, match="no ai message can be made of this: tool_calls do not fit") as caught:
        from_plain({"type": "ai", "content": "", "tool_calls": [{"name": "secret", "args": "secret", "id": 3}]})

    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("plain", [{"type": "tool", "content": "x"}, {"type": "remove"}, {"type": "human", 3: 4}])
def test_a_plain_value_without_what_its_kind_needs_is_refused(plain: Any) -> None:
    with pytest.raises(InputError, match=f"no {plain['type']} message can be made of this"):
        from_plain(plain)


def test_a_constructor_of_langchain_stays_plain_data() -> None:
    planted = {"lc": 1, "type": "constructor", "id": ["langchain_core", "messages", "HumanMessage"], "kwargs": {}}

    back = from_plain({"type": "ai", "content": "", "response_metadata": {"x": planted}})

    assert back.response_metadata == {"x": planted}


def test_what_has_a_place_in_json_is_told_beforehand() -> None:
    endless: list[Any] = []
    endless.append(endless)

    assert is_plain({"a": [1, None, "x"], 2: Mood.GOOD})
    assert [is_plain(value) for value in (b"x", {1, 2}, object(), {(1,): 2}, endless)] == [False] * 5
