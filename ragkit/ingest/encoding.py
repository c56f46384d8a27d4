"""Bytes to text: byte order mark, strict UTF-8, what the file declares, and only then a guess."""

from __future__ import annotations

import codecs
import re
import unicodedata
from typing import NamedTuple

from charset_normalizer import from_bytes

from ragkit.errors import LoadError

__all__ = ["Encoding", "decode", "is_for_text", "sniff"]

_MARKS = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LATIN = ["cp1252", "cp1250", "cp1254", "iso8859_2"]
_OTHERS = ["cp1251", "koi8_r", "cp1253", "euc_jp", "cp932", "gb18030", "big5", "cp949"]
_NOT_FOR_TEXT = frozenset({"idna", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"})
_SAMPLE_BYTES = 32_768
_HIGH = re.compile(rb"[\x80-\xff]")
_GOOD_PER_DAMAGED = 10
_MOST_CONTROLS = 0.02
_MOSTLY_ASCII = 0.15  # below this share of high bytes the letters are Latin with accents, quotes or a stray sign


class Encoding(NamedTuple):
    """How to read some bytes."""

    name: str
    """As Python knows it."""
    mark: bytes = b""
    """The byte order mark they begin with."""
    errors: str = "strict"
    """`replace` where a few bytes of good UTF-8 are damaged."""


def decode(data: bytes, *, path: str, declared: str | None = None) -> str:
    """Give the text of `data`, its byte order mark left out.

    Args:
        data: A whole file.
        path: Named in the error.
        declared: The encoding that the file itself names, tried when it is not UTF-8; unknown names are passed over.

    Raises:
        LoadError: If the bytes are not text.
    """
    encoding = sniff(data, path=path, declared=declared)
    try:
        return data[len(encoding.mark) :].decode(encoding.name, encoding.errors)
    except UnicodeDecodeError as error:
        raise LoadError(path, f"is not valid {encoding.name} at byte {error.start}: save it as UTF-8") from error


def sniff(data: bytes, *, path: str, declared: str | None = None) -> Encoding:
    """Tell how to read `data`.

    Raises:
        LoadError: If the bytes are not text.
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            return Encoding(name, mark)
    if b"\0" in data:
        raise LoadError(path, "holds NUL bytes: it is binary, or UTF-16 without a byte order mark; save it as UTF-8")
    if _decodes(data, "utf-8"):
        return Encoding("utf-8")
    if _is_damaged_utf8(data):
        return Encoding("utf-8", errors="replace")
    if declared and is_for_text(declared) and _decodes(data, declared):
        return Encoding(declared)
    return Encoding(_guess(data, path))


def _is_damaged_utf8(data: bytes) -> bool:
    """Whether nearly all that is not ASCII is valid UTF-8, which no other encoding gives by chance."""
    text = data.decode("utf-8", "replace")
    damaged = text.count("\ufffd")
    good = sum(not character.isascii() for character in text) - damaged
    return good >= _GOOD_PER_DAMAGED * damaged


def is_for_text(declared: str) -> bool:
    """Whether a name is that of an encoding of texts; Python has others, some of them slow on purpose-made bytes."""
    try:
        codec = codecs.lookup(declared)
        return getattr(codec, "_is_text_encoding", True) and codec.name not in _NOT_FOR_TEXT
    except (LookupError, ValueError):
        return False


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except (LookupError, ValueError):  # an unknown name, or bytes that do not fit
        return False
    return True


def _guess(data: bytes, path: str) -> str:
    sample = _telling_lines(data)
    share = sum(byte > 127 for byte in sample) / len(sample)
    known = _LATIN if share < _MOSTLY_ASCII else _LATIN + _OTHERS
    found = sorted(
        (match.percent_chaos, -match.percent_coherence, known.index(match.encoding))
        for match in from_bytes(sample, cp_isolation=known)
    )
    # cp1252 is by far the most common of its family and reads nearly as well as the best: prefer it on a near tie.
    if found and found[0][2] < len(_LATIN) and any(row[2] == 0 and row[0] <= found[0][0] + 5 for row in found):
        found = []
    for name in [known[row[2]] for row in found] + ["cp1252", "cp1250"]:
        if _decodes(data, name) and not _is_noise(sample.decode(name, "ignore")):
            return name
    raise LoadError(path, "is in no text encoding that could be recognised: save it as UTF-8")


def _is_noise(text: str) -> bool:
    """Whether a text holds more control characters than anyone writes: it is binary that happens to decode."""
    controls = sum(unicodedata.category(character) in {"Cc", "Cn", "Co"} for character in text)
    controls -= sum(text.count(usual) for usual in "\t\n\r\f")
    return controls > _MOST_CONTROLS * len(text)


def _telling_lines(data: bytes) -> bytes:
    """Give the lines that hold bytes beyond ASCII, whole, up to a sample's length: the rest says nothing."""
    lines = []
    room, at = _SAMPLE_BYTES, 0
    while room > 0 and (high := _HIGH.search(data, at)):
        start = data.rfind(b"\n", at, high.start()) + 1 or at
        at = data.find(b"\n", high.start()) + 1 or len(data)
        lines.append(data[start:at][:_SAMPLE_BYTES])
        room -= len(lines[-1])
    return b"".join(lines)
