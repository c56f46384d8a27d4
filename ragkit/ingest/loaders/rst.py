"""reStructuredText as Markdown, through docutils; nothing is included, inserted or run, whatever the file asks for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from docutils import nodes

from ragkit.errors import LoadError
from ragkit.ingest.document import LoadedDocument, SourceFile
from ragkit.ingest.encoding import decode
from ragkit.ingest.loaders.markup import MarkdownWriter, first_heading, join_blocks
from ragkit.ingest.loaders.plain import load_plain
from ragkit.ingest.loaders.rst_parser import parse_rst
from ragkit.text.clean import normalise

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["load_rst"]

_MAX_CHARS = 500_000  # docutils reads some 200,000 characters a second, and much less of what is all mark-up
_TAGS = {
    nodes.paragraph: "p",
    nodes.bullet_list: "ul",
    nodes.enumerated_list: "ol",
    nodes.list_item: "li",
    nodes.literal_block: "pre",
    nodes.doctest_block: "pre",
    nodes.math_block: "pre",
    nodes.table: "table",
    nodes.row: "tr",
    nodes.entry: "td",
    nodes.term: "p",
    nodes.definition: "dd",
    nodes.block_quote: "blockquote",
    nodes.line: "p",
    nodes.attribution: "p",
    nodes.rubric: "p",
    nodes.field: "p",
    nodes.option_list_item: "p",
    nodes.caption: "p",
    nodes.footnote: "p",
    nodes.citation: "p",
}
_UNSEEN = (
    nodes.comment,
    nodes.decoration,
    nodes.footnote_reference,
    nodes.image,
    nodes.meta,
    nodes.pending,
    nodes.raw,
    nodes.substitution_definition,
    nodes.system_message,
    nodes.target,
)
_MAX_VALUE = 1000


def load_rst(file: SourceFile, data: bytes) -> LoadedDocument:
    """Read a `.rst` file: sections, lists, tables and code as Markdown; its leading field list becomes metadata.

    Directives and roles that only Sphinx knows give their text. What docutils cannot read, and files of more than
    500,000 characters, are read as plain text.

    Raises:
        LoadError: If the bytes are no text, or only white space.
    """
    text = normalise(decode(data, path=file.source))
    document = parse_rst(text) if len(text) <= _MAX_CHARS else None
    if document is None:
        return load_plain(file, data)
    about = _take_fields(document)
    blocks = _rendered(document).blocks()
    rendered = normalise(join_blocks(blocks))
    if not rendered.strip():
        if not text.strip():
            raise LoadError(file.source, "the file holds no text")
        return replace(load_plain(file, data), metadata=about)
    return LoadedDocument(
        doc_id=file.name,
        text=rendered,
        source=file.source,
        title=normalise(first_heading(blocks)),
        metadata=about,
        markdown=True,
    )


def _take_fields(document: nodes.document) -> dict[str, str]:
    """Take the field list at the top, or below the title, out of the document."""
    parent: nodes.Element = document
    for node in [*document.children, None]:
        if isinstance(node, nodes.section):
            parent = node
            break
        if not isinstance(node, nodes.comment | nodes.target | nodes.system_message):
            break
    first = next((node for node in parent.children if not isinstance(node, nodes.comment | nodes.title)), None)
    if not isinstance(first, nodes.field_list):
        return {}
    parent.remove(first)
    fields = [(field[0].astext(), " ".join(field[1].astext().split())) for field in first.findall(nodes.field)]
    return {normalise(name)[:100]: normalise(value)[:_MAX_VALUE] for name, value in fields if value}


def _rendered(document: nodes.document) -> MarkdownWriter:
    writer = MarkdownWriter()
    level = 0
    for is_start, node in _walk(document):
        if isinstance(node, nodes.section):
            level += 1 if is_start else -1
        elif isinstance(node, nodes.Text):
            if is_start:
                writer.data(str(node))
        elif tag := _tag(node, level):
            writer.start(tag, {}) if is_start else writer.end(tag)
        elif not is_start and isinstance(node, nodes.field_name | nodes.option_group | nodes.label):
            writer.data(": ")
        elif isinstance(node, nodes.option_argument) and is_start:
            writer.data(node.get("delimiter", " "))
        elif isinstance(node, nodes.option) and is_start and node.parent.index(node):
            writer.data(", ")
    return writer


def _tag(node: nodes.Node, level: int) -> str:
    if isinstance(node, nodes.title):
        return f"h{min(max(level, 1), 6)}" if isinstance(node.parent, nodes.section | nodes.document) else "p"
    if isinstance(node, nodes.paragraph) and isinstance(
        node.parent, nodes.field_body | nodes.description | nodes.footnote | nodes.citation
    ):
        return "span"  # goes on in the line of its name
    return _TAGS.get(type(node), "")


def _walk(document: nodes.document) -> Iterator[tuple[bool, nodes.Node]]:
    """Give what shows, each node when it begins and when it ends; without recursion."""
    waiting: list[tuple[bool, nodes.Node]] = [(True, document)]
    while waiting:
        is_start, node = waiting.pop()
        if isinstance(node, _UNSEEN) or (isinstance(node, nodes.topic) and "contents" in node["classes"]):
            continue
        yield is_start, node
        if is_start:
            waiting.append((False, node))
            waiting += [(True, child) for child in reversed(node.children)]
