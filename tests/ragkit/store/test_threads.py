"""One search on all processors."""

from __future__ import annotations

import os
import threading

import pytest

from ragkit.store.threads import on_threads, thread_count


def test_results_come_in_the_order_of_the_items() -> None:
    assert on_threads(lambda item: item * item, [3, 1, 2]) == [9, 1, 4]
    assert on_threads(lambda item: item, []) == []


def test_the_callers_thread_takes_part() -> None:
    threads = on_threads(lambda _: threading.get_ident(), [1, 2])
    assert threads[0] == threading.get_ident() != threads[1]


def test_faiss_starts_no_threads_of_its_own_meanwhile_and_may_again_afterwards() -> None:
    import faiss

    before = faiss.omp_get_max_threads()
    assert on_threads(lambda _: faiss.omp_get_max_threads(), [1, 2, 3]) == [1, 1, 1]
    assert faiss.omp_get_max_threads() == before


def test_an_error_reaches_the_caller() -> None:
    def fail(item: int) -> int:
        if item == 2:
            raise ValueError("part 2 failed")
        return item

    with pytest.raises(ValueError, match="part 2 failed"):
        on_threads(fail, [1, 2, 3])


def test_there_is_at_least_one_thread() -> None:
    assert thread_count() >= 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded, use of fork:DeprecationWarning")
def test_a_forked_child_has_threads_of_its_own() -> None:
    assert on_threads(lambda item: item, [1, 2]) == [1, 2]
    child = os.fork()
    if child == 0:
        os._exit(0 if on_threads(lambda item: item, [1, 2, 3]) == [1, 2, 3] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
