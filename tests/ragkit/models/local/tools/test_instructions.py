from __future__ import annotations

from ragkit.models.local.tools.call_ids import call_ids
from ragkit.models.local.tools.calls import parse
from ragkit.models.local.tools.families import HERMES
from ragkit.models.local.tools.instructions import tool_instructions
from ragkit.prompts.file import parse_prompt


def test_each_tool_stands_on_a_line_of_its_own_as_json() -> None:
    tool = {"type": "function", "function": {"name": "größe", "description": "", "parameters": {}}}
    lines = tool_instructions([tool, tool]).splitlines()
    assert lines[-4:] == ["<tools>", *['{"name": "größe", "description": "", "parameters": {}}'] * 2, "</tools>"]


def test_the_call_that_is_shown_is_one_that_is_read() -> None:
    shown = tool_instructions([]).partition("nothing else:\n")[2].partition("\nTo call several")[0]
    (call,) = parse(shown, HERMES, call_id=call_ids(b"")).tool_calls
    assert (call["name"], call["args"]) == ("the tool's name", {"parameter": "value"})


def test_the_words_may_be_the_users_own() -> None:
    mine = parse_prompt("---\nname: call-tools\nversion: 2\nvariables: {tools: option}\n---\n# system\nUse {{tools}}\n")
    assert tool_instructions([{"name": "f"}], mine) == 'Use {"name": "f"}'
