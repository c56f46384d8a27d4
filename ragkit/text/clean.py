"""The one cleaning that a document's text gets before it is stored; every offset counts in what this gives."""

from __future__ import annotations

import re

__all__ = ["normalise"]

_ODD = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_LINE_ENDS = frozenset("\x0b\x0c\x85\u2028\u2029")


def normalise(text: str) -> str:
    r"""Give `text` as it is stored: no byte order mark, LF as the only line end, no control characters.

    Only two things change the length: every U+FEFF (byte order mark, also inside joined files) goes, and CRLF
    becomes one LF. All else is one for one: CR, vertical tab, form feed, NEL and the Unicode line and paragraph
    separators become LF; NUL and the other C0 and C1 controls except tab become a space; a lone surrogate, which no
    UTF-8 file can hold, becomes U+FFFD. Cleaning twice changes nothing more.

    Example:
        >>> normalise("\ufeffone\r\ntwo\x00three")
        'one\ntwo three'
    """
    text = text.replace("\ufeff", "").replace("\r\n", "\n").replace("\r", "\n")
    return _ODD.sub(_replacement, text)


def _replacement(match: re.Match[str]) -> str:
    sign = match.group()
    if sign in _LINE_ENDS:
        return "\n"
    return "\ufffd" if "\ud800" <= sign <= "\udfff" else " "
