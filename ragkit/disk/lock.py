"""One writer at a time, across processes."""

from __future__ import annotations

import fcntl
import os
import time
from typing import TYPE_CHECKING

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


class WriterLock:
    """An advisory lock on a file (flock), released by the kernel when its process dies, however it dies.

    Two `WriterLock` objects exclude each other in one process too. Not for use by several threads at once.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._descriptor: int | None = None
        self._process = 0

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._descriptor is not None

    def acquire(self, wait_s: float = 0.0) -> None:
        """Take the lock, trying for `wait_s` seconds; at once when it is held already.

        Raises:
            StoreLockedError: If another holder keeps it; the message names its process.
        """
        deadline = self._clock() + wait_s
        while not self.try_acquire():
            if self._clock() >= deadline:
                raise StoreLockedError(
                    f"{self._path.parent} is being written by process {self._holder()}: waited {wait_s:g} s; "
                    "wait for it to finish, or close the collection there."
                )
            time.sleep(_POLL_S)

    def try_acquire(self) -> bool:
        """Take the lock if it is free; give whether it is held now."""
        if self._descriptor is not None:
            return True
        with full_disk_named(self._path):
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _sign(descriptor)
        except BlockingIOError:
            os.close(descriptor)
            return False
        except OSError:
            os.close(descriptor)
            raise
        self._descriptor, self._process = descriptor, os.getpid()
        return True

    def release(self) -> None:
        """Give the lock back; nothing happens when it is not held."""
        if self._descriptor is None:
            return
        descriptor, self._descriptor = self._descriptor, None
        try:
            # A forked child has a copy of the descriptor: closing alone would leave the lock with the child, and the
            # child must not unlock what its parent holds.
            if self._process == os.getpid():
                # The file stays: removing it would let two processes lock two different files of one name.
                os.ftruncate(descriptor, 0)
                fcntl.flock(descriptor, fcntl.LOCK_UN)
        finally:
            os.close(descriptor)

    def _holder(self) -> str:
        return self._path.read_text(encoding="utf-8").strip() or "unknown"
