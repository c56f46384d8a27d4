"""JSON by a schema, a pydantic class or a TypedDict."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, overload

from pydantic import TypeAdapter, ValidationError

from ragkit.errors import ConfigError, OutputParseError, shorten
from ragkit.prompts.parsers.parser import Parser
from ragkit.prompts.parsers.schema import check_schema, complaint
from ragkit.prompts.parsers.strict import read_json

__all__ = ["ClassParser", "JsonParser", "json_parser"]

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class JsonParser:
    """Takes JSON as a JSON schema says; see `json_parser`."""

    schema: Mapping[str, Any]

    def parse(self, reply: str, /, given: str | None = None) -> Any:
        """Give the JSON as Python reads it.

        Raises:
            OutputParseError: If there is no JSON, or not what the schema says.
        """
        value = read_json(reply)
        if said := complaint(self.schema, value):
            raise OutputParseError(f"the JSON is not as asked for: {said}", reply)
        return value


@dataclass(frozen=True, slots=True)
class ClassParser(Generic[Value]):
    """Takes JSON that a class describes; see `json_parser`."""

    kind: type[Value]
    _adapter: TypeAdapter[Value] = field(repr=False, compare=False)

    @property
    def schema(self) -> Mapping[str, Any]:
        """The class as a JSON schema."""
        return self._adapter.json_schema()

    def parse(self, reply: str, /, given: str | None = None) -> Value:
        """Give an object of the class.

        Raises:
            OutputParseError: If there is no JSON, or not what the class takes.
        """
        value = read_json(reply)
        try:
            return self._adapter.validate_json(json.dumps(value), strict=True)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            # The name of a key that is not expected is the model's own words, as nothing else here is.
            named = first["loc"][:-1] if first["type"] == "extra_forbidden" else first["loc"]
            where = ".".join(map(str, named))
            message = f"the JSON is not as asked for: {where + ': ' if where else ''}{first['msg']}"
            raise OutputParseError(shorten(message, 200), reply) from None


@overload
def json_parser(form: Mapping[str, Any]) -> JsonParser: ...
@overload
def json_parser(form: type[Value]) -> ClassParser[Value]: ...
def json_parser(form: Mapping[str, Any] | type[Any]) -> Parser[Any]:
    """Make a parser of JSON: bare, in the only code block, or after a line that announces it.

    Args:
        form: A JSON schema in the words that `schema.py` knows, a class of pydantic, a dataclass, or a TypedDict (of
            `typing_extensions` before Python 3.12). Types are strict: `"1"` is no whole number.

    Raises:
        ConfigError: If the schema has a word that is not checked, or the class is none that describes JSON.

    Example:
        >>> json_parser({"type": "object", "required": ["year"]}).parse('{"year": 1843}')
        {'year': 1843}
    """
    if isinstance(form, Mapping):
        check_schema(form)
        return JsonParser(form)
    if not isinstance(form, type):
        raise ConfigError(f"JSON is described by a schema or a class, got {shorten(type(form).__name__)}.")
    try:
        adapter = TypeAdapter(form)
        adapter.json_schema()
    except (TypeError, ValueError, RuntimeError) as error:
        raise ConfigError(f"{form.__name__} does not describe JSON: {shorten(error)}") from error
    return ClassParser(form, adapter)
