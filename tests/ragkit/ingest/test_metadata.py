from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from ragkit.errors import LoadError
from ragkit.ingest.metadata import MAX_VALUES, plain_metadata


def test_dates_become_iso_text() -> None:
    found = plain_metadata({"day": date(2024, 2, 29), "at": datetime(2024, 2, 29, 12, 30)}, path="a")
    assert found == {"day": "2024-02-29", "at": "2024-02-29T12:30:00"}


def test_keys_become_text() -> None:
    assert plain_metadata({1: "a", date(2024, 1, 2): "b"}, path="a") == {"1": "a", "2024-01-02": "b"}


def test_nested_values_stay_nested() -> None:
    assert plain_metadata({"a": {"b": [1, 2.5, None, True, ("x",)]}}, path="a") == {
        "a": {"b": [1, 2.5, None, True, ["x"]]}
    }


def test_numbers_that_json_lacks_become_none() -> None:
    assert plain_metadata({"a": float("nan"), "b": float("inf")}, path="a") == {"a": None, "b": None}


def test_integers_beyond_64_bits_become_text() -> None:
    assert plain_metadata({"a": 2**64}, path="a") == {"a": "18446744073709551616"}


def test_other_values_become_text() -> None:
    assert plain_metadata({"a": b"x"}, path="a") == {"a": "b'x'"}


def test_a_mapping_that_holds_itself_is_refused() -> None:
    endless: dict[str, Any] = {}
    endless["again"] = endless
    with pytest.raises(LoadError, match="nests deeper than 32"):
        plain_metadata(endless, path="a.md")


def test_too_many_values_are_refused() -> None:
    with pytest.raises(LoadError, match=f"more than {MAX_VALUES} values"):
        plain_metadata({"a": list(range(MAX_VALUES + 1))}, path="a.md")
