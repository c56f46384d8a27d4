"""What a forked child must not share with its parent: locks, descriptors that carry one, connections of SQLite."""

from __future__ import annotations

import os
from threading import Lock, RLock
from typing import Protocol
from weakref import WeakSet

__all__ = ["Forked", "lock_of_threads", "on_fork"]


class Forked(Protocol):
    """An object that is told when its process forks; both calls come in the thread that forks."""

    def before_fork(self) -> None:
        """Let go of what a child must not have; what it cannot let go of, `after_fork` takes from the child."""

    def after_fork(self, *, child: bool) -> None:
        """Go on, in the parent and in the child."""


_told: WeakSet[Forked] = WeakSet()
_telling: list[Forked] = []
_locks: WeakSet[Lock] = WeakSet()
_one_fork = RLock()


def on_fork(told: Forked) -> None:
    """Tell an object of each fork as long as it lives."""
    _told.add(told)


def lock_of_threads() -> Lock:
    """Make a lock that is free in a forked child: a thread that held it does not live there.

    Not for a block in which a caller's code, which may fork, runs.
    """
    lock = Lock()
    _locks.add(lock)
    return lock


def _before() -> None:
    _one_fork.acquire()
    for told in list(_told):
        _telling.append(told)
        told.before_fork()


def _after(*, child: bool) -> None:
    if child:
        for lock in list(_locks):
            lock._at_fork_reinit()  # type: ignore[attr-defined]  # as the standard library does
    told = list(_telling)
    _telling.clear()
    try:
        for one in told:
            one.after_fork(child=child)
    finally:
        _one_fork.release()


os.register_at_fork(
    before=_before, after_in_parent=lambda: _after(child=False), after_in_child=lambda: _after(child=True)
)
