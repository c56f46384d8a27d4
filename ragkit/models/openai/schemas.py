"""A streamed reply under a pydantic schema: sent as JSON Schema, read as an instance once it is whole.

LangChain leaves both to openai's typed stream, which warns at every event that holds an instance.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import openai
from langchain_core.messages import AIMessage
from pydantic import BaseModel, ValidationError

from ragkit.errors import OutputParseError, shorten

__all__ = ["parsed", "schema_of", "sent_as"]


def schema_of(kwargs: Mapping[str, Any]) -> type[BaseModel] | None:
    """Give the pydantic class that a call asks for as `response_format`; None for none."""
    schema = kwargs.get("response_format")
    return schema if isinstance(schema, type) and issubclass(schema, BaseModel) else None


def sent_as(schema: type[BaseModel]) -> dict[str, Any]:
    """Give the `response_format` that asks for a schema, as openai itself writes it."""
    strict = openai.pydantic_function_tool(schema)["function"]["parameters"]
    return {"type": "json_schema", "json_schema": {"name": schema.__name__, "strict": True, "schema": strict}}


def parsed(schema: type[BaseModel], message: AIMessage) -> dict[str, Any]:
    """Give the field of `additional_kwargs` that holds a whole reply as an instance; a refusal or a call gives none.

    Raises:
        OutputParseError: If what was said does not fit.
    """
    if not message.text or message.additional_kwargs.get("refusal"):
        return {}
    try:
        return {"parsed": schema.model_validate_json(message.text)}
    except ValidationError as error:
        failure = OutputParseError(f"the reply does not fit the schema {shorten(error.title)}.", message.text)
    raise failure
