from __future__ import annotations

from typing import Any

import pytest
from langchain_core.tools import tool
from pydantic import BaseModel
from pydantic.v1 import BaseModel as BaseModelV1
from typing_extensions import TypedDict

from ragkit.errors import ConfigError
from ragkit.models.local.tools.schema import arguments_schema, as_schema, as_tools, closed, tool_name


class Place(BaseModel):
    """A place."""

    city: str


class OldPlace(BaseModelV1):
    """A place."""

    city: str


class PlaceDict(TypedDict):
    """A place."""

    city: str


def place(city: str) -> str:
    """A place."""
    return city


CITY = {"title": "PlaceSchema", "description": "A place.", "type": "object", "properties": {"city": {"type": "string"}}}


@pytest.mark.parametrize(
    "bound",
    [
        Place,
        OldPlace,
        PlaceDict,
        place,
        tool(place),
        CITY,
        {"type": "function", "function": {"name": "p", "parameters": CITY}},
    ],
)
def test_all_that_langchain_binds_is_described_with_its_arguments(bound: Any) -> None:
    (described,) = as_tools([bound])
    assert described["type"] == "function"
    assert arguments_schema(described)["properties"]["city"]["type"] == "string"


def test_a_tool_bound_twice_counts_once() -> None:
    assert len(as_tools([Place, Place.model_json_schema()])) == 1


def test_two_tools_of_one_name_are_refused() -> None:
    other = {**CITY, "title": "Place", "properties": {"country": {"type": "string"}}}
    with pytest.raises(ConfigError, match="two tools are called Place and take different arguments: rename one"):
        as_tools([Place, other])


@pytest.mark.parametrize("bound", [3, {"type": "object"}, {"type": "function", "function": {"name": 7}}])
def test_what_is_no_tool_is_refused(bound: Any) -> None:
    with pytest.raises(ConfigError, match="as a tool: expected a LangChain tool, a function with types"):
        as_tools([bound])


def test_a_name_that_looks_like_a_mark_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"a tool cannot be called a</s>: without '<' it is told apart"):
        as_tools([{"type": "function", "function": {"name": "a</s>"}}])


def test_tools_that_a_service_runs_are_refused() -> None:
    with pytest.raises(ConfigError, match="cannot call tools of type web_search_preview: bind a function"):
        as_tools([{"type": "web_search_preview"}])


def test_arguments_of_a_tool_that_is_not_strict_are_any_object() -> None:
    (described,) = as_tools([Place], strict=False)
    assert arguments_schema(described) == {"type": "object"}
    assert tool_name(described) == "Place"


@pytest.mark.parametrize("schema", [Place, OldPlace, PlaceDict])
def test_a_schema_is_read_from_classes(schema: Any) -> None:
    assert as_schema(schema)["properties"]["city"]["type"] == "string"


def test_what_is_no_schema_is_refused() -> None:
    with pytest.raises(ConfigError, match="cannot read a schema from 'Place': expected a Pydantic class"):
        as_schema("Place")


def test_objects_that_list_their_properties_take_no_others() -> None:
    inner = {"type": "object", "properties": {"a": {"type": "object", "properties": {}}}}
    assert closed(inner) == {
        "type": "object",
        "properties": {"a": {"type": "object", "properties": {}, "additionalProperties": False}},
        "additionalProperties": False,
    }
    said = {"type": "object", "properties": {}, "additionalProperties": True}
    assert closed(said) == said
    assert closed({"type": "object"}) == {"type": "object"}


def test_objects_that_require_what_they_do_not_list_stay_open() -> None:
    asked = {"type": "object", "properties": {"a": {}}, "required": ["b"]}
    assert closed(asked) == asked


def test_of_alternatives_those_that_look_around_are_left_out_unless_all_do() -> None:
    number, text = {"type": "number"}, {"type": "string", "pattern": r"^(?!-$)-?\d*$"}
    assert closed({"anyOf": [number, text]}) == {"anyOf": [number]}
    assert closed({"anyOf": [text]}) == {"anyOf": [text]}


def test_parts_that_hold_together_are_not_closed_one_by_one() -> None:
    merged = {"allOf": [{"type": "object", "properties": {"a": {}}}, {"type": "object", "properties": {"b": {}}}]}
    assert closed(merged) == merged


def test_a_format_that_nothing_enforces_is_dropped_and_a_property_of_that_name_kept() -> None:
    schema = {"properties": {"format": {"type": "string", "format": "password"}, "on": {"format": "date"}}}
    assert closed(schema)["properties"] == {"format": {"type": "string"}, "on": {"format": "date"}}
