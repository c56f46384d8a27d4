from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ragkit.ingest.window import Step, gather
from ragkit.store.records import NewChunk, NewDocument


def step(chunks: int, chars: int = 0, at: int = 0) -> Step:
    text = "x" * max(chunks, chars, 1)
    return Step(NewDocument(doc_id="d", text=text, chunks=[NewChunk(n, n + 1, f"c{n}") for n in range(chunks)]), at)


def still() -> float:
    return 0.0


@given(st.lists(st.one_of(st.none(), st.integers(0, 300)), max_size=60))
def test_windows_hold_every_step_in_order_and_one_document_beyond_256_chunks_at_most(sizes: list[int | None]) -> None:
    steps = [Step(None, at) if size is None else step(size, at=at) for at, size in enumerate(sizes)]
    windows = list(gather(steps, clock=still))
    assert [each for window in windows for each in window.steps] == steps
    assert [window.number for window in windows] == list(range(len(windows)))
    for window in windows:
        assert window.chunks == sum(len(document.chunks) for document in window.documents)
        assert [len(texts) for texts in window.texts] == [len(document.chunks) for document in window.documents]
        last = window.documents[-1:] if window.steps[-1].document is not None else []
        assert window.chunks - sum(len(document.chunks) for document in last) < 256
    assert all(window.chunks >= 256 for window in windows[:-1])


def test_a_window_holds_the_text_and_context_of_each_chunk() -> None:
    (window,) = gather([step(2)], clock=still)
    assert window.texts == [["c0\nx", "c1\nx"]]


def test_a_window_ends_at_four_million_characters() -> None:
    windows = list(gather([step(1, 1_500_000) for _ in range(4)], clock=still))
    assert [len(window.steps) for window in windows] == [3, 1]


def test_a_window_ends_at_1024_steps_that_carry_nothing() -> None:
    windows = list(gather([Step(None, at) for at in range(1_500)], clock=still))
    assert [len(window.steps) for window in windows] == [1_024, 476]


def test_what_was_read_slowly_is_not_kept_waiting() -> None:
    times = iter(range(100))  # a second passes with every look at the clock
    windows = list(gather([step(1) for _ in range(6)], clock=lambda: float(next(times))))
    assert [len(window.steps) for window in windows] == [2, 2, 2]


def test_no_step_gives_no_window() -> None:
    assert list(gather([])) == []
