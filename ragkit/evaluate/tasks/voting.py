"""What examples are worth without a chat model: those chosen for a text vote on its label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ragkit.encoder import Encoder
from ragkit.evaluate.outcome import Unscored
from ragkit.prompts.selectors.nearness import Nearness
from ragkit.prompts.selectors.selector import Selector

__all__ = ["ExampleVote"]


class ExampleVote:
    """Lets the examples that a selector chooses for a text vote on its label, each with the weight of its cosine.

    It knows nothing but what a chat model would be shown, so that selectors can be compared without one. Labels weigh
    the sum of their examples' cosines; ties break by name. Over the names of labels as examples, of which a
    `SimilaritySelector` chooses one, it says the label whose name is nearest.
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
        for example, cosine in zip(chosen, Nearness(chosen, self._encoder).cosines(text), strict=True):
            weights[example.stratum] += float(cosine)  # type: ignore[assignment]  # a Counter adds floats as well
        return min(weights, key=lambda label: (-weights[label], label))
