"""One writer at a time, across processes."""

from __future__ import annotations

import fcntl
import os
import time
from typing import TYPE_CHECKING, Any
from weakref import finalize

from ragkit.disk.fork import on_fork
from ragkit.disk.space import full_disk_named, says_full
from ragkit.errors import StoreLockedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["WriterLock"]

_POLL_S = 0.02


def _sign(descriptor: int) -> None:
    """Write who holds the lock, for the message of the next; a full disk must not keep a writer from making room."""
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    except OSError as error:
        if not says_full(error):
            raise


def _give_back(descriptor: int, process: int) -> None:
    try:
        # A forked child has a copy of the descriptor: closing alone would leave the lock with the child, and the
        # child must not unlock what its parent holds.
        if process == os.getpid():
            # The file stays: removing it would let two processes lock two different files of one name.
            os.ftruncate(descriptor, 0)
            fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


class WriterLock:
    """An advisory lock on a file (flock), released by the kernel when its process dies, however it dies.

    Two `WriterLock` objects exclude each other in one process too. One that is dropped gives the lock back, and a
    forked child has none of its parent's. Not for use by several threads at once.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._descriptor: int | None = None
        self._process = 0
        self._dropped: finalize[Any, Any] | None = None
        on_fork(self)

    @property
    def held(self) -> bool:
        """Whether this object holds the lock, in this process."""
        return self._descriptor is not None and self._process == os.getpid()

    def acquire(self, wait_s: float = 0.0) -> None:
        """Take the lock, trying for `wait_s` seconds; at once when it is held already.

        Raises:
            StoreLockedError: If another holder keeps it; the message names its process.
        """
        deadline = self._clock() + wait_s
        while not self.try_acquire():
            if self._clock() >= deadline:
                raise StoreLockedError(
                    f"{self._path.parent} is being written by {self._holder()}: waited {wait_s:g} s; "
                    "wait for it to finish, or close the collection there."
                )
            time.sleep(_POLL_S)

    def try_acquire(self) -> bool:
        """Take the lock if it is free; give whether it is held now."""
        if self.held:
            return True
        self.release()  # the copy that a fork made
        with full_disk_named(self._path):
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _sign(descriptor)
            self._dropped = finalize(self, _give_back, descriptor, os.getpid())
            self._descriptor, self._process = descriptor, os.getpid()
        except BlockingIOError:
            os.close(descriptor)
            return False
        except BaseException:
            if self._dropped is not None:
                self._dropped.detach()
            self._dropped = self._descriptor = None
            os.close(descriptor)
            raise
        return True

    def release(self) -> None:
        """Give the lock back; nothing happens when it is not held."""
        if self._descriptor is None:
            return
        if self._dropped is not None:
            self._dropped.detach()
        descriptor, self._descriptor, self._dropped = self._descriptor, None, None
        _give_back(descriptor, self._process)

    def before_fork(self) -> None:
        """Keep the lock: it stays with the parent."""

    def after_fork(self, *, child: bool) -> None:
        """Close the child's copy, which would keep the lock when the parent dies."""
        if child:
            self.release()

    def _holder(self) -> str:
        process = self._path.read_text(encoding="utf-8").strip() or "unknown"
        return "another collection object of this process" if process == str(os.getpid()) else f"process {process}"
