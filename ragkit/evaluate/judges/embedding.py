"""Does a passage of the evidence mean what the claim means? By the cosine of sentence embeddings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ragkit.encoder import Encoder, Vectors
from ragkit.evaluate.judge import Claim
from ragkit.evaluate.judges.overlap import unjudgeable
from ragkit.evaluate.judges.units import Evidence, Said
from ragkit.evaluate.outcome import Outcome
from ragkit.text.analyse import Analyser
from ragkit.text.spans import Span

__all__ = ["Closest", "EmbeddingJudge", "closest_windows"]


@dataclass(frozen=True, slots=True)
class Closest:
    """The window of evidence that is nearest to a claim."""

    window: Span
    """A slice of the evidence's sentences."""
    cosine: float
    """From -1 to 1."""


class EmbeddingJudge:
    """Judges by the best cosine between the claim and windows of one to three sentences of the evidence.

    Knows paraphrases, and little of numbers, names and negation, which embeddings hardly see.
    """

    def __init__(self, encoder: Encoder, *, windows: int = 12, analyse: Analyser | None = None) -> None:
        """Make a judge of an encoder.

        Args:
            encoder: Gives the vectors.
            windows: How many windows of long evidence are embedded for a claim: those with most of its words.
            analyse: Says which words those are; English by default.
        """
        self._encoder = encoder
        self._windows = windows
        self._analyse = analyse or Analyser()

    @property
    def card(self) -> Mapping[str, Any]:
        """Its name, the encoder's model and revision, and how many windows it reads."""
        known = self._encoder.card
        model = {"model": known.model, "revision": known.revision}
        return {"judge": "embedding", "revision": 1, "encoder": model, "windows": self._windows}

    def judge(self, claims: Sequence[Claim]) -> list[Outcome]:
        """Give the best cosine of each claim, 0 where it is negative; every window is embedded once."""
        evidence = {text: Evidence(text, self._analyse) for text in dict.fromkeys(claim.evidence for claim in claims)}
        said = [Said.read(claim.claim, self._analyse) for claim in claims]
        held = [evidence[claim.evidence] for claim in claims]
        found = closest_windows(claims, said, held, self._encoder, most=self._windows)
        return [
            unjudgeable(words, text) or min(max(near.cosine, 0.0), 1.0)
            for words, text, near in zip(said, held, found, strict=True)
        ]


def closest_windows(
    claims: Sequence[Claim], said: Sequence[Said], held: Sequence[Evidence], encoder: Encoder, *, most: int
) -> list[Closest]:
    """Give the nearest window of each claim's evidence; an empty one with cosine 0 where there is none.

    Each text is embedded once, however many claims share it.

    Args:
        claims: What is said.
        said: The same, taken apart.
        held: The evidence of each claim, cut.
        encoder: Gives the vectors.
        most: Windows that are embedded for a claim; of more, those with the largest share of its words.
    """
    chosen = [_likeliest(words, text, most) for words, text in zip(said, held, strict=True)]
    texts = [[text.text(window) for window in windows] for text, windows in zip(held, chosen, strict=True)]
    vectors = _embedded([claim.claim for claim in claims], [window for group in texts for window in group], encoder)
    found = []
    for claim, windows, group in zip(claims, chosen, texts, strict=True):
        scores = [float(vectors[claim.claim] @ vectors[window]) for window in group]
        best = max(range(len(scores)), key=scores.__getitem__, default=None)
        found.append(Closest(Span(0, 0), 0.0) if best is None else Closest(windows[best], scores[best]))
    return found


def _likeliest(said: Said, evidence: Evidence, most: int) -> list[Span]:
    windows = list(evidence.windows)
    if len(windows) <= most:
        return windows
    return sorted(windows, key=lambda window: -evidence.found(window, said.terms))[:most]


def _embedded(claims: Sequence[str], windows: Sequence[str], encoder: Encoder) -> Mapping[str, Vectors]:
    texts = list(dict.fromkeys([*claims, *windows]))
    return dict(zip(texts, encoder.encode_documents(texts), strict=True))
