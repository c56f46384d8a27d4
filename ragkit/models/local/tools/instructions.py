"""How to call tools, said in words, for models whose chat template has no place for them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["tool_instructions"]

_HEAD = """\
You may call the tools below, each described by a JSON schema, to answer the user. To call one, reply with its name and
arguments as JSON between <tool_call> and </tool_call>, and nothing else:
<tool_call>
{"name": "the tool's name", "arguments": {"parameter": "value"}}
</tool_call>
What a tool gave back comes in the next message. Where no tool helps, answer in plain text.
<tools>"""


def tool_instructions(tools: Sequence[Mapping[str, Any]]) -> str:
    """Describe tools for a system message, to be called in the way of the Hermes family.

    Args:
        tools: As OpenAI writes them: `{"type": "function", "function": {"name", "description", "parameters"}}`.
    """
    listed = [json.dumps(tool.get("function", tool), ensure_ascii=False) for tool in tools]
    return "\n".join([_HEAD, *listed, "</tools>"])
