"""Does the evidence hold the words, numbers and names of the claim? The plainest detector, and a strong baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ragkit.evaluate.judge import Claim
from ragkit.evaluate.judges.units import Evidence, Said
from ragkit.evaluate.outcome import Outcome, Unscored
from ragkit.text.analyse import Analyser

__all__ = ["NO_WORDS", "OverlapJudge", "containment", "unjudgeable"]

NO_WORDS = "the claim has no content words"
"""Why a claim such as `It is so.` is unscored."""

_PARTICULAR = 2  # a number or a name weighs as much as so many other words


class OverlapJudge:
    """Judges by containment: what share of the claim's content words, numbers and names the evidence holds.

    Words are compared by their stems; a number or a name counts twice. No model, no order, no meaning: a negated claim
    passes. 20,000 sentences a second once the evidence is cut.
    """

    def __init__(self, analyse: Analyser | None = None) -> None:
        """Make a judge of English text, or of the language of `analyse`."""
        self._analyse = analyse or Analyser()

    @property
    def card(self) -> Mapping[str, Any]:
        """Its name and its analyser."""
        return {"judge": "overlap", "revision": 1, "analyser": self._analyse.name}

    def judge(self, claims: Sequence[Claim]) -> list[Outcome]:
        """Give the share found of each claim; unscored without evidence, or without a word to look for."""
        evidence = {text: Evidence(text, self._analyse) for text in dict.fromkeys(claim.evidence for claim in claims)}
        return [self._one(Said.read(claim.claim, self._analyse), evidence[claim.evidence]) for claim in claims]

    def _one(self, said: Said, evidence: Evidence) -> Outcome:
        return unjudgeable(said, evidence) or containment(said, evidence)


def unjudgeable(said: Said, evidence: Evidence) -> Unscored | None:
    """Say why a claim cannot be judged by its words; None where it can."""
    if not evidence.sentences:
        return Unscored("no evidence")
    return None if said.terms or said.numbers else Unscored(NO_WORDS)


def containment(said: Said, evidence: Evidence) -> float:
    """Give the share of what is said that the evidence holds, from 0 to 1; a number or a name counts twice."""
    particulars = said.names | said.numbers
    parts = [(term in evidence.everything, _PARTICULAR if term in particulars else 1) for term in said.terms]
    parts += [(number in evidence.numbers, _PARTICULAR) for number in said.numbers if number not in said.terms]
    return sum(found * weight for found, weight in parts) / sum(weight for _, weight in parts)
