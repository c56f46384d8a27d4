from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from pydantic import BaseModel, create_model

from ragkit.models.openai.chat import OpenAIChatModel
from ragkit.models.wrappers.calls import Call
from ragkit.models.wrappers.question import question_of
from ragkit.testing import ScriptedChatModel


def _counting(**options: Any) -> ScriptedChatModel:
    lines = iter(range(1000))
    return ScriptedChatModel(lambda _: f"reply {next(lines)} of many", **options)


class One(BaseModel):
    text: str


class Two(BaseModel):
    text: str
    more: int


def _call(*messages: Any, stop: list[str] | None = None, **kwargs: Any) -> Call:
    return Call(list(messages) or [HumanMessage("Hi")], stop, kwargs)


@pytest.mark.parametrize(
    "other",
    [
        _call(HumanMessage("Hi ")),
        _call(SystemMessage("Hi")),
        _call(HumanMessage("Hi", name="me")),
        _call(HumanMessage([{"type": "text", "text": "Hi"}])),
        _call(HumanMessage("Hi", additional_kwargs={"x": 1})),
        _call(HumanMessage("Hi"), AIMessage("Hello")),
        _call(stop=["."]),
        _call(temperature=0.0),
        _call(tools=[{"type": "function"}]),
        _call(response_format=One),
        _call(response_format=Two),
        _call(model="other"),
    ],
)
def test_all_that_decides_a_reply_makes_another_question(other: Call) -> None:
    model = _counting()
    asked = [_call(), _call(stop=["x"]), _call(response_format={"type": "json_object"})]

    assert question_of(model, other) not in [question_of(model, call) for call in asked]
    assert question_of(model, other) == question_of(model, other)


def test_two_schemas_of_one_name_are_two_questions() -> None:
    as_text, as_number = (create_model("Same", value=kind) for kind in (str, int))

    first, second = (question_of(_counting(), _call(response_format=schema)) for schema in (as_text, as_number))

    assert first != second


def test_what_does_not_decide_a_reply_makes_no_other_question() -> None:
    usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    one = _call(
        HumanMessage("Hi", id="1"), AIMessage("A", id="2", usage_metadata=usage), ToolMessage("B", tool_call_id="c")
    )
    two = _call(
        HumanMessage("Hi", id="3"),
        AIMessage("A", response_metadata={"ragkit": {"cached": True}, "id": "chatcmpl-1"}),
        ToolMessage("B", tool_call_id="c"),
        ls_structured_output_format={"schema": One},
    )

    assert question_of(_counting(), one) == question_of(_counting(), two)


@pytest.mark.parametrize(
    "reply",
    [
        AIMessage("A", response_metadata={"id": "resp_1"}),
        AIMessage("A", tool_calls=[{"name": "f", "args": {}, "id": "c"}]),
    ],
)
def test_a_reply_that_the_server_continues_from_decides(reply: AIMessage) -> None:
    assert question_of(_counting(), _call(reply)) != question_of(_counting(), _call(AIMessage("A")))


def test_tool_results_are_told_apart_by_the_call_they_answer_and_how_it_went() -> None:
    asked = [
        question_of(_counting(), _call(ToolMessage("B", tool_call_id="c"))),
        question_of(_counting(), _call(ToolMessage("B", tool_call_id="d"))),
        question_of(_counting(), _call(ToolMessage("B", tool_call_id="c", status="error"))),
    ]

    assert len(set(asked)) == 3


def _openai(**options: Any) -> OpenAIChatModel:
    return OpenAIChatModel(**{"model": "gpt-4o", "api_key": "not-a-key", **options})


def test_a_models_settings_decide_and_its_key_does_not() -> None:
    plain = question_of(_openai(), _call())
    others = [{"model": "gpt-4.1"}, {"temperature": 0.0}, {"seed": 3}, {"base_url": "http://other.example/v1"}]
    others += [{"use_responses_api": True}, {"output_version": "v1"}]

    assert question_of(_openai(), _call()) == plain
    assert question_of(_openai(api_key="another-key"), _call()) == plain
    assert plain not in [question_of(_openai(**other), _call()) for other in others]
    assert "not-a-key" not in str(plain)


def test_values_of_pydantic_and_mappings_have_a_text_of_their_own() -> None:
    class Options(BaseModel):
        effort: str

    asked = [
        question_of(_counting(), Call([], None, {"options": value}))
        for value in (Options(effort="low"), MappingProxyType({"effort": "low"}), {"effort": "low"})
    ]

    assert asked[0] == asked[1] == asked[2]
