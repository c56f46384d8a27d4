"""The word index: its formula, its order, and what happens when its files are not what they were."""

from __future__ import annotations

import json
import math
import os
import random
import subprocess
import sys
from bisect import bisect_right
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.store.bm25 import Bm25Index
from ragkit.store.bm25_view import IndexUnusableError
from ragkit.text.analyse import Analyser

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_PLAIN = Analyser(stem=False, stop_words=frozenset())


def _names(rows: Sequence[int]) -> Mapping[int, tuple[str, str]]:
    return {row: (f"{row:06}", "") for row in rows}


def _built(folder: Path, texts: Sequence[str], *, first: int | None = None, analyser: Analyser = _PLAIN) -> Bm25Index:
    """Build an index of texts at rows 0, 1, …; those from `first` on are added later, one by one."""
    index = Bm25Index(folder, analyser)
    first = len(texts) if first is None else first
    index.rebuild(enumerate(texts[:first]), rows=first, sequence=1)
    for row in range(first, len(texts)):
        index.append([(row, texts[row])], rows=row + 1, sequence=row)
    return index


def _all(index: Bm25Index) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.ones(index.rows, dtype=np.bool_)


# Lucene's and tantivy's table of document lengths in one byte.
_LENGTHS = [*range(24), *(24 + (i & 7 if i < 8 else ((i & 7) | 8) << ((i >> 3) - 1)) for i in range(200))]


def _oracle(texts: Sequence[str], query: str) -> dict[int, float]:
    """BM25 by its formula, k1 = 1.2, b = 0.75, over tokens between spaces."""
    tokens = [text.split() for text in texts]
    average = sum(map(len, tokens)) / len(tokens)
    scores: dict[int, float] = {}
    for term, times in Counter(query.split()).items():
        having = sum(term in words for words in tokens)
        weight = math.log(1 + (len(tokens) - having + 0.5) / (having + 0.5))
        for row, words in enumerate(tokens):
            if frequency := words.count(term):
                length = _LENGTHS[bisect_right(_LENGTHS, len(words)) - 1]
                norm = 1.2 * (1 - 0.75 + 0.75 * length / average)
                scores[row] = scores.get(row, 0.0) + times * weight * frequency * 2.2 / (frequency + norm)
    return scores


def test_score_is_that_of_a_hand_calculation(tmp_path: Path) -> None:
    index = _built(tmp_path / "bm25", ["a b", "a c c c"])
    # n = 1 of N = 2: idf = ln(1 + 1.5/1.5) = 0.6931; tf = 3*2.2 / (3 + 1.2*(0.25 + 0.75*4/3)) = 1.4667
    assert index.search("c", _all(index), 5, _names) == [(1, pytest.approx(0.6931 * 1.4667, abs=1e-4))]


