"""An EPUB book as Markdown: its chapters in reading order, each under its title."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote, urldefrag

from ragkit.errors import LoadError
from ragkit.ingest.document import LoadedDocument, SourceFile
from ragkit.ingest.encoding import decode
from ragkit.ingest.loaders.archive import Archive
from ragkit.ingest.loaders.markup import Block, first_heading, join_blocks
from ragkit.ingest.loaders.page import read_page
from ragkit.ingest.loaders.xml_events import xml_events
from ragkit.text.clean import normalise

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["load_epub"]

_ABOUT = {
    "title": "title",
    "creator": "author",
    "language": "lang",
    "publisher": "publisher",
    "date": "date",
    "description": "description",
    "subject": "subject",
    "identifier": "identifier",
}
_PAGES = ("application/xhtml+xml", "text/html")
_CONTENTS = "application/x-dtbncx+xml"
_XML_CHARSET = re.compile(rb"<\?xml[^>]{0,100}?encoding\s*=\s*[\"']([A-Za-z0-9_.:-]{1,40})")
_MAX_VALUE = 1000


@dataclass(slots=True)
class _Item:
    path: str
    kind: str
    properties: str


@dataclass(slots=True)
class _Package:
    """What the package file says."""

    about: dict[str, str] = field(default_factory=dict)
    items: dict[str, _Item] = field(default_factory=dict)
    spine: list[str] = field(default_factory=list)


def load_epub(file: SourceFile, data: bytes) -> LoadedDocument:
    """Read a book; author, language, publisher, date and the like become metadata.

    Raises:
        LoadError: If it is no EPUB file, is protected, is packed suspiciously, or holds no text.
    """
    archive = Archive(file, data, kind=".epub")
    package = _read_package(archive, file)
    titles = _chapter_titles(archive, package, file)
    protected = _protected(archive, file)
    blocks: list[Block] = []
    for item in _chapters(package):
        if item.path in protected:
            raise LoadError(file.source, "is protected against copying (DRM): its chapters cannot be read")
        if item.path in archive:
            page = archive.read(item.path)
            blocks += _chapter(page, titles.get(item.path, ""), file)
    text = normalise(join_blocks(blocks))
    if not text.strip():
        raise LoadError(file.source, "the book holds no text: are its pages pictures?")
    title = package.about.pop("title", "") or first_heading(blocks)
    return LoadedDocument(
        doc_id=file.name, text=text, source=file.source, title=normalise(title), metadata=package.about, markdown=True
    )


def _chapters(package: _Package) -> list[_Item]:
    """Give the pages in reading order, each once; without a spine all of them, as listed."""
    chosen = dict.fromkeys(package.spine) or dict.fromkeys(package.items)
    items = [package.items[name] for name in chosen if name in package.items]
    return [item for item in items if item.kind in _PAGES and "nav" not in item.properties.split()]


def _chapter(data: bytes, title: str, file: SourceFile) -> list[Block]:
    if not data.strip():
        return []
    declared = _XML_CHARSET.match(data)
    page = read_page(decode(data, path=file.source, declared=declared.group(1).decode() if declared else None))
    blocks = page.blocks()
    if title and blocks and all(block.kind != "heading" for block in blocks[:3]):
        blocks.insert(0, Block("heading", f"# {title}"))
    return blocks


def _read_package(archive: Archive, file: SourceFile) -> _Package:
    path = ""
    for event in xml_events(archive.read("META-INF/container.xml"), path=file.source):
        if event.is_start and event.tag == "rootfile" and not path:
            path = event.attributes.get("full-path", "")
    package = _Package()
    for event in xml_events(archive.read(path), path=file.source):
        attributes = event.attributes
        if event.is_start and event.tag == "item":
            place = _resolve(path, attributes.get("href", ""))
            item = _Item(place, attributes.get("media-type", ""), attributes.get("properties", ""))
            package.items[attributes.get("id", "")] = item
        elif event.is_start and event.tag == "itemref":
            package.spine.append(attributes.get("idref", ""))
        elif not event.is_start and event.tag in _ABOUT and (value := " ".join(event.text.split())):
            package.about.setdefault(_ABOUT[event.tag], value[:_MAX_VALUE])
    return package


def _resolve(place: str, href: str) -> str:
    """Give the member that a link in the member `place` leads to."""
    target = unquote(urldefrag(href).url) if not href.startswith("//") else ""
    return posixpath.normpath(posixpath.join(posixpath.dirname(place), target))


def _chapter_titles(archive: Archive, package: _Package, file: SourceFile) -> Mapping[str, str]:
    """Give the first title that the table of contents has for each page."""
    titles: dict[str, str] = {}
    for item in package.items.values():
        if item.path in archive and (item.kind == _CONTENTS or "nav" in item.properties.split()):
            _read_contents(archive.read(item.path), item.path, titles, file)
    return titles


def _read_contents(data: bytes, place: str, titles: dict[str, str], file: SourceFile) -> None:
    label, target = "", ""
    for event in xml_events(data, path=file.source):
        if event.is_start and event.tag in ("a", "content"):
            target = event.attributes.get("href") or event.attributes.get("src") or ""
        elif event.is_start and event.tag == "navPoint":
            label = ""
        elif not event.is_start and event.tag in ("a", "text", "span"):
            label = " ".join(event.text.split()) or label
        if not event.is_start and event.tag in ("a", "content") and label and target:
            titles.setdefault(_resolve(place, target), label[:_MAX_VALUE])
            label = target = ""


def _protected(archive: Archive, file: SourceFile) -> set[str]:
    """Give the members that are encrypted; fonts often are, which does not matter."""
    if "META-INF/encryption.xml" not in archive:
        return set()
    events = xml_events(archive.read("META-INF/encryption.xml"), path=file.source)
    return {unquote(event.attributes.get("URI", "")) for event in events if event.tag == "CipherReference"}
