from __future__ import annotations

from ragkit.models.local.tools.call_ids import call_ids
from ragkit.models.local.tools.calls import parse
from ragkit.models.local.tools.families import HERMES
from ragkit.models.local.tools.instructions import tool_instructions


def test_each_tool_stands_on_a_line_of_its_own_as_json() -> None:
    tool = {"type": "function", "function": {"name": "größe", "description": "", "parameters": {}}}
    lines = tool_instructions([tool, tool]).splitlines()
    assert lines[-4:] == ["<tools>", *['{"name": "größe", "description": "", "parameters": {}}'] * 2, "</tools>"]


def test_the_call_that_is_shown_is_one_that_is_read() -> None:
    shown = tool_instructions([]).partition("nothing else:\n")[2].partition("\nWhat")[0]
    (call,) = parse(shown, HERMES, call_id=call_ids(b"")).tool_calls
    assert (call["name"], call["args"]) == ("the tool's name", {"parameter": "value"})
