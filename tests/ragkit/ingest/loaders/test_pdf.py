from __future__ import annotations

from collections.abc import Callable

import pytest

from ragkit.errors import LoadError
from ragkit.ingest.document import PageStart, SourceFile
from ragkit.ingest.loaders.pdf import load_pdf
from ragkit.text.clean import normalise

Source = Callable[..., SourceFile]
MakePdf = Callable[..., bytes]


def test_pages_are_joined_and_their_starts_kept(source: Source, make_pdf: MakePdf) -> None:
    data = make_pdf([[("First page.", 700), ("It goes on.", 686)], [("Second page.", 700)]])
    document = load_pdf(source("a.pdf"), data)
    assert document.text == "First page.\nIt goes on.\n\nSecond page."
    assert document.pages == (PageStart(1, 0), PageStart(2, 25))
    assert document.text[25:] == "Second page."


def test_pages_without_text_keep_their_number(source: Source, make_pdf: MakePdf) -> None:
    document = load_pdf(source("a.pdf"), make_pdf([[], [("Two.", 700)], [], [("Four.", 700)]]))
    assert document.text == "Two.\n\nFour."
    assert document.pages == (PageStart(2, 0), PageStart(4, 6))


def test_a_gap_between_lines_starts_a_paragraph(source: Source, make_pdf: MakePdf) -> None:
    data = make_pdf([[("Title", 720), ("one", 680), ("two", 666), ("three", 652)]])
    assert load_pdf(source("a.pdf"), data).text == "Title\n\none\ntwo\nthree"


@pytest.mark.parametrize(
    ("title", "kept"),
    [("Annual  Report", "Annual Report"), ("Microsoft Word - a.doc", ""), ("paper.tex", ""), (" ", "")],
)
def test_the_title_is_taken_when_it_is_one(source: Source, make_pdf: MakePdf, title: str, kept: str) -> None:
    assert load_pdf(source("a.pdf"), make_pdf([[("x", 700)]], title=title)).title == kept


def test_a_pdf_without_text_is_refused(source: Source, make_pdf: MakePdf) -> None:
    with pytest.raises(LoadError, match=r"a\.pdf: the PDF holds no text \(scanned\?\): run OCR first"):
        load_pdf(source("a.pdf"), make_pdf([[], []]))


def test_an_encrypted_pdf_is_refused(source: Source, make_pdf: MakePdf) -> None:
    with pytest.raises(LoadError, match="the PDF is encrypted: save it without a password"):
        load_pdf(source("a.pdf"), make_pdf([[("x", 700)]], encrypted=True))


@pytest.mark.parametrize("data", [b"", b"not a PDF", b"%PDF-1.4\n%%EOF"])
def test_a_broken_pdf_is_refused(source: Source, data: bytes) -> None:
    with pytest.raises(LoadError, match="the file is no PDF, or is damaged"):
        load_pdf(source("a.pdf"), data)


def test_words_broken_at_a_line_end_are_mended(source: Source, make_pdf: MakePdf) -> None:
    # PDFium gives a hyphen before a line's end as one sign for hyphen and line end.
    lines = [
        ("All information on state and sponsored infor-", 700),
        ("mation, and on state-", 686),
        ("sponsored news.", 672),
    ]
    text = load_pdf(source("a.pdf"), make_pdf([lines])).text
    assert " ".join(text.split()) == "All information on state and sponsored information, and on state-sponsored news."


def test_the_text_is_as_cleaning_leaves_it(source: Source, make_pdf: MakePdf) -> None:
    text = load_pdf(source("a.pdf"), make_pdf([[("caf\u00e9 \u00a7", 700)], [("x", 700)]])).text
    assert normalise(text) == text == "café §\n\nx"
