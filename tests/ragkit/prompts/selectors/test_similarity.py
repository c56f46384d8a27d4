from __future__ import annotations

import math
from collections.abc import Sequence
from operator import mul
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.embeddings import Embeddings

from ragkit.errors import ConfigError
from ragkit.prompts.examples import Example
from ragkit.prompts.selectors.similarity import SimilaritySelector
from ragkit.store.collection import Collection
from ragkit.testing import HashingEmbeddings

bounded = settings(max_examples=50, deadline=None)
vectors = st.tuples(*[st.integers(-2, 2)] * 3).filter(any)


def pool_of(rows: Sequence[tuple[int, ...]]) -> list[Example]:
    return [Example(" ".join(map(str, row)), str(place)) for place, row in enumerate(rows)]


def cosine(left: tuple[int, ...], right: tuple[int, ...]) -> float:
    return round(sum(map(mul, left, right)) / (math.hypot(*left) * math.hypot(*right)), 6)


@bounded
@given(st.lists(vectors, max_size=12), vectors, st.integers(0, 6), st.sampled_from([None, -1.1, 0.3]))
def test_it_shows_what_sorting_all_cosines_gives(
    numbers: Embeddings, rows: list[tuple[int, ...]], asked: tuple[int, ...], count: int, threshold: float | None
) -> None:
    near = [place for place, row in enumerate(rows) if threshold is None or cosine(row, asked) > threshold]
    best = sorted(near, key=lambda place: (-cosine(rows[place], asked), place))[:count]
    selector = SimilaritySelector(pool_of(rows), numbers, count, threshold=threshold, show_same=True)
    chosen = selector.select(" ".join(map(str, asked)))
    assert [example.output for example in chosen] == [str(place) for place in reversed(best)]


def test_the_nearest_stands_last(numbers: Embeddings) -> None:
    selector = SimilaritySelector(pool_of([(1, 0), (0, 1), (3, 1)]), numbers, 2)
    assert [example.output for example in selector.select("5 1")] == ["0", "2"]


def test_equally_near_examples_are_taken_in_their_order(numbers: Embeddings) -> None:
    selector = SimilaritySelector(pool_of([(1, 0), (0, 1), (2, 0), (0, 3)]), numbers, 3)
    assert [example.output for example in selector.select("1 1")] == ["2", "1", "0"]


def test_an_example_must_be_above_the_threshold(numbers: Embeddings) -> None:
    pool = pool_of([(1, 0), (1, 1), (0, 1)])
    assert [one.output for one in SimilaritySelector(pool, numbers, 3, threshold=0.0).select("2 0")] == ["1", "0"]
    assert SimilaritySelector(pool, numbers, 3, threshold=1.0).select("2 0") == []


def test_a_vector_of_zeros_is_as_far_as_an_unlike_one(numbers: Embeddings) -> None:
    selector = SimilaritySelector(pool_of([(0, 0), (-1, 0), (0, 1)]), numbers, 3)
    assert [example.output for example in selector.select("1 0")] == ["1", "2", "0"]


def test_a_collection_lends_its_own_encoder(tmp_path: Path) -> None:
    pool = [Example("a gem of a film", "good"), Example("a bore", "bad")]
    with Collection.open(tmp_path / "store", HashingEmbeddings(32)) as collection:
        selector = SimilaritySelector(pool, collection, 1)
        assert selector.select("a gem") == SimilaritySelector(pool, collection.encoder, 1).select("a gem") == pool[:1]
        assert selector.card["model"] == "ragkit.testing.hashing.HashingEmbeddings"


def test_what_embeds_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="embeddings must be an Encoder or a LangChain Embeddings, got str"):
        SimilaritySelector([], "all-MiniLM", 1)
