from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from ragkit.errors import LoadError
from ragkit.evaluate.data.trec import (
    RunEntry,
    load_run,
    read_qrels,
    read_run,
    read_run_entries,
    read_topics,
)


@pytest.mark.parametrize(
    "content",
    [
        "q1 0 d1 1\nq1 0 d2 0\nq2 0 d1 3\n",
        "q1\t0\td1\t1\nq1\t0\td2\t0\nq2\tQ0\td1\t3\n",
        "query-id\tcorpus-id\tscore\nq1\td1\t1\nq1\td2\t0\nq2\td1\t3\n",
        "q1\td1\t1\r\nq1\td2\t0\r\n\r\nq2\td1\t3\r\n",
    ],
)
def test_the_forms_of_trec_msmarco_and_beir_give_the_same_judgments(write: Callable[..., Path], content: str) -> None:
    assert read_qrels(write("qrels.txt", content)) == {"q1": {"d1": 1, "d2": 0}, "q2": {"d1": 3}}


def test_ids_stay_text_and_may_hold_blanks_between_tabs(write: Callable[..., Path]) -> None:
    assert read_qrels(write("qrels.tsv", "007\t0\ta document\t-2\n")) == {"007": {"a document": -2}}


def test_the_same_judgment_twice_counts_once_and_a_contradiction_is_an_error(write: Callable[..., Path]) -> None:
    assert read_qrels(write("a.txt", "q 0 d 1\nq 0 d 1\n")) == {"q": {"d": 1}}
    with pytest.raises(LoadError, match=r"b\.txt:2: judges document 'd' for query 'q' as 2, an earlier line as 1\."):
        read_qrels(write("b.txt", "q 0 d 1\nq 0 d 2\n"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("q 0 d\nq 0 d high\n", "qrels.txt:1: the grade must be a whole number, got 'd'."),
        ("q 0 d 1\nq d\n", "qrels.txt:2: expected `query 0 document grade` (TREC, MS MARCO) or `query document grade`"),
        ("q 0 d 0.5\n", "qrels.txt:1: the grade must be a whole number, got '0.5'."),
        ("\n", "qrels.txt: holds no judgments."),
    ],
)
def test_wrong_judgments_are_named(write: Callable[..., Path], content: str, message: str) -> None:
    with pytest.raises(LoadError, match=re.escape(message)):
        read_qrels(write("qrels.txt", content))


def test_topics_of_both_forms(write: Callable[..., Path]) -> None:
    assert read_topics(write("q.tsv", "\ufeff30\t leading blank\r\n31\ttab\tin text\n")) == {
        "30": " leading blank",
        "31": "tab\tin text",
    }
    assert read_topics(write("q.jsonl", {"_id": 1, "text": "a"}, {"_id": "b", "text": ""})) == {"1": "a", "b": ""}


def test_wrong_topics_are_named(write: Callable[..., Path]) -> None:
    with pytest.raises(LoadError, match=r"q\.tsv:3: query '1' stands here a second time"):
        read_topics(write("q.tsv", "1\ta\n2\tb\n1\tc\n"))
    with pytest.raises(LoadError, match=r"q\.jsonl:1: has no field 'text'"):
        read_topics(write("q.jsonl", {"_id": 1}))
    with pytest.raises(LoadError, match="holds no queries"):
        read_topics(write("q.tsv", ""))


def test_a_run_is_ordered_by_score_then_by_rank_then_by_falling_id(write: Callable[..., Path]) -> None:
    path = write("run.trec", "q Q0 d1 3 2.0 t\nq Q0 d9 8 3.5 t\nq Q0 d10 3 2.0 t\nq Q0 d2 1 2.0 t\n")
    assert list(read_run(path)) == [("q", [("d9", 3.5), ("d2", 2.0), ("d10", 2.0), ("d1", 2.0)])]


def test_equal_scores_of_a_real_run_keep_their_ranks(data: Path) -> None:
    path = data / "msmarco_passage/runs/run.dl19.REP_LLAMA.top100.trec.gz"
    written: dict[str, list[tuple[int, str]]] = {}
    for entry in read_run_entries(path):
        written.setdefault(entry.query_id, []).append((entry.rank, entry.doc_id))
    assert {query_id: [doc_id for doc_id, _ in hits] for query_id, hits in read_run(path)} == {
        query_id: [doc_id for _, doc_id in sorted(ranks)] for query_id, ranks in written.items()
    }


def test_a_run_of_msmarco_is_ordered_by_rank(write: Callable[..., Path]) -> None:
    path = write("run.tsv", "7\t30\t2\n7\t20\t1\n8\t20\t1\n")
    assert list(read_run(path)) == [("7", [("20", -1.0), ("30", -2.0)]), ("8", [("20", -1.0)])]
    assert next(read_run_entries(path)) == RunEntry("7", "30", 2, -2.0)


def test_a_run_whose_queries_are_scattered_gives_each_query_once(write: Callable[..., Path]) -> None:
    path = write("run.trec", "a Q0 d1 1 9 t\nab Q0 d1 1 5 t\na Q0 d2 2 8 t\n\nb Q0 d1 1 5 t\nab Q0 d2 2 4 t\n")
    expected = [("a", [("d1", 9.0), ("d2", 8.0)]), ("ab", [("d1", 5.0), ("d2", 4.0)]), ("b", [("d1", 5.0)])]
    assert list(read_run(path)) == expected
    assert list(load_run(path).items()) == expected


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("q Q0 d1 1 high t", "run.trec:2: rank or score is not a number"),
        ("q Q0 d1 1 nan t", "run.trec:2: the score must be finite"),
        (
            "q Q0 d1 1",
            "run.trec:2: expected `query Q0 document rank score tag` (TREC) or `query document rank`",
        ),
        ("q Q0 d0 2 1.0 t", "run.trec:2: lists document 'd0' twice for query 'q'."),
    ],
)
def test_wrong_lines_of_a_run_are_named(write: Callable[..., Path], line: str, message: str) -> None:
    path = write("run.trec", f"q Q0 d0 1 2.0 t\n{line}\n")
    with pytest.raises(LoadError, match=re.escape(message)):
        list(read_run(path))


def test_an_empty_run_has_no_queries(write: Callable[..., Path]) -> None:
    assert list(read_run(write("run.trec", "\n"))) == []


def test_the_first_stage_runs_of_dl19_are_whole(data: Path) -> None:
    run = dict(read_run(data / "msmarco_passage/runs/run.dl19.BM25.top100.trec.gz"))
    assert len(run) == 43
    assert {len(hits) for hits in run.values()} == {100}
    assert run["19335"][0] == ("8412684", 10.60669994354248)


def test_the_judgments_of_dl19_are_as_published(data: Path) -> None:
    qrels = read_qrels(data / "msmarco_passage/2019qrels-pass.txt")
    grades = [grade for judged in qrels.values() for grade in judged.values()]
    assert len(qrels) == 43
    assert [grades.count(grade) for grade in (0, 1, 2, 3)] == [5158, 1601, 1804, 697]
