"""A web page as Markdown: its main content by trafilatura, else all the text a reader sees."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from lxml import etree
from trafilatura import bare_extraction

from ragkit.errors import LoadError
from ragkit.ingest.document import LoadedDocument, SourceFile
from ragkit.ingest.encoding import decode
from ragkit.ingest.loaders.markup import Block, MarkdownWriter, first_heading, join_blocks
from ragkit.ingest.loaders.page import Page, declared_charset, read_page
from ragkit.text.clean import normalise

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

__all__ = ["load_html"]

# Without a handler its remarks on odd pages would be printed; what matters is in the reasons given here.
logging.getLogger("trafilatura").addHandler(logging.NullHandler())

_MAX_MAIN_CHARS = 4_000_000  # finding the main content grows faster than the page; beyond, all visible text is taken
_MAX_MAIN_DEPTH = 200  # the extractor's parser drops what nests deeper than 256
_MAX_MAIN_BLOCKS = 10_000  # one of the extractor's helpers compares each with those around it, far and near
_BLOCK = re.compile(r"<(?:p|li|td|th|dd|dt|div|br|pre|blockquote|h[1-6])\b", re.IGNORECASE)
_FLAT_CHARS = 500
_TAGS = {"list": "ul", "item": "li", "row": "tr", "cell": "td", "lb": "br", "quote": "blockquote", "ab": "p"}
_SITE_NAME = re.compile(r"\s*[-|–—·•:»]\s")


def load_html(file: SourceFile, data: bytes) -> LoadedDocument:
    """Read a page: headings and tables as Markdown; title, date, description, url and lang where the page gives them.

    Raises:
        LoadError: If the bytes are no text, or the page shows none.
    """
    html = decode(data, path=file.source, declared=declared_charset(data))
    page = read_page(html)
    seen = page.blocks()
    main = main_content(html) if page.depth < _MAX_MAIN_DEPTH else []
    blocks = with_lost_headings(main, seen) if main else seen
    text = normalise(without_marks(join_blocks(blocks), page.footnote_marks))
    if not text.strip():
        raise LoadError(file.source, "the page shows no text: is it filled in by a script? Save it from a browser")
    return LoadedDocument(
        doc_id=file.name,
        text=text,
        source=file.source,
        title=normalise(_title(page, first_heading(blocks))),
        metadata=page.about,
        markdown=True,
    )


def main_content(html: str) -> list[Block]:
    """Give the main content of a page; empty when none is found."""
    if len(html) > _MAX_MAIN_CHARS or sum(1 for _ in _BLOCK.finditer(html)) > _MAX_MAIN_BLOCKS:
        return []
    for recall in (False, True):  # the second look is for pages whose first gave one run of text without structure
        body = _extract(html, recall=recall)
        if body is not None and not _is_flat(body):
            return _render(body)
    return []


def with_lost_headings(main: Sequence[Block], seen: Sequence[Block]) -> list[Block]:
    """Give `main` with the headings that the extractor dropped, each before the very block it stands over on the page.

    Args:
        main: What the extractor kept.
        seen: All that the page shows.
    """
    known = {_plain(block.text) for block in main if block.kind == "heading"}
    waiting: list[Block] = []
    above: dict[str, list[Block]] = {}
    for block in seen:
        if block.kind == "heading":
            waiting.append(block)
            continue
        above.setdefault(_plain(block.text), [head for head in waiting if _plain(head.text) not in known])
        waiting = []
    return [piece for block in main for piece in (*above.pop(_plain(block.text), ()), block)]


def without_marks(text: str, marks: Collection[str]) -> str:
    """Leave out the footnote marks that the extractor took for part of a sentence."""
    if not marks:
        return text
    return re.sub(r"[^\S\n]*(?:" + "|".join(re.escape(mark) for mark in sorted(marks)) + ")", "", text)


def _plain(text: str) -> str:
    return "".join(character for character in text if character.isalnum())


def _extract(html: str, *, recall: bool) -> etree._Element | None:
    try:
        found = bare_extraction(html, include_comments=False, include_formatting=True, favor_recall=recall)
    # A slip of the extractor on one odd page must not cost the page, let alone the run: all visible text is taken.
    except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError, etree.LxmlError):
        return None
    return getattr(found, "body", None)


def _is_flat(body: etree._Element) -> bool:
    """Whether this is the extractor's last resort: the text of the whole page in one paragraph."""
    return len(body) <= 1 and len("".join(body.itertext())) > _FLAT_CHARS and not any(len(child) for child in body)


def _render(body: etree._Element) -> list[Block]:
    writer = MarkdownWriter()
    for event, element in etree.iterwalk(body, events=("start", "end")):
        tag = _html_tag(element)
        if event == "start":
            writer.start(tag, {})
            writer.data(element.text or "")
        else:
            writer.end(tag)
            writer.data(element.tail or "")
    return writer.blocks()


def _html_tag(element: etree._Element) -> str:
    rend = element.get("rend") or ""
    if element.tag == "head":
        return rend if re.fullmatch("h[1-6]", rend) else "h2"
    if element.tag == "list" and rend == "ol":
        return "ol"
    if element.tag == "hi" and rend == "#sup":
        return "sup"
    if element.tag == "code" and ("\n" in (element.text or "") or element.find(".//lb") is not None):
        return "pre"
    return _TAGS.get(element.tag, str(element.tag))


def _title(page: Page, heading: str) -> str:
    """Give the page's title, without the site's name where the first heading shows what comes before it."""
    if heading and page.title.startswith(heading) and _SITE_NAME.match(page.title, len(heading)):
        return heading
    return page.title or heading
