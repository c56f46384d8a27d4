"""XML as a stream of events: no entity is resolved, nothing is fetched, and no tree is kept."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, NamedTuple

from lxml import etree

from ragkit.errors import LoadError, shorten

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["XmlEvent", "xml_events"]


class XmlEvent(NamedTuple):
    """An element begins or ends; names are without their namespace."""

    is_start: bool
    tag: str
    attributes: Mapping[str, str]
    """Only of a start; by name, in the order of the file."""
    text: str
    """Only of an end: the text before its first child."""


def xml_events(data: bytes, *, path: str) -> Iterator[XmlEvent]:
    """Give the elements of a document in order.

    Args:
        data: The whole of it.
        path: Named in the error.

    Raises:
        LoadError: If it is not well-formed, nests deeper than 256, or declares entities of its own.
    """
    if b"<!DOCTYPE" in data[:4096] and b"<!ENTITY" in data:
        raise LoadError(path, "declares XML entities of its own, which are not read: save it anew")
    stream = etree.iterparse(
        io.BytesIO(data), events=("start", "end"), resolve_entities=False, no_network=True, load_dtd=False
    )
    try:
        for event, element in stream:
            if not isinstance(element.tag, str):
                continue
            tag = element.tag.rpartition("}")[2]
            if event == "start":
                attributes = {str(key).rpartition("}")[2]: str(value) for key, value in element.attrib.items()}
                yield XmlEvent(True, tag, attributes, "")
            else:
                yield XmlEvent(False, tag, {}, element.text or "")
                element.clear(keep_tail=True)
                while element.getprevious() is not None:
                    del element.getparent()[0]
    except (etree.LxmlError, ValueError) as error:
        problem = shorten(" ".join(str(error).split()))
        raise LoadError(path, f"is damaged: its XML breaks off or nests too deep ({problem})") from error
