"""The seam between a labelled set and whoever predicts its labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, Self, TypeVar, runtime_checkable

from ragkit.evaluate.judges.recorded import Replies
from ragkit.evaluate.outcome import Unscored

__all__ = ["Item", "Predictor", "Recordable"]

Given = TypeVar("Given")
Given_contra = TypeVar("Given_contra", contravariant=True)
Said = TypeVar("Said")
Said_co = TypeVar("Said_co", covariant=True)


class Predictor(Protocol[Given_contra, Said_co]):
    """Says something of each item: a label of a text, the entities of a sentence, its translation."""

    @property
    def card(self) -> Mapping[str, Any]:
        """Everything that decides what it says, as JSON: written into the run's configuration."""
        ...

    def predict(self, items: Sequence[Given_contra]) -> Sequence[Said_co | Unscored]:
        """Predict each item, in order; what it says of one does not depend on the others.

        Where it fails on an item, that item gets `Unscored` with the reason.
        """
        ...


@runtime_checkable
class Recordable(Protocol):
    """A predictor that asks a model: the runners record what the model says, so that no question is paid twice."""

    def recorded(self, replies: Replies) -> Self:
        """Give the same predictor with a recording before its model."""
        ...


@dataclass(frozen=True, slots=True)
class Item(Generic[Given, Said]):
    """One row of a labelled set."""

    id: str
    """Unique in its set."""
    given: Given
    gold: Said
