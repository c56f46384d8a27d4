"""Binding tools and schemas to a local chat model, as LangChain users know it.

`ToolBinding` only binds keywords (`tools`, `tool_choice`, `parallel_tool_calls`, `response_format`), which the chat
model reads with `ReplyForm`; the reply is then held to them while it is generated. `SchemaParser` gives the result.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Literal, TypeAlias

from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.output_parsers import BaseCumulativeTransformOutputParser
from langchain_core.outputs import Generation
from langchain_core.runnables import Runnable, RunnableMap, RunnablePassthrough
from langchain_core.tools import BaseTool
from langchain_core.utils.json import parse_partial_json
from pydantic import BaseModel, ValidationError
from pydantic.v1 import BaseModel as BaseModelV1
from pydantic.v1 import ValidationError as ValidationErrorV1

from ragkit.errors import ConfigError, OutputParseError, shorten
from ragkit.models.local.tools.form import tool_choice_of
from ragkit.models.local.tools.schema import arguments_schema, as_schema, as_tools, tool_name

__all__ = ["Method", "SchemaParser", "ToolBinding"]

Method: TypeAlias = Literal["json_schema", "function_calling", "json_mode"]
"""`json_schema` and `json_mode`: the reply is JSON; `function_calling`: it calls a tool that takes the schema."""


class SchemaParser(BaseCumulativeTransformOutputParser[Any]):
    """Gives what a reply says in JSON, or with which arguments it calls a tool.

    While the reply streams, dicts grow; objects of a class come once, when they are whole.
    """

    schema_class: type[BaseModel] | type[BaseModelV1] | None = None
    """Made out of the JSON; None to give a dict."""
    from_call: bool = False
    """Read the arguments of the first tool call in place of the text."""

    def parse(self, text: str) -> Any:
        """Parse a whole reply."""
        return self._made(text)

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        """Parse a reply, or what there is of it.

        Raises:
            OutputParseError: If it is whole and no JSON, or not what the class takes.
        """
        message = getattr(result[0], "message", None)
        if isinstance(message, AIMessageChunk) and message.chunk_position == "last":
            partial = False
        text = self._said(message, result[0].text)
        return self._so_far(text) if partial else self._made(text)

    def _said(self, message: AIMessage | None, text: str) -> str:
        if not self.from_call or message is None:
            return text
        if isinstance(message, AIMessageChunk):
            return next((chunk["args"] or "" for chunk in message.tool_call_chunks), "")
        spoiled = (call["args"] or "" for call in message.invalid_tool_calls)
        return next((json.dumps(call["args"]) for call in message.tool_calls), next(spoiled, ""))

    def _so_far(self, text: str) -> Any:
        if self.schema_class is not None:
            return None
        try:
            value = parse_partial_json(text)
        except (ValueError, RecursionError):
            return None
        return value if isinstance(value, dict) else None

    def _made(self, text: str) -> Any:
        try:
            value = json.loads(text, strict=False)
        except (ValueError, RecursionError) as error:
            reason = "breaks off or is no JSON: raise max_tokens, or look at raw_output"
            raise OutputParseError(f"the reply {reason}.", raw_output=text) from error
        if self.schema_class is None:
            return value
        try:
            validate = getattr(self.schema_class, "model_validate", None) or self.schema_class.parse_obj
            return validate(value)
        except (ValidationError, ValidationErrorV1) as error:
            name = self.schema_class.__name__
            raise OutputParseError(f"the reply is JSON, but no {name}: look at raw_output.", raw_output=text) from error


class ToolBinding(BaseChatModel):
    """What a local chat model knows of tools and schemas; its replies are held to both while they are generated."""

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | dict[str, Any] | bool | None = None,
        strict: bool | None = None,
        parallel_tool_calls: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Let the model call tools; whatever it calls, the arguments are valid under the tool's schema.

        Args:
            tools: LangChain tools, functions, Pydantic classes, TypedDicts, JSON schemas or OpenAI's descriptions.
            tool_choice: `auto` (as None): as the model likes; `any`, `required` or True: it must call one; a name: it
                must call that one, once; `none` or False: it may not.
            strict: False lets arguments be any JSON object, for schemas that cannot be held to.
            parallel_tool_calls: False for one call at most.
            kwargs: More keywords for each call, such as `stop`.

        Raises:
            ConfigError: If a tool cannot be read or its schema cannot be held to, or `tool_choice` names none.
        """
        described = as_tools(tools, strict=strict)
        for tool in described:
            _check(arguments_schema(tool), what=f"the arguments of {shorten(tool_name(tool))}")
        bound: dict[str, Any] = {"tools": described}
        if tool_choice is not None:
            bound["tool_choice"] = tool_choice_of(tool_choice, [tool_name(tool) for tool in described])
        if parallel_tool_calls is not None:
            bound["parallel_tool_calls"] = parallel_tool_calls
        return super().bind(**bound, **kwargs)

    def with_structured_output(
        self,
        schema: dict[str, Any] | type | None = None,
        *,
        method: Method = "json_schema",
        include_raw: bool = False,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """Give replies as objects: of a Pydantic class (also of version 1), or dicts for a TypedDict or JSON schema.

        Args:
            schema: What to give; None in JSON mode for any object.
            method: `json_schema` and `json_mode` hold the text of the reply to the schema, which the model does not
                see: say in the prompt what to write. `function_calling` shows it the schema as a tool.
            include_raw: Give `{"raw", "parsed", "parsing_error"}` in place of raising.
            strict: False lets `function_calling` pass any JSON object; without meaning for the others.
            kwargs: More keywords for each call.

        Raises:
            ConfigError: If the schema is missing, cannot be read, or cannot be held to.
        """
        made: type | None = schema if isinstance(schema, type) and issubclass(schema, BaseModel | BaseModelV1) else None
        known = {"kwargs": {"method": method, "strict": strict}, "schema": schema}
        if schema is not None:
            kwargs["ls_structured_output_format"] = known
        if method == "function_calling":
            model = self._calling(schema, strict=strict, **kwargs)
        else:
            model = super().bind(response_format=_response_format(schema, method), **kwargs)
        parser = SchemaParser(schema_class=made, from_call=method == "function_calling")
        return _with_raw(model, parser) if include_raw else model | parser

    def _calling(
        self, schema: dict[str, Any] | type | None, *, strict: bool | None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        if schema is None:
            raise _no_schema("function_calling")
        name = tool_name(as_tools([schema])[0])
        return self.bind_tools([schema], tool_choice=name, strict=strict, parallel_tool_calls=False, **kwargs)


def _response_format(schema: Any, method: str) -> dict[str, Any]:
    if method not in ("json_schema", "json_mode"):
        expected = "expected json_schema, function_calling or json_mode"
        raise ConfigError(f"method is {shorten(method)}: {expected}.")
    if schema is None and method == "json_mode":
        return {"type": "json_object"}
    if schema is None:
        raise _no_schema(method)
    wanted = as_schema(schema)
    _check(wanted, what=f"the schema {shorten(wanted.get('title', ''))}".rstrip())
    return {"type": "json_schema", "json_schema": {"name": wanted.get("title", "reply"), "schema": wanted}}


def _no_schema(method: str) -> ConfigError:
    return ConfigError(f"method {method} needs a schema: hand one over, or ask for any object with method='json_mode'.")


def _check(schema: Mapping[str, Any], *, what: str) -> None:
    from ragkit.models.local.tools.grammar import check_schema  # here: llguidance, for those who constrain

    check_schema(schema, what=what)


def _with_raw(model: Runnable[Any, AIMessage], parser: SchemaParser) -> Runnable[Any, Any]:
    parsed = RunnablePassthrough.assign(parsed=itemgetter("raw") | parser, parsing_error=lambda _: None)
    failed = RunnablePassthrough.assign(parsed=lambda _: None)
    return RunnableMap(raw=model) | parsed.with_fallbacks([failed], exception_key="parsing_error")
