"""What all selectors do with the examples they choose from: check them, name them, pass over the question itself."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from math import isnan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ragkit.errors import ConfigError, shorten
from ragkit.prompts.examples import Example, examples_digest

__all__ = ["Twins", "best_places", "checked_count", "checked_threshold", "pool_card", "shuffled"]


class Twins:
    """Which examples have the very text asked about as their input, but for white space around it."""

    def __init__(self, examples: Sequence[Example], *, show_same: bool) -> None:
        """Learn the inputs; with `show_same` no example is ever passed over."""
        self._size = len(examples)
        self._places: Mapping[str, list[int]] = defaultdict(list)
        if not show_same:
            for place, example in enumerate(examples):
                self._places[example.input.strip()].append(place)

    def of(self, text: str) -> Sequence[int]:
        """Give the places of the examples to pass over, rising."""
        return self._places.get(text.strip(), ())

    def others(self, text: str) -> Iterator[int]:
        """Give the places of all other examples, rising."""
        same = frozenset(self.of(text))
        return (place for place in range(self._size) if place not in same)


def best_places(scores: NDArray[np.float64], count: int, *, without: Sequence[int] = ()) -> list[int]:
    """Give the places of the highest scores, highest first, ties by place; -inf is never among them.

    Linear in the number of scores, for a small `count`.
    """
    if without:
        scores = scores.copy()
        scores[list(without)] = -np.inf
    candidates = np.flatnonzero(scores > -np.inf)
    if count < len(candidates):
        least = np.partition(scores[candidates], -count)[-count] if count else np.inf
        candidates = candidates[scores[candidates] >= least]
    order = np.argsort(-scores[candidates], kind="stable")[:count]
    return [int(place) for place in candidates[order]]


def shuffled(size: int, seed: int) -> list[int]:
    """Give the places of `size` examples in the order the seed draws them.

    Raises:
        ConfigError: If the seed is no whole number: without one every process would draw others.
    """
    checked_count(seed, "seed", least=None)
    places = list(range(size))
    random.Random(seed).shuffle(places)  # noqa: S311  # no secret
    return places


def checked_count(count: int, name: str = "count", *, least: int | None = 0) -> None:
    """Refuse what is no whole number, or one below `least`.

    Raises:
        ConfigError: Naming it.
    """
    if not isinstance(count, int) or isinstance(count, bool) or (least is not None and count < least):
        least_of_all = "" if least is None else f" from {least}"
        raise ConfigError(f"{name} must be a whole number{least_of_all}, got {shorten(repr(count))}.")


def checked_threshold(threshold: float | None) -> None:
    """Refuse a bound that is no number: nothing is above it, so that nothing would ever be shown.

    Raises:
        ConfigError: If it is NaN.
    """
    if threshold is not None and isnan(threshold):
        raise ConfigError(f"threshold must be a number, got {shorten(threshold)}.")


def pool_card(selector: str, examples: Sequence[Example], **options: Any) -> dict[str, Any]:
    """Give a selector's card: its name and options, how many examples it has, and their digest."""
    return {"selector": selector, **options, "pool": len(examples), "sha256": examples_digest(examples)}
