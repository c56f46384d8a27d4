from __future__ import annotations

from ragkit.evaluate.reports.content import Histogram
from ragkit.evaluate.retrieval.findings import by_rank, spread, worst
from ragkit.evaluate.retrieval.judging import Judgments

QRELS = {"good": {"a": 1}, "late": {"a": 1}, "gone": {"z": 1, "y": 1}}
ROWS = Judgments(qrels=QRELS, measures=("RR@10",), queries={name: f"the {name} one" for name in QRELS}).rows(
    {"good": ["a", "b"], "late": ["b", "c", "a"], "gone": ["b"]}
)


def test_queries_are_counted_by_the_rank_of_their_first_relevant_document() -> None:
    assert by_rank(ROWS).rows == (("1", 1, 1 / 3), ("2 to 3", 1, 1 / 3), ("not retrieved", 1, 1 / 3))


def test_every_query_is_in_the_histogram() -> None:
    (histogram,) = spread(ROWS, ["RR@10"])
    assert isinstance(histogram, Histogram)
    assert list(histogram.values) == [1.0, 1 / 3, 0.0]


def test_the_worst_query_comes_first_with_what_was_retrieved_and_what_was_missed() -> None:
    cases = worst(ROWS, "RR@10", lambda name: f"text  of\n{name}").cases
    assert [case.heading for case in cases] == ["the gone one", "the late one", "the good one"]
    assert cases[0].facts["not retrieved"] == "y, z"
    assert cases[0].facts["relevant"] == "0 of 2 retrieved"
    assert cases[0].items == ("b: text of b", "y (relevant, not retrieved): text of y")
    assert cases[1].items[2] == "a (relevant): text of a"
    assert cases[1].facts["at ranks"] == "3"


def test_without_texts_ids_are_shown() -> None:
    assert worst(ROWS, "RR@10").cases[0].items == ("b",)
