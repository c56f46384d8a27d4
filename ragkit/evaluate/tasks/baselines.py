"""Predictors that need no chat model, and that one must beat: the majority, chance, neighbours, and a gazetteer."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ragkit.encoder import Encoder
from ragkit.errors import ConfigError
from ragkit.evaluate.measures.entities import Entity
from ragkit.evaluate.tasks.predictor import Item

__all__ = ["ChanceLabel", "CopySource", "Gazetteer", "MajorityLabel", "NearestNeighbours"]

_QUERIES_AT_ONCE = 1024


class MajorityLabel:
    """Says the most frequent label of the pool of every text; of equally frequent ones the first by name."""

    def __init__(self, pool: Sequence[Item[str, str]]) -> None:
        counts = Counter(item.gold for item in _filled(pool))
        self.label = min(counts, key=lambda label: (-counts[label], label))

    @property
    def card(self) -> Mapping[str, Any]:
        """The label."""
        return {"predictor": "majority", "label": self.label}

    def predict(self, items: Sequence[str]) -> list[str]:
        """Say the majority's label, each time."""
        return [self.label] * len(items)


class ChanceLabel:
    """Draws one of the labels, each as likely as the others, by the seed and the text alone."""

    def __init__(self, labels: Sequence[str], *, seed: int = 0) -> None:
        self._labels = tuple(sorted(set(labels)))
        self._seed = seed

    @property
    def card(self) -> Mapping[str, Any]:
        """Labels and seed."""
        return {"predictor": "chance", "labels": list(self._labels), "seed": self._seed}

    def predict(self, items: Sequence[str]) -> list[str]:
        """Draw a label for each text; a text gets the same one in any order and at any time."""
        draws = (hashlib.sha256(f"{self._seed}\n{text}".encode()).digest()[:8] for text in items)
        return [self._labels[int.from_bytes(draw) % len(self._labels)] for draw in draws]


class CopySource:
    """Gives each text back as it is: the translation that was not made."""

    @property
    def card(self) -> Mapping[str, Any]:
        """Its name."""
        return {"predictor": "copy of the source"}

    def predict(self, items: Sequence[str]) -> list[str]:
        """Give the texts."""
        return list(items)


class NearestNeighbours:
    """Lets the labelled texts nearest by cosine vote; with one neighbour it is a memory that answers as it did before.

    Labels weigh the sum of their voters' cosines; ties break by name.
    """

    def __init__(self, pool: Sequence[Item[str, str]], encoder: Encoder, *, neighbours: int = 1) -> None:
        """Embed the pool.

        Raises:
            ConfigError: If the pool is empty, or `neighbours` is below 1.
        """
        if neighbours < 1:
            raise ConfigError(f"neighbours must be at least 1, got {neighbours}.")
        self._pool = list(_filled(pool))
        self._encoder = encoder
        self._neighbours = min(neighbours, len(self._pool))
        self._vectors = encoder.encode_documents([item.given for item in self._pool])

    @property
    def card(self) -> Mapping[str, Any]:
        """The embedding model, how many vote, and how large the pool is."""
        model = self._encoder.card
        return {
            "predictor": "nearest neighbours",
            "neighbours": self._neighbours,
            "pool": len(self._pool),
            "model": model.model,
            "revision": model.revision,
        }

    def nearest(self, items: Sequence[str]) -> list[list[tuple[Item[str, str], float]]]:
        """Give for each text its neighbours with their cosines, nearest first; ties by place in the pool."""
        found: list[list[tuple[Item[str, str], float]]] = []
        for start in range(0, len(items), _QUERIES_AT_ONCE):
            asked = self._encoder.encode_documents(items[start : start + _QUERIES_AT_ONCE])
            for cosines in asked @ self._vectors.T:
                best = np.argsort(-cosines, kind="stable")[: self._neighbours]
                found.append([(self._pool[place], float(cosines[place])) for place in best])
        return found

    def predict(self, items: Sequence[str]) -> list[str]:
        """Say the label with the most weight among the neighbours of each text."""
        return [_vote(neighbours) for neighbours in self.nearest(items)]


class Gazetteer:
    """Marks the phrases that were entities more often than not where they occurred in the pool, longest first.

    Phrases are compared without case; each takes the type it had most often.
    """

    def __init__(self, pool: Sequence[Item[tuple[str, ...], tuple[Entity, ...]]]) -> None:
        named: dict[tuple[str, ...], Counter[str]] = {}
        for item in pool:
            for start, end, kind in item.gold:
                named.setdefault(_folded(item.given[start:end]), Counter())[kind] += 1
        self._longest = max(map(len, named), default=0)
        met = Counter(phrase for item in pool for phrase in self._phrases(item.given) if phrase in named)
        self._types = {
            phrase: min(kinds, key=lambda kind: (-kinds[kind], kind))
            for phrase, kinds in named.items()
            if 2 * kinds.total() > met[phrase]
        }

    @property
    def card(self) -> Mapping[str, Any]:
        """How many phrases it knows."""
        return {"predictor": "gazetteer", "phrases": len(self._types)}

    def predict(self, items: Sequence[tuple[str, ...]]) -> list[tuple[Entity, ...]]:
        """Mark the phrases known, from left to right, in each sentence of tokens."""
        return [self._mark(tokens) for tokens in items]

    def _mark(self, tokens: tuple[str, ...]) -> tuple[Entity, ...]:
        found: list[Entity] = []
        place, folded = 0, _folded(tokens)
        while place < len(tokens):
            ends = range(min(len(tokens), place + self._longest), place, -1)
            end = next((end for end in ends if folded[place:end] in self._types), None)
            if end is not None:
                found.append(Entity(place, end, self._types[folded[place:end]]))
            place = end or place + 1
        return tuple(found)

    def _phrases(self, tokens: Sequence[str]) -> list[tuple[str, ...]]:
        folded = _folded(tokens)
        starts = range(len(folded))
        return [folded[start : start + size] for size in range(1, self._longest + 1) for start in starts]


def _filled(pool: Sequence[Item[str, str]]) -> Sequence[Item[str, str]]:
    if not pool:
        raise ConfigError("the pool of labelled texts is empty: expected at least one.")
    return pool


def _folded(tokens: Sequence[str]) -> tuple[str, ...]:
    return tuple(token.casefold() for token in tokens)


def _vote(neighbours: Sequence[tuple[Item[str, str], float]]) -> str:
    weights: Counter[str] = Counter()
    for item, cosine in neighbours:
        weights[item.gold] += cosine  # type: ignore[assignment]  # a Counter adds floats as well
    return min(weights, key=lambda label: (-weights[label], label))
