from __future__ import annotations

from evals.benchmarks.corpus import Corpus
from evals.benchmarks.filters import nearest


def test_the_true_hits_are_the_nearest_rows_of_the_share(corpus: Corpus) -> None:
    found = nearest(corpus, 8, share=7, k=10)
    assert found == [["c7"]] * 8  # the only one of forty rows


def test_hits_stand_best_first(corpus: Corpus, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("evals.benchmarks.filters.SHARES", 10)
    found = nearest(corpus, 8, share=5, k=3)
    assert found[1][0] == "c5"  # the dog by the barn, for a query on the dog
    assert all(set(hits) <= {"c5", "c15", "c25", "c35"} for hits in found)
