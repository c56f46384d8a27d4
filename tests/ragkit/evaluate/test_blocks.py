from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from contextlib import closing

import pytest

from ragkit.errors import InputError
from ragkit.evaluate.blocks import at_least_one, check_rows, each_once, worked
from ragkit.evaluate.outcome import Row, Unscored

_BLOCKS = [["a"], ["b", "c"], ["d"]]


def test_one_worker_is_the_calling_thread_and_works_in_order() -> None:
    seen: list[tuple[int, Sequence[str]]] = []

    def one(block: Sequence[str]) -> int:
        seen.append((threading.get_ident(), block))
        return len(block)

    assert list(worked(_BLOCKS, one, 1)) == [1, 2, 1]
    assert seen == [(threading.get_ident(), block) for block in _BLOCKS]


def test_several_workers_work_every_block_once() -> None:
    assert sorted(worked(_BLOCKS, len, 2)) == [1, 1, 2]


def test_nothing_is_begun_after_it_was_closed() -> None:
    begun: list[Sequence[str]] = []

    def one(block: Sequence[str]) -> int:
        begun.append(block)
        threading.Event().wait(0.02)
        return len(block)

    with closing(worked([["x"]] * 3000, one, 2)) as sizes:
        next(sizes)
    known = len(begun)
    assert known < 3000
    assert [thread for thread in threading.enumerate() if thread.name.startswith("ragkit-run")] == []
    assert len(begun) == known


@pytest.mark.parametrize("workers", [1, 2])
def test_what_a_block_raises_is_raised(workers: int) -> None:
    def one(block: Sequence[str]) -> int:
        raise RuntimeError("gone")

    with pytest.raises(RuntimeError, match="gone"):
        list(worked(_BLOCKS, one, workers))


def test_options_below_one_are_named() -> None:
    at_least_one(block=1, workers=7)
    with pytest.raises(InputError, match=r"workers must be at least 1, got 0\."):
        at_least_one(block=1, workers=0)


def test_a_repeated_id_is_named() -> None:
    each_once(["a", "b"])
    with pytest.raises(InputError, match="the id 'a' is there twice: give each row an id of its own"):
        each_once(["a", "b", "a"])


def test_an_id_that_a_line_of_json_would_change_is_refused() -> None:
    each_once(["a\nb", "\u2028", "\ud800", "😀", ""])
    with pytest.raises(InputError, match="would be another one when it is read back from JSON"):
        each_once(["\ud83d\ude00"])


def test_rows_are_checked_for_their_ids_and_their_numbers() -> None:
    check_rows(["a", "b"], [Row(id="b", outcomes={"m": Unscored("none")}), Row(id="a", outcomes={"m": 1})])
    with pytest.raises(InputError, match=r"the work gave the rows \[b\] for the ids \[a\]: give one for each"):
        check_rows(["a"], [Row(id="b", outcomes={})])
    for wrong in (math.inf, math.nan, 10**400, "0.5", None):
        with pytest.raises(InputError, match=r"the row 'a' has m = .*: expected a finite number, or Unscored"):
            check_rows(["a"], [Row(id="a", outcomes={"m": wrong})])  # type: ignore[dict-item]
