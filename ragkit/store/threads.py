"""One search on all processors: threads that wait for parts of it, shared by every collection of the process."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["on_threads", "thread_count"]

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_lock = Lock()
_pool: ThreadPoolExecutor | None = None


def thread_count() -> int:
    """Give how many threads this process may run at once, at least 1."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS has no affinity
        return os.cpu_count() or 1


def on_threads(function: Callable[[_Item], _Result], items: Sequence[_Item]) -> list[_Result]:
    """Give `function`, which calls FAISS, of each item, in order; the caller's thread takes the first one itself."""
    others = [_threads().submit(_alone, function, item) for item in items[1:]]
    return [*[_alone(function, item) for item in items[:1]], *[other.result() for other in others]]


def _alone(function: Callable[[_Item], _Result], item: _Item) -> _Result:
    """Call a function without the threads that FAISS would start: they burn time while they wait for each other."""
    import faiss  # here because it takes 0.1 s, which a search by words need not wait for

    before = faiss.omp_get_max_threads()  # of this thread alone
    faiss.omp_set_num_threads(1)
    try:
        return function(item)
    finally:
        faiss.omp_set_num_threads(before)


def _threads() -> ThreadPoolExecutor:
    global _pool  # one pool for the process, made when first needed
    with _lock:
        if _pool is None:
            _pool = ThreadPoolExecutor(thread_count(), thread_name_prefix="ragkit-search")
        return _pool


def _forget() -> None:
    global _pool, _lock
    _pool, _lock = None, Lock()


# A forked child has the pool's object without its threads, and maybe the lock as taken by a thread that is not there.
os.register_at_fork(after_in_child=_forget)
