"""Lines on a page become paragraphs: a wider gap, another column or a row of figures starts a new one."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Line", "page_text"]

_FIGURE = re.compile(r"[(\[$€£¥+–—-]*\d(?:[\d,.]*\d)?[)\]%]*|[$€£¥—–%-]")
_GAP = 0.5  # of a line's height, beyond the usual gap
_JUMP = 5  # heights upwards that mean another column or a page header; less is a cell beside another


class Line(NamedTuple):
    """One line as the PDF draws it; heights grow upwards, in points."""

    text: str
    top: float
    bottom: float


def page_text(lines: Sequence[Line]) -> str:
    r"""Give the lines of a page with a blank line between paragraphs.

    Example:
        >>> page_text([Line("a title", 100, 90), Line("some words", 70, 60), Line("go on", 59, 49)])
        'a title\n\nsome words\ngo on'
    """
    gaps = [upper.bottom - lower.top for upper, lower in itertools.pairwise(lines)]
    within = sorted(gap for gap in gaps if gap > -1)
    usual = max(0.0, within[len(within) // 4]) if within else 0.0  # the lower quartile: lines of one paragraph
    parts = [lines[0].text] if lines else []
    for gap, upper, lower in zip(gaps, lines, lines[1:], strict=False):
        apart = _is_apart(gap, upper, lower, usual) or is_figures(upper.text) or is_figures(lower.text)
        parts += ["\n\n" if apart else "\n", lower.text]
    return "".join(parts)


def _is_apart(gap: float, upper: Line, lower: Line, usual: float) -> bool:
    height = max(1.0, min(upper.top - upper.bottom, lower.top - lower.bottom))
    return gap > usual + _GAP * height or gap < -_JUMP * height


def is_figures(text: str) -> bool:
    """Whether a line is a row of a table: at least two numbers, and they are a good part of it.

    Example:
        >>> is_figures("Net sales $ 3,226.8 $ 2,729.4"), is_figures("In 2022 we sold 3 stores to 2 firms.")
        (True, False)
    """
    words = text.split()
    figures = [word for word in words if _FIGURE.fullmatch(word)]
    return sum(any(sign.isdigit() for sign in word) for word in figures) >= 2 and len(figures) * 5 >= len(words) * 2
