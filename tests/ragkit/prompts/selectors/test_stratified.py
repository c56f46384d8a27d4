from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.embeddings import Embeddings

from ragkit.prompts.examples import Example
from ragkit.prompts.selectors.stratified import StratifiedSelector

bounded = settings(max_examples=50, deadline=None)
labels = st.sampled_from("abc")


@bounded
@given(st.lists(labels, max_size=12), st.integers(0, 4), st.integers(0, 9), st.booleans())
def test_every_label_has_as_many_examples_or_all_it_has(
    numbers: Embeddings, given_labels: list[str], per_label: int, seed: int, near: bool
) -> None:
    pool = [Example(f"{place} 1", label) for place, label in enumerate(given_labels)]
    encoder = numbers if near else None
    chosen = StratifiedSelector(pool, per_label, encoder=encoder, seed=seed).select("-1 1")
    counts = Counter(given_labels)
    assert Counter(one.output for one in chosen) == Counter({name: min(n, per_label) for name, n in counts.items()})
    assert len(set(chosen)) == len(chosen)


def test_the_last_round_holds_the_nearest_of_every_label_and_ends_with_the_nearest_of_all(numbers: Embeddings) -> None:
    rows = [("3 1", "a"), ("9 1", "a"), ("1 3", "b"), ("1 1", "b"), ("0 1", "b")]
    selector = StratifiedSelector([Example(*row) for row in rows], 2, encoder=numbers)
    assert [example.input for example in selector.select("8 1")] == ["1 3", "3 1", "1 1", "9 1"]


def test_a_label_with_fewer_examples_is_still_in_the_last_round(numbers: Embeddings) -> None:
    rows = [("3 1", "a"), ("9 1", "a"), ("1 3", "b")]
    selector = StratifiedSelector([Example(*row) for row in rows], 2, encoder=numbers)
    assert [example.input for example in selector.select("8 1")] == ["3 1", "1 3", "9 1"]


def test_equally_near_examples_are_taken_in_their_order(numbers: Embeddings) -> None:
    rows = [("1 0", "a"), ("0 1", "a"), ("2 0", "b"), ("0 2", "b")]
    selector = StratifiedSelector([Example(*row) for row in rows], 1, encoder=numbers)
    assert [example.input for example in selector.select("1 1")] == ["2 0", "1 0"]


def test_the_seed_draws_the_same_examples_for_every_text(reviews: Sequence[Example]) -> None:
    selector = StratifiedSelector(reviews, 1, seed=1)
    assert [example.input for example in selector.select("any")] == ["poor acting", "great acting"]
    assert selector.select("other") == selector.select("any")
    assert len({tuple(StratifiedSelector(reviews, 1, seed=seed).select("any")) for seed in range(20)}) > 5


def test_the_label_counts_and_not_the_output() -> None:
    pool = [Example("a", "{...}", label="x"), Example("b", "{…}", label="x"), Example("c", "{}", label="y")]
    assert Counter(one.label for one in StratifiedSelector(pool, 1).select("any")) == {"x": 1, "y": 1}
