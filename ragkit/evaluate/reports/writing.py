"""How numbers and foreign text are written, the same in the page, in the terminal and in Markdown."""

from __future__ import annotations

import math
import re
from typing import Final

from ragkit.evaluate.reports.content import Cell, Interval

__all__ = ["DASH", "count", "is_numeric", "number", "share", "signed", "span", "visible", "written"]

DASH: Final = "–"
"""Stands where there is no number."""

_NUMERIC: Final = re.compile(rf"(?:[<>≤≥] ?)?[+−-]?[\d.,]+(?: ?%)?|{DASH}|")
# What a reader cannot see and a terminal may obey: controls, halves of pairs, marks that turn the direction of text.
_UNSEEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def visible(text: str) -> str:
    r"""Give `text` with every control character shown as a picture of itself, or as U+FFFD where there is none.

    Line feeds and tabs stay; so do letters of every script and joined emoji.

    Example:
        >>> visible("a\x1b[31mb")
        'a␛[31mb'
    """
    return _UNSEEN.sub(_picture, text)


def number(value: float) -> str:
    """Write a number with four decimals, thousands apart; NaN as a dash.

    Example:
        >>> number(0.64512), number(1234.5), number(float("nan")), number(0.00001)
        ('0.6451', '1,234.5000', '–', '< 0.0001')
    """
    if not math.isfinite(value):
        return DASH if math.isnan(value) else f"{'−' if value < 0 else ''}∞"
    if 0 < value < 0.00005:
        return "< 0.0001"
    return f"{value + 0.0:,.4f}".replace("-0.0000", "0.0000").replace("-", "−")


def signed(value: float) -> str:
    """Write a difference with its sign and four decimals; what rounds to zero has none.

    Example:
        >>> signed(0.01234), signed(-0.01234), signed(-0.00001)
        ('+0.0123', '−0.0123', '0.0000')
    """
    written = number(value) if abs(value) >= 0.00005 or math.isnan(value) else "0.0000"
    return f"+{written}" if value >= 0.00005 else written


def span(interval: Interval) -> str:
    """Write the two ends of an interval, empty where there is none."""
    if math.isnan(interval.low) or math.isnan(interval.high):
        return ""
    write = signed if interval.signed else number
    return f"{write(interval.low)} to {write(interval.high)}"


def count(value: int) -> str:
    """Write a count with thousands apart.

    Example:
        >>> count(8841823)
        '8,841,823'
    """
    return f"{value:,}".replace("-", "−")


def share(fraction: float) -> str:
    """Write a fraction as a percentage with one decimal; only all is 100 %, only nothing is 0 %.

    Example:
        >>> share(1.0), share(0.99999), share(2 / 3), share(0.00001)
        ('100 %', '> 99.9 %', '66.7 %', '< 0.1 %')
    """
    if math.isnan(fraction):
        return DASH
    if fraction in {0.0, 1.0}:
        return f"{fraction:.0%}".replace("%", " %")
    if not 0.0005 <= fraction < 0.9995:
        return "< 0.1 %" if fraction < 0.5 else "> 99.9 %"
    return f"{100 * fraction:.1f} %"


def written(cell: Cell) -> str:
    """Write one cell of a table in one piece of text."""
    if isinstance(cell, Interval):
        value = signed(cell.value) if cell.signed else number(cell.value)
        return f"{value} [{ends}]" if (ends := span(cell)) else value
    if isinstance(cell, str):
        return visible(cell)
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if isinstance(cell, int):
        return count(cell)
    return DASH if cell is None else number(cell)


def is_numeric(cell: Cell) -> bool:
    """Tell whether a cell is set flush right: a number, a dash, an interval, or text that looks like a number."""
    return not isinstance(cell, bool) and (not isinstance(cell, str) or _NUMERIC.fullmatch(cell) is not None)


def _picture(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else "\ufffd"
