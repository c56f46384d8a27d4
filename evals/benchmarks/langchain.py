"""Ingest and search beside LangChain's default and its bf16 setting, in one run.

    python -m evals.benchmarks.langchain --passages 1000 --rounds 3

The same passages and queries, the same weights (the packaged all-MiniLM-L6-v2, offline), the same number of threads;
each system in a fresh process per round, in turn, so that what else the machine does meets all of them. LangChain runs
as its documentation shows it (`HuggingFaceEmbeddings`, `FAISS.from_documents`, `save_local`), once by default, once
with `dtype` bfloat16, from an environment of its own that is installed the first time. ragkit runs with its defaults,
from a JSONL file to a collection that is also durable, has exact offsets and can be searched by words.

`cpu` is the processor time of all threads in the ingest: on a machine that others use too it says more than the clock.
`start` is imports, model and one query embedded; `ingest` reads, embeds, indexes and stores; `search` includes
embedding the query, `index` does not; `overlap` is how much of LangChain's default top 10 is found too.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from evals.benchmarks.machine import describe_machine, load
from evals.benchmarks.measure import Job, Round
from evals.benchmarks.passages import Passages, read_passages
from evals.benchmarks.peer import PINS, PeerError, peer_python
from ragkit.embed.model_files import find_model
from ragkit.errors import ModelFilesError
from ragkit.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["main"]

_ROOT = Path(__file__).parents[2]
_DEFAULT, _BF16, _OWN = "LangChain default", "LangChain bf16", "ragkit"
_COLUMNS = {
    "start s": "start_s",
    "ingest s": "ingest_s",
    "cpu s": "ingest_cpu_s",
    "search ms": "search_ms",
    "index ms": "index_ms",
    "hybrid ms": "hybrid_ms",
    "disk MB": "disk_mb",
    "RSS MB": "rss_mb",
}


class RoundError(Exception):
    """A round ended without a report."""


@dataclass(frozen=True, slots=True)
class System:
    """Something to measure."""

    name: str
    python: Path
    module: str
    precision: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all rounds and print one line each, then medians and ratios."""
    given = _options().parse_args(arguments)
    settings = Settings.from_environment()
    passages = read_passages(given.data or settings.data, given.passages, queries=given.queries)
    try:
        model = find_model().folder
        # absolute, never resolved: behind the link of an environment's Python lies one without its packages
        python = (given.peer_python or peer_python(given.peers or settings.cache_folder / "peers")).absolute()
    except (PeerError, ModelFilesError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    threads = given.threads or os.cpu_count() or 1
    systems = [
        System(_DEFAULT, python, "evals.benchmarks.peer_round", "fp32"),
        System(_BF16, python, "evals.benchmarks.peer_round", "bf16"),
        System(_OWN, Path(sys.executable), "evals.benchmarks.ragkit_round", "auto"),
    ]
    _print_setting(passages, threads, given.rounds)
    rounds: dict[str, list[Round]] = {system.name: [] for system in systems}
    try:
        for number, system in itertools.product(range(1, given.rounds + 1), systems):
            done = _run(system, passages, model, threads)
            rounds[system.name].append(done)
            _print_row(f"{number} {system.name}", done, rounds[_DEFAULT][-1], len(passages.texts))
    except RoundError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    _print_summary(rounds, len(passages.texts))
    return 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m evals.benchmarks.langchain", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--passages", type=int, default=1000, metavar="N", help="default: 1000")
    parser.add_argument("--queries", type=int, default=100, metavar="N", help="default: 100")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="default: 3")
    parser.add_argument("--threads", type=int, default=None, metavar="N", help="for each system; default: all cores")
    parser.add_argument("--data", type=Path, default=None, metavar="DIR", help="default: the setting RAGKIT_DATA")
    parser.add_argument("--peers", type=Path, default=None, metavar="DIR", help="default: peers in RAGKIT_CACHE")
    parser.add_argument(
        "--peer-python", type=Path, default=None, metavar="FILE", help="a Python that has the peer: installs nothing"
    )
    return parser


