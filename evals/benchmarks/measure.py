"""What one round of a benchmark is given and what it reports, and how a process looks at itself.

Imported by the peer's environment as well, which has no ragkit: the standard library only.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["Job", "Round", "Stopwatch", "folder_mb", "median_ms", "peak_rss_mb", "read_job"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a round is given."""

    passages: str
    """Path of a JSONL file of `id` and `text`."""
    queries: list[str]
    """Texts to search with."""
    folder: str
    """Path of an empty folder for the index, removed afterwards."""
    model: str
    """Path of the model's folder."""
    precision: str
    """`fp32` or `bf16`, for the peer; ragkit chooses for itself."""
    threads: int
    """Threads of everything that computes."""
    k: int
    """Hits per query."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What a round reports."""

    engine: str
    """What embedded, in words."""
    start_s: float
    """Imports, model and one query embedded: the wait before the first passage."""
    ingest_s: float
    """From the JSONL file to an index on the disk."""
    ingest_cpu_s: float
    """Processor time of all threads in `ingest_s`; says more than the wall clock on a busy machine."""
    search_ms: float
    """Median of one dense search, embedding included."""
    index_ms: float
    """Median of one dense search with a vector that is there already."""
    hybrid_ms: float = float("nan")
    """Median of one hybrid search, embedding included; NaN where there is none."""
    disk_mb: float
    """The index on the disk, in 10^6 bytes."""
    rss_mb: float
    """Most memory resident in the process at one time, in 10^6 bytes."""
    found: list[list[str]] = field(default_factory=list)
    """Passage ids of the dense hits, best first, per query."""

    def report(self) -> None:
        """Print the round for the process that asked: one line of JSON, the last on stdout."""
        print(json.dumps(asdict(self)))

    @classmethod
    def read(cls, output: str) -> Round:
        """Read what `report` printed."""
        return cls(**json.loads(output.strip().splitlines()[-1]))


@dataclass(slots=True)
class Stopwatch:
    """Seconds of the wall clock and of all threads of the process."""

    wall_s: float = 0.0
    cpu_s: float = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Measure a block."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.wall_s, self.cpu_s = time.perf_counter() - wall, time.process_time() - cpu


def read_job() -> Job:
    """Read the job named on the command line."""
    return Job(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))


def median_ms(search: Callable[[Any], object], queries: Sequence[Any], *, warm_up: int = 5) -> float:
    """Give the median milliseconds of `search` over all queries; the first few run once before."""
    times = []
    for query in (*queries[:warm_up], *queries):
        start = time.perf_counter()
        search(query)
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times[min(warm_up, len(queries)) :])


def folder_mb(folder: Path) -> float:
    """Give the bytes of all files below `folder`, in 10^6."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def peak_rss_mb() -> float:
    """Give the most memory this process ever had resident, in 10^6 bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        # getrusage is no good on Linux: a fresh process starts with the peak of the one that forked it.
        line = next(line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # bytes on macOS
