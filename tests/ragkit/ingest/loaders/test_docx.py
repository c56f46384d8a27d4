from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from ragkit.errors import LoadError
from ragkit.ingest.document import SourceFile
from ragkit.ingest.loaders.docx import load_docx

Source = Callable[..., SourceFile]
Pack = Callable[[Mapping[str, str | bytes]], bytes]
NOTES = (
    '<w:footnotes xmlns:w="w"><w:footnote w:id="-1"><w:p/></w:footnote>'
    '<w:footnote w:id="2"><w:p><w:r><w:t>Says Ann.</w:t></w:r></w:p></w:footnote></w:footnotes>'
)


def paragraph(text: str, style: str = "", properties: str = "") -> str:
    style = f'<w:pStyle w:val="{style}"/>' if style else ""
    return f'<w:p><w:pPr>{style}{properties}</w:pPr><w:r><w:t xml:space="preserve">{text}</w:t></w:r></w:p>'


def item(text: str, number: int, depth: int = 0) -> str:
    return paragraph(text, properties=f'<w:numPr><w:ilvl w:val="{depth}"/><w:numId w:val="{number}"/></w:numPr>')


def test_headings_lists_and_tables_become_markdown(source: Source, docx: Callable[..., bytes]) -> None:
    cells = "".join(f"<w:tc>{paragraph(text)}</w:tc>" for text in "ab")
    body = (
        paragraph("The Title", "T")
        + paragraph("One", "H1")
        + paragraph("Text &amp; more.")
        + paragraph("Mine", "Mine")
        + item("x", 2)
        + item("inner", 2, 1)
        + item("y", 2)
        + item("dot", 1)
        + paragraph("styled", "LN")
        + f"<w:tbl><w:tr>{cells}</w:tr><w:tr>{cells}</w:tr></w:tbl>"
        + paragraph("Contents 3", "TOC1")
        + paragraph("End.", "Loop")
    )
    document = load_docx(source("a.docx"), docx(body))
    assert document.text == (
        "# The Title\n\n# One\n\nText & more.\n\n## Mine\n\n1. x\n  1. inner\n2. y\n- dot\n3. styled\n\n"
        "| a | b |\n| --- | --- |\n| a | b |\n\nEnd."
    )
    assert (document.title, document.markdown) == ("The Title", True)


def test_an_outline_level_makes_a_heading(source: Source, docx: Callable[..., bytes]) -> None:
    body = paragraph("Deep", properties='<w:outlineLvl w:val="2"/>')
    assert load_docx(source("a.docx"), docx(body)).text == "### Deep"


def test_core_properties_are_metadata(source: Source, docx: Callable[..., bytes]) -> None:
    core = "<dc:title>A  Title</dc:title><dc:creator>Ann</dc:creator>"
    core += "<dcterms:created>2024-01-02T03:04:05Z</dcterms:created>"
    document = load_docx(source("a.docx"), docx(paragraph("x"), core=core + "<dc:subject/>"))
    assert document.title == "A Title"
    assert document.metadata == {"author": "Ann", "created": "2024-01-02T03:04:05Z"}


def test_footnotes_stand_below_their_paragraph(source: Source, docx: Callable[..., bytes]) -> None:
    body = '<w:p><w:r><w:t>It is so.</w:t></w:r><w:r><w:footnoteReference w:id="2"/></w:r></w:p>' + paragraph("Next.")
    assert load_docx(source("a.docx"), docx(body, footnotes=NOTES)).text == "It is so.\n\nSays Ann.\n\nNext."


def test_deleted_moved_and_doubled_text_is_not_read(source: Source, docx: Callable[..., bytes]) -> None:
    body = (
        "<w:p><w:r><w:t>kept</w:t><w:tab/><w:t>on</w:t><w:br/><w:t>line</w:t></w:r>"
        "<w:del><w:r><w:delText>gone</w:delText>"
        "</w:r></w:del><w:moveFrom><w:r><w:t>moved</w:t></w:r></w:moveFrom><w:r><w:instrText>PAGE</w:instrText></w:r>"
        '<mc:AlternateContent xmlns:mc="mc"><mc:Choice><w:t>!</w:t></mc:Choice><mc:Fallback>'
        "<w:t>twin</w:t></mc:Fallback>"
        "</mc:AlternateContent></w:p>"
    )
    assert load_docx(source("a.docx"), docx(body)).text == "kept on\nline!"


def test_headers_and_footers_are_left_out(source: Source, docx: Callable[..., bytes]) -> None:
    header = f'<w:hdr xmlns:w="w">{paragraph("HEADER")}</w:hdr>'
    assert load_docx(source("a.docx"), docx(paragraph("body"), header1=header)).text == "body"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", r"is no \.docx file, or is damaged"),
        (b"PK\x03\x04 no zip", r"is no \.docx file, or is damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 600, "is protected by a password, or older than"),
    ],
)
def test_what_is_no_such_file_is_refused(source: Source, data: bytes, reason: str) -> None:
    with pytest.raises(LoadError, match=reason):
        load_docx(source("a.docx"), data)


def test_a_zip_without_a_document_is_refused(source: Source, pack: Pack) -> None:
    with pytest.raises(LoadError, match=r"it lacks 'word/document\.xml'"):
        load_docx(source("a.docx"), pack({"x": "y"}))


def test_a_document_without_text_is_refused(source: Source, docx: Callable[..., bytes]) -> None:
    with pytest.raises(LoadError, match="holds no text: is it a scan"):
        load_docx(source("a.docx"), docx("<w:p/>"))


def test_broken_xml_is_refused(source: Source, docx: Callable[..., bytes]) -> None:
    with pytest.raises(LoadError, match="its XML breaks off or nests too deep"):
        load_docx(source("a.docx"), docx("<w:p>"))


def test_absurd_nesting_is_refused(source: Source, docx: Callable[..., bytes]) -> None:
    with pytest.raises(LoadError, match="its XML breaks off or nests too deep"):
        load_docx(source("a.docx"), docx("<w:tbl>" * 5000 + "</w:tbl>" * 5000))


@pytest.mark.parametrize("entity", ['<!ENTITY a "b">', '<!ENTITY a SYSTEM "file:///etc/passwd">'])
def test_entities_are_refused(source: Source, pack: Pack, entity: str) -> None:
    xml = f'<!DOCTYPE x [{entity}]><w:document xmlns:w="w"><w:p><w:r><w:t>&a;</w:t></w:r></w:p></w:document>'
    with pytest.raises(LoadError, match="declares XML entities of its own"):
        load_docx(source("a.docx"), pack({"word/document.xml": xml}))
