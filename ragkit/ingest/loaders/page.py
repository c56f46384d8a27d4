"""What a web page says of itself, and the text a reader sees: one pass over its tags, however deep they nest."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING

from lxml import etree

from ragkit.ingest.loaders.markup import Block, MarkdownWriter

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Page", "declared_charset", "read_page"]

_UNSEEN = frozenset(
    {"aside", "button", "datalist", "dialog", "footer", "head", "iframe", "math", "nav", "noscript", "object"}
    | {"script", "select", "style", "svg", "template", "textarea"}
)
_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"}
)
_NAMED = {
    "description": "description",
    "og:description": "description",
    "og:title": "title",
    "og:url": "url",
    "article:published_time": "date",
    "datepublished": "date",
    "date": "date",
    "dc.date": "date",
    "dcterms.date": "date",
    "dcterms.created": "date",
}
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{1,40})", re.IGNORECASE)
_JSON_DATE = re.compile(r'"datePublished"\s*:\s*"(\d{4}-\d{2}-\d{2})')
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_MAX_VALUE = 1000


class Page:
    """The target of lxml's parser: gathers head data and visible text.

    Attributes:
        title: `og:title`, else the title element.
        about: `description`, `date` (ISO), `url`, `lang`, where the page gives them.
        depth: The deepest nesting met.
    """

    def __init__(self) -> None:
        self.title = ""
        self.about: dict[str, str] = {}
        self.depth = 0
        self._writer = MarkdownWriter()
        self._unseen = self._open = 0
        self._capture: list[str] | None = None

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Called by the parser."""
        self._open += 1
        self.depth = max(self.depth, self._open)
        if tag in ("title", "script") and self._capture is None and (tag == "title" or _is_linked_data(attributes)):
            self._capture = []
        self._note(tag, attributes)
        if tag in _UNSEEN or ("hidden" in attributes and tag not in _VOID):
            self._unseen += 1
        elif self._unseen:
            self._unseen += tag not in _VOID
        else:
            self._writer.start(tag, attributes)

    def end(self, tag: str) -> None:
        """Called by the parser."""
        self._open -= 1
        if self._capture is not None and tag in ("title", "script"):
            self._keep(tag, "".join(self._capture))
            self._capture = None
        if self._unseen:
            self._unseen -= tag not in _VOID
        else:
            self._writer.end(tag)

    def data(self, text: str) -> None:
        """Called by the parser."""
        if self._capture is not None:
            self._capture.append(text)
        elif not self._unseen:
            self._writer.data(text)

    def comment(self, text: str) -> None:
        """Called by the parser; a comment is not text."""

    def close(self) -> Page:
        """Called by the parser."""
        return self

    def blocks(self) -> list[Block]:
        """Give the visible text without menus, footers and asides."""
        return self._writer.blocks()

    @property
    def footnote_marks(self) -> set[str]:
        """Marks such as `[12]` that stand raised on the page."""
        return self._writer.footnote_marks

    def _note(self, tag: str, attributes: Mapping[str, str]) -> None:
        value = " ".join(attributes.get("content", "").split())[:_MAX_VALUE]
        value = unescape(value)  # some sites escape twice
        if tag == "meta" and value:
            key = attributes.get("property") or attributes.get("name") or attributes.get("itemprop") or ""
            self._about(_NAMED.get(key.lower(), ""), value)
        elif tag == "link" and attributes.get("rel", "").lower() == "canonical":
            self._about("url", attributes.get("href", ""))
        elif tag == "html":
            self._about("lang", attributes.get("lang", ""))

    def _about(self, field: str, value: str) -> None:
        if field == "title":
            self.title = value
        elif field == "date" and (match := _DATE.match(value)):
            self.about.setdefault(field, match.group())
        elif field and field != "date" and value:
            self.about.setdefault(field, value)

    def _keep(self, tag: str, text: str) -> None:
        if tag == "title":
            self.title = self.title or " ".join(text.split())[:_MAX_VALUE]
        elif match := _JSON_DATE.search(text):
            self.about.setdefault("date", match.group(1))


def _is_linked_data(attributes: Mapping[str, str]) -> bool:
    return attributes.get("type", "").lower() == "application/ld+json"


def read_page(html: str) -> Page:
    """Read a page of any size and depth in one pass; broken mark-up is read as browsers would."""
    parser = etree.HTMLParser(target=Page(), huge_tree=True, recover=True, encoding="utf-8")
    parser.feed(html.encode("utf-8", "replace"))
    page: Page = parser.close()
    return page


def declared_charset(data: bytes) -> str | None:
    """Give the encoding that the page names in its first 4,096 bytes."""
    match = _CHARSET.search(data[:4096])
    return match.group(1).decode("ascii") if match else None
