"""Another answer of the same kind, put in the place of the right one: what a passage says then is false."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from typing import Literal, TypeAlias

from ragkit.answer.question import expected_kind

__all__ = ["AnswerForm", "answer_form", "false_answer", "replaced"]

AnswerForm: TypeAlias = Literal["number", "name", "other"]
"""A number with or without words, names alone, or anything else."""

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_NAME = re.compile(r"(?:[A-Z][\w'’.-]*)(?:\s+(?:of|the|and|de|van|von|[A-Z][\w'’.-]*))*")


def answer_form(answer: str) -> AnswerForm:
    """Tell what an answer looks like.

    Example:
        >>> answer_form("25 minutes"), answer_form("Denver Broncos"), answer_form("by plane")
        ('number', 'name', 'other')
    """
    if _NUMBER.search(answer):
        return "number"
    return "name" if _NAME.fullmatch(answer.strip()) else "other"


def false_answer(question: str, answer: str, others: Sequence[tuple[str, str]], *, seed: int = 0) -> str | None:
    """Find an answer of the same kind that is not right.

    Args:
        question: Whose answer it is.
        answer: The right one.
        others: Questions with their answers, from which names are drawn: of questions that ask for the same kind.
        seed: Of the draw.

    Returns:
        For a number, the same words with another number; for a name, another name; None for anything else, and where
        there is no other name.
    """
    form = answer_form(answer)
    draw = random.Random(f"{seed}|{question}|{answer}")  # noqa: S311  # no secret
    if form == "number":
        return _NUMBER.sub(lambda found: _other_number(found.group(), draw), answer)
    if form == "other":
        return None
    kind = expected_kind(question)
    names = sorted({text for asked, text in others if answer_form(text) == "name" and expected_kind(asked) == kind})
    fit = [name for name in names if not _alike(name, answer)]
    return draw.choice(fit) if fit else None


def replaced(text: str, aliases: Sequence[str], by: str) -> str:
    """Put `by` in the place of every alias in `text`, the longest first; whole words, whatever the case.

    Example:
        >>> replaced("The Broncos won; Denver Broncos fans sang.", ["Denver Broncos", "Broncos"], "Giants")
        'The Giants won; Giants fans sang.'
    """
    ordered = sorted((alias.strip() for alias in aliases if alias.strip()), key=len, reverse=True)
    either = "|".join(map(re.escape, ordered))
    return re.sub(rf"(?<!\w)(?:{either})(?!\w)", lambda _: by, text, flags=re.IGNORECASE) if either else text


def _other_number(number: str, draw: random.Random) -> str:
    """Give a number of as many digits, near enough to be believed (a year stays in its century), never the same."""
    digits = [place for place, sign in enumerate(number) if sign.isdigit()]
    last = digits[-2:] if len(digits) > 1 else digits
    signs = list(number)
    for place in last:
        signs[place] = draw.choice([digit for digit in "123456789" if digit != number[place]])
    return "".join(signs)


def _alike(one: str, other: str) -> bool:
    """Say whether two names share a word, so that one could stand for the other."""
    return bool({*one.lower().split()} & {*other.lower().split()})
