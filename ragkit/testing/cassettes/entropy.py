"""Random-looking strings that no key shape tells, and the places where such strings belong."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator

__all__ = ["bits_per_character", "find_random"]

_WORD = re.compile(r"[A-Za-z0-9+/_=-]{20,}")
_LEAST_BITS = 3.6
"""Of the 1,500 ids and tokens of the recordings this was fitted on, none of 20 characters or more lies below."""

_IDS = re.compile(
    # What OpenAI and its kin call their objects; none of them opens a door.
    r"(?:asst|audio|batch|call|cfile|chatcmpl|ci|cmpl|cntr|comp|conv|ctc|cua|event|fc|fco|file|fp|ft|ftckpt|ftjob|gen|ig|"
    r"img|item|lc_run|lsh|mcp|mcpl|mcpr|mcpr?_call|modr|msg|resp|rs|rtc|run|sess|shc|step|thread|toolu|ts|tsc|tso|upload|vs|"
    r"vsfb|ws)[-_]"
)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_BOUNDARY = re.compile(r"--[0-9a-f]{32}(?:--)?")
_FIELDS = re.compile(
    r"(?:.*[-_])?ids?|encrypted_content|embedding|b64_json|data|obfuscation|system_fingerprint|signature|etag|cf-ray|"
    r"sha\d*|digest|hash|revision|commit|(?:.*_)?sha256|template|tokenizer|config|adapter|weights|card|key|cursor|traceparent|partial_image_b64|result|"
    r"file_data|image_url|boundary",
    re.IGNORECASE,
)


def bits_per_character(text: str) -> float:
    """Give Shannon's entropy of the characters of a text, in bits; 0 for an empty one.

    Example:
        >>> bits_per_character("abab")
        1.0
    """
    return -sum(count / len(text) * math.log2(count / len(text)) for count in Counter(text).values())


def find_random(text: str, *, field: str = "") -> Iterator[tuple[int, int]]:
    """Give start and end of words of 20 characters or more that look drawn by lot.

    Not looked at: addresses and data of a data URI; ids of the kinds that APIs give to their objects; what stands in a
    field that such strings belong to (`id`, `encrypted_content`, `embedding`, digests …), `field` or the JSON key
    before it.

    Args:
        text: Any text; JSON in it is understood as far as `"key": "value"` goes.
        field: The name under which the whole text stands.
    """
    for match in _WORD.finditer(text):
        word = match.group()
        if _looks_random(word) and not _belongs(text, match.start(), word, field):
            yield match.span()


def _looks_random(word: str) -> bool:
    if re.fullmatch(r"(?=.*[a-f])[0-9a-f-]{32,}|(?=.*[A-F])[0-9A-F-]{32,}", word):
        return bits_per_character(word) > 3.0
    kinds = sum(bool(re.search(kind, word)) for kind in ("[a-z]", "[A-Z]", "[0-9]"))
    return kinds == 3 and bits_per_character(word) > _LEAST_BITS


def _belongs(text: str, start: int, word: str, field: str) -> bool:
    if _IDS.match(word) or _UUID.fullmatch(word) or _BOUNDARY.fullmatch(word) or word.startswith("/v"):
        return True
    before = text[max(0, start - 4096) : start]
    last = re.split(r"[\s\"'<>]", before)[-1]
    if "://" in last or last.endswith(";base64,") or last.startswith("/"):
        return True
    named = re.findall(r'"([\w.-]+)\\*"\s*:\s*\\*"[^"]*$', before)
    return bool(_FIELDS.fullmatch(named[-1] if named else field))
