"""Metadata as typed values."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.errors import InputError
from ragkit.store.fields import FieldValue, flatten, json_ready, kind_of, with_built_in


def test_dates_tuples_and_numpy_scalars_become_json() -> None:
    metadata = {
        "day": date(2020, 1, 2),
        "time": datetime(2020, 1, 2, 3, 4, tzinfo=UTC),
        "pair": (1, "a"),
        "count": np.int64(3),
        "share": np.float32(0.5),
        "none": None,
        "nested": {"flag": np.bool_(True)},
    }
    assert json_ready(metadata) == {
        "day": "2020-01-02",
        "time": "2020-01-02T03:04:00+00:00",
        "pair": [1, "a"],
        "count": 3,
        "share": 0.5,
        "none": None,
        "nested": {"flag": True},
    }


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"a": float("nan")}, r"metadata field 'a' is nan \(float\); expected text, a finite number"),
        ({"a": [{"b": object()}]}, r"metadata field 'a\.b' is <object"),
        ({"a": {1, 2}}, r"metadata field 'a' is \{1, 2\} \(set\)"),
        ({1: "a"}, "metadata keys must be text, got 1"),
        ({"a": {2: "b"}}, "metadata keys must be text, got 2"),
        ({"a": "\ud800"}, "metadata field 'a' holds a lone surrogate"),
        ({"\ud800": 1}, "holds a lone surrogate"),
        ({"a": 10**400}, "metadata field 'a' is an integer of 1329 bits: store it as text"),
    ],
)
def test_what_json_cannot_hold_is_named(metadata: dict[Any, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        json_ready(metadata)


def test_nested_metadata_is_flattened_to_typed_values() -> None:
    assert flatten({"a": {"b": [1, True, {"c": "x"}]}, "n": None, "e": []}) == {
        FieldValue("a", "object", False, ""),
        FieldValue("a.b", "list", False, ""),
        FieldValue("a.b", "number", True, 1),
        FieldValue("a.b", "bool", True, 1),
        FieldValue("a.b", "object", True, ""),
        FieldValue("a.b.c", "text", True, "x"),
        FieldValue("e", "list", False, ""),
    }


def test_integers_beyond_64_bits_become_floats() -> None:
    assert flatten({"a": 2**63, "b": 2**63 - 1}) == {
        FieldValue("a", "number", False, 9.223372036854775808e18),
        FieldValue("b", "number", False, 9223372036854775807),
    }


@pytest.mark.parametrize(("value", "kind"), [(True, "bool"), (1, "number"), (0.5, "number"), ("1", "text")])
def test_bools_are_a_kind_of_their_own(value: bool | float | str, kind: str) -> None:
    assert kind_of(value) == kind


def test_built_in_fields_take_the_place_of_metadata_unless_empty() -> None:
    assert with_built_in({"title": "old", "source": "kept"}, title="new", source="", page=None) == {
        "title": "new",
        "source": "kept",
    }


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text(), _JSON, max_size=4))
def test_values_are_the_same_after_a_round_through_json(metadata: dict[str, Any]) -> None:
    ready = json_ready(metadata)
    assert ready == metadata
    assert flatten(json.loads(json.dumps(ready, ensure_ascii=False))) == flatten(ready)


def test_metadata_nested_too_deep_is_refused_in_a_sentence() -> None:
    deep: dict[str, Any] = {}
    inner = deep
    for _ in range(5_000):
        inner["a"] = inner = {}
    with pytest.raises(InputError, match="is nested more than 200 deep: store its inner part as text"):
        json_ready(deep)
