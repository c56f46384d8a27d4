"""The seam between a few-shot prompt and whoever chooses its examples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, Self, runtime_checkable

from ragkit.prompts.examples import AnyExample, Example

__all__ = ["PoolSelector", "Selector"]


@runtime_checkable
class Selector(Protocol):
    """Chooses the examples that are shown with a text."""

    @property
    def card(self) -> Mapping[str, Any]:
        """Everything that decides what it chooses, as JSON; no text of an example."""
        ...

    def select(self, text: str, /) -> Sequence[Example]:
        """Give the examples for `text` in the order they are shown: the nearest to the question last.

        The same text gives the same examples. Where a budget has no room for all, the first go first.
        """
        ...


@runtime_checkable
class PoolSelector(Selector, Protocol):
    """A selector that chooses from examples it holds; all of ragkit's are."""

    @property
    def examples(self) -> Sequence[Example]:
        """What it chooses from."""
        ...

    def with_examples(self, examples: Iterable[AnyExample], /) -> Self:
        """Give the same selector over other examples; this one stays as it is."""
        ...
