from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from ragkit.errors import LoadError
from ragkit.evaluate.data import msmarco_files
from ragkit.evaluate.data.msmarco_files import OfficialFile, check_files

Write = Callable[..., Path]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three official files of two lines each."""

    def md5(content: bytes) -> str:
        return hashlib.md5(content, usedforsecurity=False).hexdigest()

    files = (
        OfficialFile("collectionandqueries.tar.gz", packed=(md5(b"archive"),)),
        OfficialFile("collection.tsv", 2, md5=(md5(b"0\ta\n1\tb\n"),)),
        OfficialFile("queries.dev.small.tsv", 2),
        OfficialFile("qrels.dev.small.tsv", 2, packed=(md5(gzip.compress(b"1\n2\n", mtime=0)),)),
    )
    monkeypatch.setattr(msmarco_files, "OFFICIAL", files)


def states(folder: Path) -> dict[str, tuple[str, str]]:
    return {check.name: (check.state, check.reason) for check in check_files(folder)}


@pytest.mark.usefixtures("small")
def test_good_files_are_good_as_far_as_is_known(write: Write, tmp_path: Path) -> None:
    write("collection.tsv.gz", gzip.compress(b"0\ta\n1\tb\n"))
    write("queries.dev.small.tsv", "1\ta\n2\tno line end")
    write("qrels.dev.small.tsv.gz", gzip.compress(b"1\n2\n", mtime=0))
    assert states(tmp_path) == {
        "collection.tsv": ("good", "2 lines as published, MD5 as published."),
        "queries.dev.small.tsv": ("good", "2 lines as published; no MD5 of it is known."),
        "qrels.dev.small.tsv": ("good", "2 lines as published, MD5 as published."),
    }


@pytest.mark.usefixtures("small")
def test_wrong_and_missing_files_are_told_with_numbers(write: Write, tmp_path: Path) -> None:
    write("collection.tsv", "0\ta\n1\tc\n")
    write("queries.dev.small.tsv", "1\ta\n")
    found = states(tmp_path)
    assert found["collection.tsv"][0] == "wrong"
    assert found["collection.tsv"][1].startswith("2 lines as published, but its MD5 is")
    assert found["collection.tsv"][1].endswith("was published: fetch it again.")
    assert found["queries.dev.small.tsv"] == ("wrong", "1 lines, 2 were published: is it a part, or did it break off?")
    assert found["qrels.dev.small.tsv"] == ("missing", "the official evaluation needs it.")


@pytest.mark.usefixtures("small")
def test_a_good_archive_stands_for_what_is_in_it(write: Write, tmp_path: Path) -> None:
    write("collectionandqueries.tar.gz", b"archive")
    assert states(tmp_path) == {"collectionandqueries.tar.gz": ("good", "MD5 as published.")}
    write("collectionandqueries.tar.gz", b"archiv")
    assert [state for state, _ in states(tmp_path).values()] == ["wrong", "missing", "missing", "missing"]


@pytest.mark.usefixtures("small")
def test_a_file_that_cannot_be_read_is_wrong(write: Write, tmp_path: Path) -> None:
    write("collection.tsv.gz", gzip.compress(b"0\ta\n1\tb\n" * 999)[:-20])
    state, reason = states(tmp_path)["collection.tsv"]
    assert (state, reason[:16]) == ("wrong", "cannot be read: ")


def test_each_file_is_announced_before_it_is_read(write: Write, tmp_path: Path) -> None:
    write("2019qrels-pass.txt", "x")
    names: list[str] = []
    check_files(tmp_path, names.append)
    assert names == ["2019qrels-pass.txt"]
    with pytest.raises(LoadError, match="there is no such folder"):
        check_files(tmp_path / "none")


def test_the_real_files_are_the_published_ones_and_the_collection_is_missing(data: Path) -> None:
    assert states(data / "msmarco_passage") == {
        "queries.dev.small.tsv": ("good", "6,980 lines as published, MD5 as published."),
        "queries.eval.small.tsv": ("good", "6,837 lines as published, MD5 as published."),
        "qrels.dev.small.tsv": ("good", "7,437 lines as published, MD5 as published."),
        "msmarco-test2019-queries.tsv": ("good", "200 lines as published; no MD5 of it is known."),
        "2019qrels-pass.txt": ("good", "9,260 lines as published, MD5 as published."),
        "collection.tsv": ("missing", "the official evaluation needs it."),
    }
