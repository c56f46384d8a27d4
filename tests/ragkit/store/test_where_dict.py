"""The filter language as a mapping."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pytest

from ragkit.errors import WhereError
from ragkit.store.where import parse


@pytest.mark.parametrize(
    ("where", "text"),
    [
        ({"lang": "en"}, "lang = 'en'"),
        ({"lang": "en", "year": 2020}, "lang = 'en' and year = 2020"),
        ({"year": {">=": 2020, "<": 2022}}, "year >= 2020 and year < 2022"),
        ({"year": {"$gte": 2020}}, "year >= 2020"),
        ({"year": {"$gt": 2020}}, "year > 2020"),
        ({"year": {"$lt": 2020}}, "year < 2020"),
        ({"year": {"$lte": 2020}}, "year <= 2020"),
        ({"year": {"$eq": 2020}}, "year = 2020"),
        ({"year": {"==": 2020}}, "year = 2020"),
        ({"year": {"$ne": 2020}}, "year != 2020"),
        ({"year": {"$in": [1, 2]}}, "year in [1, 2]"),
        ({"year": {"$nin": (1, 2)}}, "year not in [1, 2]"),
        ({"year": {"not in": [1, 2]}}, "year not in [1, 2]"),
        ({"tags": {"$contains": "x"}}, "tags contains 'x'"),
        ({"tags": {"not contains": "x"}}, "tags not contains 'x'"),
        ({"tags": {"$exists": True}}, "exists tags"),
        ({"tags": {"exists": False}}, "not exists tags"),
        ({"year": {"not": {">=": 2020}}}, "not year >= 2020"),
        ({"and": [{"a": 1}, {"b": 2}]}, "a = 1 and b = 2"),
        ({"$or": [{"a": 1}, {"b": 2}]}, "a = 1 or b = 2"),
        ({"or": [{"a": 1}]}, "a = 1"),
        ({"$not": {"a": 1}}, "not a = 1"),
        ({"a.b": 1, "or": [{"c": 1}, {"d": 2}]}, "a.b = 1 and (c = 1 or d = 2)"),
        ({"day": {">": date(2020, 1, 2)}}, "day > '2020-01-02'"),
        ({"time": datetime(2020, 1, 2, 3, tzinfo=UTC)}, "time = '2020-01-02T03:00:00+00:00'"),
        ({"n": np.int64(3)}, "n = 3"),
        ({"flag": True}, "flag = true"),
    ],
)
def test_mapping_says_what_the_text_says(where: dict[str, Any], text: str) -> None:
    assert repr(parse(where)) == repr(parse(text))


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"a": None}, r'field \'a\' is compared with None; .* use \{"exists": false\}'),
        ({"a": [1, 2]}, r'compared with \[1, 2\]; .* use \{"in": \[...\]\} for several'),
        ({"a": {}}, "field 'a' is given no test"),
        ({"a": {"~": 1}}, "unknown operator '~' for field 'a': expected one of ="),
        ({"a": {"$regex": "x"}}, r"unknown operator '\$regex'"),
        ({"a": {7: 1}}, "unknown operator 7 for field 'a'"),
        ({"$where": "x"}, r"unknown operator '\$where': expected a field name"),
        ({"a": {"in": "abc"}}, "in of field 'a' takes a list of values, got 'abc'"),
        ({"a": {"exists": "yes"}}, "exists of field 'a' takes true or false, got 'yes'"),
        ({"a": {"not": 1}}, "unknown operator 'not' for field 'a'"),
        ({"and": []}, r"'and' takes a list of at least one filter, got \[\]"),
        ({"or": {"a": 1}}, "'or' takes a list of at least one filter"),
        ({"or": [{}]}, "a filter must be a mapping with at least one field, got {}"),
        ({"not": "a = 1"}, "a filter must be a mapping with at least one field, got 'a = 1'"),
        ({1: 2}, "a field name must be text, got 1"),
        ({"a": float("nan")}, "compared with nan; expected a finite number"),
        ({"a": 10**400}, "expected a finite number"),
        ({"a": "\ud800"}, "field 'a' is compared with a lone surrogate"),
        ({"a": {">": False}}, "false has no order"),
        ({"a": {"in": list(range(20_001))}}, "has 1 conditions and 20001 values"),
    ],
)
def test_mapping_that_does_not_fit_is_explained(where: Any, message: str) -> None:
    with pytest.raises(WhereError, match=message):
        parse(where)


def _nested(depth: int) -> dict[str, Any]:
    return {"not": _nested(depth - 1)} if depth else {"a": 1}


def test_depth_is_bounded() -> None:
    assert parse(_nested(40)) is not None
    with pytest.raises(WhereError, match="nested more than 50 deep"):
        parse(_nested(60))
    tests: dict[str, Any] = {"=": 1}
    for _ in range(60):
        tests = {"not": tests}
    with pytest.raises(WhereError, match="nested more than 50 deep"):
        parse({"a": tests})
