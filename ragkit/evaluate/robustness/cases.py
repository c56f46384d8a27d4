"""Cases for `rgb.py` from any questions with answers: retrieved passages are told apart by the answers they hold.

RGB's own passages came from a search engine and were told apart in the same way: one that holds an answer counts as
positive, though it may hold it by chance, and one that holds none as negative. Where a row has a passage of its own, it
is the first positive.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias

from ragkit.evaluate.data.answers import AnswerRow
from ragkit.evaluate.robustness.counterfactual import false_answer, replaced
from ragkit.evaluate.robustness.rgb import Case

__all__ = ["Retrieve", "cases_of", "holds", "in_pairs", "with_false_answers"]

Retrieve: TypeAlias = Callable[[Sequence[str]], Sequence[Sequence[str]]]
"""From questions to the texts of the passages retrieved for each, best first."""


def cases_of(rows: Sequence[AnswerRow], retrieve: Retrieve) -> list[Case]:
    """Build one case for each answerable row for which a positive and a negative passage are at hand.

    Args:
        rows: Questions with alternative answers; a row's `context`, if it has one, is its first positive passage.
        retrieve: Asked once for all questions; twenty or so passages for each leave enough negatives.
    """
    asked = [row for row in rows if any(answer.strip() for answer in row.answers)]
    found = retrieve([row.question for row in asked])
    cases = (_case(row, passages) for row, passages in zip(asked, found, strict=True))
    return [case for case in cases if case.positives[0] and case.negatives]


def holds(passage: str, aliases: Sequence[str]) -> bool:
    """Say whether one of the aliases stands in `passage` as whole words, whatever the case."""
    either = "|".join(re.escape(alias.strip()) for alias in aliases if alias.strip())
    return bool(either) and bool(re.search(rf"(?<!\w)(?:{either})(?!\w)", passage, re.IGNORECASE))


def in_pairs(cases: Sequence[Case], *, seed: int = 0) -> Iterator[Case]:
    """Ask two questions as one, so that an answer needs passages of both: information integration.

    Cases are paired at random by the seed, each once. A passage that holds an answer to either is no negative.
    """
    shuffled = list(cases)
    random.Random(seed).shuffle(shuffled)  # noqa: S311  # no secret
    for one, other in zip(shuffled[::2], shuffled[1::2], strict=False):
        aliases = [alias for case in (one, other) for group in case.answers for alias in group]
        negatives = dict.fromkeys(text for pair in zip(one.negatives, other.negatives, strict=False) for text in pair)
        yield Case(
            id=f"{one.id}+{other.id}",
            question=f"{one.question} {other.question}",
            answers=one.answers + other.answers,
            positives=one.positives + other.positives,
            negatives=tuple(text for text in negatives if not holds(text, aliases)),
        )


def with_false_answers(cases: Sequence[Case], *, seed: int = 0) -> Iterator[Case]:
    """Give the cases whose answer can be swapped for another of its kind, with their false passages.

    Numbers and names can; other answers are left out. So are cases with several groups of answers, and those whose
    false answer stands in a passage already.
    """
    single = [case for case in cases if len(case.answers) == 1]
    others = [(case.question, case.answers[0][0]) for case in single]
    for case in single:
        false = false_answer(case.question, case.answers[0][0], others, seed=seed)
        passages = [text for group in case.positives for text in group]
        if false is not None and not any(holds(text, [false]) for text in (*passages, *case.negatives)):
            swapped = tuple(replaced(text, case.answers[0], false) for text in passages)
            yield replace(case, false_positives=swapped, false_answer=false)


def _case(row: AnswerRow, passages: Sequence[str]) -> Case:
    aliases = tuple(dict.fromkeys(answer for answer in row.answers if answer.strip()))
    own = [row.context] if row.context and holds(row.context, aliases) else []
    others = [text for text in passages if text != row.context]
    return Case(
        id=row.id,
        question=row.question,
        answers=(aliases,),
        positives=((*own, *(text for text in others if holds(text, aliases))),),
        negatives=tuple(text for text in others if not holds(text, aliases)),
    )
