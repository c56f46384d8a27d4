"""What a reader knows of one committed moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ragkit.store import catalog
from ragkit.store.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

    from ragkit.store.collection import Collection


def _next(collection: Collection, previous: Snapshot | None) -> Snapshot:
    with collection._reading() as (_, db):
        return Snapshot.read(db, previous)


def _live(collection: Collection, snapshot: Snapshot) -> list[bool]:
    with collection._reading() as (_, db):
        return [bool(alive) for alive in snapshot.mask(db, None)]


def test_a_moment_is_read_once(collection: Collection, put: Callable[..., None]) -> None:
    put({"a": "cat"})
    first = _next(collection, None)
    assert _next(collection, first) is first
    put({"b": "cat"})
    assert _next(collection, first) is not first


def test_rows_that_came_and_rows_that_died_are_seen(collection: Collection, put: Callable[..., None]) -> None:
    put({"a": "cat", "b": "cat"})
    first = _next(collection, None)
    put({"c": "cat"})
    second = _next(collection, first)
    collection.delete(["b"])
    third = _next(collection, second)
    put({"a": "dog"})
    fourth = _next(collection, third)
    assert [_live(collection, one) for one in (first, second, third, fourth)] == [
        [True, True],
        [True, True, True],
        [True, False, True],
        [False, False, True, True],
    ]
    assert _live(collection, fourth) == _live(collection, _next(collection, None))


def test_the_dead_are_read_only_where_more_died(
    collection: Collection, put: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    put({"a": "cat", "b": "cat"})
    collection.delete(["b"])
    first = _next(collection, None)
    put({"c": "cat"})
    monkeypatch.setattr(catalog, "dead_rows", lambda _: pytest.fail("read again"))
    assert _live(collection, _next(collection, first)) == [True, False, True]
