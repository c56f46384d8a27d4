"""Questions that lean on what was said before: how well they are written to stand alone.

A condenser is a plain function of the history and the question, so any memory or condensing step is measured by passing
it here. What it gives is compared with how a person wrote the question to be asked alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from ragkit.evaluate.data.dialogue import Rewrite, Turn
from ragkit.evaluate.measures.rouge import Rouge
from ragkit.evaluate.measures.translation import sentence_bleu
from ragkit.evaluate.outcome import Outcome, Row, Unscored

__all__ = ["Condenser", "as_asked", "condense_row", "with_all_turns", "with_last_turn"]

Condenser: TypeAlias = Callable[[Sequence[Turn], str], "str | Unscored"]
"""From what was said, oldest first, and the question to what is searched for, or why there is nothing."""


def as_asked(_: Sequence[Turn], question: str) -> str:
    """Give the question as it is: what a system without memory searches for."""
    return question


def with_last_turn(history: Sequence[Turn], question: str) -> str:
    """Put what the user said before in front of the question.

    Example:
        >>> with_last_turn([Turn("user", "Who was Ada?"), Turn("agent", "A countess.")], "When was she born?")
        'Who was Ada? When was she born?'
    """
    return " ".join([*_user(history)[-1:], question])


def with_all_turns(history: Sequence[Turn], question: str) -> str:
    """Put everything the user said in front of the question."""
    return " ".join([*_user(history), question])


def _user(history: Sequence[Turn]) -> list[str]:
    return [turn.text for turn in history if turn.speaker == "user"]


def condense_row(item: Rewrite, condenser: Condenser, rouge: Rouge) -> Row:
    """Condense one question.

    Args:
        item: The question with its history and the rewrite of a person.
        condenser: What is measured.
        rouge: Made with `rougeL` among its measures; takes a while to make, so make it once.

    Returns:
        Outcomes `rougeL` and `BLEU` (of this sentence) against the person's rewrite, fractions from 0 to 1.
    """
    said = condenser(item.history, item.question)
    shown = None if isinstance(said, Unscored) else said
    details = {"question": item.question, "said": shown, "gold": item.rewrite}
    return Row(id=item.id, outcomes=_against(said, item.rewrite, rouge), details=details)


def _against(said: str | Unscored, gold: str, rouge: Rouge) -> dict[str, Outcome]:
    if isinstance(said, Unscored):
        return {"rougeL": said, "BLEU": said}
    return {"rougeL": rouge.score(said, [gold])["rougeL"], "BLEU": sentence_bleu(said, [gold])}
