from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.prompt_values import ChatPromptValue, StringPromptValue

from ragkit.errors import InputError
from ragkit.memory.rims.turn import as_answer, as_question, bound_tools, question_text, without_instructions
from ragkit.testing import ScriptedChatModel

Q, A = HumanMessage("q"), AIMessage("a")


@pytest.mark.parametrize(
    ("value", "messages"),
    [
        ("q", [Q]),
        (Q, [Q]),
        ([Q, A, Q], [Q, A, Q]),
        ((Q,), [Q]),
        (StringPromptValue(text="q"), [Q]),
        (ChatPromptValue(messages=[SystemMessage("s"), Q]), [SystemMessage("s"), Q]),
    ],
)
def test_a_question_is_messages(value: Any, messages: list[BaseMessage]) -> None:
    assert as_question(value) == messages


@pytest.mark.parametrize(
    ("value", "kind"), [(7, "int"), ([], "list of 0"), (["secret"], "list of 1"), (None, "NoneType")]
)
def test_what_is_no_question_is_refused_without_being_shown(value: Any, kind: str) -> None:
    with pytest.raises(InputError, match=f"a question must be text, a message or messages, got {kind}"):
        as_question(value)


@pytest.mark.parametrize(
    ("pieces", "messages"),
    [
        (["a"], [A]),
        (["a", "", "b"], [AIMessage("ab")]),
        ([A], [A]),
        ([AIMessageChunk("a"), AIMessageChunk("b", id="1")], [AIMessage("ab", id="1")]),
        ([[A, ToolMessage("r", tool_call_id="c")]], [A, ToolMessage("r", tool_call_id="c")]),
        (["a", A], [A, A]),
    ],
)
def test_an_answer_is_messages(pieces: list[Any], messages: list[BaseMessage]) -> None:
    assert as_answer(pieces) == messages


def test_an_empty_text_is_an_answer() -> None:
    assert as_answer([""]) == [AIMessage("")]


def test_no_answer_is_refused() -> None:
    with pytest.raises(InputError, match="the chain gave no answer"):
        as_answer([])


def test_a_parsed_answer_is_refused_without_being_shown() -> None:
    with pytest.raises(InputError, match=r"the chain gave dict: put the memory around `prompt \| model`") as caught:
        as_answer([{"secret": "text"}])
    assert "secret" not in str(caught.value)


def test_the_question_is_what_the_person_said_last() -> None:
    assert question_text([HumanMessage("1"), HumanMessage("2"), A]) == "2"
    assert question_text([A]) == ""


def test_instructions_are_no_conversation() -> None:
    assert without_instructions([SystemMessage("s"), Q, A]) == [Q, A]


def test_tools_are_found_where_they_are_bound() -> None:
    model = ScriptedChatModel([])
    assert bound_tools(model) == ()
    tool = {"type": "function", "function": {"name": "add", "parameters": {}}}
    assert bound_tools(model.bind(tools=[tool]).with_config(tags=["t"])) == (tool,)
