"""Small real files of the formats that are archives, made by hand."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_STYLES = f"""<w:styles {_WORD}>
<w:style w:type="paragraph" w:styleId="T"><w:name w:val="Title"/></w:style>
<w:style w:type="paragraph" w:styleId="H1"><w:name w:val="heading 1"/></w:style>
<w:style w:type="paragraph" w:styleId="H2"><w:name w:val="Heading 2"/></w:style>
<w:style w:type="paragraph" w:styleId="Mine"><w:name w:val="My own"/><w:basedOn w:val="H2"/></w:style>
<w:style w:type="paragraph" w:styleId="Loop"><w:name w:val="Loop"/><w:basedOn w:val="Loop"/></w:style>
<w:style w:type="paragraph" w:styleId="TOC1"><w:name w:val="toc 1"/></w:style>
<w:style w:type="paragraph" w:styleId="LN"><w:name w:val="List Number"/>
<w:pPr><w:numPr><w:numId w:val="2"/></w:numPr></w:pPr>
</w:style></w:styles>"""
_NUMBERING = f"""<w:numbering {_WORD}>
<w:abstractNum w:abstractNumId="0"><w:lvl w:ilvl="0"><w:numFmt w:val="bullet"/></w:lvl></w:abstractNum>
<w:abstractNum w:abstractNumId="1"><w:lvl w:ilvl="0"><w:numFmt w:val="decimal"/></w:lvl>
<w:lvl w:ilvl="1"><w:numFmt w:val="lowerLetter"/></w:lvl></w:abstractNum>
<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num><w:num w:numId="2"><w:abstractNumId w:val="1"/></w:num>
</w:numbering>"""
_CORE = """<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties"
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/">{}</cp:coreProperties>"""
_CONTAINER = """<?xml version="1.0"?><container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>
<rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>"""


def pack(members: Mapping[str, str | bytes]) -> bytes:
    """Give a zip file of these members."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0)), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


@pytest.fixture(name="pack")
def _pack() -> Callable[[Mapping[str, str | bytes]], bytes]:
    return pack


def docx(body: str, *, core: str = "", **parts: str | bytes) -> bytes:
    """Give a Word document of this body; `footnotes=` and the like are further parts in the folder `word`."""
    members: dict[str, str | bytes] = {
        "_rels/.rels": '<Relationships><Relationship Type="http://x/officeDocument" Target="word/document.xml"/>'
        "</Relationships>",
        "word/document.xml": f"<w:document {_WORD}><w:body>{body}</w:body></w:document>",
        "word/styles.xml": _STYLES,
        "word/numbering.xml": _NUMBERING,
    }
    members |= {f"word/{name}.xml": content for name, content in parts.items()}
    if core:
        members["docProps/core.xml"] = _CORE.format(core)
    return pack(members)


@pytest.fixture(name="docx")
def _docx() -> Callable[..., bytes]:
    return docx


def epub(chapters: Mapping[str, str], *, about: str = "", ncx: str = "", **members: str | bytes) -> bytes:
    """Give a book of XHTML bodies by file name, in this order; `ncx` holds navPoints."""
    items = "".join(
        f'<item id="c{number}" href="{name}" media-type="application/xhtml+xml"/>'
        for number, name in enumerate(chapters)
    )
    spine = "".join(f'<itemref idref="c{number}"/>' for number in range(len(chapters)))
    items += '<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/>' * bool(ncx)
    package = (
        f'<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f"<metadata>{about}</metadata><manifest>{items}</manifest><spine>{spine}</spine></package>"
    )
    pages = {
        f"OEBPS/{name}": '<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml">'
        f"<head><title>x</title></head><body>{body}</body></html>"
        for name, body in chapters.items()
    }
    contents = {"OEBPS/toc.ncx": f"<ncx><navMap>{ncx}</navMap></ncx>"} if ncx else {}
    return pack({"META-INF/container.xml": _CONTAINER, "OEBPS/book.opf": package, **contents, **pages, **members})


@pytest.fixture(name="epub")
def _epub() -> Callable[..., bytes]:
    return epub
