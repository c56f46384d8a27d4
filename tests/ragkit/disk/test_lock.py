"""One writer at a time."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from itertools import count
from typing import TYPE_CHECKING

import pytest

from ragkit.disk.lock import WriterLock
from ragkit.errors import StoreLockedError

if TYPE_CHECKING:
    from pathlib import Path

_HOLD = (
    "import sys, time; from pathlib import Path; from ragkit.disk.lock import WriterLock; "
    "lock = WriterLock(Path(sys.argv[1])); lock.acquire(); print('held', flush=True); time.sleep(60)"
)


def test_lock_is_held_until_release(tmp_path: Path) -> None:
    lock = WriterLock(tmp_path / "lock")
    assert not lock.held
    lock.acquire()
    assert lock.held
    lock.release()
    assert not lock.held


def test_acquire_and_release_may_be_repeated(tmp_path: Path) -> None:
    lock = WriterLock(tmp_path / "lock")
    lock.acquire()
    lock.acquire()
    lock.release()
    lock.release()
    assert not lock.held


def test_two_locks_on_one_file_exclude_each_other(tmp_path: Path) -> None:
    first, second = WriterLock(tmp_path / "lock"), WriterLock(tmp_path / "lock")
    first.acquire()
    assert not second.try_acquire()
    first.release()
    assert second.try_acquire()
    second.release()


def test_message_names_folder_and_holder(tmp_path: Path) -> None:
    first, second = WriterLock(tmp_path / "lock"), WriterLock(tmp_path / "lock")
    first.acquire()
    with pytest.raises(StoreLockedError, match=f"{tmp_path} is being written by another collection object of this"):
        second.acquire()
    first.release()


def test_acquire_tries_until_the_time_is_over(tmp_path: Path) -> None:
    first = WriterLock(tmp_path / "lock")
    first.acquire()
    ticks = count()
    second = WriterLock(tmp_path / "lock", clock=lambda: float(next(ticks)))
    with pytest.raises(StoreLockedError, match="waited 2 s"):
        second.acquire(wait_s=2)
    first.release()


def test_death_of_the_holder_frees_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with subprocess.Popen([sys.executable, "-c", _HOLD, str(path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        lock = WriterLock(path)
        with pytest.raises(StoreLockedError, match=f"process {holder.pid}"):
            lock.acquire()
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        lock.acquire()
        lock.release()


def test_release_frees_the_lock_though_a_forked_child_has_a_copy(tmp_path: Path) -> None:
    first, second = WriterLock(tmp_path / "lock"), WriterLock(tmp_path / "lock")
    first.acquire()
    assert first._descriptor is not None
    copy = os.dup(first._descriptor)  # what a fork gives the child
    first.release()
    assert second.try_acquire()
    second.release()
    os.close(copy)


def test_forked_child_does_not_unlock_what_its_parent_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = WriterLock(tmp_path / "lock"), WriterLock(tmp_path / "lock")
    first.acquire()
    assert first._descriptor is not None
    copy = os.dup(first._descriptor)
    with monkeypatch.context() as child:
        child.setattr("ragkit.disk.lock.os.getpid", lambda: -1)
        first.release()
    assert not second.try_acquire()
    os.close(copy)


def test_lock_that_is_dropped_is_given_back(tmp_path: Path) -> None:
    first, second = WriterLock(tmp_path / "lock"), WriterLock(tmp_path / "lock")
    first.acquire()
    assert not second.try_acquire()
    del first
    gc.collect()
    assert second.try_acquire()
    second.release()


def test_lock_of_the_parent_is_not_held_in_a_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = WriterLock(tmp_path / "lock")
    first.acquire()
    assert first._descriptor is not None
    parents = os.dup(first._descriptor)
    with monkeypatch.context() as child:
        child.setattr("ragkit.disk.lock.os.getpid", lambda: -1)
        assert not first.held
        assert not first.try_acquire()
    os.close(parents)


def test_interrupted_lock_closes_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    first = WriterLock(tmp_path / "lock")
    with monkeypatch.context() as system:
        system.setattr("ragkit.disk.lock._sign", interrupt)
        with pytest.raises(KeyboardInterrupt):
            first.acquire()
    assert not first.held
    second = WriterLock(tmp_path / "lock")
    assert second.try_acquire()
    second.release()


def test_failing_lock_closes_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[int] = []
    close = os.close

    def noted(descriptor: int) -> None:
        closed.append(descriptor)
        close(descriptor)

    def fail(*_: object) -> None:
        raise OSError("no locks available")

    with monkeypatch.context() as system:
        system.setattr("ragkit.disk.lock.fcntl.flock", fail)
        system.setattr("ragkit.disk.lock.os.close", noted)
        with pytest.raises(OSError, match="no locks available"):
            WriterLock(tmp_path / "lock").try_acquire()
    assert len(closed) == 1
