"""How long the first answer of a new process takes.

    python -m evals.cold_start

A collection of 1,000 passages is made in a temporary folder, then `ragkit search` is called as a shell calls it: a new
process each time, the page cache and the folder of remembered digests warm, in turn for the three modes. `cpu` is the
processor time of the process, which says more than the wall clock on a busy machine. The goals, on 2 quiet cores:
`import ragkit` below 0.1 s, `ragkit search` below 0.8 s.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import ragkit
from evals.benchmarks.machine import describe_machine, load
from evals.benchmarks.passages import read_passages
from evals.benchmarks.report import table
from ragkit.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Import", "main", "parse_import_times"]

_MODES = ("hybrid", "bm25", "dense")
_QUERY = "what was the impact of the manhattan project"
_IMPORT_GOAL_S, _SEARCH_GOAL_S = 0.1, 0.8
_LINE = re.compile(r"import time: +(\d+) \| +(\d+) \|( +)(\S+)")


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds of one process."""

    wall_s: float
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Import:
    """One module's import, from `python -X importtime`."""

    name: str
    own_s: float
    """Without what it imports."""
    total_s: float
    """With what it is the first to import."""
    depth: int
    """0 for what a statement outside any import asked for."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure import and search, and print where the time goes."""
    given = _options().parse_args(arguments)
    settings = Settings.from_environment()
    passages = read_passages(given.data or settings.data, given.passages)
    print(f"machine: {describe_machine()}; load {load():.1f}; median of {given.runs} after one run for the page cache")
    with tempfile.TemporaryDirectory(prefix="ragkit-cold-") as temporary:
        folder = Path(temporary)
        store, environment = folder / "store", {**os.environ, "RAGKIT_CACHE": str(folder / "cache")}
        with ragkit.open(store, settings=Settings(cache=folder / "cache")) as rag:
            rag.sync(passages.write(folder / "passages.jsonl"))
        imports: dict[str, Sequence[str]] = {"python -c pass": ("-c", "pass"), "import ragkit": ("-c", "import ragkit")}
        search: dict[str, Sequence[str]] = {f"ragkit search ({mode})": _search(store, mode) for mode in _MODES}
        measured = _measure(imports | search, environment, runs=given.runs)
        _print_times(measured, f"{len(passages.texts)} {passages.source}", goals=dict.fromkeys(search, _SEARCH_GOAL_S))
        print(f"\nimports of {_MODES[0]} search, from one run with -X importtime (which adds to them):")
        _print_imports(_import_times(_search(store, _MODES[0]), environment), given.top)
    return 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m evals.cold_start", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--passages", type=int, default=1000, metavar="N", help="default: 1000")
    parser.add_argument("--runs", type=int, default=7, metavar="N", help="of each; default: 7")
    parser.add_argument("--top", type=int, default=15, metavar="N", help="imports shown; default: 15")
    parser.add_argument("--data", type=Path, default=None, metavar="DIR", help="default: the setting RAGKIT_DATA")
    return parser


def _search(store: Path, mode: str) -> tuple[str, ...]:
    return ("-m", "ragkit", "search", _QUERY, "--store", str(store), "--mode", mode, "--json")


def _measure(
    commands: Mapping[str, Sequence[str]], environment: Mapping[str, str], *, runs: int
) -> dict[str, list[Times]]:
    """Run all commands in turn, `runs` times after a first that does not count."""
    measured: dict[str, list[Times]] = {name: [] for name in commands}
    for number in range(runs + 1):
        for name, command in commands.items():
            times = _time([sys.executable, *command], environment)
            if number:
                measured[name].append(times)
    return measured


def _time(command: list[str], environment: Mapping[str, str]) -> Times:
    before, start = _children_cpu_s(), time.perf_counter()
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
    return Times(time.perf_counter() - start, _children_cpu_s() - before)


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _print_times(measured: Mapping[str, Sequence[Times]], text: str, *, goals: Mapping[str, float]) -> None:
    bare = min(times.wall_s for times in measured["python -c pass"])
    rows = []
    for name, runs in measured.items():
        walls = [times.wall_s for times in runs]
        cpu = statistics.median(times.cpu_s for times in runs)
        goal = _verdict(statistics.median(walls), goals[name]) if name in goals else ""
        if name == "import ragkit":
            took = min(walls) - bare  # milliseconds: the noise of a median is larger
            goal = f"quickest {took:.3f} s more than python alone: {_verdict(took, _IMPORT_GOAL_S)}"
        seconds = [statistics.median(walls), min(walls), max(walls), cpu]
        rows.append([name, *(f"{one:.3f}" for one in seconds), goal])
    print("", *table([text, "median s", "min s", "max s", "cpu s", "goal"], rows), sep="\n")


def _verdict(seconds: float, goal_s: float) -> str:
    return f"below {goal_s} s" if seconds < goal_s else f"NOT below {goal_s} s"


def _import_times(command: Sequence[str], environment: Mapping[str, str]) -> list[Import]:
    run = subprocess.run(
        [sys.executable, "-X", "importtime", *command], env=environment, capture_output=True, text=True, check=True
    )
    return parse_import_times(run.stderr)


def parse_import_times(output: str) -> list[Import]:
    """Read what `python -X importtime` prints, in its order: a module after those it imports."""
    lines = (_LINE.match(line) for line in output.splitlines())
    return [
        Import(found[4], int(found[1]) / 1e6, int(found[2]) / 1e6, (len(found[3]) - 1) // 2)
        for found in lines
        if found is not None
    ]


def _print_imports(imports: Sequence[Import], top: int) -> None:
    """Print what each package's own modules cost, and the largest imports with all they bring."""
    by_package: dict[str, list[float]] = {}
    for one in imports:
        by_package.setdefault(one.name.partition(".")[0], []).append(one.own_s)
    packages = sorted(by_package.items(), key=lambda item: -sum(item[1]))
    largest = sorted(imports, key=lambda one: -one.total_s)
    print(f"{len(imports)} modules, {sum(one.own_s for one in imports):.3f} s in all")
    pairs = zip(packages[:top], largest[:top], strict=False)
    rows = [
        [package, f"{sum(own):.3f}", str(len(own)), one.name, f"{one.total_s:.3f}"] for (package, own), one in pairs
    ]
    print(*table(["package, own modules only", "s", "modules", "module with what it brings", "s"], rows), sep="\n")


if __name__ == "__main__":
    raise SystemExit(main())
