"""Choices that do not look at what the text says: fixed examples, random ones, as many as fit a length."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Self

from langchain_core.messages import AIMessage, HumanMessage

from ragkit.messages.counters import Counted, counter_of
from ragkit.messages.tokens import TokenCounter
from ragkit.prompts.examples import AnyExample, Example, as_examples
from ragkit.prompts.selectors.pool import Twins, checked_count, pool_card, shuffled

__all__ = ["FixedSelector", "LengthSelector", "RandomSelector"]


@dataclass(frozen=True, eq=False)
class FixedSelector:
    """The same examples for every text, in the order given.

    Example:
        >>> [shown.output for shown in FixedSelector(as_examples([("2+2", "4"), ("2+3", "5")])).select("2+3")]
        ['4']
    """

    examples: Sequence[Example] = field(repr=False)
    show_same: bool = field(default=False, kw_only=True)
    """Whether an example whose input is the very text asked about is shown all the same."""
    _twins: Twins = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "examples", as_examples(self.examples))
        object.__setattr__(self, "_twins", Twins(self.examples, show_same=self.show_same))

    @property
    def card(self) -> Mapping[str, Any]:
        """Its name and the digest of its examples."""
        return pool_card("fixed", self.examples, show_same=self.show_same)

    def select(self, text: str, /) -> list[Example]:
        """Give all examples, but those that have the very text."""
        return list(self.each(text))

    def each(self, text: str, /) -> Iterator[Example]:
        """Give what `select` gives one by one, for those who need the first ones only."""
        return (self.examples[place] for place in self._twins.others(text))

    def with_examples(self, examples: Iterable[AnyExample], /) -> Self:
        """Give a selector of other examples."""
        return replace(self, examples=as_examples(examples))


@dataclass(frozen=True, eq=False)
class RandomSelector:
    """The same random examples for every text, in the order the seed draws them.

    One that has the very text is replaced by the next one drawn. A larger count begins with what a smaller one shows.

    Raises:
        ConfigError: If `count` is below 0, or `seed` no whole number.
    """

    examples: Sequence[Example] = field(repr=False)
    count: int
    """Examples shown; fewer where fewer exist."""
    seed: int = field(default=0, kw_only=True)
    show_same: bool = field(default=False, kw_only=True)
    """Whether an example whose input is the very text asked about is shown all the same."""
    _drawn: FixedSelector = field(init=False, repr=False)

    def __post_init__(self) -> None:
        checked_count(self.count)
        examples = as_examples(self.examples)
        object.__setattr__(self, "examples", examples)
        drawn = [examples[place] for place in shuffled(len(examples), self.seed)]
        object.__setattr__(self, "_drawn", FixedSelector(drawn, show_same=self.show_same))

    @property
    def card(self) -> Mapping[str, Any]:
        """Its name, count and seed, and the digest of its examples."""
        return pool_card("random", self.examples, count=self.count, seed=self.seed, show_same=self.show_same)

    def select(self, text: str, /) -> list[Example]:
        """Give the first examples drawn that do not have the very text."""
        return list(islice(self._drawn.each(text), self.count))

    def with_examples(self, examples: Iterable[AnyExample], /) -> Self:
        """Give a selector that draws from other examples."""
        return replace(self, examples=as_examples(examples))


@dataclass(frozen=True, eq=False)
class LengthSelector:
    """As many examples as fit beside the text, from the first on, in the order given.

    Each counts as a turn of the user and one of the assistant; the instruction is not counted. The first that does not
    fit ends the choice, so that a shorter text never loses an example that a longer one has. For a bound on the whole
    prompt give `max_tokens` to the few-shot prompt.

    Raises:
        ConfigError: If `max_tokens` is below 1, or `counter` none of these.
    """

    examples: Sequence[Example] = field(repr=False)
    max_tokens: int
    """The most the examples and the text may take together."""
    counter: Counted = field(repr=False)
    """The chat model, its name, a `TokenCounter`, or None for the estimate."""
    show_same: bool = field(default=False, kw_only=True)
    """Whether an example whose input is the very text asked about is shown all the same."""
    _fixed: FixedSelector = field(init=False, repr=False)
    _counts: TokenCounter = field(init=False, repr=False)

    def __post_init__(self) -> None:
        checked_count(self.max_tokens, "max_tokens", least=1)
        object.__setattr__(self, "_counts", counter_of(self.counter))
        object.__setattr__(self, "_fixed", FixedSelector(self.examples, show_same=self.show_same))
        object.__setattr__(self, "examples", self._fixed.examples)

    @property
    def card(self) -> Mapping[str, Any]:
        """Its name and bound, how exactly that is counted, and the digest of its examples."""
        options = {"max_tokens": self.max_tokens, "estimated": self._counts.estimated, "show_same": self.show_same}
        return pool_card("length", self.examples, **options)

    def select(self, text: str, /) -> list[Example]:
        """Give the first examples that fit; none where the text alone takes it all."""
        candidates = self._fixed.select(text)
        bound = 1
        while bound <= len(candidates) and self._fits(candidates[:bound], text):
            bound *= 2
        fitting = bound // 2  # so many fit, and `bound` do not or are not there
        more = range(fitting + 1, min(bound, len(candidates) + 1))
        fitting += bisect_left(more, True, key=lambda count: not self._fits(candidates[:count], text))
        return candidates[:fitting]

    def _fits(self, examples: Sequence[Example], text: str) -> bool:
        turns = [turn for shown in examples for turn in (HumanMessage(shown.input), AIMessage(shown.output))]
        return self._counts.messages([*turns, HumanMessage(text)]) <= self.max_tokens

    def with_examples(self, examples: Iterable[AnyExample], /) -> Self:
        """Give a selector of as many of other examples."""
        return replace(self, examples=as_examples(examples))
