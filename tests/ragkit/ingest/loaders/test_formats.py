from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ragkit.ingest.loaders.formats import SUFFIXES, document_loader, row_loader
from ragkit.ingest.loaders.json_tree import read_json
from ragkit.ingest.loaders.plain import load_plain
from ragkit.ingest.loaders.rows import read_csv, read_jsonl

if TYPE_CHECKING:
    from collections.abc import Callable

    from ragkit.ingest.document import SourceFile


@pytest.mark.parametrize(
    ("name", "loader"),
    [("a.jsonl", read_jsonl), ("a.JSONL.gz", read_jsonl), ("a.csv", read_csv), ("a.tsv.gz", read_csv), ("a.txt", None)],
)
def test_rows_are_known_by_suffix(name: str, loader: object) -> None:
    assert row_loader(name) is loader


def test_an_unknown_suffix_is_read_as_plain_text() -> None:
    assert document_loader("Makefile") is load_plain
    assert document_loader("a.xyz") is load_plain


@pytest.mark.parametrize("suffix", [".docx", ".epub", ".eml", ".rst", ".py", ".java", ".yaml", ".log", ".json"])
def test_more_formats_are_found_in_folders(suffix: str) -> None:
    assert suffix in SUFFIXES


def test_json_is_read_as_rows_or_as_one_document_and_never_packed() -> None:
    assert row_loader("a.JSON") is read_json
    assert row_loader("a.json.gz") is None
    assert ".json.gz" not in SUFFIXES


def test_every_document_suffix_loads_its_format(
    source: Callable[..., SourceFile], make_pdf: Callable[..., bytes]
) -> None:
    contents = {".pdf": make_pdf([[("Hello there.", 700)]]), ".html": b"<p>Hello there.</p>", ".md": b"Hello there."}
    for suffix, data in contents.items():
        name = f"a{suffix.upper()}"
        assert document_loader(name)(source(name), data).text == "Hello there."


def test_suffixes_are_listed_once() -> None:
    assert {".csv", ".csv.gz", ".html", ".jsonl", ".jsonl.gz", ".md", ".pdf", ".txt"} <= set(SUFFIXES)
    assert len(SUFFIXES) == len(set(SUFFIXES))
