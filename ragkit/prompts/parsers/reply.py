"""What may stand around the thing that was asked for, and leaves no doubt what is meant.

Thoughts between `<think>` and `</think>`, a code fence, quotes, a line that announces what follows: these go. All else
that a model adds is left, so that a strict parser refuses it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ragkit.errors import OutputParseError

__all__ = ["Block", "announced", "blocks", "only_block", "unquoted", "without_thoughts"]

# DeepSeek, Qwen and many more; Seed; Mistral.
_OPEN, _CLOSE = r"<(?:think|thinking|seed:think)>|\[THINK\]", r"</(?:think|thinking|seed:think)>|\[/THINK\]"
_OPENED = re.compile(rf"\s*(?:{_OPEN})")
_MARK = re.compile(rf"(?P<open>{_OPEN})|(?P<close>{_CLOSE})")
# Chat templates that open the thoughts themselves leave only their end in the reply, on a line of its own.
_END_ALONE = re.compile(rf"^[^\S\n]*(?:{_CLOSE})[^\S\n]*$", re.MULTILINE)
_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})([^\n`]*)$", re.MULTILINE)
_QUOTES = {'"': '"', "'": "'", "`": "`", "“": "”", "‘": "’", "„": "“", "«": "»", "「": "」", "『": "』", "**": "**"}
_HALF = re.compile("[\ud800-\udfff]")


def without_thoughts(reply: str) -> str:
    """Give what was said after thinking, without white space around it.

    Raises:
        OutputParseError: If the reply breaks off while thinking, opens or closes thoughts where it is not clear what
            belongs to them, holds half a character, or says nothing.
    """
    if half := _HALF.search(reply):
        raise OutputParseError(f"the reply holds half a character (U+{ord(half[0]):04X}); expected whole text", reply)
    said = reply[_thoughts_end(reply) :].strip()
    if not said:
        raise OutputParseError("the reply is empty", reply)
    return said


def _thoughts_end(reply: str) -> int:
    opened = _OPENED.match(reply)
    if opened is None:
        ends = list(_END_ALONE.finditer(reply))
        return ends[0].end() if len(ends) == 1 and len(_MARK.findall(reply)) == 1 else 0
    depth = 0
    for mark in _MARK.finditer(reply):
        depth += 1 if mark["open"] else -1
        if depth == 0:
            if re.search(_CLOSE, reply[mark.end() :]):
                raise OutputParseError("it is not clear where the thoughts of the reply end", reply)
            return mark.end()
    raise OutputParseError("the reply breaks off while thinking; allow it more tokens", reply)


class Block(NamedTuple):
    """A fenced block of code."""

    language: str
    """The first word after the fence, in small letters; empty where there is none."""
    content: str
    """Without the fences and the line end before the closing one."""
    start: int
    """Where its opening fence begins."""
    end: int
    """Where its closing fence ends."""
    whole: bool
    """Whether it was closed: a reply that breaks off leaves its last block open."""


def blocks(said: str) -> list[Block]:
    """Find the fenced blocks of a reply.

    Source: CommonMark 0.31, section 4.5.
    """
    found: list[Block] = []
    opening: re.Match[str] | None = None
    for fence in _FENCE.finditer(said):
        if opening is None:
            opening = fence
        elif fence[1].startswith(opening[1]) and not fence[2].strip():
            found.append(_block(said, opening, fence.start(), fence.end(), whole=True))
            opening = None
    return [*found, _block(said, opening, len(said), len(said), whole=False)] if opening else found


def _block(said: str, opening: re.Match[str], inner_end: int, end: int, *, whole: bool) -> Block:
    language = next(iter(opening[2].split()), "").lower()
    first = opening.end() + 1
    return Block(language, said[first : max(first, inner_end - whole)], opening.start(), end, whole)


def only_block(said: str) -> Block | None:
    """Give the block of a reply that has only one, whole; else None."""
    found = blocks(said)
    return found[0] if len(found) == 1 and found[0].whole else None


def announced(said: str) -> str:
    r"""Give what follows a first line that ends with a colon and announces it; the whole text where there is none.

    Example:
        >>> announced("Here is the list:\n- one")
        '- one'
    """
    first, _, rest = said.partition("\n")
    return rest.strip() if first.rstrip().endswith((":", "：")) and rest.strip() else said


def unquoted(said: str) -> str:
    """Take off one pair of quotes, backticks or double stars that stands around all of it and nowhere inside."""
    for opening, closing in _QUOTES.items():
        inner = said[len(opening) : len(said) - len(closing)]
        around = said.startswith(opening) and said.endswith(closing) and len(said) >= len(opening) + len(closing)
        if around and opening not in inner and closing not in inner:
            return inner.strip()
    return said
