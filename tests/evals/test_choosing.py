from __future__ import annotations

from evals.choosing import spread


def test_items_are_spread_evenly() -> None:
    assert spread(list(range(10)), 3) == [0, 3, 6]
    assert spread([1, 2], 5) == [1, 2]
    assert spread([1, 2], None) == [1, 2]
