"""What examples are worth without a chat model: those chosen for a text vote on its label, beside label names alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ragkit.encoder import Encoder
from ragkit.errors import ConfigError
from ragkit.evaluate.outcome import Unscored
from ragkit.prompts.examples import Example
from ragkit.prompts.selectors.selector import Selector

__all__ = ["ExampleVote", "NearestLabel"]


class ExampleVote:
    """Lets the examples that a selector chooses for a text vote on its label, each with the weight of its cosine.

    It knows nothing but what a chat model would be shown, so that selectors can be compared without one. Labels weigh
    the sum of their examples' cosines; ties break by name.
    """

    def __init__(self, selector: Selector, encoder: Encoder) -> None:
        self._selector = selector
        self._encoder = encoder

    @property
    def card(self) -> Mapping[str, Any]:
        """How examples are chosen, and the embedding model."""
        model = self._encoder.card
        selector = dict(self._selector.card)
        return {"predictor": "vote", "selector": selector, "model": model.model, "revision": model.revision}

    def predict(self, items: Sequence[str]) -> list[str | Unscored]:
        """Say the label with the most weight; a text for which no example is chosen stays unscored."""
        return [self._one(text) for text in items]

    def _one(self, text: str) -> str | Unscored:
        chosen = self._selector.select(text)
        if not chosen:
            return Unscored("no example was chosen")
        weights: Counter[str] = Counter()
        for example, cosine in zip(chosen, self._cosines(chosen, text), strict=True):
            weights[example.stratum] += cosine  # type: ignore[assignment]  # a Counter adds floats as well
        return min(weights, key=lambda label: (-weights[label], label))

    def _cosines(self, chosen: Sequence[Example], text: str) -> list[float]:
        rows = self._encoder.encode_documents([text, *(example.input for example in chosen)])
        return [float(cosine) for cosine in np.round(rows[1:] @ rows[0], 6)]


class NearestLabel:
    """Says the label whose name is nearest to the text by cosine, without any example; ties break by name."""

    def __init__(self, names: Mapping[str, str], encoder: Encoder) -> None:
        """Embed the names.

        Args:
            names: The words for each label, such as `card arrival` for `card_arrival`.
            encoder: The embedding model; its vectors must have unit length.

        Raises:
            ConfigError: If there is no label.
        """
        if not names:
            raise ConfigError("there is no label to choose from: give at least one with its name.")
        self._labels = sorted(names)
        self._names = {label: names[label] for label in self._labels}
        self._encoder = encoder
        self._vectors = encoder.encode_documents(list(self._names.values()))

    @property
    def card(self) -> Mapping[str, Any]:
        """The labels' names and the embedding model."""
        model = self._encoder.card
        return {"predictor": "label names", "names": self._names, "model": model.model, "revision": model.revision}

    def predict(self, items: Sequence[str]) -> list[str]:
        """Say the nearest label of each text."""
        cosines = np.round(self._encoder.encode_documents(list(items)) @ self._vectors.T, 6)
        return [self._labels[int(place)] for place in cosines.argmax(axis=1)]
