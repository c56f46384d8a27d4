from __future__ import annotations

from pathlib import Path

import nltk
import pytest

from ragkit.evaluate.measures.meteor import meteor
from ragkit.evaluate.outcome import Unscored


class NoSynonyms:
    """A lexicon in which no two words mean the same."""

    def synsets(self, word: str) -> list[object]:
        return []


def test_meteor_by_hand() -> None:
    # All words match in one chunk: F = 1, penalty 0.5 (1/3)^3.
    assert meteor("the cats sat", ["the cat sat", "no"], lexicon=NoSynonyms()) == pytest.approx(1 - 0.5 / 27)
    # Two of three words: P = R = F = 2/3, one chunk of two: penalty 0.5 (1/2)^3.
    assert meteor("the cat ran", ["the cat sat"], lexicon=NoSynonyms()) == pytest.approx(2 / 3 * (1 - 0.5 / 8))


def test_without_wordnet_it_is_unscored_and_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    outcome = meteor("the cat sat", ["the cat sat"])
    assert outcome == Unscored("NLTK's WordNet data is missing: python -m nltk.downloader wordnet")
