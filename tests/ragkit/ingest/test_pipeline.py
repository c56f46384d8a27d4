from __future__ import annotations

import threading
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkit.ingest.pipeline import Stages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def stage_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "ragkit-stage"]


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    yield
    assert stage_threads() == []


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


@given(st.lists(st.integers()), st.integers(1, 3), st.integers(1, 3))
def test_items_come_in_order_through_two_stages(numbers: list[int], first: int, second: int) -> None:
    with Stages() as stages:
        doubled = (2 * number for number in stages.ahead(iter(numbers), depth=first))
        assert list(stages.ahead(doubled, depth=second)) == [2 * number for number in numbers]


def test_items_may_be_none() -> None:
    with Stages() as stages:
        assert list(stages.ahead([None, None], depth=1)) == [None, None]


def test_a_stage_runs_in_a_thread_of_its_own() -> None:
    with Stages() as stages:
        (name,) = stages.ahead((threading.current_thread().name for _ in range(1)), depth=1)
    assert name == "ragkit-stage"


def test_a_stage_sees_the_context_variables_of_its_maker() -> None:
    variable = ContextVar("variable", default="outside")
    variable.set("inside")
    with Stages() as stages:
        assert list(stages.ahead((variable.get() for _ in range(1)), depth=1)) == ["inside"]


def test_no_more_is_made_than_may_wait_and_one() -> None:
    made: list[int] = []

    def numbers() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            yield number

    with Stages() as stages:
        items = stages.ahead(numbers(), depth=3)
        wait_for(lambda: len(made) == 4)
        time.sleep(0.05)
        assert len(made) == 4
        assert next(items) == 0
        wait_for(lambda: len(made) == 5)
        assert list(items) == list(range(1, 100))


def test_stages_run_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=30)

    def meeting(items: Iterator[int]) -> Iterator[int]:
        for item in items:
            both.wait()  # breaks unless another stage waits here too
            yield item

    with Stages() as stages:
        first = stages.ahead(meeting(iter(range(4))), depth=4)
        second = stages.ahead(meeting(iter(range(4))), depth=4)
        assert list(zip(first, second, strict=True)) == [(n, n) for n in range(4)]


def failing(items: Iterator[int], at: int, error: BaseException) -> Iterator[int]:
    for item in items:
        if item == at:
            raise error
        yield item


@pytest.mark.parametrize("broken", [0, 1, 2])
@pytest.mark.parametrize("error", [ValueError("broken"), KeyboardInterrupt("broken")])
def test_an_error_of_any_stage_comes_after_the_items_before_it(broken: int, error: BaseException) -> None:
    with Stages() as stages:
        items = iter(range(50))
        for stage in range(3):
            items = failing(items, 20, error) if stage == broken else failing(items, -1, error)
            items = stages.ahead(items, depth=2) if stage < 2 else items
        assert [next(items) for _ in range(20)] == list(range(20))
        with pytest.raises(type(error), match="broken"):
            next(items)


def test_an_error_of_the_consumer_ends_stages_that_wait_for_room_and_closes_them() -> None:
    closed: list[str] = []

    def endless(name: str, items: Iterator[int] | None = None) -> Iterator[int]:
        try:
            number = 0
            while True:
                yield number if items is None else next(items)
                number += 1
        finally:
            closed.append(name)

    def read_ten() -> None:
        with Stages() as stages:
            first = stages.ahead(endless("first"), depth=1)
            for item in stages.ahead(endless("second", first), depth=1):
                if item == 10:
                    raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        read_ten()
    assert sorted(closed) == ["first", "second"]


def test_a_stage_that_waits_for_a_slow_one_ends_with_the_block() -> None:
    go_on = threading.Event()

    def slow() -> Iterator[int]:
        go_on.wait(30)
        yield 1

    handled: list[BaseException] = []

    def hopeful(items: Iterator[int]) -> Iterator[int]:
        try:
            yield from items
        except Exception as error:
            handled.append(error)
            raise

    with Stages() as stages:
        stages.ahead(hopeful(stages.ahead(slow(), depth=1)), depth=1)
        wait_for(lambda: len(stage_threads()) == 2)
        threading.Timer(0.05, go_on.set).start()
    assert handled == []  # the end of the block is no fault that a stage may handle


def test_a_block_may_end_before_anything_was_read() -> None:
    with Stages() as stages:
        stages.ahead(iter(range(10)), depth=1)