_WORDS = [f"w{number}" for number in range(12)]


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**32), query=st.lists(st.sampled_from([*_WORDS, "unknown"]), min_size=1, max_size=6))
def test_scores_are_those_of_the_formula(seed: int, query: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    choose = random.Random(seed)
    texts = [" ".join(choose.choices(_WORDS, k=choose.choice([0, 1, 5, 41, 300]))) for _ in range(20)]
    index = _built(tmp_path_factory.mktemp("oracle") / "bm25", texts, first=18)
    expected = _oracle(texts, " ".join(query))
    found = index.search(" ".join(query), _all(index), 30, _names)
    assert {item.row: item.score for item in found} == pytest.approx(expected, rel=1e-5)
    assert [item.row for item in found] == sorted(
        (item.row for item in found), key=lambda row: (-{item.row: item.score for item in found}[row], row)
    )


def test_repeated_query_terms_count_each_time(tmp_path: Path) -> None:
    index = _built(tmp_path / "bm25", ["a b", "c d"])
    (once,), (twice,) = (index.search(query, _all(index), 1, _names) for query in ("a", "a a"))
    assert twice.score == pytest.approx(2 * once.score)


def test_ties_at_the_cut_go_by_name_whatever_the_segments(tmp_path: Path) -> None:
    index = _built(tmp_path / "bm25", ["same words here"] * 60, first=54)
    assert [item.row for item in index.search("words same", _all(index), 5, _names)] == [0, 1, 2, 3, 4]


def test_equal_texts_score_equal_in_every_segment_and_at_every_k(tmp_path: Path) -> None:
    choose = random.Random(5)
    twin = " ".join(choose.choices(_WORDS, k=50))
    texts = [twin if row % 7 == 0 else " ".join(choose.choices(_WORDS, k=choose.randint(5, 80))) for row in range(120)]
    index = _built(tmp_path / "bm25", texts, first=113)
    query = " ".join(_WORDS)
    every = index.search(query, _all(index), 200, _names)
    assert len({item.score for item in every if item.row % 7 == 0}) == 1
    for k in (1, 2, 5, 10, 50):
        assert index.search(query, _all(index), k, _names) == every[:k]


@pytest.mark.parametrize("share", [0.02, 0.5, 0.95])
def test_mask_is_applied_before_ranking(share: float, tmp_path: Path) -> None:
    index = _built(tmp_path / "bm25", [f"a w{row}" for row in range(200)])
    mask = np.random.default_rng(1).random(200) < share
    found = index.search("a", mask, 10, _names)
    assert [item.row for item in found] == np.flatnonzero(mask)[:10].tolist()


def test_rows_beyond_the_mask_are_not_found(tmp_path: Path) -> None:
    index = _built(tmp_path / "bm25", ["a", "a", "a"])
    assert [item.row for item in index.search("a", np.ones(2, bool), 5, _names)] == [0, 1]


@pytest.mark.parametrize("query", ["", "  ", "?!", "AND OR", 'text:a "b" -c +d (', "a" * 70_000, "\0"])
def test_any_text_is_a_query(query: str, tmp_path: Path) -> None:
    index = _built(tmp_path / "bm25", ["zzz"])
    assert index.search(query, _all(index), 3, _names) == []


def test_analyser_is_used_for_texts_and_queries(tmp_path: Path) -> None:
    index = _built(tmp_path / "bm25", ["The dogs were RUNNING", "学習機械"], analyser=Analyser())
    assert [item.row for item in index.search("dog runs", _all(index), 3, _names)] == [0]
    assert [item.row for item in index.search("機械", _all(index), 3, _names)] == [1]
    assert index.search("the were", _all(index), 3, _names) == []


def test_weights_are_inverse_document_frequencies(tmp_path: Path) -> None:
    index = _built(tmp_path / "bm25", ["a b", "a", "c"])
    assert index.weights(["a", "b", "x"]) == pytest.approx(
        {"a": math.log(1 + 1.5 / 2.5), "b": math.log(1 + 2.5 / 1.5), "x": math.log(1 + 3.5 / 0.5)}
    )


def test_another_object_loads_what_was_written(tmp_path: Path) -> None:
    _built(tmp_path / "bm25", ["a", "b", "a c"], first=1)
    index = Bm25Index(tmp_path / "bm25", _PLAIN)
    assert (index.rows, index.entries, index.sequence) == (-1, 0, -1)
    index.load()
    assert (index.rows, index.entries, index.sequence) == (3, 3, 2)
    assert [item.row for item in index.search("a", _all(index), 3, _names)] == [0, 2]


def test_open_index_follows_another_writer_through_appends_and_a_rebuild(tmp_path: Path) -> None:
    writer = _built(tmp_path / "bm25", ["a"])
    reader = Bm25Index(tmp_path / "bm25", _PLAIN)
    reader.load()
    for row in range(1, 6):
        writer.append([(row, "a")], rows=row + 1, sequence=row)
        reader.load()
        assert len(reader.search("a", _all(reader), 50, _names)) == row + 1
    writer.rebuild([(3, "b")], rows=6, sequence=20)
    assert len(reader.search("a", _all(reader), 50, _names)) == 6  # what it held open stays
    reader.load()
    assert reader.search("a", _all(reader), 50, _names) == []
    assert [item.row for item in reader.search("b", _all(reader), 50, _names)] == [3]


def test_index_that_was_never_loaded_says_so(tmp_path: Path) -> None:
    index = Bm25Index(tmp_path / "bm25", _PLAIN)
    with pytest.raises(IndexUnusableError, match="not loaded"):
        index.search("a", np.ones(1, bool), 1, _names)
    with pytest.raises(IndexUnusableError, match="not loaded"):
        index.weights(["a"])
    with pytest.raises(IndexUnusableError, match="no readable stamp"):
        index.load()


def test_other_analyser_makes_the_index_unusable(tmp_path: Path) -> None:
    _built(tmp_path / "bm25", ["a"])
    with pytest.raises(IndexUnusableError, match="made by analyser 1/english/unstemmed"):
        Bm25Index(tmp_path / "bm25", Analyser()).load()


def test_every_file_that_is_cut_changed_or_missing_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "bm25"
    _built(folder, ["a b c", "d e"], first=1)
    names = [*json.loads((folder / "stamp.json").read_bytes())["files"], "stamp.json"]
    assert "meta.json" in names
    assert len(names) > 5
    for name in names:
        content = (folder / name).read_bytes()
        for broken in (
            content[:-1] if content else b"x",
            bytes([content[0] ^ 1, *content[1:]]) if content else b"y",
            None,
        ):
            if broken is None:
                (folder / name).unlink()
            else:
                (folder / name).write_bytes(broken)
            with pytest.raises(IndexUnusableError):
                Bm25Index(folder, _PLAIN).load()
        (folder / name).write_bytes(content)
    Bm25Index(folder, _PLAIN).load()


def test_commit_without_its_stamp_is_noticed_before_it_would_double_entries(tmp_path: Path) -> None:
    folder = tmp_path / "bm25"
    index = _built(folder, ["a"])
    stamp = (folder / "stamp.json").read_bytes()
    index.append([(1, "b")], rows=2, sequence=2)
    (folder / "stamp.json").write_bytes(stamp)  # as if killed between the two
    other = Bm25Index(folder, _PLAIN)
    with pytest.raises(IndexUnusableError, match=r"meta\.json is not what was written"):
        other.append([(1, "b")], rows=2, sequence=2)


def test_stamp_of_another_index_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "bm25"
    _built(folder, ["a"])
    stamp = json.loads((folder / "stamp.json").read_bytes())
    (folder / "stamp.json").write_text(json.dumps({**stamp, "entries": 5}))
    with pytest.raises(IndexUnusableError, match="1 entries, its stamp says 5"):
        Bm25Index(folder, _PLAIN).load()


def test_interruption_is_not_taken_for_damage(tmp_path: Path) -> None:
    def texts() -> Iterator[tuple[int, str]]:
        yield 0, "a"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Bm25Index(tmp_path / "bm25", _PLAIN).rebuild(texts(), rows=1, sequence=1)


class PanicException(BaseException):  # the name that Rust's binding gives a panic
    """Stands for a panic inside tantivy, which is no Exception."""


def test_panic_inside_tantivy_makes_the_index_unusable(tmp_path: Path) -> None:
    def texts() -> Iterator[tuple[int, str]]:
        yield 0, "a"
        raise PanicException("index out of range")

    with pytest.raises(IndexUnusableError, match="index out of range"):
        Bm25Index(tmp_path / "bm25", _PLAIN).rebuild(texts(), rows=1, sequence=1)


def test_mirror_of_a_folder_that_cannot_be_written_follows_its_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = _built(tmp_path / "bm25", ["a"])
    reader = Bm25Index(tmp_path / "bm25", _PLAIN)
    for row in range(1, 4):
        with monkeypatch.context() as system:  # tests may run as root, whom no permission stops
            system.setattr("ragkit.store.bm25.os.access", lambda *_: False)
            reader.load()
        assert len(reader.search("a", _all(reader), 9, _names)) == row
        writer.append([(row, "a")], rows=row + 1, sequence=row + 1)
    assert reader._mirror is not None
    mirror = Path(reader._mirror.name)
    assert mirror.is_dir()
    reader.close()
    reader.close()
    assert not mirror.exists()
    assert len(reader.search("a", _all(reader), 9, _names)) == 3


def test_files_may_be_read_by_whom_the_folder_lets_in(tmp_path: Path) -> None:
    index = _built(tmp_path / "bm25", ["a", "b"], first=1)
    wanted = index.folder.stat().st_mode & 0o666
    assert {path.name: oct(path.stat().st_mode & 0o666) for path in index.folder.iterdir()} == {
        path.name: oct(wanted) for path in index.folder.iterdir()
    }
    index.folder.chmod(0o755)
    index.append([(2, "c")], rows=3, sequence=3)
    assert {path.stat().st_mode & 0o444 for path in index.folder.iterdir()} == {0o444}


_SEARCH_AS_NOBODY = """
import os, sys
from pathlib import Path
import numpy as np, tantivy
from ragkit.store.bm25 import Bm25Index
from ragkit.text.analyse import Analyser
os.setgroups([])
os.setuid(65534)
index = Bm25Index(Path(sys.argv[1]), Analyser(stem=False, stop_words=frozenset()))
index.load()
found = index.search("b", np.ones(2, dtype=bool), 5, lambda rows: {row: ("", "") for row in rows})
print([item.row for item in found])
index.close()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another account")
def test_another_account_searches_what_it_may_read() -> None:
    with TemporaryDirectory() as folder:  # those of pytest are private
        Path(folder).chmod(0o755)
        index = _built(Path(folder) / "bm25", ["a", "b"])
        told = subprocess.run(  # our own script
            [sys.executable, "-c", _SEARCH_AS_NOBODY, str(index.folder)], capture_output=True, text=True, check=False
        )
    assert (told.stdout, told.returncode) == ("[1]\n", 0), told.stderr


def test_what_a_killed_write_left_is_removed_and_no_part_of_the_index(tmp_path: Path) -> None:
    index = _built(tmp_path / "bm25", ["a", "b"])
    left = [index.folder / ".stamp.json.0123456789abcdef.tmp", index.folder / ".tmpAbCdEf"]
    for path in left:
        path.write_bytes(b"half")
    index.append([(2, "c")], rows=3, sequence=3)
    assert not any(path.exists() for path in left)
    stamp = json.loads((index.folder / "stamp.json").read_bytes())
    assert all(not name.startswith(".") for name in stamp["files"])


def test_discarded_index_is_searched_by_who_has_it_and_loaded_by_nobody(tmp_path: Path) -> None:
    index = _built(tmp_path / "bm25", ["a", "b"])
    index.discard()
    index.discard()
    assert not index.whole
    assert [item.row for item in index.search("b", _all(index), 5, _names)] == [1]
    for opened in (index, Bm25Index(tmp_path / "bm25", _PLAIN)):
        with pytest.raises(IndexUnusableError, match="no readable stamp"):
            opened.load()
