from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.encoder import Encoder
from ragkit.errors import InputError
from ragkit.evaluate.outcome import Row
from ragkit.evaluate.reports.content import Curve, Table
from ragkit.evaluate.retrieval.inflation import Inflation, nested_parts, part_of, sections, slope_per_doubling
from ragkit.retrieve.search import search
from ragkit.store.collection import Collection


@given(st.integers(1, 300), st.sets(st.integers(0, 299), max_size=60), st.integers(4, 7), st.integers(0, 3))
@settings(max_examples=50, deadline=None)
def test_parts_grow_to_the_whole_and_hold_what_must_be_there(
    count: int, always: set[int], sizes: int, seed: int
) -> None:
    documents = [str(number) for number in range(count)]
    kept = {str(number) for number in always}
    parts = nested_parts(documents, kept, sizes=sizes, seed=seed)
    assert sorted(parts[-1]) == sorted(documents)
    assert 1 <= len(parts) <= sizes
    for smaller, larger in pairwise(parts):
        assert len(smaller) < len(larger)
        assert larger[: len(smaller)] == smaller
    assert kept & set(documents) <= set(parts[0])


def test_a_corpus_has_the_number_of_sizes_asked_for() -> None:
    documents = [str(number) for number in range(1600)]
    assert [len(part) for part in nested_parts(documents, documents[:10])] == [100, 200, 400, 800, 1600]
    assert [len(part) for part in nested_parts(documents, documents[:400])] == [600, 767, 980, 1252, 1600]
    assert [len(part) for part in nested_parts(documents, documents[:1500], sizes=4)] == [1500, 1533, 1566, 1600]


def test_another_seed_draws_others() -> None:
    documents = [str(number) for number in range(64)]
    assert nested_parts(documents, [], seed=1)[0] != nested_parts(documents, [], seed=2)[0]
    assert nested_parts(documents, [], seed=1) == nested_parts(documents, [], seed=1)


def test_fewer_than_four_sizes_are_refused() -> None:
    with pytest.raises(InputError, match="at least 4 corpus sizes to show its bend, got 3"):
        Inflation(sizes=3)


def test_a_part_finds_its_documents_as_the_whole_would(tmp_path: Path, encoder: Encoder) -> None:
    texts = {"a": "green beans climb", "b": "green peas climb", "c": "red carrots"}
    with Collection.open(tmp_path / "whole", encoder) as whole:
        whole.add_texts(texts.values(), doc_ids=list(texts))
        with part_of(whole, ["a", "c"], str(tmp_path / "part")) as part:
            assert len(part) == 2
            hits = search(part, encoder, ["green beans"], k=5, mode="hybrid")[0]
            assert [hit.doc_id for hit in hits] == ["a", "c"]
            ours, theirs = part.vectors(["a#0"]), whole.vectors(["a#0"])
            assert ours.tolist() == theirs.tolist()


def test_the_trend_is_the_slope_over_the_logarithm_of_the_size() -> None:
    assert slope_per_doubling([(100, 0.8), (200, 0.7), (400, 0.6)]) == -0.1
    assert slope_per_doubling([(10, 0.5), (1000, 0.5)]) == 0.0


def test_the_curve_shows_each_size_with_its_interval() -> None:
    def rows(value: float) -> list[Row]:
        return [Row(id=str(number), outcomes={"RR@10": value, "AP": 0.1}) for number in range(4)]

    curve, table = sections({200: rows(0.5), 100: rows(0.75)}, ["RR@10", "AP"], "Some note.")
    assert isinstance(curve, Curve)
    assert isinstance(table, Table)
    assert curve.lines == {"RR@10": ((100.0, 0.75), (200.0, 0.5)), "AP": ((100.0, 0.1), (200.0, 0.1))}
    assert curve.note == "RR@10 changes by -0.2500 with each doubling of the corpus. Some note."
    assert [row[0] for row in table.rows] == ["100", "200"]
