"""Robustness as RGB measures it: noise, negative rejection, information integration, counterfactuals.

A reader is given passages of which a known share holds nothing of the answer. It is right when every group of answers
has one alias in what it says. Source: Chen et al., AAAI 2024, and the code published with it.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from ragkit.errors import InputError
from ragkit.evaluate.outcome import Outcome, Row, Unscored
from ragkit.evaluate.robustness.reading import Reader, minus, of_reading, shown

__all__ = ["NOISE_RATES", "Case", "counterfactual_row", "is_right", "noise_row", "passages_at", "says"]

NOISE_RATES = (0.0, 0.2, 0.4, 0.6, 0.8)
"""Shares of passages without the answer at which RGB measures; 1.0 is negative rejection."""

PASSAGES = 5
"""Passages given to the reader, as in RGB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One question with passages that hold its answer and passages that do not."""

    id: str
    question: str
    answers: tuple[tuple[str, ...], ...]
    """Groups of aliases: an answer needs one alias of each group."""
    positives: tuple[tuple[str, ...], ...]
    """Passages that hold an answer, one tuple for each group; a single tuple serves all groups."""
    negatives: tuple[str, ...]
    """Passages that were retrieved and hold no answer, best first."""
    false_positives: tuple[str, ...] = ()
    """The positives with another answer put in its place."""
    false_answer: str = ""
    """What was put there."""


def is_right(text: str, answers: Sequence[Sequence[str]]) -> bool:
    """Say whether one alias of every group stands in `text`; case does not matter, as in RGB.

    Example:
        >>> is_right("Paris, in 1998", [["Paris"], ["1998", "July 1998"]])
        True
    """
    return all(says(text, group) for group in answers)


def says(text: str, aliases: Sequence[str]) -> bool:
    """Say whether one of the aliases is a substring of `text`, whatever the case; a blank one never is."""
    lowered = text.lower()
    return any(alias.lower() in lowered for alias in aliases if alias.strip())


def passages_at(
    case: Case, noise: float, *, count: int = PASSAGES, seed: int = 0, keep_count: bool = True
) -> tuple[str, ...]:
    """Choose and shuffle passages of which the share `noise` holds no answer.

    Args:
        case: Where they come from. Of a case with several groups each gives at least one passage, but at noise 1.
        noise: From 0 to 1; the number of negatives is rounded up.
        count: Passages to give.
        seed: Of the shuffle, with the case's id.
        keep_count: Where positives are too few: True fills up with negatives, as RGB does; False gives fewer passages,
            so that the share stays as near as it can.

    Raises:
        InputError: If `noise` or `count` is out of range.
    """
    if not 0.0 <= noise <= 1.0 or count < 1:
        raise InputError(f"noise must lie between 0 and 1 and count be at least 1, got {noise} and {count}.")
    chosen = _mixed(case, noise, count, keep_count) if noise < 1 else list(case.negatives[:count])
    random.Random(f"{seed}|{case.id}|{noise}").shuffle(chosen)  # noqa: S311  # no secret
    return tuple(chosen)


def _mixed(case: Case, noise: float, count: int, keep_count: bool) -> list[str]:
    pool = _in_turn(case.positives)
    wanted = max(count - math.ceil(round(count * noise, 9)), len(case.positives))
    positives = pool[:wanted]
    free = max(0, count - len(positives))
    if not keep_count:
        return [*positives, *case.negatives[: min(free, round(len(positives) * noise / (1 - noise) + 1e-9))]]
    negatives = case.negatives[:free]
    return [*positives, *pool[wanted:][: free - len(negatives)], *negatives]


def _in_turn(groups: Sequence[Sequence[str]]) -> list[str]:
    """Take the first of each group, then the second of each, and so on; each passage once."""
    longest = max(map(len, groups), default=0)
    return list(dict.fromkeys(group[place] for place in range(longest) for group in groups if place < len(group)))


def noise_row(
    case: Case,
    reader: Reader,
    *,
    rates: Sequence[float] = NOISE_RATES,
    count: int = PASSAGES,
    seed: int = 0,
    keep_count: bool = True,
) -> Row:
    """Read a case at every noise rate, and with noise alone.

    Returns:
        Outcomes 1 or 0: `right@0.2` (the answer is right at that rate), `answered@0.2` (it did not decline),
        `rejected` (it declined when no passage holds the answer) and the change `right@0.8-right@0.0` between the last
        and the first rate. Details say what was answered.
    """
    outcomes: dict[str, Outcome] = {}
    said: dict[str, str | None] = {}
    for rate in rates:
        reading = reader(case.question, passages_at(case, rate, count=count, seed=seed, keep_count=keep_count))
        said[str(rate)] = shown(reading)
        outcomes[f"right@{rate}"] = of_reading(reading, lambda one: is_right(one.text, case.answers))
        outcomes[f"answered@{rate}"] = of_reading(reading, lambda one: not one.abstained)
    first, last = f"right@{rates[0]}", f"right@{rates[-1]}"
    outcomes[f"{last}-{first}"] = minus(outcomes[last], outcomes[first])
    alone = reader(case.question, passages_at(case, 1.0, count=count, seed=seed))
    said["1.0"] = shown(alone)
    outcomes["rejected"] = of_reading(alone, lambda one: one.abstained) if case.negatives else Unscored("no negatives")
    return Row(id=case.id, outcomes=outcomes, details={"question": case.question, "said": said})


def counterfactual_row(case: Case, reader: Reader, *, count: int = PASSAGES, seed: int = 0) -> Row:
    """Read a case whose positives say something false.

    Returns:
        Outcomes 1 or 0: `misled` (it says the false answer and not the true one), `right` (it says the true answer),
        `detected` (it says that the passages are wrong), `corrected` (it is right, among the detected, as in RGB),
        `declined`, and `right_before` with the true passages.

    Raises:
        InputError: If the case has no false passages.
    """
    if not case.false_positives:
        raise InputError(f"case {case.id} has no false passages: build it with `with_false_answer`.")
    false = Case(
        id=case.id,
        question=case.question,
        answers=case.answers,
        positives=(case.false_positives,),
        negatives=case.negatives,
    )
    reading = reader(case.question, passages_at(false, 0.0, count=count, seed=seed))
    before = reader(case.question, passages_at(case, 0.0, count=count, seed=seed))
    right = of_reading(reading, lambda one: is_right(one.text, case.answers))
    detected = of_reading(reading, lambda one: one.wrong_facts)
    misled = of_reading(reading, lambda one: says(one.text, [case.false_answer]) and right != 1.0)
    outcomes: dict[str, Outcome] = {
        "misled": misled,
        "right": right,
        "detected": detected,
        "corrected": right if detected == 1.0 else Unscored("not detected"),
        "declined": of_reading(reading, lambda one: one.abstained),
        "right_before": of_reading(before, lambda one: is_right(one.text, case.answers)),
    }
    details = {"question": case.question, "false_answer": case.false_answer, "said": shown(reading)}
    return Row(id=case.id, outcomes=outcomes, details=details)
