from __future__ import annotations

from typing import Any

import pytest

from ragkit.errors import ConfigError
from ragkit.models.local.tools.form import ReplyForm, tool_choice_of

TOOLS = [{"type": "function", "function": {"name": name}} for name in ("add", "mul")]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (None, "auto"),
        ("auto", "auto"),
        ("any", "any"),
        ("required", "any"),
        (True, "any"),
        ("none", "none"),
        (False, "none"),
        ("mul", "mul"),
        ({"type": "function", "function": {"name": "mul"}}, "mul"),
        ({"type": "tool", "name": "mul"}, "mul"),
        ({"type": "any"}, "any"),
        ({"function": "mul"}, "mul"),
    ],
)
def test_every_way_to_say_a_tool_choice_is_understood(said: Any, meant: str) -> None:
    assert tool_choice_of(said, ["add", "mul"]) == meant


@pytest.mark.parametrize("said", ["div", {"name": "div"}, 3, {}, {"function": 3}])
def test_a_choice_of_no_tool_is_refused(said: Any) -> None:
    with pytest.raises(ConfigError, match="names no tool: expected auto, any, none or one of: add, mul"):
        tool_choice_of(said, ["add", "mul"])


def test_a_call_that_is_due_needs_tools() -> None:
    with pytest.raises(ConfigError, match="tool_choice is any, but no tool is bound"):
        tool_choice_of("any", [])


def test_keywords_are_taken_out_and_none_means_free() -> None:
    keywords = {"tools": TOOLS, "tool_choice": None, "parallel_tool_calls": False, "temperature": 1.0}
    form = ReplyForm.from_keywords(keywords)
    assert keywords == {"temperature": 1.0}
    assert (form.tool_choice, form.parallel_tool_calls, form.response_format) == ("auto", False, None)


@pytest.mark.parametrize(
    ("choice", "names", "must", "several"),
    [("auto", ["add", "mul"], False, True), ("any", ["add", "mul"], True, True), ("mul", ["mul"], True, False)],
)
def test_a_form_says_what_may_and_must_be_called(choice: str, names: list[str], must: bool, several: bool) -> None:
    form = ReplyForm(tools=TOOLS, tool_choice=choice)
    assert form.may_call
    assert [tool["function"]["name"] for tool in form.callable_tools] == names
    assert (form.must_call, form.several_calls) == (must, several)


def test_no_tools_or_none_wanted_means_no_calls() -> None:
    assert not ReplyForm().may_call
    assert not ReplyForm(tools=TOOLS, tool_choice="none").may_call


@pytest.mark.parametrize(
    ("response_format", "schema"),
    [
        (None, None),
        ({"type": "text"}, None),
        ({"type": "json_object"}, {"type": "object"}),
        ({"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "array"}}}, {"type": "array"}),
    ],
)
def test_a_response_format_gives_its_schema(response_format: dict[str, Any] | None, schema: Any) -> None:
    assert ReplyForm(response_format=response_format).schema == schema


def test_an_unknown_response_format_is_refused() -> None:
    for asked in ({"type": "xml"}, "xml"):
        with pytest.raises(ConfigError, match="cannot reply in format xml: expected text, json_object or json_schema"):
            ReplyForm(response_format=asked)  # type: ignore[arg-type]


@pytest.mark.parametrize("described", [None, 3, {"name": "n"}, {"schema": 3}])
def test_a_response_format_without_its_schema_is_refused(described: object) -> None:
    with pytest.raises(ConfigError, match="response_format holds no schema: expected one as in"):
        ReplyForm(response_format={"type": "json_schema", "json_schema": described})


def test_tools_are_described_whatever_they_come_as() -> None:
    def add(a: int) -> int:
        """Add one."""
        return a + 1

    assert ReplyForm(tools=[add]).tools[0]["function"]["name"] == "add"  # type: ignore[list-item]
    with pytest.raises(ConfigError, match="cannot bind 'x' as a tool"):
        ReplyForm(tools="x")  # type: ignore[arg-type]
