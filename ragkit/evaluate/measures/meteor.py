"""METEOR through NLTK, where its WordNet data is on this machine; nothing is downloaded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ragkit._optional import require
from ragkit.evaluate.outcome import Outcome, Unscored

with require(feature="METEOR", package="nltk", extra="eval"):
    from nltk.corpus import wordnet
    from nltk.translate.meteor_score import meteor_score

__all__ = ["meteor"]


def meteor(prediction: str, references: Sequence[str], *, lexicon: Any = None) -> Outcome:  # Any: NLTK is untyped
    """Give METEOR (Banerjee and Lavie, 2005): words aligned by form, stem and synonym, their order rewarded.

    Args:
        prediction: Split at white space, as `references`.
        references: At least one; the best counts.
        lexicon: Gives the synonyms, a corpus reader with `synsets`; None takes NLTK's WordNet.

    Returns:
        A fraction from 0 to 1; `Unscored` where NLTK's WordNet data is wanted and not on this machine.
    """
    if lexicon is None:
        try:
            wordnet.ensure_loaded()
        except LookupError:
            return Unscored("NLTK's WordNet data is missing: python -m nltk.downloader wordnet")
    known = wordnet if lexicon is None else lexicon
    return float(meteor_score([text.split() for text in references], prediction.split(), wordnet=known))
