"""ROUGE through Google's `rouge_score`, stemming on, the best over several references."""

from __future__ import annotations

from collections.abc import Sequence

from ragkit._optional import require
from ragkit.text.sentences import split_sentences

with require(feature="ROUGE", package="rouge_score", extra="eval"):
    from rouge_score.rouge_scorer import RougeScorer

__all__ = ["ROUGE_MEASURES", "Rouge"]

ROUGE_MEASURES = ("rouge1", "rouge2", "rougeL", "rougeLsum")
"""What `Rouge.score` gives: F1 of words, of word pairs, of the longest common subsequence, of the same by sentences."""


class Rouge:
    """Scores answers by the words they share with references (Lin, 2004).

    Words are runs of a-z and 0-9 after lower-casing, with Porter's stemmer, as the package does: text of other scripts
    scores 0.
    """

    def __init__(self, measures: Sequence[str] = ROUGE_MEASURES) -> None:
        self._scorer = RougeScorer(list(measures), use_stemmer=True)
        self._sentences = "rougeLsum" in measures

    def score(self, prediction: str, references: Sequence[str]) -> dict[str, float]:
        """Give F1 by measure, fractions from 0 to 1; of several references the best, measure by measure.

        Args:
            prediction: Empty gives zeros.
            references: At least one.

        Example:
            >>> Rouge(["rouge1"]).score("The cats sat.", ["A cat sat", "No dog"])
            {'rouge1': 0.6666666666666666}
        """
        said = _one_sentence_a_line(prediction) if self._sentences else prediction
        golds = [_one_sentence_a_line(text) if self._sentences else text for text in references]
        scores = self._scorer.score_multi(golds, said)
        return {name: float(score.fmeasure) for name, score in scores.items()}


def _one_sentence_a_line(text: str) -> str:
    """Put sentences on lines of their own, which is how `rougeLsum` tells them apart."""
    return "\n".join(" ".join(text[start:end].split()) for start, end in split_sentences(text))
