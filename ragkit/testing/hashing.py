"""`HashingEmbeddings`: vectors for tests, from the words of a text alone."""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator

from langchain_core.embeddings import Embeddings

from ragkit.errors import ConfigError

__all__ = ["HashingEmbeddings"]

_WORD = re.compile(r"\w+")
_WORD_WEIGHT = 2
_GRAM_WEIGHT = 1


class HashingEmbeddings(Embeddings):
    """Embeddings without a model: texts that share words, or parts of words, are near each other.

    Each word counts twice, each of its trigrams (with its edges) once, and of words in other than ASCII letters each
    pair, at a place and with a sign that a hash gives (Weinberger et al., ICML 2009, "Feature hashing"). The same
    text, dimension and seed give the same vector in every process and on every platform. Case, compatibility forms and
    the order of words make no difference; texts without a word are told apart by their characters.

    Example:
        >>> near, far = HashingEmbeddings().embed_documents(["a red boat", "stock prices fell"])
        >>> query = HashingEmbeddings().embed_query("boats")
        >>> sum(a * b for a, b in zip(query, near)) > sum(a * b for a, b in zip(query, far))
        True
    """

    def __init__(self, dim: int = 64, *, seed: int = 0) -> None:
        """Choose a space.

        Args:
            dim: Numbers per vector, at least 1; below about 32 unrelated texts collide.
            seed: Another seed gives another space, as another model does.

        Raises:
            ConfigError: If `dim` is below 1.
        """
        if dim < 1:
            raise ConfigError(f"dim must be at least 1, got {dim}.")
        self.dim = dim
        self.seed = seed

    def __repr__(self) -> str:
        return f"HashingEmbeddings(dim={self.dim}, seed={self.seed})"

    def embed_query(self, text: str) -> list[float]:
        """Give the vector of a text: `dim` numbers, unit length."""
        # Whole numbers add up to the same sum in any order: no platform rounds them differently.
        sums = [0] * self.dim
        for feature, weight in _features(text).items():
            place, sign = self._place(feature)
            sums[place] += sign * weight
        if not any(sums):
            sums[self._place(f"nothing left of {text}")[0]] = 1
        length = math.sqrt(sum(value * value for value in sums))
        return [value / length for value in sums]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Give the vector of each text, the same as `embed_query`."""
        return [self.embed_query(text) for text in texts]

    def _place(self, feature: str) -> tuple[int, int]:
        content = f"{self.seed}:{feature}".encode("utf-8", "surrogatepass")
        number = int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "big")
        return (number >> 1) % self.dim, 1 if number & 1 else -1


def _features(text: str) -> Counter[str]:
    normal = unicodedata.normalize("NFKC", text).casefold()
    words = _WORD.findall(normal) or list(normal.strip())
    counts: Counter[str] = Counter()
    for word in words:
        counts[f"word {word}"] += _WORD_WEIGHT
        for gram in _grams(word):
            counts[f"gram {gram}"] += _GRAM_WEIGHT
    return counts


def _grams(word: str) -> Iterator[str]:
    edged = f"<{word}>"
    yield from (edged[place : place + 3] for place in range(len(edged) - 2))
    if not word.isascii():  # Chinese and Japanese words are two characters long, and not set apart
        yield from (word[place : place + 2] for place in range(len(word) - 1))
