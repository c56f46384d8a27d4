"""Tools and structured output as keywords that `_generate` receives, for models that only note or replay them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Literal

from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable, RunnableLambda, RunnableMap, RunnablePassthrough
from langchain_core.utils.function_calling import convert_to_json_schema, convert_to_openai_tool
from pydantic import BaseModel, ValidationError

from ragkit.errors import ConfigError, OutputParseError, shorten

if TYPE_CHECKING:
    from langchain_core.language_models import LanguageModelInput
    from langchain_core.tools import BaseTool

__all__ = ["ToolKeywords"]

Method = Literal["function_calling", "json_schema", "json_mode"]


class ToolKeywords:
    """Adds `bind_tools` and `with_structured_output` to a chat model.

    What is bound arrives in `_generate` as `tools` (OpenAI's descriptions), `tool_choice`, `parallel_tool_calls`,
    `strict` and `response_format`, each only where it was given.
    """

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | dict[str, Any] | bool | None = None,
        **keywords: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Bind tools, in any form that LangChain knows."""
        bound = {"tool_choice": tool_choice, **keywords}
        described = [convert_to_openai_tool(tool) for tool in tools]
        given = {name: value for name, value in bound.items() if value is not None}
        return self.bind(tools=described, **given)  # type: ignore[attr-defined,no-any-return]  # of BaseChatModel

    def with_structured_output(
        self,
        schema: dict[str, Any] | type | None = None,
        *,
        include_raw: bool = False,
        method: Method = "json_schema",
        strict: bool | None = None,
        **_: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """Read replies as values of a schema: the arguments of a tool call, or else JSON text.

        Args:
            schema: A pydantic class (gives its objects), a TypedDict or a JSON schema (give dicts); None in JSON mode
                for any object.
            include_raw: Give `{"raw", "parsed", "parsing_error"}` and never raise for a reply that does not fit.
            method: What is bound: the schema as a tool, as a `response_format`, or only JSON.
            strict: Bound beside it where given.

        Raises:
            ConfigError: If the method is unknown, or needs a schema.
        """
        asked = self.bind(**_keywords(schema, method, strict))  # type: ignore[attr-defined]
        read = RunnableLambda(lambda message: _read(message, schema))
        if not include_raw:
            return asked | read  # type: ignore[no-any-return]
        kept = RunnablePassthrough.assign(parsed=itemgetter("raw") | read, parsing_error=lambda _: None)
        failed = RunnablePassthrough.assign(parsed=lambda _: None)
        return RunnableMap(raw=asked) | kept.with_fallbacks(
            [failed], exceptions_to_handle=(OutputParseError,), exception_key="parsing_error"
        )


def _keywords(schema: dict[str, Any] | type | None, method: str, strict: bool | None) -> dict[str, Any]:
    extra = {} if strict is None else {"strict": strict}
    if method == "json_mode":
        return {"response_format": {"type": "json_object"}}
    if method not in {"function_calling", "json_schema"}:
        raise ConfigError(f"method must be function_calling, json_schema or json_mode, got {shorten(repr(method))}.")
    if schema is None:
        raise ConfigError(f"method {method} needs a schema: give one, or use method='json_mode' for any object.")
    if method == "json_schema":
        described = convert_to_json_schema(schema)
        form = {"name": described.get("title", "reply"), "schema": described, **extra}
        return {"response_format": {"type": "json_schema", "json_schema": form}}
    tool = convert_to_openai_tool(schema)
    return {"tools": [tool], "tool_choice": tool["function"]["name"], "parallel_tool_calls": False, **extra}


def _read(message: AIMessage, schema: dict[str, Any] | type | None) -> Any:
    value: Any = message.tool_calls[0]["args"] if message.tool_calls else _parsed(message.text)
    if isinstance(schema, type) and issubclass(schema, BaseModel):
        try:
            return schema.model_validate(value)
        except ValidationError as error:
            raise OutputParseError(
                f"the reply does not fit {schema.__name__}: {error.error_count()} fields are missing or wrong.",
                raw_output=json.dumps(value, ensure_ascii=False),
            ) from error
    return value


def _parsed(text: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise OutputParseError(
            f"the reply is neither a tool call nor JSON: {shorten(repr(text))}.", raw_output=text
        ) from error
    if not isinstance(value, Mapping):
        raise OutputParseError(f"the reply must be a JSON object, got {shorten(text)}.", raw_output=text)
    return value
