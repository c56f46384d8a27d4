"""The examples nearest to the text by cosine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np

from ragkit.prompts.examples import AnyExample, Example, as_examples
from ragkit.prompts.selectors.nearness import Nearness, model_card
from ragkit.prompts.selectors.pool import Twins, best_places, checked_count, checked_threshold, pool_card

__all__ = ["SimilaritySelector"]


@dataclass(frozen=True, eq=False)
class SimilaritySelector:
    """The examples nearest to the text by cosine, the nearest last, so that it stands beside the question.

    Every example is compared, exactly; ties go to the earlier one. A larger count ends with what a smaller one shows.
    Source: Liu et al., DeeLIO 2022, "What makes good in-context examples for GPT-3?".

    Raises:
        ConfigError: If `count` is below 0, `threshold` no number, or `encoder` none.
    """

    examples: Sequence[Example] = field(repr=False)
    encoder: Any = field(repr=False)
    """An `Encoder`, a collection with its own, or LangChain `Embeddings`; the inputs are embedded at once."""
    count: int
    """Examples shown; fewer where fewer exist."""
    threshold: float | None = field(default=None, kw_only=True)
    """Only examples with a cosine above it are shown; None shows the nearest however far they are."""
    show_same: bool = field(default=False, kw_only=True)
    """Whether an example whose input is the very text asked about is shown all the same."""
    _near: Nearness = field(init=False, repr=False)
    _twins: Twins = field(init=False, repr=False)

    def __post_init__(self) -> None:
        checked_count(self.count)
        checked_threshold(self.threshold)
        object.__setattr__(self, "examples", as_examples(self.examples))
        object.__setattr__(self, "_near", Nearness(self.examples, self.encoder))
        object.__setattr__(self, "_twins", Twins(self.examples, show_same=self.show_same))

    @property
    def card(self) -> Mapping[str, Any]:
        """Its name and options, the embedding model, and the digest of its examples."""
        options = {"count": self.count, "threshold": self.threshold, "show_same": self.show_same}
        return pool_card("similarity", self.examples, **options, **model_card(self.encoder))

    def select(self, text: str, /) -> list[Example]:
        """Give the nearest examples, the nearest last; costs one embedding."""
        if not self.count or not self.examples:
            return []
        cosines = self._near.cosines(text)
        if self.threshold is not None:
            cosines = np.where(cosines > self.threshold, cosines, -np.inf)
        nearest = best_places(cosines, self.count, without=self._twins.of(text))
        return [self.examples[place] for place in reversed(nearest)]

    def with_examples(self, examples: Iterable[AnyExample], /) -> Self:
        """Give a selector over other examples; inputs that this one has embedded are not embedded again."""
        return replace(self, examples=as_examples(examples), encoder=self._near.encoder)
