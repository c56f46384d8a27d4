"""The examples that share the most words and phrases with the text, found without a model."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ragkit.prompts.examples import AnyExample, Example, as_examples
from ragkit.prompts.selectors.pool import Twins, best_places, checked_count, checked_threshold, pool_card
from ragkit.text.analyse import Analyser

__all__ = ["NGramOverlapSelector"]

_LONGEST = 3
_WORDS = Analyser(stem=False, stop_words=frozenset())
_Gram: TypeAlias = tuple[str, ...]


class _Posting(NamedTuple):
    """Where an n-gram stands."""

    places: NDArray[np.intp]
    counts: NDArray[np.float64]
    """How often in each."""


@dataclass(frozen=True, eq=False)
class NGramOverlapSelector:
    """The examples whose words overlap most with the text's, the most like last.

    The overlap of two texts is the mean over n = 1 … N of 2 * shared / (n-grams of one + n-grams of the other), N being
    3 or, for a shorter text asked about, the number of its words; an n-gram is shared as often as it stands in both
    (Dice's coefficient over multisets). It is from 0 (no word in common) to 1 (the same words in the same order).
    Words are as `Analyser` cuts them, without stemming and with stop words; Chinese, Japanese, Thai and the like count
    by pairs of characters. Ties go to the earlier example.

    LangChain's `NGramOverlapExampleSelector` takes smoothed sentence BLEU of the text against the example instead,
    which is not symmetric and gives phrases of four words as much weight as words.

    Raises:
        ConfigError: If `count` is below 0, or the threshold no number.
    """

    examples: Sequence[Example] = field(repr=False)
    count: int
    """Examples shown; fewer where fewer exist."""
    threshold: float | None = field(default=None, kw_only=True)
    """Only examples with an overlap above it are shown: 0 leaves out those that share no word."""
    show_same: bool = field(default=False, kw_only=True)
    """Whether an example whose input is the very text asked about is shown all the same."""
    _postings: Mapping[_Gram, _Posting] = field(init=False, repr=False)
    _sizes: NDArray[np.float64] = field(init=False, repr=False)
    _twins: Twins = field(init=False, repr=False)

    def __post_init__(self) -> None:
        checked_count(self.count)
        checked_threshold(self.threshold)
        object.__setattr__(self, "examples", as_examples(self.examples))
        object.__setattr__(self, "_twins", Twins(self.examples, show_same=self.show_same))
        words = [_WORDS(example.input) for example in self.examples]
        object.__setattr__(self, "_postings", _posted(words))
        sizes = [[max(0, len(text) - n + 1) for text in words] for n in range(1, _LONGEST + 1)]
        object.__setattr__(self, "_sizes", np.array(sizes, dtype=np.float64))

    @property
    def card(self) -> Mapping[str, Any]:
        """Its name and options, and the digest of its examples."""
        options = {"count": self.count, "threshold": self.threshold, "words": _WORDS.name, "longest": _LONGEST}
        return pool_card("n-gram overlap", self.examples, **options, show_same=self.show_same)

    def select(self, text: str, /) -> list[Example]:
        """Give the examples that overlap most, the most like last; costs the examples that share a word."""
        overlaps = self.overlaps(text)
        if self.threshold is not None:
            overlaps = np.where(overlaps > self.threshold, overlaps, -np.inf)
        best = best_places(overlaps, self.count, without=self._twins.of(text))
        return [self.examples[place] for place in reversed(best)]

    def overlaps(self, text: str) -> NDArray[np.float64]:
        """Give the overlap of every example with `text`, in their order: `(n,)`, from 0 to 1."""
        words = _WORDS(text)
        orders = min(_LONGEST, len(words))
        total = np.zeros(len(self.examples))
        for n in range(1, orders + 1):
            shared = np.zeros(len(self.examples))
            for gram, times in Counter(_grams(words, n)).items():
                if found := self._postings.get(gram):
                    shared[found.places] += np.minimum(found.counts, times)
            total += 2 * shared / (self._sizes[n - 1] + (len(words) - n + 1))
        return total / max(1, orders)

    def with_examples(self, examples: Iterable[AnyExample], /) -> Self:
        """Give a selector over other examples."""
        return replace(self, examples=as_examples(examples))


def _posted(texts: Sequence[Sequence[str]]) -> dict[_Gram, _Posting]:
    found: dict[_Gram, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for place, words in enumerate(texts):
        for n in range(1, _LONGEST + 1):
            for gram, times in Counter(_grams(words, n)).items():
                places, counts = found[gram]
                places.append(place)
                counts.append(times)
    return {
        gram: _Posting(np.array(places, dtype=np.intp), np.array(counts, dtype=np.float64))
        for gram, (places, counts) in found.items()
    }


def _grams(words: Sequence[str], n: int) -> list[_Gram]:
    return list(zip(*(words[start:] for start in range(n)), strict=False))
