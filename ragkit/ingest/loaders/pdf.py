"""A PDF as text, page by page: where each page starts is kept, so that every quote knows its page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pypdfium2
from pypdfium2 import raw

from ragkit.errors import LoadError
from ragkit.ingest.document import LoadedDocument, PageStart, SourceFile
from ragkit.ingest.loaders.page_layout import Line, page_text
from ragkit.text.clean import normalise

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["load_pdf"]

_REASONS = {
    raw.FPDF_ERR_PASSWORD: "the PDF is encrypted: save it without a password",
    raw.FPDF_ERR_SECURITY: "the PDF is encrypted in a way that is not supported: save it without protection",
}
_BROKEN_WORD = re.compile("(\\w+)[\ufffe\x02\u00ad]\\s*(\\w+)")
_NO_TITLE = re.compile(
    r"untitled|.*\.(?:docx?|pdf|indd|xlsx?|pptx?|tex|dvi|qxd|rtf)|(?:microsoft word|slide \d+)\b.*", re.I
)


def load_pdf(file: SourceFile, data: bytes) -> LoadedDocument:
    """Read the text of every page; pages without text are left out of `pages`.

    Raises:
        LoadError: If the file is no PDF, is encrypted, or holds no text.
    """
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        code = getattr(error, "err_code", None)
        raise LoadError(file.source, _REASONS.get(code, "the file is no PDF, or is damaged")) from error
    with document:
        try:
            pages = [normalise(text) for text in _pages(document)]
            title = " ".join(normalise(document.get_metadata_value("Title")).split())
        except pypdfium2.PdfiumError as error:
            raise LoadError(file.source, f"a page of the PDF cannot be read: {error}") from error
    text, starts = _join(_mend_words(pages))
    if not text:
        raise LoadError(file.source, "the PDF holds no text (scanned?): run OCR first")
    return LoadedDocument(
        doc_id=file.name,
        text=text,
        source=file.source,
        title="" if _NO_TITLE.fullmatch(title) else title,
        pages=starts,
    )


def _pages(document: pypdfium2.PdfDocument) -> Iterator[str]:
    for index in range(len(document)):
        page = document[index]
        text = page.get_textpage()
        yield page_text(list(_lines(text)))
        text.close()
        page.close()


def _lines(page: pypdfium2.PdfTextPage) -> Iterator[Line]:
    position = 0
    for piece in page.get_text_range().split("\r\n"):
        if text := piece.strip():
            index = position + piece.index(text[0])
            # Beyond the Basic Multilingual Plane the two counts may differ; then a neighbour's box serves as well.
            _, bottom, _, top = page.get_charbox(min(index, page.count_chars() - 1), loose=True)
            yield Line(text=text, top=top, bottom=bottom)
        position += len(piece) + 2


def _mend_words(pages: Sequence[str]) -> list[str]:
    """Join words that a line's end cut in two; `state-sponsored` keeps its hyphen, `infor-mation` does not.

    The words of the document decide: a whole that occurs elsewhere is joined, two halves that both occur are not.
    """
    if not any(_BROKEN_WORD.search(page) for page in pages):
        return list(pages)
    words = {word.lower() for page in pages for word in re.findall(r"\w+", _BROKEN_WORD.sub(" ", page))}

    def mend(match: re.Match[str]) -> str:
        first, second = match.groups()
        whole = (first + second).lower() in words
        return f"{first}-{second}" if not whole and {first.lower(), second.lower()} <= words else first + second

    return [_BROKEN_WORD.sub(mend, page) for page in pages]


def _join(pages: Sequence[str]) -> tuple[str, tuple[PageStart, ...]]:
    parts: list[str] = []
    starts: list[PageStart] = []
    length = 0
    for number, text in enumerate(pages, start=1):
        if text := text.strip():
            length += 2 if parts else 0
            starts.append(PageStart(number, length))
            parts.append(text)
            length += len(text)
    return "\n\n".join(parts), tuple(starts)
