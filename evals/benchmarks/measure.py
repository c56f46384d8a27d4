"""What one process of a benchmark is given and what it reports, and how a process looks at itself.

Imported in the peers' environments too, which have no ragkit: the standard library only.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

__all__ = [
    "Job",
    "Outcome",
    "Stopwatch",
    "Task",
    "Timed",
    "do_job",
    "folder_mb",
    "overlap",
    "peak_rss_mb",
    "quantile",
    "read_rows",
    "resident_mb",
    "since_start_s",
    "timed",
    "versions_of",
]

Job: TypeAlias = "Mapping[str, Any]"
"""What a task is given, as JSON holds it; each task says which keys it reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a task reports."""

    numbers: dict[str, float]
    """By the names of the columns that show them."""
    found: list[list[str]] = field(default_factory=list)
    """Ids of the hits, best first, per query, where the task searches."""
    words: dict[str, str] = field(default_factory=dict)
    """What is no number: the engine that was chosen, the kind of index."""
    versions: dict[str, str] = field(default_factory=dict)
    """Of the packages that did the work."""

    def write(self, path: Path) -> None:
        """Write it as JSON for the process that asked; stdout is left to the libraries."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Outcome:
        """Read what `write` wrote."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))


Task: TypeAlias = "Callable[[Job], Outcome]"
"""Work that one process does from start to end."""


@dataclass(frozen=True, slots=True)
class Timed:
    """What one kind of work gave, and how long each piece took."""

    results: list[Any]
    """In the order of the items."""
    times_ms: list[float]
    """Milliseconds of each."""

    @property
    def median_ms(self) -> float:
        """Milliseconds that half of the pieces do not exceed."""
        return quantile(self.times_ms, 0.5)

    @property
    def p99_ms(self) -> float:
        """Milliseconds that 99 of 100 pieces do not exceed."""
        return quantile(self.times_ms, 0.99)


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


def do_job(tasks: Mapping[str, Task]) -> None:
    """Do the job that the file named on the command line describes, and write its outcome beside it."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    tasks[job["task"]](job).write(Path(job["outcome"]))


def since_start_s(job: Job) -> float:
    """Give the seconds since just before this process was started."""
    return time.time() - float(job["started_at"])


def read_rows(path: str | Path) -> Iterator[dict[str, Any]]:
    """Read a JSONL file row by row."""
    with Path(path).open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def timed(work: Callable[[Any], Any], items: Sequence[Any], *, warm_up: int = 3) -> Timed:
    """Do `work` for each item and give results and times; the first few are done once before, unmeasured."""
    for item in items[:warm_up]:
        work(item)
    results, times = [], []
    for item in items:
        start = time.perf_counter()
        results.append(work(item))
        times.append(1e3 * (time.perf_counter() - start))
    return Timed(results, times)


def quantile(values: Iterable[float], share: float) -> float:
    """Give the smallest value that at least `share` of the values do not exceed; NaN of none.

    Example:
        >>> quantile([4.0, 1.0, 3.0, 2.0], 0.5)
        2.0
    """
    ordered = sorted(values)
    if not ordered:
        return float("nan")
    needed = -int(-share * len(ordered) // 1)
    return ordered[max(needed, 1) - 1]


def overlap(found: Sequence[Sequence[str]], wanted: Sequence[Sequence[str]]) -> float:
    """Give the mean share of the wanted hits that were found, query by query; a query without any counts as 1.

    Example:
        >>> overlap([["a", "b"], ["c"]], [["b", "c"], []])
        0.75
    """
    shares = [len(set(a) & set(b)) / len(set(b)) if b else 1.0 for a, b in zip(found, wanted, strict=True)]
    return sum(shares) / len(shares) if shares else float("nan")


def folder_mb(folder: str | Path) -> float:
    """Give the bytes of all files below `folder`, in 10^6."""
    return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file()) / 1e6


def peak_rss_mb() -> float:
    """Give the most memory this process ever had resident, in 10^6 bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        # getrusage is no good on Linux: a fresh process starts with the peak of the one that forked it.
        line = next(line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # bytes on macOS


def resident_mb() -> float:
    """Give the memory this process has resident now, in 10^6 bytes; NaN where the system does not tell."""
    status = Path("/proc/self/status")
    if not status.exists():
        return float("nan")
    line = next(line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024 / 1e6


def versions_of(*packages: str) -> dict[str, str]:
    """Give the installed version of each package; those that are missing are left out."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
