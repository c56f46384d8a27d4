from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vcr.request import Request  # type: ignore[import-untyped]

from ragkit.testing.cassettes.matching import body_matches

JSON = {"content-type": "application/json"}


def request(body: Any, headers: dict[str, str] = JSON) -> Request:
    return Request("POST", "http://x/", body, headers)


def matches(asked: Any, recorded: Any, headers: dict[str, str] = JSON) -> bool:
    try:
        body_matches(request(asked, headers), request(recorded, headers))
    except AssertionError:
        return False
    return True


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def reordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: reordered(value[key]) for key in reversed(value)}
    return [reordered(item) for item in value] if isinstance(value, list) else value


@settings(max_examples=50, deadline=None)
@given(value=values)
def test_json_matches_whatever_its_order_and_layout(value: Any) -> None:
    assert matches(json.dumps(value), json.dumps(reordered(value), indent=3, ensure_ascii=False))


@settings(max_examples=50, deadline=None)
@given(one=values, other=values)
def test_json_matches_only_what_is_equal(one: Any, other: Any) -> None:
    typed = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    if typed:
        assert matches(json.dumps(one), json.dumps(other))
    elif one != other:
        assert not matches(json.dumps(one), json.dumps(other))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ('{"t": 1}', '{"t": 1.0}', True),
        ('{"t": 1}', '{"t": true}', False),
        ('{"t": 0}', '{"t": null}', False),
        ("[1, 2]", "[2, 1]", False),
        ("[1]", "[1, 2]", False),
        ('{"a": null}', "{}", False),
    ],
)
def test_numbers_match_by_value_and_nothing_else_does(one: str, other: str, expected: bool) -> None:
    assert matches(one, other) is expected


@pytest.mark.parametrize(
    "body", ["{", "", '{"a": NaN}', '{"a": 1, "a": 2}', "[" * 100_000, b"\xff", '{"a": 1} x', "Infinity"]
)
def test_a_body_that_cannot_be_parsed_never_matches_not_even_itself(body: Any) -> None:
    if body != "":
        assert not matches(body, body)
    assert not matches(body, '{"a": 1}')


def test_requests_without_a_body_match() -> None:
    assert matches(None, b"")
    assert matches("", None, {})


def test_forms_match_field_by_field_and_other_bodies_byte_by_byte() -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    assert matches("a=1&b=2", "b=2&a=1", form)
    assert not matches("a=1", "a=2", form)
    assert matches(b"\xff", b"\xff", {"content-type": "image/png"})
    assert not matches(b"\xff", b"\xfe", {"content-type": "image/png"})
    assert matches("a text", "a text", {})
    assert not matches("a text", "another", {})


def test_bodies_come_as_files_and_parts_too() -> None:
    assert matches(io.BytesIO(b'{"a": 1}'), iter([b'{"a"', b": 1}"]))
    assert matches(iter(b"[1]"), "[1]")


def test_the_difference_is_told_by_its_place_and_cut() -> None:
    with pytest.raises(AssertionError, match=r'^messages\[1\].content: "a{78}… was recorded, it is nothing now$'):
        body_matches(request('{"messages": [1, {}]}'), request('{"messages": [1, {"content": "%s"}]}' % ("a" * 100)))
    with pytest.raises(AssertionError, match="content-type 'text/a' was recorded, it is 'text/b' now"):
        body_matches(request("x", {"content-type": "text/b"}), request("x", {"content-type": "text/a"}))
    with pytest.raises(AssertionError, match="the body: 1 was recorded, it is 2 now"):
        body_matches(request("2"), request("1"))
