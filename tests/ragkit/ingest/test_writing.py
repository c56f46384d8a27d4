from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest

from ragkit.ingest.embedding import EmbeddedWindow
from ragkit.ingest.progress import Meter, Progress
from ragkit.ingest.window import Step, Window
from ragkit.ingest.writing import Writing
from ragkit.store.records import NewChunk, NewDocument

if TYPE_CHECKING:
    from collections.abc import Iterable


class Shelf:
    """A collection and an embedding, as far as they are called here."""

    def __init__(self) -> None:
        self.puts: list[list[str]] = []
        self.numbers: list[int] = []

    def put_many(self, pairs: Iterable[tuple[NewDocument, Any]]) -> None:
        self.puts.append([document.doc_id for document, _ in pairs])

    def written(self, number: int) -> None:
        self.numbers.append(number)


def window(number: int, *, chunks: int = 1, chars: int = 1) -> EmbeddedWindow:
    text = "x" * max(chunks, chars)
    document = NewDocument(
        doc_id=f"d{number}", text=text, chunks=[NewChunk(place, place + 1) for place in range(chunks)]
    )
    found = Window(number)
    found.add(Step(document, 10 * number))
    found.add(Step(None, 10 * number + 5))
    return EmbeddedWindow(found, [np.ones((chunks, 2), dtype=np.float32)], chunks)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


def writing(shelf: Shelf, meter: Meter | None = None, *, now: list[float] | None = None) -> Writing:
    times = now or [0.0]
    meter = meter or Meter(None, total=None, total_bytes=0)
    return Writing(cast("Any", shelf), cast("Any", shelf), meter, clock=lambda: times[0])


def test_windows_are_written_together_at_1024_chunks(shelf: Shelf) -> None:
    stage = writing(shelf)
    for number in range(5):
        stage.take(window(number, chunks=256))
    assert (shelf.puts, shelf.numbers) == ([["d0", "d1", "d2", "d3"]], [3])
    stage.flush()
    assert (shelf.puts[1:], shelf.numbers) == ([["d4"]], [3, 4])


def test_windows_are_written_at_eight_million_characters(shelf: Shelf) -> None:
    stage = writing(shelf)
    for number in range(3):
        stage.take(window(number, chars=4_000_000))
    assert shelf.puts == [["d0", "d1"]]


def test_a_window_is_written_when_the_last_commit_was_two_seconds_ago(shelf: Shelf) -> None:
    now = [0.0]
    stage = writing(shelf, now=now)
    stage.take(window(0))
    now[0] = 2.0
    stage.take(window(1))
    now[0] = 3.9
    stage.take(window(2))
    assert shelf.puts == [["d0", "d1"]]


def test_nothing_waiting_is_not_written(shelf: Shelf) -> None:
    writing(shelf).flush()
    assert (shelf.puts, shelf.numbers) == ([], [])


def test_every_step_is_told_with_its_place_and_counts(shelf: Shelf) -> None:
    told: list[Progress] = []
    stage = writing(shelf, Meter(told.append, total=None, total_bytes=30))
    stage.take(window(0, chunks=3))
    stage.take(window(1, chunks=2))
    assert [(progress.done, progress.chunks, progress.embedded) for progress in told] == [
        (1, 3, 3),
        (2, 3, 3),
        (3, 5, 5),
        (4, 5, 5),
    ]
    assert [progress.left_s is None for progress in told] == [True, False, False, False]
