"""Tokens of a call, counted here where the server does not say, or says what cannot be."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.ai import UsageMetadata

from ragkit.messages.tokens import TokenCounter

__all__ = ["ESTIMATED", "with_usage"]

ESTIMATED = "estimated"
"""Key of `response_metadata` that is True where tokens were counted here instead of told by the server."""


def with_usage(
    message: AIMessage, said: UsageMetadata | None, *, counter: TokenCounter, prompt: Sequence[BaseMessage], tools: Any
) -> dict[str, Any]:
    """Give the fields of `message` that tell what the call took.

    A count that the server left out, or gave as 0 where there was something to count, is made by `counter`.

    Args:
        message: The whole reply.
        said: What the server said.
        counter: Counts without a network.
        prompt: What was sent.
        tools: What was offered with it; None for nothing.

    Returns:
        `usage_metadata`, and a `response_metadata` that holds the mark only where something was counted here.
    """
    reply = _text_of(message)
    given = said or UsageMetadata(input_tokens=0, output_tokens=0, total_tokens=0)
    asks, answers = given["input_tokens"], given["output_tokens"]
    if said is not None and asks > 0 and (answers > 0 or not reply):
        return {"usage_metadata": said, "response_metadata": {}}
    asks = asks if asks > 0 else counter.messages(prompt, tools)
    answers = answers if answers > 0 else counter.text(reply)
    counted = UsageMetadata(**{**given, "input_tokens": asks, "output_tokens": answers, "total_tokens": asks + answers})
    return {"usage_metadata": counted, "response_metadata": {ESTIMATED: True}}


def _text_of(message: AIMessage) -> str:
    """All that the model wrote: text, refusal, and its calls as JSON."""
    calls = [call["name"] + json.dumps(call["args"], ensure_ascii=False) for call in message.tool_calls]
    failed = [f"{call['name'] or ''}{call['args'] or ''}" for call in message.invalid_tool_calls]
    return "".join([message.text, message.additional_kwargs.get("refusal") or "", *calls, *failed])
