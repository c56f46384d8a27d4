"""Groups of texts on their way through an engine: what of a group is known, what is to be computed, what came back."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ragkit.embed.batches import TextVector

if TYPE_CHECKING:
    from ragkit.encoder import Vectors

__all__ = ["TextGroup"]


@dataclass(slots=True)
class TextGroup:
    """Texts that were asked for together."""

    texts: list[str]
    """As asked; may repeat."""
    known: dict[str, TextVector]
    """Those that need not be computed."""
    missing: list[str] = field(default_factory=list)
    """Those that must, each once."""
    lengths: list[int] = field(default_factory=list)
    """Tokens of each missing text."""
    batches: deque[list[int]] = field(default_factory=deque)
    """Rows of `missing` that are computed together, batch by batch; taken off as their vectors come."""
    computed: Vectors = field(default_factory=lambda: np.zeros((0, 0), dtype=np.float32))
    """Vectors of the missing texts, as far as they came."""

    @property
    def is_complete(self) -> bool:
        """Whether all vectors are there."""
        return not self.batches

    def take(self, vectors: Vectors) -> None:
        """Take what the engine gave for the next batch."""
        self.computed[self.batches.popleft()] = vectors

    def fresh(self) -> dict[str, TextVector]:
        """Give what was computed."""
        return {text: TextVector(self.computed[row], self.lengths[row]) for row, text in enumerate(self.missing)}
