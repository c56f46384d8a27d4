"""A Word document as Markdown: headings, paragraphs, lists, tables and footnotes; headers and footers are left out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ragkit.errors import LoadError
from ragkit.ingest.document import LoadedDocument, SourceFile
from ragkit.ingest.loaders.archive import Archive
from ragkit.ingest.loaders.docx_styles import Styles, read_about, read_styles
from ragkit.ingest.loaders.markup import MarkdownWriter, first_heading, join_blocks
from ragkit.ingest.loaders.xml_events import XmlEvent, xml_events
from ragkit.text.clean import normalise

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["load_docx"]

_TABLE = {"tbl": "table", "tr": "tr", "tc": "td"}
# What Word keeps beside the text: its twin for old programs, moved and deleted text, the words of a field's code.
_UNSEEN = frozenset({"Fallback", "moveFrom", "del", "instrText", "pPrChange", "rPrChange"})
_SIGNS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "\u2011"}


def load_docx(file: SourceFile, data: bytes) -> LoadedDocument:
    """Read a `.docx` file; author, dates, subject and keywords become metadata.

    Raises:
        LoadError: If it is no such file, is protected, is packed suspiciously, or holds no text.
    """
    archive = Archive(file, data, kind=".docx")
    main = _main_part(archive, file)
    folder = main.rpartition("/")[0]

    def part(name: str) -> Iterable[XmlEvent]:
        path = f"{folder}/{name}".lstrip("/")
        return xml_events(archive.read(path), path=file.source) if path in archive else ()

    notes = {kind: _read_notes(part(f"{kind}notes.xml")) for kind in ("foot", "end")}
    reader = _Reader(read_styles(part("styles.xml"), part("numbering.xml")), notes)
    reader.read(xml_events(archive.read(main), path=file.source))
    blocks = reader.writer.blocks()
    text = normalise(join_blocks(blocks))
    if not text.strip():
        raise LoadError(file.source, "the document holds no text: is it a scan or pictures only?")
    core = "docProps/core.xml"
    about = read_about(xml_events(archive.read(core), path=file.source)) if core in archive else {}
    title = about.pop("title", "") or first_heading(blocks)
    return LoadedDocument(
        doc_id=file.name, text=text, source=file.source, title=normalise(title), metadata=about, markdown=True
    )


def _main_part(archive: Archive, file: SourceFile) -> str:
    if "_rels/.rels" in archive:
        for event in xml_events(archive.read("_rels/.rels"), path=file.source):
            if event.attributes.get("Type", "").endswith("/officeDocument"):
                return event.attributes.get("Target", "").lstrip("/")
    return "word/document.xml"


def _read_notes(events: Iterable[XmlEvent]) -> dict[str, str]:
    """Give the text of each note by its number; the separators, which are notes to Word, come out empty."""
    notes: dict[str, str] = {}
    number = ""
    for event in events:
        if event.is_start and event.tag in ("footnote", "endnote"):
            number = event.attributes.get("id", "")
        elif not event.is_start and event.tag in ("t", "p"):
            notes[number] = notes.get(number, "") + (event.text if event.tag == "t" else " ")
    return {number: " ".join(text.split()) for number, text in notes.items()}


@dataclass(slots=True)
class _Paragraph:
    style: str = ""
    level: int | None = None
    number: str = ""
    depth: int = 0
    text: list[str] = field(default_factory=list)


class _Reader:
    """Takes the events of the main part."""

    def __init__(self, styles: Styles, notes: Mapping[str, Mapping[str, str]]) -> None:
        self.writer = MarkdownWriter()
        self._styles = styles
        self._notes = notes
        self._open: list[_Paragraph] = []
        self._waiting: list[str] = []
        self._unseen = self._tables = self._properties = 0
        self._counted: dict[tuple[str, int], int] = {}

    def read(self, events: Iterable[XmlEvent]) -> None:
        for event in events:
            if event.tag in _UNSEEN:
                self._unseen += 1 if event.is_start else -1
            elif self._unseen:
                continue
            elif event.is_start:
                self._start(event)
            else:
                self._end(event)

    def _start(self, event: XmlEvent) -> None:
        if event.tag in _TABLE:
            self._tables += event.tag == "tbl"
            self.writer.start(_TABLE[event.tag], {})
        elif event.tag == "p":
            self._open.append(_Paragraph())
        elif not self._open:
            return
        elif event.tag == "pPr":
            self._properties += 1
        elif event.tag in ("footnoteReference", "endnoteReference"):
            self._waiting.append(self._notes[event.tag[:-13]].get(event.attributes.get("id", ""), ""))
        elif self._properties:
            self._note_property(self._open[-1], event.tag, event.attributes.get("val", ""))
        elif event.tag in _SIGNS:
            self._open[-1].text.append(_SIGNS[event.tag])

    def _end(self, event: XmlEvent) -> None:
        if event.tag in _TABLE:
            self._tables -= event.tag == "tbl"
            self.writer.end(_TABLE[event.tag])
            self._write_notes()
        elif event.tag == "pPr":
            self._properties = max(0, self._properties - 1)
        elif event.tag == "p" and self._open:
            self._write(self._open.pop())
            self._write_notes()
        elif event.tag == "t" and self._open:
            self._open[-1].text.append(event.text)

    def _note_property(self, paragraph: _Paragraph, tag: str, value: str) -> None:
        if tag == "pStyle":
            paragraph.style = value
        elif tag == "outlineLvl" and value.isdecimal():
            paragraph.level = int(value) + 1
        elif tag == "numId":
            paragraph.number = value
        elif tag == "ilvl" and value.isdecimal():
            paragraph.depth = min(int(value), 8)

    def _write(self, paragraph: _Paragraph) -> None:
        style = self._styles.get(paragraph.style)
        text = "".join(paragraph.text)
        level = paragraph.level or style.level
        number = paragraph.number or style.number
        if not text.strip() or style.is_contents:
            return
        if 1 <= level <= 9:
            self._element(f"h{min(level, 6)}", text)
        elif number and number != "0" and not self._tables:
            marker = self._marker(number, paragraph.depth or style.depth)
            self.writer.item(text, marker=marker, depth=paragraph.depth or style.depth)
        else:
            self._element("p", text)

    def _element(self, tag: str, text: str) -> None:
        self.writer.start(tag, {})
        for number, line in enumerate(text.split("\n")):
            if number:
                self.writer.start("br", {})
            self.writer.data(line)
        self.writer.end(tag)

    def _marker(self, number: str, depth: int) -> str:
        if not self._styles.is_ordered(number, depth):
            return "- "
        self._counted[number, depth] = self._counted.get((number, depth), 0) + 1
        for deeper in range(depth + 1, 9):
            self._counted.pop((number, deeper), None)
        return f"{self._counted[number, depth]}. "

    def _write_notes(self) -> None:
        """Put the notes below the paragraph or table that refers to them."""
        if self._tables or self._open:
            return
        waiting, self._waiting = self._waiting, []
        for text in filter(None, waiting):
            self._element("p", text)
