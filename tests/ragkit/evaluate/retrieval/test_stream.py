from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.errors import LoadError
from ragkit.evaluate.retrieval.stream import UnusualRunError, careful_blocks, quick_blocks, read_blocks

USUAL = "q1 Q0 a 1 3.5 t\nq1 Q0 b 2 2.5 t\nq2 Q0 c 1 9 t\n"


def written(tmp_path: Path, text: str, name: str = "run.trec") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def joined(path: Path) -> dict[str, list[str]]:
    return {query: documents for block in read_blocks(path) for query, documents in block.items()}


def test_a_usual_run_is_read_plain_and_packed(tmp_path: Path) -> None:
    packed = tmp_path / "run.trec.gz"
    packed.write_bytes(gzip.compress(USUAL.encode()))
    for path in (written(tmp_path, USUAL), written(tmp_path, USUAL.rstrip("\n")), packed):
        assert list(quick_blocks(path)) == [{"q1": ["a", "b"], "q2": ["c"]}]


def test_equal_scores_are_ordered_by_the_rank_stated_then_by_falling_id(tmp_path: Path) -> None:
    tied = "q Q0 a 3 1.0 t\nq Q0 b 1 1.0 t\nq Q0 c 1 1.0 t\nq Q0 d 9 2.0 t\n"
    assert joined(written(tmp_path, tied)) == {"q": ["d", "c", "b", "a"]}


@pytest.mark.parametrize(
    "text",
    [
        "q1\ta\t1\nq1\tb\t2\nq2\tc\t1\n",  # MS MARCO
        "q1 Q0 a 1 3 t\nq2 Q0 c 1 9 t\nq1 Q0 b 2 2 t\n",  # scattered
        "\ufeff" + USUAL,
        "\n" + USUAL,
        USUAL.replace("q2 Q0", "q2 0"),
        "q1 Q0 a x 3 t\n" * 0 + USUAL.replace("\n", "\n\n"),
    ],
)
def test_unusual_runs_are_read_with_care(tmp_path: Path, text: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(UnusualRunError):
        list(quick_blocks(path))
    assert joined(path) == {"q1": ["a", "b"], "q2": ["c"]}


def test_a_wrong_line_is_named_by_its_number(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"run\.trec:2: .*found 5 columns"):
        joined(written(tmp_path, "q1 Q0 a 1 3 t\nq1 Q0 b 2 2\nq2 Q0 c 1 9 t t\n"))
    with pytest.raises(LoadError, match=r"run\.trec:1: .*not a number"):
        joined(written(tmp_path, "q1 Q0 a 1 high t\n"))
    with pytest.raises(LoadError, match=r"run\.trec:2: .*finite"):
        joined(written(tmp_path, "q1 Q0 a 1 1 t\nq1 Q0 b 2 inf t\n"))
    with pytest.raises(LoadError, match=r"run\.trec:1: .*not a number"):
        joined(written(tmp_path, "q1 Q0 a x 1 t\nq1 Q0 b 2 1 t\n"))


def test_a_damaged_archive_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "run.gz"
    path.write_bytes(gzip.compress(USUAL.encode() * 1000)[:-20])
    with pytest.raises(LoadError, match=r"run\.gz"):
        joined(path)


def test_a_document_listed_twice_is_refused_with_query_and_document(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"run\.trec.*lists document 'a' twice for query 'q1'"):
        joined(written(tmp_path, "q1 Q0 a 1 3 t\nq1 Q0 a 2 2 t\n"))


def test_blocks_hold_whole_queries_across_pieces_of_the_file(tmp_path: Path) -> None:
    lines = [f"q{query} Q0 d{number} {number + 1} {-number} t\n" for query in range(150) for number in range(60)]
    path = written(tmp_path, "".join(lines))
    blocks = list(quick_blocks(path))
    assert [len(block) for block in blocks] == [128, 22]
    assert blocks == list(careful_blocks(path))
    assert blocks[1]["q149"] == [f"d{number}" for number in range(60)]


def test_an_empty_run_has_no_blocks(tmp_path: Path) -> None:
    assert list(read_blocks(written(tmp_path, ""))) == []


entries = st.lists(
    st.tuples(st.sampled_from("pqr"), st.sampled_from("abcdé"), st.integers(0, 3), st.integers(1, 5)),
    unique_by=lambda entry: entry[:2],
    max_size=12,
)


@given(entries)
@settings(max_examples=50, deadline=None)
def test_both_readers_give_the_same(
    tmp_path_factory: pytest.TempPathFactory, run: list[tuple[str, str, int, int]]
) -> None:
    grouped = sorted(run, key=lambda entry: entry[0])
    text = "".join(f"{query} Q0 {name} {rank} {score} t\n" for query, name, score, rank in grouped)
    path = written(tmp_path_factory.mktemp("runs"), text)
    assert list(quick_blocks(path)) == list(careful_blocks(path))
