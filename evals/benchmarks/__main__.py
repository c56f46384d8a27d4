"""All benchmarks, or some, beside the systems people have today.

    python -m evals.benchmarks --out results                     everything, about an hour
    python -m evals.benchmarks --quick --out results             small sizes, about five minutes
    python -m evals.benchmarks --only search,filter --out results

`--out` holds `benchmarks.md` and `benchmarks.json`, joined from one part for each benchmark: another run with `--only`
replaces those parts, `--missing` runs those that are not there yet. Each ratio is taken within one part, and each part
says its machine, date and command. The peers are installed the first time, each in an environment of its own, and the
Wikipedia chunks are embedded the first time; neither is in the hour.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from evals.benchmarks import changes, filters, growth, ingest, opening, resync, search
from evals.benchmarks.machine import busy, stamp
from evals.benchmarks.peer import Peers, parse_pythons
from evals.benchmarks.process import say
from evals.benchmarks.report import markdown, save
from evals.benchmarks.setup import FULL, QUICK, Setup, Sizes
from evals.benchmarks.wikipedia import MissingDataError
from ragkit.embed.model_files import find_model
from ragkit.errors import RagkitError
from ragkit.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from evals.benchmarks.report import Part

__all__ = ["BENCHMARKS", "chosen", "main", "options", "sizes"]

BENCHMARKS: dict[str, Callable[[Setup], Part]] = {
    "ingest": ingest.run,
    "search": search.run,
    "filter": filters.run,
    "delete": changes.run,
    "open": opening.run,
    "resync": resync.run,
    "growth": growth.run,
}
"""In the order of the report."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for; 1 where a benchmark or a side failed, 2 for wrong use."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    parser = options()
    asked = parser.parse_args(given)
    try:
        names = chosen(asked.only, asked.missing, asked.out)
        pythons = parse_pythons(asked.peer_python)
    except ValueError as error:
        parser.error(str(error))
    try:
        settings, model = Settings.from_environment(), find_model().folder
    except RagkitError as error:
        say(str(error))
        return 1
    cache = asked.cache or settings.cache_folder / "benchmarks"
    with tempfile.TemporaryDirectory(prefix="ragkit-bench-", dir=asked.work) as work:
        setup = Setup(
            sizes=sizes(asked),
            threads=asked.threads or os.cpu_count() or 1,
            data=(asked.data or settings.data).absolute(),
            cache=cache.absolute(),
            work=Path(work),
            model=model,
            peers=Peers((asked.peers or settings.cache_folder / "peers").absolute(), pythons),
            collection=asked.collection.absolute() if asked.collection else None,
        )
        failed = [name for name in names if not _run(name, setup, given, asked.out)]
    if failed:
        say(f"not everything could be measured: {', '.join(failed)}")
    return int(bool(failed))


def _run(name: str, setup: Setup, given: Sequence[str], out: Path | None) -> bool:
    """Run one benchmark, print it and keep it; tell whether all its sides were measured."""
    about, start = stamp(given), time.perf_counter()
    say(f"{name}: starts, load {about['load']}")
    try:
        part = BENCHMARKS[name](setup)
        part = replace(part, machine=about, notes=[*part.notes, *busy(float(about["load"]), os.cpu_count() or 1)])
    except (RagkitError, MissingDataError, OSError) as error:
        say(f"{name}: FAILED: {error}")
        return False
    say(f"{name}: done in {time.perf_counter() - start:.0f} s")
    print(markdown(part), flush=True)
    if out is not None:
        save(part, out, list(BENCHMARKS))
    return not part.failures


def chosen(only: str | None, missing: bool, out: Path | None) -> list[str]:
    """Give the benchmarks to run, in their order.

    Args:
        only: Names with commas between; None for all.
        missing: Leave out those whose part is in `out`.
        out: Folder of the parts.

    Raises:
        ValueError: If a name is unknown, or `missing` is asked for without a folder.
    """
    names = list(BENCHMARKS) if only is None else [name.strip() for name in only.split(",") if name.strip()]
    if unknown := [name for name in names if name not in BENCHMARKS]:
        raise ValueError(f"there is no benchmark {', '.join(unknown)}: choose from {', '.join(BENCHMARKS)}.")
    if missing and out is None:
        raise ValueError("--missing needs --out, the folder that holds what was measured before.")
    done = {name for name in names if missing and out is not None and (out / "parts" / f"{name}.json").exists()}
    return [name for name in BENCHMARKS if name in names and name not in done]


def options() -> argparse.ArgumentParser:
    """Give the parser of the command line."""
    parser = argparse.ArgumentParser(prog="python -m evals.benchmarks", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--only", default=None, metavar="NAMES", help=f"some of {','.join(BENCHMARKS)}")
    parser.add_argument("--quick", action="store_true", help="small sizes, one round")
    parser.add_argument("--missing", action="store_true", help="only those that --out does not hold yet")
    parser.add_argument("--out", type=Path, default=None, metavar="DIR", help="for Markdown and JSON; default: neither")
    parser.add_argument("--rounds", type=_positive, default=None, metavar="N", help="default: 3; quick: 1")
    parser.add_argument(
        "--passages", type=_positive, default=None, metavar="N", help="to ingest; default: 2000; quick: 200"
    )
    parser.add_argument(
        "--chunks", type=_positive, default=None, metavar="N", help="searched; default: 130000; quick: 10000"
    )
    parser.add_argument(
        "--documents", type=_positive, default=None, metavar="N", help="of resync; default: 10000; quick: 500"
    )
    parser.add_argument(
        "--growth", type=_counts, default=None, metavar="N,N", help="rows; default: 10000,130000,1000000"
    )
    parser.add_argument(
        "--threads", type=_positive, default=None, metavar="N", help="for each side; default: all cores"
    )
    parser.add_argument("--collection", type=Path, default=None, metavar="DIR", help="searched in place of Wikipedia")
    parser.add_argument("--data", type=Path, default=None, metavar="DIR", help="default: the setting RAGKIT_DATA")
    parser.add_argument("--cache", type=Path, default=None, metavar="DIR", help="default: benchmarks in RAGKIT_CACHE")
    parser.add_argument("--work", type=Path, default=None, metavar="DIR", help="for what is built; default: temporary")
    parser.add_argument("--peers", type=Path, default=None, metavar="DIR", help="default: peers in RAGKIT_CACHE")
    parser.add_argument(
        "--peer-python", action="append", default=[], metavar="NAME=FILE", help="a Python that has this peer already"
    )
    return parser


def sizes(asked: argparse.Namespace) -> Sizes:
    """Give the full or the quick sizes, with those that were asked for."""
    numbers = {name: getattr(asked, name) for name in ("rounds", "passages", "chunks", "documents")}
    found = replace(QUICK if asked.quick else FULL, **{key: value for key, value in numbers.items() if value})
    return replace(found, growth=asked.growth) if asked.growth else found


def _counts(text: str) -> tuple[int, ...]:
    return tuple(_positive(one) for one in text.split(","))


def _positive(text: str) -> int:
    if (count := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1, got {count}")
    return count


if __name__ == "__main__":
    raise SystemExit(main())
