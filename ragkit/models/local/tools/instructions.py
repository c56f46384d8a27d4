"""How to call tools, said in words, for models whose chat template has no place for them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ragkit.prompts.library import load_prompt
from ragkit.prompts.prompt import Prompt

__all__ = ["tool_instructions"]


def tool_instructions(tools: Sequence[Mapping[str, Any]], prompt: Prompt | None = None) -> str:
    """Describe tools for a system message, to be called in the way of the Hermes family.

    Args:
        tools: As OpenAI writes them: `{"type": "function", "function": {"name", "description", "parameters"}}`.
        prompt: Other words, which must ask for calls in the same form; None for ragkit's `call-tools`.
    """
    listed = [json.dumps(tool.get("function", tool), ensure_ascii=False) for tool in tools]
    (message,) = (prompt or load_prompt("call-tools")).render({"tools": "\n".join(listed)})
    return str(message.content)
