"""What a filter means, without a database."""

from __future__ import annotations

from typing import Any

import pytest

from ragkit.store.conditions import conditions
from ragkit.store.where import matches, parse

_BOOK: dict[str, Any] = {"year": 1851, "title": "Moby Dick", "tags": ["sea", 3], "read": True, "author": {"born": 1819}}


@pytest.mark.parametrize(
    "where",
    [
        "",
        "year = 1851 and year = 1851.0 and year < 1852 and year <= 1851 and year > 1850 and year >= 1851",
        "year in [1, 1851] and tags in ['sea']",
        "title contains 'Dick' and not title contains 'dick'",
        "tags contains 'sea' and tags contains 3 and not tags contains 'se' and not tags contains true",
        "read = true and read != false and not read in [1]",
        "exists author and author.born < 1900 and not exists author.died",
        "lang != 'en' and lang not in ['en'] and not lang = 'en'",
        "(year = 1 or year = 1851) and not (year = 1 or year = 2)",
        "not year = '1851' and not year contains 1851",
    ],
)
def test_book_matches(where: str) -> None:
    assert matches(parse(where), _BOOK)


@pytest.mark.parametrize("where", ["year != 1851", "lang = 'en'", "tags = 'se'", "author = 1819", "year in []"])
def test_book_does_not_match(where: str) -> None:
    assert not matches(parse(where), _BOOK)


def test_conditions_come_from_left_to_right() -> None:
    node = parse("a = 1 and not (b = 2 or exists c)")
    assert node is not None
    assert [leaf.field for leaf in conditions(node)] == ["a", "b", "c"]
