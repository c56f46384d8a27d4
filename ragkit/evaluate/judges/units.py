"""What the offline detectors share: sentences of an answer, windows of evidence, and terms that must be found again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ragkit.answer.question import names
from ragkit.text.analyse import Analyser
from ragkit.text.sentences import split_sentences
from ragkit.text.spans import Span

__all__ = ["Evidence", "Said", "claims_nothing", "statements"]

_LONGEST_WINDOW = 3  # sentences
_MARKER = re.compile(r"(?:[-*+•>]+|\(?\d{1,3}[.):]|\(?[a-z][.)])[ \t]+|\*\*")
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
_SOURCE = re.compile(
    r"\b(?:passages?|documents?|sources?|contexts?|articles?|paragraphs?) ?#?\d+(?:(?:,| and| &) ?#?\d+)*",
    re.IGNORECASE,
)
_TELLS = (
    r"(?:address|answer|available|clear|contain|cover|describ|detail|discuss|enough|explain|found|giv|includ|indicat|"
    r"information|list|mention|offer|provid|sa(?:y|id)|specif|stat|sufficient|tell)"
)
_SILENCE = re.compile(
    r"\b(?:passages?|documents?|contexts?|texts?|sources?|articles?|information)\b[^.;]{0,40}?(?:\bnot?|n't|\bnever)"
    rf"(?: \w+){{0,2}}? {_TELLS}"
    r"|\b(?:unable to|cannot|can't|could not|couldn't|do not|don't) (?:\w+ ){0,2}"
    r"(?:answer|determine|find|know|provide|have (?:\w+ ){0,2}information)\b"
    r"|\bno (?:\w+ ){0,3}(?:answer|evidence|information|mention)\b",
    re.IGNORECASE,
)
_GOES_ON = re.compile(r"[,;] ?(?:but|although|though|while|whereas|however|yet)\b", re.IGNORECASE)
# What an answer says of its sources, not of the world: to be found in no source.
_ABOUT_SOURCES = frozenset(
    {"accord", "answer", "articl", "base", "below", "context", "describ", "discuss", "document", "follow", "given"}
    | {"inform", "mention", "paragraph", "passag", "provid", "question", "refer", "sourc", "specif", "state", "text"}
)


def statements(answer: str) -> list[Span]:
    """Give the sentences of an answer that can be checked: questions, headings and bare list markers are left out.

    Returns:
        Slices of `answer` in order, list markers cut off.
    """
    found = []
    for span in split_sentences(answer):
        marker = _MARKER.match(answer, span.start, span.end)
        start = marker.end() if marker else span.start
        text = answer[start : span.end]
        if not text.endswith(("?", ":")) and not text.startswith("#") and re.search(r"\w", text):
            found.append(Span(start, span.end))
    return found


def claims_nothing(sentence: str) -> bool:
    """Say whether a sentence only says that the sources do not tell.

    Example:
        >>> claims_nothing("The passages do not mention a price.")
        True
        >>> claims_nothing("The passages do not mention a price, but it is 5 dollars.")
        False
    """
    return bool(_SILENCE.search(sentence)) and not _GOES_ON.search(sentence)


@dataclass(frozen=True, slots=True)
class Said:
    """What a claim says, in the parts that evidence must hold."""

    terms: tuple[str, ...]
    """Its content words, stemmed, each once, in order of first use; words about the sources are left out."""
    numbers: frozenset[str]
    """As digits without separators: `1,000` is `1000`."""
    names: frozenset[str]
    """The stemmed words of its capitalised names."""

    @classmethod
    def read(cls, claim: str, analyse: Callable[[str], list[str]]) -> Said:
        """Take a claim apart."""
        text = _SOURCE.sub(" ", claim)
        terms = tuple(term for term in dict.fromkeys(analyse(text)) if term not in _ABOUT_SOURCES)
        named = frozenset(term for name in names(text) for term in analyse(name)) - _ABOUT_SOURCES
        return cls(terms, numbers(text), named)


class Evidence:
    """A text that may support claims, cut into sentences once."""

    def __init__(self, text: str, analyse: Analyser) -> None:
        """Cut and analyse `text`."""
        self.sentences = [text[start:end] for start, end in split_sentences(text)]
        """In order."""
        in_order = [analyse(sentence) for sentence in self.sentences]
        self.terms = [frozenset(found) for found in in_order]
        """Of each sentence, stemmed."""
        self.everything: frozenset[str] = frozenset().union(*self.terms)
        """All terms of the text."""
        self.pairs = frozenset(pair for found in in_order for pair in pairwise(found))
        """Terms that stand side by side in one sentence."""
        self.numbers = numbers(text)
        """As `Said.numbers`."""
        self._held = {
            Span(first, first + size): frozenset().union(*self.terms[first : first + size])
            for size in range(1, _LONGEST_WINDOW + 1)
            for first in range(len(self.sentences) - size + 1)
        }

    @property
    def windows(self) -> Iterable[Span]:
        """Every run of one to three sentences, as slices of `sentences`, the short ones first."""
        return self._held.keys()

    def text(self, window: Span) -> str:
        """Give the sentences of a window, joined by blanks."""
        return " ".join(self.sentences[window.start : window.end])

    def found(self, window: Span, terms: Sequence[str]) -> float:
        """Give the share of `terms` that a window holds, from 0 to 1."""
        return sum(term in self._held[window] for term in terms) / len(terms) if terms else 0.0


def numbers(text: str) -> frozenset[str]:
    """Give the numbers of a text as digits: `1,000` and `1000` are one."""
    return frozenset(match.group().replace(",", "") for match in _NUMBER.finditer(text))
