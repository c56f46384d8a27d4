"""The sections of a text: each heading with what stands under it, and the path of headings above."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ragkit.text.blocks import Block

__all__ = ["Section", "outline"]

_UNDERLINE = re.compile(r"\n[ \t]*(?:=+|-+)\Z")
_CLOSING = re.compile(r"(?:^|[ \t]+)#+\Z")
_LINK = re.compile(r"!?\[([^\[\]\n]*)\]\([^()\n]*\)")
_ANCHOR = re.compile(r"\{#[^}\n]*\}\Z")


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and the blocks up to the next heading of any level."""

    level: int
    """1 to 6; 0 for what stands before the first heading."""
    above: tuple[str, ...]
    """Titles of the headings that this section lies under, outermost first; empty titles are left out."""
    title: str
    """The heading without its marks; empty at level 0."""
    blocks: tuple[Block, ...]
    """In order; the first is the heading itself, but at level 0."""

    @property
    def path(self) -> tuple[str, ...]:
        """`above` and the section's own title."""
        return (*self.above, self.title) if self.title else self.above


def outline(text: str, blocks: Sequence[Block]) -> list[Section]:
    """Group `blocks` of `text` into sections, in order; a text without blocks has none."""
    if not blocks:
        return []
    starts = [i for i, block in enumerate(blocks) if block.kind == "heading"]
    if not starts or starts[0] > 0:
        starts.insert(0, 0)
    sections: list[Section] = []
    parents: list[Section] = []
    for first, after in zip(starts, [*starts[1:], len(blocks)], strict=True):
        head = blocks[first]
        while parents and parents[-1].level >= head.level:
            parents.pop()
        above = parents[-1].path if parents else ()
        title = _title(text[head.start : head.end]) if head.kind == "heading" else ""
        sections.append(Section(head.level, above, title, tuple(blocks[first:after])))
        if head.level:
            parents.append(sections[-1])
    return sections


def _title(heading: str) -> str:
    bare = _UNDERLINE.sub("", heading).strip().lstrip("#").strip()
    return " ".join(_ANCHOR.sub("", _LINK.sub(r"\1", _CLOSING.sub("", bare))).strip("*_` \t").split())
