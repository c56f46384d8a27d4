"""What a Word document keeps apart from its text: which styles are headings or lists, and what it says of itself."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ragkit.ingest.loaders.xml_events import XmlEvent

__all__ = ["Style", "Styles", "read_about", "read_styles"]

_HEADING = re.compile(r"heading ([1-9])", re.IGNORECASE)
_CONTENTS = re.compile(r"(?:toc|table of contents|index)\b.*", re.IGNORECASE)
_CORE = {
    "title": "title",
    "creator": "author",
    "subject": "subject",
    "keywords": "keywords",
    "description": "description",
    "category": "category",
    "language": "lang",
    "created": "created",
    "modified": "modified",
}


@dataclass(frozen=True, slots=True)
class Style:
    """What a paragraph style says of its paragraphs."""

    level: int = 0
    """Of a heading, from 1; 0 for none."""
    number: str = ""
    """Of a list; empty for none."""
    depth: int = 0
    """Of the list's item."""
    is_contents: bool = False
    """Whether it is a line of the table of contents."""
    parent: str = ""
    """The style it is based on."""


class Styles:
    """Styles by id, and which lists are numbered."""

    def __init__(self, styles: Mapping[str, Style], ordered: set[tuple[str, int]]) -> None:
        self._styles = styles
        self._ordered = ordered

    def get(self, style: str) -> Style:
        """Give a style with what it takes over from those it is based on; unknown ones say nothing."""
        found = Style()
        seen: set[str] = set()
        while style in self._styles and style not in seen:
            seen.add(style)
            own = self._styles[style]
            found = replace(
                found,
                level=found.level or own.level,
                number=found.number or own.number,
                depth=found.depth or own.depth,
                is_contents=found.is_contents or own.is_contents,
            )
            style = own.parent
        return found

    def is_ordered(self, number: str, depth: int) -> bool:
        """Whether the items of a list at this depth are counted."""
        return (number, depth) in self._ordered


def read_styles(styles: Iterable[XmlEvent], numbering: Iterable[XmlEvent]) -> Styles:
    """Read `styles.xml` and `numbering.xml`."""
    found: dict[str, Style] = {}
    name = ""
    for event in styles:
        value = event.attributes.get("val", "")
        if event.is_start and event.tag == "style":
            name = event.attributes.get("styleId", "")
            found[name] = Style()
        elif event.is_start and name:
            found[name] = _with(found[name], event.tag, value)
    return Styles(found, _ordered_lists(numbering))


def _with(style: Style, tag: str, value: str) -> Style:
    if tag == "name":
        heading = _HEADING.fullmatch(value)
        level = int(heading.group(1)) if heading else int(value.lower() == "title")
        return replace(style, level=level, is_contents=bool(_CONTENTS.fullmatch(value)))
    if tag == "basedOn":
        return replace(style, parent=value)
    if tag == "outlineLvl" and value.isdecimal():
        return replace(style, level=style.level or int(value) + 1)
    if tag == "numId":
        return replace(style, number=value)
    if tag == "ilvl" and value.isdecimal():
        return replace(style, depth=min(int(value), 8))
    return style


def _ordered_lists(events: Iterable[XmlEvent]) -> set[tuple[str, int]]:
    abstract: dict[str, set[int]] = {}
    ordered: set[tuple[str, int]] = set()
    scheme = number = ""
    level = 0
    for event in events:
        if not event.is_start:
            continue
        value = event.attributes.get("val", "")
        if event.tag == "abstractNum":
            scheme = event.attributes.get("abstractNumId", "")
        elif event.tag == "lvl":
            digits = event.attributes.get("ilvl", "")
            level = int(digits) if digits.isdecimal() else 0
        elif event.tag == "numFmt" and value not in ("bullet", "none"):
            abstract.setdefault(scheme, set()).add(level)
        elif event.tag == "num":
            number = event.attributes.get("numId", "")
        elif event.tag == "abstractNumId" and number:
            ordered |= {(number, depth) for depth in abstract.get(value, ())}
    return ordered


def read_about(events: Iterable[XmlEvent]) -> dict[str, str]:
    """Read `core.xml`, or the metadata of an OPF file: known fields that are not empty."""
    about: dict[str, str] = {}
    for event in events:
        name = _CORE.get(event.tag, "") if not event.is_start else ""
        if name and (value := " ".join(event.text.split())):
            about.setdefault(name, value[:1000])
    return about
