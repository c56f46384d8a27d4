"""The tasks of our own side, on a corpus so small that what they must find is known."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from evals.benchmarks.corpus import Corpus
from evals.benchmarks.filters import nearest
from evals.benchmarks.sides import own


@pytest.fixture
def job(corpus: Corpus, tmp_path: Path) -> dict[str, Any]:
    given: dict[str, Any] = {"corpus": str(corpus.folder), "folder": str(tmp_path / "store"), "count": 300}
    own.fill(given)
    return {**given, "queries": 8, "k": 10, "share": 7, "started_at": time.time(), "arm": "dense"}


def test_all_rows_are_in_and_both_ways_find_the_same(job: dict[str, Any]) -> None:
    outcome = own.search(job)
    assert outcome.numbers["dense_recall"] >= 0.9
    assert outcome.numbers["hybrid_recall"] >= 0.9
    assert all(len(hits) == 10 for hits in outcome.found)
    named = {"hybrid", "hybrid_exact", "dense", "dense_exact", "bm25", "filtered"}
    assert all(outcome.numbers[f"{name}_ms"] <= outcome.numbers[f"{name}_p99_ms"] for name in named)
    assert outcome.numbers["disk_mb"] > 0


def test_a_filter_finds_every_row_of_its_share(job: dict[str, Any], corpus: Corpus) -> None:
    outcome = own.filtered(job)
    assert outcome.numbers["found"] == 3  # 7, 107 and 207 of 300
    assert nearest(corpus, 8, share=7, k=10) == [[hit for hit in hits if hit == "c7"] for hits in outcome.found]


def test_changes_are_made_and_seen(job: dict[str, Any]) -> None:
    outcome = own.change({**job, "places": [0, 3, 39]})
    assert outcome.numbers["wrong"] == 0
    assert outcome.numbers["delete_ms"] > 0
    assert outcome.numbers["add_ms"] > 0


@pytest.mark.parametrize("arm", ["dense", "bm25"])
def test_a_first_hit_is_found_in_each_arm(job: dict[str, Any], arm: str) -> None:
    outcome = own.first_hit({**job, "arm": arm})
    assert outcome.found[0]
    assert outcome.numbers[f"{arm}_first_hit_s"] > 0
