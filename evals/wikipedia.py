"""What it takes to index 22,642 Wikipedia articles in one go, on the command line, as a user would.

    python -m evals.wikipedia                           everything: about twenty minutes on two cores
    python -m evals.wikipedia --articles 1000           a part
    python -m evals.wikipedia --store DIR               keep the collection

The articles of `wiki2024_hallurag` are written as JSONL, `ragkit index` takes them in a process of its own with an
empty cache, then again when nothing has changed, and `ragkit info` says what came of it. Peak memory is the process's.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from evals.benchmarks.machine import describe_machine, load
from ragkit.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Ran", "main", "write_articles"]


class Ran(NamedTuple):
    """What one command gave and took."""

    output: dict[str, Any]
    wall_s: float
    cpu_s: float
    peak_mb: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Index, index again, and print time, memory, disk and what `ragkit info` says."""
    given = _options().parse_args(arguments)
    source = (given.data or Settings.from_environment().data) / "wiki2024_hallurag" / "articles.jsonl.gz"
    if not source.is_file():
        print(f"{source} is not there: set RAGKIT_DATA or pass --data.", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="ragkit-wikipedia-") as temporary:
        folder = Path(temporary)
        store = given.store or folder / "store"
        articles, characters = write_articles(source, folder / "articles.jsonl", given.articles)
        environment = {**os.environ, "RAGKIT_CACHE": str(folder / "cache")}
        print(f"machine: {describe_machine()}; load {load():.1f}")
        print(f"{articles} articles, {characters / 1e6:.1f} M characters", flush=True)
        command = ["index", str(folder / "articles.jsonl"), "--store", str(store), "--json"]
        for name in ("index", "index again"):
            ran = _run(command, environment)
            done, rate = ran.output, ran.output["embedded"] / ran.output["seconds"]
            print(
                f"{name}: {done['added']} added, {done['chunks']} chunks, {done['embedded']} embedded, "
                f"{rate:.0f}/s, {ran.wall_s:.1f} s, {ran.cpu_s:.1f} s of processor time, peak {ran.peak_mb:.0f} MB",
                flush=True,
            )
        print(json.dumps(_run(["info", "--store", str(store), "--json"], environment).output, indent=2))
    return 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m evals.wikipedia", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--articles", type=int, default=None, metavar="N", help="only the first; default: all")
    parser.add_argument("--data", type=Path, default=None, metavar="DIR", help="default: the setting RAGKIT_DATA")
    parser.add_argument(
        "--store", type=Path, default=None, metavar="DIR", help="a new folder; default: a temporary one"
    )
    return parser


def write_articles(source: Path, path: Path, most: int | None = None) -> tuple[int, int]:
    """Write articles as JSONL that `ragkit index` reads: `_id`, `title`, `text`, `created`, `revision`.

    Returns:
        Number of articles, and of characters in them.
    """
    articles = characters = 0
    with gzip.open(source, "rt", encoding="utf-8") as rows, path.open("w", encoding="utf-8") as out:
        for row in islice(map(json.loads, rows), most):
            line = {
                "_id": row["url"].rpartition("/")[2],
                "title": row["title"],
                "text": row["content"],
                "created": row["created_en"],
                "revision": row["revision_id"],
            }
            out.write(json.dumps(line, ensure_ascii=False) + "\n")
            articles, characters = articles + 1, characters + len(row["content"])
    return articles, characters


def _run(arguments: Sequence[str], environment: Mapping[str, str]) -> Ran:
    """Run one command of ragkit's and read the document it prints."""
    start = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "ragkit", *arguments], env=environment, stdout=subprocess.PIPE
    ) as child:
        output = child.stdout.read() if child.stdout else b""
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"ragkit {arguments[0]} ended with {child.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Ran(
        json.loads(output), time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss * unit / 1e6
    )


if __name__ == "__main__":
    raise SystemExit(main())
