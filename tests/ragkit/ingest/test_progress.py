from __future__ import annotations

import pytest

from ragkit.ingest.progress import Meter, Progress


def test_progress_tells_rate_and_time_left() -> None:
    seen: list[Progress] = []
    times = iter([0.0, 2.0])
    meter = Meter(seen.append, total=4, total_bytes=100, clock=lambda: next(times))
    meter.done, meter.chunks, meter.embedded, meter.bytes_done = 1, 10, 9, 25
    meter.tell()
    assert seen == [Progress(done=1, total=4, chunks=10, embedded=9, rate=5.0, left_s=6.0, seconds=2.0)]


@pytest.mark.parametrize("total_bytes", [0, 100])
def test_time_left_is_unknown_at_the_start(total_bytes: int) -> None:
    seen: list[Progress] = []
    Meter(seen.append, total=None, total_bytes=total_bytes, clock=lambda: 0.0).tell()
    assert (seen[0].left_s, seen[0].rate, seen[0].total) == (None, 0.0, None)


def test_nobody_need_watch() -> None:
    Meter(None, total=None, total_bytes=1).tell()
