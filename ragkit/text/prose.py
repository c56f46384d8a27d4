"""Where sentences end in running text: one paragraph or list item, which may be wrapped over lines."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, NamedTuple

from ragkit.text.abbreviations import (
    FUNCTION_WORDS,
    MAY_END,
    MONTHS,
    NEVER_END,
    NUMBERED,
    NUMBERED_OR_WORD,
    STARTERS,
)
from ragkit.text.spans import Span

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["split_prose"]

_QUOTES = "\"'”’“‘»«›‹"
_STOP = re.compile(
    r"(?:(?P<wide>[。！？｡．।॥؟۔።։]+)|(?P<dots>…+|\.(?:[ \u00a0]?\.)+)|[!?‽⁇⁈⁉][.!?‽⁇⁈⁉]*|\.[!?]*)"
    rf"(?P<close>[{_QUOTES})\]}}」』）】〉》*_`]*(?:\[[^\[\]\n]{{1,20}}\])*(?:[ \u00a0][»”)\]](?=\s|$))*)"
)
_NEXT = re.compile(rf"\s*(?P<open>[{_QUOTES}(\[{{¿¡*_`]*)(?P<word>[^\W_]*(?:['’][^\W_]+)?)")
_BEFORE = re.compile(r"[^\s(\[{\"'“‘«/–—]*\Z")
_ENUMERATOR = re.compile(r"\(?(?:\d{1,3}(?:\.\d{1,3})*|[A-Za-z]|[ivxIVX]{2,5})\Z")
_DOTTED = re.compile(r"(?:[^\W\d_]\.[ \u00a0]?)+[^\W\d_]{1,2}\Z")
_LABEL = re.compile(r"\d|[IVXLC]+\Z|[A-Z]{1,2}\Z")
_GLUED = re.compile(r"(?P<note>\d{0,2})\s*(?P<word>[A-Z][a-z]*)\s")
_BRAND = re.compile(r"[a-z]{1,2}[A-Z]")
_NUMERIC = re.compile(r"[($€£¥+\-−]*\d[\d,.]*(?<!,)[)%]*\Z|[$€£¥—–\-]\Z")
_GOES_ON = frozenset(",;:)]}%/–—-&+=<>|~")
_QUOTING = frozenset("とっ")
_ABBREVIATIONS = NEVER_END | MAY_END | NUMBERED
_LINE = re.compile(r"\S(?:[^\n]*\S)?")
_NARROW = 40  # characters: lines of narrower text say nothing about where they had to be wrapped
_SLACK = 0.75  # of the widest line: what a line may reach, with the next word, and still be taken as left short


class _Stop(NamedTuple):
    """A stop sign under examination."""

    at: int
    """Where it stands."""
    after: int
    """After the brackets and quotes that close with it."""
    sentence: int
    """Where its sentence begins."""
    close: str
    """Those brackets and quotes."""
    is_dots: bool
    """An ellipsis."""
    is_full: bool
    """A single full stop, which may belong to an abbreviation."""


def split_prose(text: str, start: int, end: int) -> Iterator[Span]:
    """Give the sentences of `text[start:end]`, which hold all of it but whitespace between them.

    Args:
        text: The whole text; nothing outside the slice is looked at.
        start: First character of the paragraph.
        end: One past its last character.
    """
    for piece in _hard_lines(text, start, end):
        begin = piece.start
        for match in _STOP.finditer(text, piece.start, piece.end):
            cut = _cut(text, match, begin, piece.end) if match.end() < piece.end else 0
            if cut:
                yield Span(begin, cut)
                begin = _skip_space(text, cut)
        yield Span(begin, piece.end)


def _skip_space(text: str, at: int) -> int:
    while text[at : at + 1].isspace():
        at += 1
    return at


def _cut(text: str, match: re.Match[str], begin: int, end: int) -> int:
    """Give where the sentence that began at `begin` ends, or 0 if it goes on."""
    after, close = match.end(), match["close"]
    if match["wide"]:
        decimal = match["wide"] == "．" and text[after].isdigit()
        return 0 if decimal or (close and text[after] in _QUOTING) else after
    mark = text[match.start() : match.start("close")]
    if not text[after].isspace():
        return _cut_without_space(text, match, end)
    stop = _Stop(match.start(), after, begin, close, bool(match["dots"]), mark == ".")
    return after if _ends(text, stop, end) else 0


def _cut_without_space(text: str, match: re.Match[str], end: int) -> int:
    """Judge a stop with no space after it: lost at a footnote or in scraped text, or not needed, as in Chinese."""
    at, after = match.start(), match.end()
    if text[at] in "!?" and "\u3040" <= text[after] <= "\u9fff":
        return after
    glued = _GLUED.match(text, after, end)
    if glued and text[at - 2 : at].isalpha() and text[at - 2 : at].islower() and glued["word"].lower() in STARTERS:
        return glued.end("note")
    return 0


def _ends(text: str, stop: _Stop, end: int) -> bool:
    following = _NEXT.match(text, stop.after, end)
    if following is None or following.start("word") == end:
        return False
    word, first = following["word"], text[following.start("word")]
    if not word:
        return first not in _GOES_ON
    if ")" in stop.close and text.find("(", stop.sentence + 1, stop.at) >= 0:
        return False
    token = _token_before(text, stop)
    opening = stop.at - len(token) - 1
    if stop.is_full and not stop.close and opening > stop.sentence and text[opening] == "(" and len(token) < 6:
        return False  # a note in brackets such as "(fl. 1510)" or "(Hrsg. Meyer)"
    if first.islower() and not _BRAND.match(word):
        return _ends_before_lower(text, stop, token)
    if stop.is_dots:
        return word != "I" and not word.startswith(("I'", "I’"))
    if not stop.is_full:
        return True
    starter = word.lower() in STARTERS and (len(word) > 1 or text[following.end() : following.end() + 1] != ".")
    return _ends_after(token, word, starter=starter, listed=_is_enumerator(text, stop))


def _token_before(text: str, stop: _Stop) -> str:
    found = _BEFORE.search(text, max(stop.sentence, stop.at - 24), stop.at)
    return found.group() if found else ""


def _is_enumerator(text: str, stop: _Stop) -> bool:
    return stop.at - stop.sentence < 12 and bool(_ENUMERATOR.match(text[stop.sentence : stop.at]))


def _ends_before_lower(text: str, stop: _Stop, token: str) -> bool:
    """Judge a stop before a small letter: it ends a sentence only where sentences begin with small letters."""
    known = token.lower()
    return (
        text[stop.sentence].islower()
        and not (stop.is_dots or stop.close)
        and len(token) > 2
        and token.isalpha()
        and known not in _ABBREVIATIONS
    )


def _ends_after(token: str, word: str, *, starter: bool, listed: bool) -> bool:
    """Judge a full stop between `token` and `word`, which begins with no small letter."""
    known = token.lower()
    if listed or known in NEVER_END:
        return False
    if known in NUMBERED:
        if known in NUMBERED_OR_WORD:
            return not word[0].isdigit()
        if _LABEL.match(word):
            return False
    if known in MAY_END or known in NUMBERED or _DOTTED.match(token) or (len(token) == 1 and token.isalpha()):
        return starter
    return not (token.isdigit() and len(token) < 3 and word.lower() in MONTHS)


def _hard_lines(text: str, start: int, end: int) -> Iterator[Span]:
    """Cut a paragraph at line ends that were meant: around rows of figures, and after lines left short.

    A line is short when the next one's first word would have fitted on it easily; it is meant to end when that word
    begins with a capital and the line does not end with a comma, a hyphen or a word like "of". Headings and rows of
    a PDF are found so, since its text has no blank lines around them.
    """
    if text.find("\n", start, end) < 0:
        yield Span(start, end)
        return
    lines = [Span(found.start(), found.end()) for found in _LINE.finditer(text, start, end)]
    width = max(line.end - line.start for line in lines)
    begin = lines[0].start
    for previous, line in itertools.pairwise(lines):
        if _is_break(text[previous.start : previous.end], text[line.start : line.end], width):
            yield Span(begin, previous.end)
            begin = line.start
    yield Span(begin, lines[-1].end)


def _is_break(line: str, following: str, width: int) -> bool:
    if _is_row(line):
        return True
    if _is_row(following):
        return not following[0].islower()  # else the row's label is wrapped
    return _was_left_short(line, following, width)


def _is_row(line: str) -> bool:
    """Tell whether a line ends with two figures or more, as the rows of a table do; a dash stands for none."""
    figures = dashes = 0
    for word in reversed(line.split()):
        if not _NUMERIC.match(word):
            break
        dashes += word in "—–-"
        figures += word not in "$€£¥—–-"
    return figures > 1 or (figures == 1 and dashes > 1)


def _was_left_short(line: str, following: str, width: int) -> bool:
    first = following.split(maxsplit=1)[0]
    if width < _NARROW or len(line) + 1 + len(first) > _SLACK * width:
        return False
    initial = first.lstrip("\"'“‘«([")[:1]
    last = line.rsplit(maxsplit=1)[-1]
    return initial.isupper() and last[-1] not in ",-–—/&(" and last.lower() not in FUNCTION_WORDS
