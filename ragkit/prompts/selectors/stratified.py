"""As many examples of each label, so that a model sees every answer it may give."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ragkit.prompts.examples import AnyExample, Example, as_examples
from ragkit.prompts.selectors.nearness import Nearness, model_card
from ragkit.prompts.selectors.pool import Twins, best_places, checked_count, pool_card, shuffled

__all__ = ["StratifiedSelector"]


@dataclass(frozen=True, eq=False)
class StratifiedSelector:
    """Some examples of every label: the nearest to the text, or random ones.

    They are shown in rounds of one example per label. The last round holds the best of every label, and within a round
    the nearest (with `encoder`) stands last; random ones are in a random order. A budget that takes away the first ones
    shown so takes one of each label before a second of any. The label of an example without one is its output.

    Raises:
        ConfigError: If `per_label` is below 0, `seed` no whole number, or `encoder` is none.
    """

    examples: Sequence[Example] = field(repr=False)
    per_label: int
    """Examples of each label; fewer where fewer exist."""
    encoder: Any = field(default=None, repr=False, kw_only=True)
    """Finds the nearest ones of each label: what `SimilaritySelector` takes; None draws them by the seed."""
    seed: int = field(default=0, kw_only=True)
    """Of the random draw; the same examples for every text."""
    show_same: bool = field(default=False, kw_only=True)
    """Whether an example whose input is the very text asked about is shown all the same."""
    _near: Nearness | None = field(init=False, repr=False)
    _drawn: NDArray[np.float64] = field(init=False, repr=False)
    _strata: Sequence[NDArray[np.intp]] = field(init=False, repr=False)
    _twins: Twins = field(init=False, repr=False)

    def __post_init__(self) -> None:
        checked_count(self.per_label, "per_label")
        object.__setattr__(self, "examples", as_examples(self.examples))
        near = None if self.encoder is None else Nearness(self.examples, self.encoder)
        object.__setattr__(self, "_near", near)
        object.__setattr__(self, "_drawn", _drawn(len(self.examples), self.seed))
        object.__setattr__(self, "_strata", _strata(self.examples))
        object.__setattr__(self, "_twins", Twins(self.examples, show_same=self.show_same))

    @property
    def card(self) -> Mapping[str, Any]:
        """Its name and options, the embedding model where it has one, and the digest of its examples."""
        how = {"seed": self.seed} if self.encoder is None else model_card(self.encoder)
        return pool_card("stratified", self.examples, per_label=self.per_label, show_same=self.show_same, **how)

    def select(self, text: str, /) -> list[Example]:
        """Give the examples of each label; with an encoder it costs one embedding."""
        if not self.per_label or not self.examples:
            return []
        values = self._drawn.copy() if self._near is None else self._near.cosines(text)
        values[list(self._twins.of(text))] = -np.inf
        best = [stratum[best_places(values[stratum], self.per_label)] for stratum in self._strata]
        rounds = [[place for place in row if place is not None] for row in zip_longest(*best)]
        shown = [place for row in reversed(rounds) for place in sorted(row, key=lambda place: (values[place], -place))]
        return [self.examples[place] for place in shown]

    def with_examples(self, examples: Iterable[AnyExample], /) -> Self:
        """Give a selector over other examples; inputs that this one has embedded are not embedded again."""
        encoder = None if self._near is None else self._near.encoder
        return replace(self, examples=as_examples(examples), encoder=encoder)


def _strata(examples: Sequence[Example]) -> list[NDArray[np.intp]]:
    """Give the places of each label's examples; labels in the order they first stand in."""
    places: dict[str, list[int]] = defaultdict(list)
    for place, example in enumerate(examples):
        places[example.stratum].append(place)
    return [np.array(found, dtype=np.intp) for found in places.values()]


def _drawn(size: int, seed: int) -> NDArray[np.float64]:
    """Give each place a value: the sooner it is drawn, the higher."""
    values = np.zeros(size)
    values[shuffled(size, seed)] = -np.arange(size)
    return values
