from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkit.encoder import EncoderCard
from ragkit.ingest.embedding import Embedding
from ragkit.ingest.window import Step, Window
from ragkit.store.records import NewChunk, NewDocument

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ragkit.encoder import Vectors
    from ragkit.store.collection import Collection

SIGNS = "abcdefgh"


def vector(text: str) -> list[float]:
    return [float(SIGNS.index(text)), 1.0]


class Encoder:
    """Reads `ahead` groups before it gives the vectors of the first."""

    card = EncoderCard(model="m", dim=2)

    def __init__(self, ahead: int) -> None:
        self.ahead = ahead
        self.given: list[str] = []

    def encode_each(self, groups: Iterable[Sequence[str]]) -> Iterator[Vectors]:
        waiting: deque[Vectors] = deque()
        for texts in groups:
            self.given += texts
            waiting.append(np.array([vector(text) for text in texts], dtype=np.float32).reshape(len(texts), 2))
            if len(waiting) > self.ahead:
                yield waiting.popleft()
        yield from waiting


class Holding:
    """A collection as far as it is asked here."""

    def __init__(self, texts: str = "") -> None:
        self.texts = set(texts)

    def known_vectors(self, texts: Iterable[str]) -> dict[str, Any]:
        return {text: np.array(vector(text), dtype=np.float32) for text in texts if text in self.texts}


def windows(texts: Sequence[str]) -> list[Window]:
    """Give one window of one document for each text, whose chunks are its signs."""
    found: list[Window] = []
    for number, text in enumerate(texts):
        chunks = [NewChunk(place, place + 1) for place in range(len(text))]
        found.append(Window(number))
        found[-1].add(Step(NewDocument(doc_id=str(number), text=text, chunks=chunks), 0))
    return found


def embedding(encoder: Encoder, holding: Holding | None, *, dry_run: bool = False) -> Embedding:
    return Embedding(cast("Any", encoder), cast("Collection | None", holding), dry_run=dry_run)


@given(
    st.lists(st.text(SIGNS, max_size=6), max_size=12),
    st.text(SIGNS, max_size=3),
    st.integers(0, 4),
    st.integers(0, 4),
)
def test_every_text_is_embedded_once_however_far_writing_lags(
    texts: list[str], held: str, ahead: int, lag: int
) -> None:
    encoder, holding = Encoder(ahead), Holding(held)
    stage = embedding(encoder, holding)
    waiting: deque[Window] = deque()
    embedded = 0
    for item in stage.run(windows(texts)):
        (rows,) = item.vectors
        assert rows.tolist() == [vector(text) for text in item.window.texts[0]]
        embedded += item.embedded
        waiting.append(item.window)
        if len(waiting) > lag:
            written = waiting.popleft()
            holding.texts |= set(written.texts[0])
            stage.written(written.number)
    new = set("".join(texts)) - set(held)
    assert sorted(encoder.given) == sorted(new)
    assert embedded == len(new)


@given(st.lists(st.text(SIGNS, max_size=6), max_size=8), st.text(SIGNS, max_size=3))
def test_a_dry_run_counts_what_a_sync_would_embed(texts: list[str], held: str) -> None:
    encoder = Encoder(0)
    counted = sum(item.embedded for item in embedding(encoder, Holding(held), dry_run=True).run(windows(texts)))
    assert counted == len(set("".join(texts)) - set(held))
    assert encoder.given == []


def test_without_a_collection_everything_counts() -> None:
    assert [item.embedded for item in embedding(Encoder(0), None, dry_run=True).run(windows(["ab", "bc"]))] == [2, 1]


def test_written_windows_are_let_go() -> None:
    encoder, holding = Encoder(1), Holding()
    stage = embedding(encoder, holding)
    for item in stage.run(windows(["ab", "bc", "cd", "de", "ef", "fg"])):
        holding.texts |= set(item.window.texts[0])
        stage.written(item.window.number)
    assert len(stage._owners) <= 4
    assert all(not owner.borrowed for owner in stage._owners.values())


def test_an_error_of_the_model_comes_after_the_windows_before_it() -> None:
    class Failing(Encoder):
        def encode_each(self, groups: Iterable[Sequence[str]]) -> Iterator[Vectors]:
            for number, rows in enumerate(super().encode_each(groups)):
                if number == 2:
                    raise RuntimeError("the model broke")
                yield rows

    found = embedding(Failing(0), Holding()).run(windows(["a", "b", "c", "d"]))
    assert [next(found).window.number, next(found).window.number] == [0, 1]
    with pytest.raises(RuntimeError, match="the model broke"):
        next(found)
