from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ragkit.errors import ConfigError
from ragkit.prompts.parsers.schema import check_schema, complaint

TREE = {
    "$ref": "#/$defs/node",
    "$defs": {
        "node": {"type": "object", "properties": {"left": {"$ref": "#/$defs/node"}}, "additionalProperties": False}
    },
}


@pytest.mark.parametrize(
    ("schema", "right", "wrong", "said"),
    [
        ({"type": "integer"}, 2.0, True, "the value is true; expected integer"),
        ({"type": ["string", "null"]}, None, 1, "the value is 1; expected string or null"),
        ({"enum": [1, "a"]}, 1.0, True, "expected one of 1, 'a'"),
        ({"const": [1, {"a": True}]}, [1.0, {"a": True}], [1, {"a": 1}], "expected one of"),
        ({"properties": {"a": {"items": {"type": "string"}}}}, {"b": 1}, {"a": ["x", 2]}, r"a\[1\] is 2"),
        ({"items": {"type": "string"}, "pattern": "b", "required": ["c"]}, 5, [5], r"\[0\] is 5; expected string"),
        ({"properties": {"a": {}}, "additionalProperties": False}, {"a": 1}, {"b": 1}, "has keys that are not"),
        ({"additionalProperties": {"type": "number"}}, {"b": 1.5}, {"b": "c"}, "of length 1; expected number"),
        ({"properties": {"a": {"required": ["b"]}}}, {"a": {"b": 0}}, {"a": {}}, "a.b is missing"),
        ({"pattern": "^[a-z]+$"}, "ab", "a1", "expected the pattern"),
        ({"minimum": 1, "exclusiveMaximum": 3}, 2, 3, "expected less than 3"),
        ({"minLength": 1, "maxLength": 2}, "ab", "abc", "at most 2 characters"),
        ({"minItems": 1}, [0], [], "at least 1 items"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, None, 1, "expected string"),
        ({"oneOf": [{"minimum": 1}, {"maximum": 5}]}, 0, 3, "fits 2 forms of which it must be one"),
        ({"allOf": [{"minimum": 1}, {"maximum": 5}]}, 3, 6, "at most 5"),
        ({"properties": {"a": False}}, {}, {"a": 1}, "a is not expected"),
        (TREE, {"left": {"left": {}}}, {"left": {"right": {}}}, "left has keys that are not expected"),
    ],
)  # fmt: skip
def test_a_value_is_held_against_each_word(schema: dict[str, Any], right: Any, wrong: Any, said: str) -> None:
    check_schema(schema)
    assert complaint(schema, right) is None
    with pytest.raises(ValueError, match=said):
        raise ValueError(complaint(schema, wrong))


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"properties": {"a": {"if": {}}}}, "the schema word 'if' is not checked here: use a pydantic class"),
        ({"type": "int"}, "has a type 'int': expected one of object"),
        ({"pattern": "("}, "the pattern '\\(' cannot be read"),
        ({"$ref": "#/$defs/none"}, "leads nowhere"),
        ({"items": {"$ref": "other.json"}}, "leads nowhere"),
        ({"anyOf": [{"$ref": "#"}]}, "refers to itself without a property"),
        ({"type": 5}, "the schema's type cannot be 5: see JSON Schema"),
        ({"enum": "ab"}, "the schema's enum cannot be 'ab'"),
        ({"required": "ab"}, "the schema's required cannot be 'ab'"),
        ({"properties": []}, r"the schema's properties cannot be \[\]"),
        ({"items": {"anyOf": []}}, r"the schema's anyOf cannot be \[\]"),
        ({"minLength": "2"}, "the schema's minLength cannot be '2'"),
        ({"minimum": True}, "the schema's minimum cannot be True"),
        ({"pattern": 5}, "the schema's pattern cannot be 5"),
        ({"properties": {"a": "text"}}, "a schema is an object, true or false, got 'text'"),
    ],
)
def test_a_schema_that_cannot_be_checked_is_refused_at_once(schema: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        check_schema(schema)


class Leaf(BaseModel):
    model_config = ConfigDict(extra="forbid")

    kind: Literal["a", "b", 1]
    size: Annotated[int, Field(ge=0, lt=3)] = 0


class Branch(BaseModel):
    name: Annotated[str, Field(min_length=1, max_length=2)]
    leaves: Annotated[list[Leaf], Field(max_length=2)] = []
    above: Branch | None = None
    weight: float | bool = 0.5


SMALL = st.sampled_from([None, True, False, 0, 1, 2, 3, -1, 0.5, "", "a", "b", "abc", [], {}])
LEAVES = st.dictionaries(st.sampled_from(["kind", "size", "other"]), SMALL)
BRANCHES = st.recursive(
    st.dictionaries(st.sampled_from(["name", "weight", "other"]), SMALL),
    lambda inner: st.fixed_dictionaries(
        {"name": st.sampled_from(["a", "ab"]) | SMALL}, optional={"above": inner | SMALL, "leaves": st.lists(LEAVES)}
    ),
    max_leaves=4,
)


@given(BRANCHES | SMALL)
@settings(max_examples=80, deadline=None)
def test_what_fits_is_what_pydantic_takes(value: Any) -> None:
    schema = Branch.model_json_schema()
    check_schema(schema)
    try:
        Branch.model_validate_json(json.dumps(value), strict=True)
        taken = True
    except ValidationError:
        taken = False
    assert (complaint(schema, value) is None) == taken
