"""The same question, written otherwise: typos, letter case, punctuation, and frames that leave its words in order.

Every perturbation is a function of the question and a seed alone, and changes nothing that decides the answer.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping

from ragkit.errors import InputError, shorten

__all__ = ["PERTURBATIONS", "perturb"]

_KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_LETTERS = 4  # a typo in a shorter word makes another word too often
_WORDS_PER_TYPO = 6
_FRAMES = (
    "Can you tell me: {}",
    "I would like to know: {}",
    "Here is my question: {}",
    "{} Please tell me.",
    "{} That is what I want to know.",
)


def perturb(question: str, kind: str, *, seed: int = 0) -> str:
    """Write `question` otherwise.

    Args:
        question: As a user wrote it.
        kind: A name in `PERTURBATIONS`.
        seed: Decides, with the question, where and how.

    Returns:
        The question itself where nothing can be changed, such as the case of one without letters.

    Raises:
        InputError: If there is no such perturbation.

    Example:
        >>> perturb("Who wrote Faust?", "no punctuation")
        'Who wrote Faust'
    """
    if kind not in PERTURBATIONS:
        raise InputError(f"there is no perturbation {shorten(repr(kind))}: known are {', '.join(PERTURBATIONS)}.")
    return PERTURBATIONS[kind](question, random.Random(f"{seed}|{kind}|{question}"))  # noqa: S311  # no secret


def neighbours_of(letter: str) -> str:
    """Give the keys beside a letter on a QWERTY keyboard, in its row; empty for what is no letter of it.

    Example:
        >>> neighbours_of("s"), neighbours_of("Q"), neighbours_of("7")
        ('ad', 'w', '')
    """
    row = next((row for row in _KEYS if letter.lower() in row), "")
    place = row.find(letter.lower())
    return row[max(0, place - 1) : place] + row[place + 1 : place + 2] if row else ""


def _typos(change: Callable[[str, random.Random], str]) -> Callable[[str, random.Random], str]:
    """Make a perturbation that changes one word of every six, at least one, of those with four letters or more."""

    def apply(question: str, draw: random.Random) -> str:
        words = list(re.finditer(rf"[^\W\d_]{{{_LETTERS},}}", question))
        count = min(len(words), max(1, len(question.split()) // _WORDS_PER_TYPO))
        for word in sorted(draw.sample(words, count), key=lambda found: -found.start()):
            question = question[: word.start()] + change(word.group(), draw) + question[word.end() :]
        return question

    return apply


def _swapped(word: str, draw: random.Random) -> str:
    """Change two neighbouring letters for each other, never the first."""
    places = [place for place in range(1, len(word) - 1) if word[place] != word[place + 1]]
    if not places:
        return word
    place = draw.choice(places)
    return word[:place] + word[place + 1] + word[place] + word[place + 2 :]


def _slipped(word: str, draw: random.Random) -> str:
    """Hit the key beside the right one, never for the first letter."""
    places = [place for place in range(1, len(word)) if neighbours_of(word[place])]
    if not places:
        return word
    place = draw.choice(places)
    hit = draw.choice(neighbours_of(word[place]))
    return word[:place] + (hit.upper() if word[place].isupper() else hit) + word[place + 1 :]


def _dropped(word: str, draw: random.Random) -> str:
    place = draw.randrange(1, len(word))
    return word[:place] + word[place + 1 :]


def _framed(question: str, draw: random.Random) -> str:
    return draw.choice(_FRAMES).format(question)


PERTURBATIONS: Mapping[str, Callable[[str, random.Random], str]] = {
    "letters swapped": _typos(_swapped),
    "key beside": _typos(_slipped),
    "letter missing": _typos(_dropped),
    "lower case": lambda question, _: question.lower(),
    "upper case": lambda question, _: question.upper(),
    "no punctuation": lambda question, _: re.sub(r"[^\w\s]+$", "", question.rstrip()),
    "more punctuation": lambda question, _: question.rstrip() + "??",
    "framed": _framed,
}
"""By name: from a question and a source of chance to the question written otherwise."""
