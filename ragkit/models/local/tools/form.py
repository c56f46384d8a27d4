"""What form a reply must take: read from the keywords of one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ragkit.errors import ConfigError, shorten
from ragkit.models.local.tools.schema import as_tools, tool_name

__all__ = ["ANY_JSON_OBJECT", "ReplyForm", "tool_choice_of"]

ANY_JSON_OBJECT: Mapping[str, Any] = {"type": "object"}
_FORMATS = ("text", "json_object", "json_schema")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyForm:
    """What form a reply must take.

    Raises:
        ConfigError: If a tool cannot be read, `tool_choice` names none, or `response_format` is none that is known.
    """

    tools: Sequence[Mapping[str, Any]] = ()
    """What may be called, as OpenAI describes tools."""
    tool_choice: str = "auto"
    """`auto`: calls are optional; `any`: a call is due; `none`: no calls; or the name of the one to call."""
    parallel_tool_calls: bool = True
    """Whether there may be more than one call."""
    response_format: Mapping[str, Any] | None = None
    """`{"type": "json_object"}`, `{"type": "json_schema", "json_schema": {"schema"}}`, or None for free text."""

    def __post_init__(self) -> None:
        """Check that the choice is one and that the format is known."""
        object.__setattr__(self, "tools", as_tools(self.tools))
        object.__setattr__(self, "tool_choice", tool_choice_of(self.tool_choice, [tool_name(t) for t in self.tools]))
        asked = self.response_format
        if asked is None:
            return
        kind = asked.get("type") if isinstance(asked, Mapping) else asked
        if not isinstance(asked, Mapping) or kind not in _FORMATS:
            raise ConfigError(f"cannot reply in format {shorten(kind)}: expected text, json_object or json_schema.")
        if kind == "json_schema" and not isinstance(_schema_in(asked), Mapping):
            raise ConfigError("response_format holds no schema: expected one as in {'json_schema': {'schema': {…}}}.")

    @classmethod
    def from_keywords(cls, keywords: dict[str, Any]) -> ReplyForm:
        """Take out of `keywords` what says which form the reply must take; absent or None is free."""
        said = {name: keywords.pop(name, None) for name in cls.__slots__}
        return cls(**{name: value for name, value in said.items() if value is not None})

    @property
    def may_call(self) -> bool:
        """Whether tool calls are to be read out of the reply."""
        return bool(self.tools) and self.tool_choice != "none"

    @property
    def callable_tools(self) -> list[Mapping[str, Any]]:
        """The tools that may be called: the one that was named, none, or all."""
        if self.tool_choice in ("auto", "any"):
            return list(self.tools)
        return [tool for tool in self.tools if tool_name(tool) == self.tool_choice]

    @property
    def must_call(self) -> bool:
        """Whether the reply must be a call."""
        return self.may_call and self.tool_choice != "auto"

    @property
    def several_calls(self) -> bool:
        """Whether more than one call may be made; a tool that was named is called once."""
        return self.parallel_tool_calls and self.tool_choice in ("auto", "any")

    @property
    def schema(self) -> Mapping[str, Any] | None:
        """What the text of the reply is held to; None where it is free."""
        if self.response_format is None:
            return None
        if self.response_format["type"] == "json_schema":
            return dict(_schema_in(self.response_format))
        return ANY_JSON_OBJECT if self.response_format["type"] == "json_object" else None


def _schema_in(response_format: Mapping[str, Any]) -> Any:
    described = response_format.get("json_schema")
    return described.get("schema") if isinstance(described, Mapping) else None


def tool_choice_of(choice: Any, names: Sequence[str]) -> str:
    """Give one of `auto`, `any`, `none` or a tool's name, for all that LangChain and OpenAI call it.

    Raises:
        ConfigError: If it is none of these, or there is nothing to choose from.
    """
    if isinstance(choice, Mapping):
        named = choice.get("function", choice)
        choice = named.get("name", choice.get("type", "")) if isinstance(named, Mapping) else named
    if choice in (None, "auto"):
        return "auto"
    if choice in (False, "none"):
        return "none"
    if choice not in (True, "any", "required", *names):
        listed = ", ".join(names) or "no tool is bound"
        raise ConfigError(f"tool_choice {shorten(choice)} names no tool: expected auto, any, none or one of: {listed}.")
    if not names:
        raise ConfigError(f"tool_choice is {shorten(choice)}, but no tool is bound: bind tools, or leave it out.")
    return choice if choice in names else "any"
