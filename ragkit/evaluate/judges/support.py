"""The default detector: what overlap and embeddings tell of a claim, weighed into a probability of support."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ragkit.encoder import Encoder
from ragkit.evaluate.judge import Claim
from ragkit.evaluate.judges.embedding import Closest, closest_windows
from ragkit.evaluate.judges.overlap import unjudgeable
from ragkit.evaluate.judges.units import Evidence, Said
from ragkit.evaluate.outcome import Outcome
from ragkit.text.analyse import Analyser

__all__ = ["FEATURES", "SupportJudge", "SupportWeights", "support_features"]

FEATURES = ("cosine", "found", "pairs", "numbers_missing", "names_missing", "missing")
"""What `support_features` computes, in the order of its columns.

- `cosine`: of the nearest window of one to three sentences of the evidence, from -1 to 1
- `found`: the largest share of the claim's terms that one window holds
- `pairs`: share of its neighbouring terms that are neighbours in a sentence of the evidence
- `numbers_missing`, `names_missing`: share of them that the evidence does not hold; 0 without any
- `missing`: log(1 + terms that the evidence does not hold)
"""


@dataclass(frozen=True, slots=True)
class SupportWeights:
    """A fitted logistic model over `FEATURES`."""

    bias: float
    weights: tuple[float, ...]
    """One per feature."""

    @classmethod
    @cache
    def load(cls, kind: str) -> SupportWeights:
        """Read the weights that come with ragkit: `vectors`, or `words` for use without an encoder."""
        text = (files("ragkit.evaluate.judges") / "detectors.json").read_text(encoding="utf-8")
        model = json.loads(text)["models"][kind]
        return cls(model["bias"], tuple(model["weights"][name] for name in FEATURES))

    def support(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give the probability of support, from 0 to 1, of each row of features, shape `(n,)`."""
        probability: NDArray[np.float64] = 1 / (1 + np.exp(-(rows @ np.asarray(self.weights) + self.bias)))
        return probability


class SupportJudge:
    """Judges by a logistic model of containment, word pairs, numbers, names and the nearest window's cosine.

    Fitted on human labels of WiCE (dev) and of half of FActScore's people, and on nothing else. It reads words and
    meaning loosely: it sees what is new in a claim, not what is denied or turned round.
    """

    def __init__(
        self,
        encoder: Encoder | None = None,
        *,
        windows: int = 12,
        analyse: Analyser | None = None,
        weights: SupportWeights | None = None,
    ) -> None:
        """Make a judge.

        Args:
            encoder: Gives the cosines; without one the judge has weights for words alone, and is faster.
            windows: How many windows of long evidence are embedded for a claim.
            analyse: Says which words a text has; English by default, for which the model was fitted.
            weights: Another fitted model; None takes the one that comes with ragkit.
        """
        self._encoder = encoder
        self._windows = windows
        self._analyse = analyse or Analyser()
        self._weights = weights or SupportWeights.load("words" if encoder is None else "vectors")

    @property
    def card(self) -> Mapping[str, Any]:
        """Its name, the encoder's model and revision, and the weights."""
        known = self._encoder.card if self._encoder else None
        return {
            "judge": "support",
            "revision": 1,
            "encoder": {"model": known.model, "revision": known.revision} if known else None,
            "windows": self._windows,
            "weights": [self._weights.bias, *self._weights.weights],
        }

    def judge(self, claims: Sequence[Claim]) -> list[Outcome]:
        """Give the probability that each claim is supported; unscored without evidence or content words."""
        said, held = _read(claims, self._analyse)
        rows = _features(claims, said, held, encoder=self._encoder, analyse=self._analyse, windows=self._windows)
        return [
            unjudgeable(words, text) or float(support)
            for words, text, support in zip(said, held, self._weights.support(rows), strict=True)
        ]


def support_features(
    claims: Sequence[Claim], *, encoder: Encoder | None, windows: int = 12, analyse: Analyser | None = None
) -> NDArray[np.float64]:
    """Compute one row of `FEATURES` per claim, shape `(n, len(FEATURES))`; without an encoder the cosine is 0."""
    words = analyse or Analyser()
    said, held = _read(claims, words)
    return _features(claims, said, held, encoder=encoder, analyse=words, windows=windows)


def _read(claims: Sequence[Claim], analyse: Analyser) -> tuple[list[Said], list[Evidence]]:
    evidence = {text: Evidence(text, analyse) for text in dict.fromkeys(claim.evidence for claim in claims)}
    return [Said.read(claim.claim, analyse) for claim in claims], [evidence[claim.evidence] for claim in claims]


def _features(
    claims: Sequence[Claim],
    said: Sequence[Said],
    held: Sequence[Evidence],
    *,
    encoder: Encoder | None,
    analyse: Callable[[str], list[str]],
    windows: int,
) -> NDArray[np.float64]:
    nearest: Sequence[Closest | None] = [None] * len(claims)
    if encoder is not None:
        nearest = closest_windows(claims, said, held, encoder, most=windows)
    rows = [
        (near.cosine if near else 0.0, *_words(analyse(claim.claim), words, text))
        for claim, words, text, near in zip(claims, said, held, nearest, strict=True)
    ]
    return np.asarray(rows, dtype=np.float64).reshape(-1, len(FEATURES))


def _words(in_order: Sequence[str], said: Said, evidence: Evidence) -> tuple[float, ...]:
    """Compute all features but the cosine; what a claim does not have is not missing."""
    pairs = list(pairwise(in_order))
    missing = [term for term in said.terms if term not in evidence.everything]
    return (
        max((evidence.found(window, said.terms) for window in evidence.windows), default=0.0),
        _share(sum(pair in evidence.pairs for pair in pairs), len(pairs), empty=1.0),
        _share(len(said.numbers - evidence.numbers), len(said.numbers)),
        _share(len(said.names - evidence.everything), len(said.names)),
        math.log1p(len(missing)),
    )


def _share(part: int, whole: int, *, empty: float = 0.0) -> float:
    return part / whole if whole else empty
