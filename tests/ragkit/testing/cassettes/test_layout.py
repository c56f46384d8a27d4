from __future__ import annotations

from datetime import date
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from vcr.serializers import yamlserializer  # type: ignore[import-untyped]

from ragkit.testing.cassettes.layout import Layout

LAYOUT = Layout(today=lambda: date(2026, 1, 2))


def cassette(body: Any, kind: str = "text/plain", asked: Any = None) -> dict[str, Any]:
    headers = {"Content-Type": [kind]}
    request = {"method": "POST", "uri": "http://h/", "body": asked, "headers": headers}
    response = {"status": {"code": 200, "message": "OK"}, "headers": headers, "body": {"string": body}}
    return {"version": 1, "interactions": [{"request": request, "response": response}]}


def kept(body: Any, kind: str = "text/plain") -> Any:
    text = LAYOUT.serialize(cassette(body, kind))
    # Plain vcrpy reads it too.
    assert yamlserializer.deserialize(text) == LAYOUT.deserialize(text)
    return LAYOUT.deserialize(text)["interactions"][0]["response"]["body"]["string"]


@settings(max_examples=50, deadline=None)
@given(body=st.text(st.characters(exclude_categories=["Cs"])) | st.binary())
def test_every_body_comes_back_as_it_was(body: str | bytes) -> None:
    assert kept(body) == body


@settings(max_examples=50, deadline=None)
@given(
    value=st.dictionaries(
        st.text(), st.text() | st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.lists(st.text())
    )
)
def test_json_keeps_its_meaning_and_stands_as_a_block(value: dict[str, Any]) -> None:
    import json

    assert json.loads(kept(json.dumps(value), "application/json")) == value
    text = LAYOUT.serialize(cassette(json.dumps({"a": "ü\u2028\x85", **value}), "application/problem+json"))
    assert "string: |\n" in text


def test_the_same_exchanges_give_the_same_text() -> None:
    assert LAYOUT.serialize(cassette("x")) == LAYOUT.serialize(cassette("x"))


def test_json_that_cannot_be_parsed_stays() -> None:
    for body in ('{"a": 1, "a": 2}', '{"a": 1e999}'):
        assert kept(body, "application/json") == body


def test_events_have_plain_line_ends() -> None:
    assert kept("data: a\r\n\r\ndata: b\r\r", "text/event-stream") == "data: a\n\ndata: b\n\n"
    assert kept("a\r\n") == "a\r\n"


def test_binary_stands_as_base64() -> None:
    assert "string: !!binary |\n" in LAYOUT.serialize(cassette(b"\xff\x00"))


@pytest.mark.parametrize(
    ("answered", "asked", "models"),
    [('{"model": "a-1"}', '{"model": "a"}', ["a-1"]), ("no", '{"model":"a"}', ["a"]), ("no", b"\xff", [])],
)
def test_the_head_tells_the_models_and_the_date(answered: str, asked: Any, models: list[str]) -> None:
    head = yaml.safe_load(LAYOUT.serialize(cassette(answered, asked=asked)))["recorded"]
    assert (head["date"], head["models"]) == ("2026-01-02", models)


def test_headers_are_sorted_lower_case_lists() -> None:
    document = cassette("x")
    document["interactions"][0]["request"]["headers"] = {"B": "1", "a": ["2"]}
    read = LAYOUT.deserialize(LAYOUT.serialize(document))
    assert list(read["interactions"][0]["request"]["headers"].items()) == [("a", ["2"]), ("b", ["1"])]


def test_what_is_no_plain_value_is_refused_in_files() -> None:
    with pytest.raises(yaml.YAMLError):
        LAYOUT.deserialize("a: !!python/object:os.system {}")
