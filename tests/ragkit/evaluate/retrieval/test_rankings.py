from __future__ import annotations

import resource
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.errors import InputError, StoreFullError
from ragkit.evaluate.data.trec import read_run
from ragkit.evaluate.retrieval.rankings import Rankings, run_lines


def test_written_scores_fall_strictly_to_one() -> None:
    assert run_lines("q", ["b", "a"]) == "q Q0 b 1 2 ragkit\nq Q0 a 2 1 ragkit\n"
    assert run_lines("q", []) == ""


_WORDS = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=5)


@given(results=st.dictionaries(_WORDS, st.lists(_WORDS, unique=True, min_size=1, max_size=6), max_size=5))
@settings(max_examples=50, deadline=None)
def test_what_was_written_is_read_in_the_same_order(
    tmp_path_factory: pytest.TempPathFactory, results: dict[str, list[str]]
) -> None:
    target = Rankings(tmp_path_factory.mktemp("run") / "run.trec")
    for query, documents in results.items():
        target.append({query: documents})
    assert {query: [document for document, _ in hits] for query, hits in read_run(target.path)} == results


@pytest.mark.parametrize(("query", "document"), [("a b", "c"), ("a", "b c"), ("a", ""), ("a", "b\tc")])
def test_ids_that_cannot_stand_in_a_run_are_refused_and_nothing_is_written(
    tmp_path: Path, query: str, document: str
) -> None:
    target = Rankings(tmp_path / "run.trec")
    with pytest.raises(InputError, match="cannot stand in a TREC run"):
        target.append({query: [document]})
    assert (tmp_path / "run.trec").read_bytes() == b""


def test_a_block_that_comes_again_replaces_what_an_earlier_try_left_of_it_and_after_it(tmp_path: Path) -> None:
    path = tmp_path / "run.trec"
    first = Rankings(path)
    first.append({"q1": ["a"], "q2": ["b"]})
    first.append({"q3": ["c"], "q4": []})
    path.write_bytes(path.read_bytes() + b"q5 Q0 d 1")  # torn
    again = Rankings(path)
    again.append({"q3": ["x"], "q4": ["y"]})
    again.append({"q5": ["d"]})
    assert [line.split()[0::2][:2] for line in path.read_text().splitlines()] == [
        ["q1", "a"],
        ["q2", "b"],
        ["q3", "x"],
        ["q4", "y"],
        ["q5", "d"],
    ]


def test_anew_forgets_what_was_there(tmp_path: Path) -> None:
    Rankings(tmp_path / "run.trec").append({"q1": ["a"]})
    Rankings.anew(tmp_path / "run.trec").append({"q2": ["b"]})
    assert (tmp_path / "run.trec").read_text() == "q2 Q0 b 1 1 ragkit\n"


def test_a_full_disk_is_named_with_the_file(tmp_path: Path) -> None:
    target = Rankings(tmp_path / "run.trec")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
    try:
        with pytest.raises(StoreFullError, match=r"run\.trec cannot be written: the disk is full"):
            target.append({"q": ["a", "b"]})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
