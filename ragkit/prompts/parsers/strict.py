"""JSON that every program reads alike."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from ragkit.errors import OutputParseError, shorten
from ragkit.prompts.parsers.reply import announced, only_block, without_thoughts

__all__ = ["read_json"]

_MOST_DEEP = 100
_MOST_DIGITS = 308  # what a float holds, and with it every other reader of JSON
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[\]{}]', re.DOTALL)
_HALF = re.compile("[\ud800-\udfff]")


def read_json(reply: str) -> Any:
    """Read the one JSON value of a reply: bare, in its only code block, or after a line that announces it.

    Raises:
        OutputParseError: If it is anything else, or JSON that programs read differently: a repeated key, NaN, a number
            no float holds, half a character, more than 100 levels deep.
    """
    text = _bare(without_thoughts(reply))
    if _depth(text) > _MOST_DEEP:
        raise OutputParseError(f"the JSON is more than {_MOST_DEEP} levels deep", reply)
    try:
        value = json.loads(
            text, object_pairs_hook=_unique, parse_constant=_refused, parse_float=_finite, parse_int=_whole
        )
    except json.JSONDecodeError as error:
        raise OutputParseError(f"the reply is no JSON: {error.msg} (line {error.lineno})", reply) from error
    except ValueError as error:  # of the four hooks
        raise OutputParseError(f"the reply is no JSON that is read alike everywhere: {error}", reply) from error
    if _HALF.search(json.dumps(value, ensure_ascii=False)):
        raise OutputParseError("the JSON holds half a character; expected whole text", reply)
    return value


def _bare(said: str) -> str:
    block = only_block(said)
    if block and not re.search(r"[\[\]{}]", said[: block.start] + said[block.end :]):
        return block.content
    return said if said[0] in '[{"' else announced(said)


def _depth(text: str) -> int:
    deepest = depth = 0
    for token in _TOKEN.finditer(text):
        if token[0] in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif token[0] in "]}":
            depth -= 1
    return deepest


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError("a key stands there twice")
        found[name] = value
    return found


def _refused(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON number")


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(f"no float holds {shorten(number)}")
    return value


def _whole(number: str) -> int:
    if len(number) > _MOST_DIGITS:
        raise ValueError(f"no float holds {shorten(number)}")
    return int(number)
