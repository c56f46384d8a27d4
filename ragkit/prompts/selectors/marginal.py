"""Examples that are near the text and do not repeat each other: maximal marginal relevance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from ragkit.errors import ConfigError, shorten
from ragkit.prompts.examples import AnyExample, Example, as_examples
from ragkit.prompts.selectors.nearness import Nearness, model_card
from ragkit.prompts.selectors.pool import Twins, best_places, checked_count, pool_card
from ragkit.rank.diversify import maximal_marginal_relevance

__all__ = ["MMRSelector"]


@dataclass(frozen=True, eq=False)
class MMRSelector:
    """Of the examples nearest to the text those that repeat each other least; the first one picked, the nearest, last.

    From the `pool` nearest examples by cosine, the next pick is the one with the largest (1 - diversity) * cosine to
    the text - diversity * largest cosine to a pick before it (0 where that is negative). Ties go to the nearer one,
    then to the earlier one. A larger count ends with what a smaller one shows, so a budget that takes away the first
    ones shown leaves what MMR would have picked. Source: Carbonell and Goldstein, SIGIR 1998, section 2; for examples
    Ye et al., Findings of ACL 2023, "Complementary explanations for effective in-context learning".

    Raises:
        ConfigError: If `count` is below 0, `pool` below it, `diversity` outside [0, 1], or `encoder` is none.
    """

    examples: Sequence[Example] = field(repr=False)
    encoder: Any = field(repr=False)
    """An `Encoder`, a collection with its own, or LangChain `Embeddings`; the inputs are embedded at once."""
    count: int
    """Examples shown; fewer where fewer exist."""
    pool: int | None = field(default=None, kw_only=True)
    """Nearest examples looked at; None for four times `count`, and 20 at least."""
    diversity: float = field(default=0.5, kw_only=True)
    """From 0 (nearest only) to 1 (unlike only, after the nearest)."""
    show_same: bool = field(default=False, kw_only=True)
    """Whether an example whose input is the very text asked about is shown all the same."""
    _near: Nearness = field(init=False, repr=False)
    _twins: Twins = field(init=False, repr=False)

    def __post_init__(self) -> None:
        checked_count(self.count)
        checked_count(self._looked_at, "pool")
        if self._looked_at < self.count:
            raise ConfigError(f"pool must be at least count ({self.count}), got {self._looked_at}.")
        if not 0.0 <= self.diversity <= 1.0:
            raise ConfigError(f"diversity must be from 0 to 1, got {shorten(self.diversity)}.")
        object.__setattr__(self, "examples", as_examples(self.examples))
        object.__setattr__(self, "_near", Nearness(self.examples, self.encoder))
        object.__setattr__(self, "_twins", Twins(self.examples, show_same=self.show_same))

    @property
    def card(self) -> Mapping[str, Any]:
        """Its name and options, the embedding model, and the digest of its examples."""
        options = {"count": self.count, "nearest": self._looked_at, "diversity": self.diversity}
        model = model_card(self.encoder)
        return pool_card("mmr", self.examples, **options, show_same=self.show_same, **model)

    @property
    def _looked_at(self) -> int:
        return max(20, 4 * self.count) if self.pool is None else self.pool

    def select(self, text: str, /) -> list[Example]:
        """Give the picks, the first one last; costs one embedding."""
        if not self.count or not self.examples:
            return []
        cosines = self._near.cosines(text)
        nearest = best_places(cosines, self._looked_at, without=self._twins.of(text))
        rows = self._near.rows(nearest)
        picks = maximal_marginal_relevance(cosines[nearest], rows, k=self.count, lambda_mult=1.0 - self.diversity)
        return [self.examples[nearest[pick]] for pick in reversed(picks)]

    def with_examples(self, examples: Iterable[AnyExample], /) -> Self:
        """Give a selector over other examples; inputs that this one has embedded are not embedded again."""
        return replace(self, examples=as_examples(examples), encoder=self._near.encoder)
