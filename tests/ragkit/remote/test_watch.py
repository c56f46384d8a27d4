"""What a watch remembers of an exchange."""

from __future__ import annotations

from ragkit.remote.policy import Deadline
from ragkit.remote.watch import Watch, watch_in_force


def test_a_watch_keeps_little_of_a_long_reply() -> None:
    watch = Watch()
    for _ in range(10):
        watch.note(b"a" * 500)
    watch.note(b"end")
    assert (len(watch.head), len(watch.tail), watch.tail[-3:], watch.size) == (2000, 2000, b"end", 5003)


def test_the_watch_of_the_innermost_block_is_in_force() -> None:
    assert watch_in_force() is None
    with Watch() as outer:
        with Watch(Deadline(1.0)) as inner:
            assert watch_in_force() is inner
        assert watch_in_force() is outer
    assert watch_in_force() is None