def _run(system: System, passages: Passages, model: Path, threads: int) -> Round:
    """Run one round in a fresh process and a folder that goes with it.

    Raises:
        RoundError: If the round fails, with all it said.
    """
    with tempfile.TemporaryDirectory(prefix="ragkit-bench-") as temporary:
        folder = Path(temporary)
        job = Job(
            passages=str(passages.write(folder / "passages.jsonl")),
            queries=passages.queries,
            folder=str(folder / "index"),
            model=str(model),
            precision=system.precision,
            threads=threads,
            k=10,
        )
        (folder / "job.json").write_text(json.dumps(asdict(job)), encoding="utf-8")
        command = [str(system.python), "-m", system.module, str(folder / "job.json")]
        run = subprocess.run(command, cwd=_ROOT, env=_environment(threads), capture_output=True, text=True, check=False)
    if run.returncode:
        raise RoundError(f"{run.stderr}\nthe round of {system.name} failed; what it said stands above.")
    return Round.read(run.stdout)


def _environment(threads: int) -> dict[str, str]:
    """Hold torch, faiss and the tokenizers to the same threads, and keep the hub out of it."""
    own = {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads, "RAYON_NUM_THREADS": threads, "HF_HUB_OFFLINE": 1}
    # without it the tokenizers run on one thread once torch has forked or may fork
    return {**os.environ, **{key: str(value) for key, value in own.items()}, "TOKENIZERS_PARALLELISM": "true"}


def _print_setting(passages: Passages, threads: int, rounds: int) -> None:
    lengths = [len(text.split()) for text in passages.texts.values()]
    print(f"machine: {describe_machine()}; load {load():.1f} before the first round")
    print(f"text: {len(lengths)} {passages.source}, mean {statistics.mean(lengths):.0f} words; ", end="")
    print(f"{len(passages.queries)} queries, top 10; {threads} threads each; {rounds} rounds, in turn")
    print(f"{_DEFAULT}: HuggingFaceEmbeddings(model) + FAISS.from_documents + save_local; {', '.join(PINS)}")
    print(f'{_BF16}: the same, with model_kwargs={{"model_kwargs": {{"dtype": "bfloat16"}}}}')
    print(f"{_OWN}: ragkit.open(folder).sync(jsonl), defaults; BM25, durability and offsets included\n")
    print(f"{'':24}{'passages/s':>11}" + "".join(f"{name:>11}" for name in _COLUMNS) + f"{'overlap':>9}  load")


def _print_row(name: str, done: Round, default: Round, count: int) -> None:
    cells = "".join(f"{_cell(getattr(done, key)):>11}" for key in _COLUMNS.values())
    print(f"{name:24}{count / done.ingest_s:>11.1f}{cells}{_overlap(done, default):>9.3f}  {load():.1f}", flush=True)


def _cell(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.2f}"


def _overlap(done: Round, default: Round) -> float:
    """Give the mean fraction of the default's hits that are found too."""
    pairs = zip(done.found, default.found, strict=True)
    return statistics.mean(len(set(mine) & set(theirs)) / max(len(theirs), 1) for mine, theirs in pairs)


def _print_summary(rounds: Mapping[str, Sequence[Round]], count: int) -> None:
    medians = {name: _median(done) for name, done in rounds.items()}
    print()
    for name, median in medians.items():
        _print_row(f"median {name}", median, medians[_DEFAULT], count)
    for name, done in rounds.items():
        print(f"{name}: {done[0].engine}")
    own = medians[_OWN]
    for other in (_DEFAULT, _BF16):
        peer = medians[other]
        print(
            f"{_OWN} : {other} = {peer.ingest_s / own.ingest_s:.2f}x ingest "
            f"({peer.ingest_cpu_s / own.ingest_cpu_s:.2f}x less processor time), "
            f"{peer.search_ms / own.search_ms:.2f}x search, {peer.start_s / own.start_s:.1f}x start, "
            f"{peer.rss_mb / own.rss_mb:.2f}x less memory; round by round "
            + ", ".join(f"{b.ingest_s / a.ingest_s:.2f}x" for a, b in zip(rounds[_OWN], rounds[other], strict=True))
        )


def _median(done: Sequence[Round]) -> Round:
    numbers = {item.name for item in fields(Round)} - {"engine", "found"}
    values = {name: statistics.median(getattr(one, name) for one in done) for name in numbers}
    return Round(engine=done[0].engine, found=done[0].found, **values)


if __name__ == "__main__":
    raise SystemExit(main())
