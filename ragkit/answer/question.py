"""What a question asks for: the kind of answer expected, and the words that name its subject.

Rules over English question words; a question in another language simply has no expected kind.
"""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

__all__ = ["AnswerKind", "expected_kind", "holds_kind", "names", "particulars", "subject", "wants_definition"]

AnswerKind: TypeAlias = Literal["number", "date", "person", "place", "reason", "expansion", "any"]

# The first rule that matches decides; order goes from the particular to the general.
_KINDS: tuple[tuple[AnswerKind, str], ...] = (
    ("expansion", r"\bstands? for\b|\b(short|acronym|abbreviation) (for|of)\b"),
    ("number", r"\bhow (many|much|long|old|tall|far|often|large|big|high|fast|heavy|deep|wide)\b"),
    ("number", r"\b(what|which) (percentage|percent|proportion|number|amount|share|fraction|size|score|population)\b"),
    ("date", r"^\W*when\b|\bwhen (did|was|were|is|will|does|do|has|had)\b"),
    ("date", r"\b(what|which) (year|date|day|month|decade|century|period)\b|\bsince when\b"),
    ("person", r"^\W*(who|whom|whose)\b|\b(to|by|for|with|from) whom\b|\b(what|which) (person|author|scientist)\b"),
    ("place", r"^\W*where\b|\bwhere (is|are|was|were|did|do|does)\b"),
    ("place", r"\b(what|which) (city|country|place|state|region|town|continent|island|river)\b"),
    ("reason", r"^\W*why\b|\bwhat (caused|is the reason|was the reason)\b"),
)

_MONTHS = "january|february|march|april|may|june|july|august|september|october|november|december"
_NUMBER_WORDS = (
    "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fifteen|twenty|thirty|forty|fifty|sixty|"
    "seventy|eighty|ninety|hundred|thousand|million|billion|trillion|dozens?|half|third|quarter|twice|once|several|no"
)
_PATTERNS: dict[AnswerKind, re.Pattern[str]] = {
    "number": re.compile(rf"\d|%|½|¼|\b(?:{_NUMBER_WORDS})\b", re.IGNORECASE),
    "date": re.compile(
        rf"\b\d{{4}}\b|\b\d{{1,2}}(?:st|nd|rd|th)\b|\b(?:{_MONTHS})\b|\bcentur|\b\d+s\b|\b(?:BC|AD)\b|day\b|\bago\b",
        re.IGNORECASE,
    ),
    "place": re.compile(
        r"\b(?:in|at|near|from|to|of|on|around|between|through|outside|within|along)\s+(?:the\s+)?[A-Z0-9]"
    ),
    "reason": re.compile(
        r"\b(?:because|due to|since|so that|in order|caus\w+|result\w*|reason\w*|therefore|thus|lead\w*|led|as a|owing|"
        r"allow\w*|to \w+)\b",
        re.IGNORECASE,
    ),
}
_NUMBER = re.compile(r"\b\d[\d.,]*\b")
_NAME = re.compile(r"\b[A-Z][\w'’-]*[a-z0-9][\w'’-]*|\b[A-Z]{2,}\b")
_DEFINITION = re.compile(
    r"^\W*(?:what(?:'s| is| are| was| were)|who(?:'s| is| was)|define|explain|describe|what does .+ mean)\b",
    re.IGNORECASE,
)
_EXPANDS = re.compile(r"\bstands? for\b|\bshort for\b|\babbreviat|\bacronym\b", re.IGNORECASE)
_COPULA = re.compile(r",|\b(?:is|are|was|were|means|refers to|denotes|describes|stands for)\b")


def expected_kind(question: str) -> AnswerKind:
    """Say what kind of answer `question` asks for; `any` where no question word tells.

    Example:
        >>> expected_kind("In what year did the war end?")
        'date'
    """
    return next((kind for kind, rule in _KINDS if re.search(rule, question, re.IGNORECASE)), "any")


def wants_definition(question: str) -> bool:
    """Say whether `question` asks what, or who, something is."""
    return bool(_DEFINITION.search(question)) and expected_kind(question) in {"any", "person"}


def subject(sentence: str) -> str:
    """Give what stands before the first verb of being, where a definition names its subject; empty without one.

    Example:
        >>> subject("The F1 score is the harmonic mean of precision and recall.")
        'The F1 score '
    """
    verb = _COPULA.search(sentence)
    return sentence[: verb.start()] if verb else ""


def names(text: str, *, skip_first: bool = True) -> list[str]:
    """Give the capitalised words of `text` in order; the first word of a sentence tells nothing and is skipped.

    Example:
        >>> names("Who taught Ada Lovelace?")
        ['Ada', 'Lovelace']
    """
    start = re.match(r"\W*\w+", text) if skip_first else None
    return [match.group() for match in _NAME.finditer(text, start.end() if start else 0)]


def particulars(question: str) -> list[str]:
    """Give what an answer must be about: the names of `question`, and its numbers.

    Example:
        >>> particulars("Which team won Super Bowl 40?")
        ['Super', 'Bowl', '40']
    """
    return [*names(question), *(match.group() for match in _NUMBER.finditer(question))]


def holds_kind(kind: AnswerKind, sentence: str, question: str) -> bool:
    """Say whether `sentence` holds something of the `kind` expected that the question does not say itself."""
    if kind == "any":
        return True
    asked = question.casefold()
    if kind == "expansion":
        return bool(_EXPANDS.search(sentence)) or any(_in_brackets(name, sentence) for name in names(question))
    if kind == "person":
        return any(name.casefold() not in asked for name in names(sentence, skip_first=False))
    return any(match.group().casefold() not in asked for match in _PATTERNS[kind].finditer(sentence))


def _in_brackets(short: str, sentence: str) -> bool:
    """Say whether `sentence` writes `Long Form (short)` or `short (long form)`."""
    return bool(re.search(rf"\({re.escape(short)}s?\)|\b{re.escape(short)} \(\w", sentence))
