"""A reply as every model of ragkit gives it: with a finish reason and a refusal in their places, and never empty."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatResult
from openai import BaseModel as OpenAIModel
from pydantic import ValidationError

from ragkit.errors import ModelError, ModelUnavailableError, OutputParseError, shorten
from ragkit.remote.openai_errors import conceal, from_body
from ragkit.remote.watch import Watch

__all__ = ["align", "checked", "misfit", "unreadable"]

_INCOMPLETE = {"max_output_tokens": "length", "content_filter": "content_filter"}
_FAILED_EVENT = re.compile(r"ResponseError\(code=(?P<code>None|'[^']*'), message=(?P<message>'.*'|\".*\")", re.DOTALL)
_ERROR_EVENT = re.compile(r"(?P<code>[a-z_]+): (?P<message>.+)", re.DOTALL)


def align(message: AIMessage) -> None:
    """Give a reply of the Responses API the `finish_reason` and the `refusal` that Chat Completions have, in place."""
    metadata = message.response_metadata
    if "finish_reason" not in metadata and (status := metadata.get("status")):
        why = str((metadata.get("incomplete_details") or {}).get("reason"))
        done = "tool_calls" if message.tool_calls or message.invalid_tool_calls else "stop"
        metadata["finish_reason"] = done if status == "completed" else _INCOMPLETE.get(why, status)
    if "refusal" not in message.additional_kwargs and isinstance(message.content, list):
        said = [str(block["refusal"]) for block in message.content if isinstance(block, dict) and block.get("refusal")]
        if said:
            message.additional_kwargs["refusal"] = "".join(said)


def checked(result: ChatResult, watch: Watch) -> ChatResult:
    """Give a result that has a reply, and tells its tokens in a form that LangChain can add up.

    Raises:
        ModelUnavailableError: If the server gave none.
        TypeError: If it tells its tokens otherwise.
    """
    if not isinstance((result.llm_output or {}).get("token_usage"), Mapping | None):
        raise TypeError("usage is no object")
    if not result.generations:
        raise ModelUnavailableError("the server gave no reply: its list of choices is empty.", status=watch.status)
    for generation in result.generations:
        if isinstance(generation.message, AIMessage):
            align(generation.message)
    return result


def misfit(error: ValidationError, said: str | None = None) -> OutputParseError:
    """Say that a reply does not fit the schema that was asked for; `said` is the reply where `error` does not tell."""
    given = error.errors(include_url=False)[0].get("input")
    return OutputParseError(f"the reply does not fit the schema {shorten(error.title)}.", said or str(given))


def unreadable(error: Exception, watch: Watch, secrets: Sequence[str]) -> ModelError:
    """Say what is wrong with a reply that began well, from what langchain-openai raised while reading it."""
    said = error.args[0] if error.args else None
    body = said.model_dump() if isinstance(said, OpenAIModel) else said or _json(watch.head)
    if isinstance(body, Mapping) and (said or body.get("error")):
        return from_body(body, secrets=secrets)
    for pattern in (_FAILED_EVENT, _ERROR_EVENT):
        if type(error) is ValueError and (match := pattern.match(str(said))):
            return from_body({name: _literal(text) for name, text in match.groupdict().items()}, secrets=secrets)
    start = conceal(watch.head.decode(errors="replace"), secrets).strip()
    what = f"begins {shorten(start)!r}" if start else "is empty"
    return ModelUnavailableError(
        f"the reply cannot be read as the API's JSON: it {what}. Is base_url the address of the API?",
        status=watch.status,
    )


def _json(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _literal(text: str) -> Any:
    """Undo the `repr` of a field."""
    return ast.literal_eval(text) if text[0] in "'\"" or text == "None" else text
