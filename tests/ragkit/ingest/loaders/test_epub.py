from __future__ import annotations

from collections.abc import Callable

import pytest

from ragkit.errors import LoadError
from ragkit.ingest.document import SourceFile
from ragkit.ingest.loaders.epub import load_epub

Source = Callable[..., SourceFile]
Epub = Callable[..., bytes]


def test_chapters_come_in_order_under_their_titles(source: Source, epub: Epub) -> None:
    contents = '<navPoint><navLabel><text>Chapter Two</text></navLabel><content src="b%20b.xhtml#x"/></navPoint>'
    about = (
        "<dc:title>A Book</dc:title><dc:creator>Ann</dc:creator><dc:language>en</dc:language><dc:date>2020</dc:date>"
    )
    data = epub({"a.xhtml": "<h1>One</h1><p>First.</p>", "b b.xhtml": "<p>Second.</p>"}, about=about, ncx=contents)
    document = load_epub(source("a.epub"), data)
    assert document.text == "# One\n\nFirst.\n\n# Chapter Two\n\nSecond."
    assert (document.title, document.markdown) == ("A Book", True)
    assert document.metadata == {"author": "Ann", "lang": "en", "date": "2020"}


def test_the_table_of_contents_of_version_3_gives_titles_and_is_no_chapter(
    source: Source, pack: Callable[..., bytes]
) -> None:
    package = (
        '<package><metadata/><manifest><item id="n" href="nav.xhtml" media-type="application/xhtml+xml" '
        'properties="nav"/><item id="a" href="text/a.xhtml" media-type="application/xhtml+xml"/></manifest>'
        '<spine><itemref idref="n"/><itemref idref="a"/><itemref idref="gone"/></spine></package>'
    )
    data = pack(
        {
            "META-INF/container.xml": '<container><rootfile full-path="book.opf"/></container>',
            "book.opf": package,
            "nav.xhtml": '<html><body><nav><a href="text/a.xhtml">The Start</a></nav></body></html>',
            "text/a.xhtml": "<html><body><p>Hello.</p></body></html>",
        }
    )
    document = load_epub(source("a.epub"), data)
    assert (document.text, document.title) == ("# The Start\n\nHello.", "The Start")


def test_the_declared_encoding_is_used(source: Source, epub: Epub) -> None:
    page = '<?xml version="1.0" encoding="iso-8859-2"?><html><body><p>łąka źle</p></body></html>'.encode("iso-8859-2")
    data = epub({"a.xhtml": ""}, **{"OEBPS/a.xhtml": page})
    assert load_epub(source("a.epub"), data).text == "łąka źle"


def test_a_protected_book_is_refused(source: Source, epub: Epub) -> None:
    rights = '<encryption><CipherReference URI="OEBPS/a.xhtml"/></encryption>'
    with pytest.raises(LoadError, match="is protected against copying"):
        load_epub(source("a.epub"), epub({"a.xhtml": "x"}, **{"META-INF/encryption.xml": rights}))


def test_encrypted_fonts_do_not_matter(source: Source, epub: Epub) -> None:
    fonts = '<encryption><CipherReference URI="OEBPS/a.otf"/></encryption>'
    assert load_epub(source("a.epub"), epub({"a.xhtml": "x"}, **{"META-INF/encryption.xml": fonts})).text == "x"


def test_a_book_without_text_is_refused(source: Source, epub: Epub) -> None:
    with pytest.raises(LoadError, match="the book holds no text"):
        load_epub(source("a.epub"), epub({"a.xhtml": "<img/>"}))


def test_a_zip_that_is_no_book_is_refused(source: Source, docx: Callable[..., bytes]) -> None:
    with pytest.raises(LoadError, match=r"is no \.epub file, or is damaged: it lacks 'META-INF/container\.xml'"):
        load_epub(source("a.epub"), docx("<w:p/>"))


def test_entities_of_a_page_are_not_expanded(source: Source, epub: Epub) -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    page = f'<!DOCTYPE html [<!ENTITY l0 "ha">{laughs}]><html><body><p>start &l9; end</p></body></html>'
    text = load_epub(source("a.epub"), epub({"a.xhtml": ""}, **{"OEBPS/a.xhtml": page})).text
    assert "start" in text
    assert len(text) < 2000
