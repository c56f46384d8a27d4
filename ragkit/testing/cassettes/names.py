"""File names for tests: ASCII, short, and different for different tests."""

from __future__ import annotations

import hashlib
import re
import unicodedata

__all__ = ["file_stem"]

_LONGEST = 100


def file_stem(test: str) -> str:
    """Give a file name without its ending for the name of a test.

    Letters lose their accents, what no file system forbids stays, the rest becomes `-`; where that loses something, or
    the name is long, the beginning of its sha256 keeps it apart from others.

    Example:
        >>> file_stem("TestModel.test_answers")
        'TestModel.test_answers'
        >>> file_stem("test_cities[Zürich/Ñ]")
        'test_cities-Zurich-N-5778d400'
    """
    # pytest writes letters beyond ASCII in ids as escapes.
    shown = re.sub(r"\\x([0-9a-f]{2})|\\u([0-9a-f]{4})", lambda found: chr(int(found[1] or found[2], 16)), test)
    letters = unicodedata.normalize("NFKD", shown).encode("ascii", "ignore").decode()
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", letters).strip("-.")
    if stem == test and len(stem) <= _LONGEST:
        return stem
    mark = hashlib.sha256(test.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{stem[: _LONGEST - 9]}-{mark}".lstrip("-")
