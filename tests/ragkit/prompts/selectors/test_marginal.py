from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from ragkit.errors import ConfigError
from ragkit.prompts.examples import Example
from ragkit.prompts.selectors.marginal import MMRSelector
from ragkit.prompts.selectors.similarity import SimilaritySelector
from ragkit.testing import HashingEmbeddings

bounded = settings(max_examples=50, deadline=None)


def pool_of(rows: NDArray[np.float64]) -> list[Example]:
    return [Example(written(row), str(place)) for place, row in enumerate(rows)]


def written(row: NDArray[np.float64]) -> str:
    return " ".join(map(repr, row.tolist()))


def brute_force(
    rows: NDArray[np.float64], asked: NDArray[np.float64], count: int, pool: int, diversity: float
) -> list[int]:
    """Picks by the definition, one after the other, the last one first."""
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    cosines = [float(row @ asked) / float(np.linalg.norm(asked)) for row in rows]
    left = sorted(range(len(rows)), key=lambda place: -cosines[place])[:pool]
    picked: list[int] = []

    def worth(place: int) -> float:
        likeness = max([float(rows[place] @ rows[other]) for other in picked] + [0.0])
        return (1 - diversity) * cosines[place] - diversity * likeness

    while left and len(picked) < count:
        best = max(left, key=worth) if picked else left[0]
        picked.append(best)
        left.remove(best)
    return picked[::-1]


@bounded
@given(
    st.integers(0, 10_000),
    st.integers(1, 10),
    st.integers(1, 6),
    st.integers(0, 6),
    st.sampled_from([0.0, 0.3, 0.5, 0.8, 1.0]),
)
def test_it_shows_what_brute_force_picks(
    numbers: Embeddings, seed: int, size: int, count: int, more: int, diversity: float
) -> None:
    drawn = np.random.default_rng(seed).normal(size=(size + 1, 4))
    selector = MMRSelector(pool_of(drawn[1:]), numbers, count, pool=count + more, diversity=diversity)
    chosen = [int(example.output) for example in selector.select(written(drawn[0]))]
    assert chosen == brute_force(drawn[1:], drawn[0], count, count + more, diversity)


def test_a_repeated_example_waits_behind_an_unlike_one(numbers: Embeddings) -> None:
    pool = pool_of(np.array([[4.0, 1.0], [8.0, 2.0], [1.0, 2.0]]))
    assert [example.output for example in MMRSelector(pool, numbers, 2, diversity=0.7).select("5 1")] == ["2", "0"]
    assert [example.output for example in SimilaritySelector(pool, numbers, 2).select("5 1")] == ["1", "0"]


@bounded
@given(st.integers(0, 10_000), st.integers(1, 6))
def test_a_smaller_count_is_the_end_of_a_larger_one(numbers: Embeddings, seed: int, count: int) -> None:
    drawn = np.random.default_rng(seed).normal(size=(9, 3))
    fewer, more = (MMRSelector(pool_of(drawn[1:]), numbers, size, pool=8) for size in (count, count + 1))
    assert more.select(written(drawn[0]))[-count:] == fewer.select(written(drawn[0]))


def test_four_times_the_count_are_looked_at_and_twenty_at_least() -> None:
    assert [MMRSelector([], HashingEmbeddings(2), count).card["nearest"] for count in (1, 8)] == [20, 32]


def test_a_pool_smaller_than_the_count_is_refused(numbers: Embeddings) -> None:
    with pytest.raises(ConfigError, match=r"^pool must be at least count \(4\), got 3\.$"):
        MMRSelector([], numbers, 4, pool=3)


@pytest.mark.parametrize("diversity", [-0.1, 1.1, float("nan")])
def test_a_diversity_outside_0_to_1_is_refused(numbers: Embeddings, diversity: float) -> None:
    with pytest.raises(ConfigError, match=rf"^diversity must be from 0 to 1, got {diversity}\.$"):
        MMRSelector([], numbers, 4, diversity=diversity)
