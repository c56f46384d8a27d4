from __future__ import annotations

from ragkit.evaluate.retrieval.judging import Judgments

QRELS = {"q1": {"a": 2, "b": 1, "c": 0, "z": 2}, "q2": {"q2": 1, "d": 1}}


def test_a_row_says_what_was_found_where_and_what_was_missed() -> None:
    judgments = Judgments(
        qrels=QRELS, measures=("nDCG@10", "RR@10"), relevant_from=2, queries={"q1": "which?", "q2": ""}
    )
    (row,) = judgments.rows({"q1": ["c", "b", "a"]})
    assert row.id == "q1"
    assert row.outcomes["RR@10"] == 0.5
    assert row.details == {
        "query": "which?",
        "retrieved": 3,
        "relevant": 2,
        "found": 1,
        "first_relevant_rank": 3,
        "top": ["c", "b", "a"],
        "relevant_ranks": {"a": 3},
        "missed": ["z"],
    }


def test_a_query_without_results_has_a_row_of_zeros() -> None:
    (row,) = Judgments(qrels=QRELS, measures=("RR@10",)).rows({"q2": []})
    assert row.outcomes == {"RR@10": 0.0}
    assert row.details["first_relevant_rank"] is None


def test_the_document_with_the_id_of_the_query_is_dropped_where_asked() -> None:
    run = {"q2": ["q2", "x", "d"]}
    assert Judgments(qrels=QRELS, measures=("RR@10",)).rows(run)[0].outcomes == {"RR@10": 1.0}
    dropping = Judgments(qrels=QRELS, measures=("RR@10",), ignore_identical_ids=True)
    assert dropping.rows(run)[0].outcomes == {"RR@10": 0.5}
    assert dropping.rows(run)[0].details["top"] == ["x", "d"]
