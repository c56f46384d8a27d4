"""A reply of Chat Completions under a schema: asked for as JSON Schema, read here once it is whole.

openai's own typed calls, which LangChain takes for any `response_format`, refuse tools that are not strict, and warn at
every event of a stream that holds an instance. The option goes past them as part of `extra_body`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import openai
from langchain_core.messages import AIMessage
from pydantic import BaseModel, ValidationError
from typing_extensions import TypeIs

from ragkit.models.openai.replies import misfit
from ragkit.remote.openai_errors import cut_short

__all__ = ["is_schema", "parsed", "past_openai"]

_CUT = ("length", "content_filter")
_TEXT = {"type": "text"}


def past_openai(kwargs: Mapping[str, Any], extra_body: Mapping[str, Any] | None) -> dict[str, Any]:
    """Give the options of a call with its `response_format` where openai does not look at it.

    Args:
        kwargs: The options; a `response_format` that is neither a pydantic class nor a dict stays.
        extra_body: The model's own, which that of a call replaces.
    """
    form = kwargs.get("response_format")
    if not (is_schema(form) or isinstance(form, Mapping)):
        return dict(kwargs)
    others = {name: value for name, value in kwargs.items() if name != "response_format"}
    body = kwargs.get("extra_body") or extra_body or {}
    return {**others, "extra_body": {**body, "response_format": _sent_as(form) if is_schema(form) else form}}


def parsed(form: object, message: AIMessage, reason: str | None) -> dict[str, Any]:
    """Give the field of `additional_kwargs` that holds a whole reply as an instance of the class asked for.

    Args:
        form: The `response_format` of the call; anything but a pydantic class gives nothing.
        message: The reply; a refusal or a call of a tool gives nothing.
        reason: Why it ended.

    Raises:
        OutputParseError: If it was cut, or does not fit.
    """
    if reason in _CUT and form is not None and form != _TEXT:
        raise cut_short(reason, message.text)
    if not is_schema(form) or not message.text or message.additional_kwargs.get("refusal"):
        return {}
    try:
        return {"parsed": form.model_validate_json(message.text)}
    except ValidationError as error:
        failure = misfit(error, message.text)
    raise failure


def is_schema(form: object) -> TypeIs[type[BaseModel]]:
    """Whether a `response_format` is a pydantic class."""
    return isinstance(form, type) and issubclass(form, BaseModel)


def _sent_as(schema: type[BaseModel]) -> dict[str, Any]:
    """Give the `response_format` that asks for a schema, as openai itself writes it."""
    strict = openai.pydantic_function_tool(schema)["function"]["parameters"]
    return {"type": "json_schema", "json_schema": {"name": schema.__name__, "strict": True, "schema": strict}}
