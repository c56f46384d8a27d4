"""Documents on their way into the collection, gathered across files into what is embedded together."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from ragkit.store.records import NewDocument, index_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["Step", "Window", "chunk_texts", "gather"]

_MAX_CHUNKS = 256
_MAX_CHARS = 4_000_000
_MAX_STEPS = 1_024
_MAX_AGE_S = 2.0


class Step(NamedTuple):
    """A document that was looked at."""

    document: NewDocument | None
    """To be written; None where it was unchanged, or failed."""
    bytes_done: int
    """Bytes of files read by then."""


@dataclass(slots=True)
class Window:
    """Some documents that are embedded together."""

    number: int
    """From 0."""
    steps: list[Step] = field(default_factory=list)
    """In the order of the files; some carry no document."""
    texts: list[list[str]] = field(default_factory=list)
    """What is embedded for each chunk of each document."""
    chunks: int = 0
    """Number of chunks."""
    chars: int = 0
    """Characters of the documents."""

    @property
    def documents(self) -> list[NewDocument]:
        """Those to be written."""
        return [step.document for step in self.steps if step.document is not None]

    def add(self, step: Step) -> None:
        """Take a step."""
        self.steps.append(step)
        if step.document is not None:
            self.texts.append(chunk_texts(step.document))
            self.chunks += len(step.document.chunks)
            self.chars += len(step.document.text)

    @property
    def is_full(self) -> bool:
        """Whether it holds 256 chunks, 4 million characters or 1,024 steps."""
        return self.chunks >= _MAX_CHUNKS or self.chars >= _MAX_CHARS or len(self.steps) >= _MAX_STEPS


def chunk_texts(document: NewDocument) -> list[str]:
    """Give what is embedded for each chunk of the document."""
    return [index_text(document.text[chunk.start : chunk.end], chunk.context) for chunk in document.chunks]


def gather(steps: Iterable[Step], *, clock: Callable[[], float] = time.monotonic) -> Iterator[Window]:
    """Give windows that hold all steps in order; memory stays flat however many come.

    A window ends when it is full, or with the first step that comes two seconds after its own first: where reading is
    slow, what was read is not kept waiting.

    Args:
        steps: Read one by one.
        clock: In seconds.
    """
    window, number, opened = Window(0), 0, 0.0
    for step in steps:
        opened = clock() if not window.steps else opened
        window.add(step)
        if window.is_full or clock() - opened >= _MAX_AGE_S:
            yield window
            number += 1
            window = Window(number)
    if window.steps:
        yield window
