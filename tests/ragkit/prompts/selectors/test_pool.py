from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.prompts.selectors.pool import best_places

bounded = settings(max_examples=50, deadline=None)
scores = st.lists(st.sampled_from([-np.inf, -1.0, 0.0, 0.5, 2.0]), max_size=20)


@bounded
@given(scores, st.integers(0, 22), st.sets(st.integers(0, 19)))
def test_best_places_are_what_sorting_gives(values: list[float], count: int, without: set[int]) -> None:
    left_out = sorted(place for place in without if place < len(values))
    kept = [place for place, value in enumerate(values) if value > -np.inf and place not in left_out]
    expected = sorted(kept, key=lambda place: (-values[place], place))[:count]
    given_scores = np.array(values, dtype=np.float64)
    assert best_places(given_scores, count, without=left_out) == expected
    assert given_scores.tolist() == values
