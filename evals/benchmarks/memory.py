"""What a long conversation costs: opening it, adding a turn, and reading what the next call is shown.

    python -m evals.benchmarks.memory [--turns 10,1000,10000] [--rounds 3] [--out DIR]

Beside LangChain's `SQLChatMessageHistory` and LangGraph's SQLite checkpointer, each in an environment of its own; every
figure of one run, the sides in turn.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from evals.benchmarks.machine import busy, stamp
from evals.benchmarks.measure import Outcome
from evals.benchmarks.peer import PeerError, Peers, parse_pythons
from evals.benchmarks.process import Side, interleave, run_task, say
from evals.benchmarks.report import Column, Part, compare, markdown, median_row, save, versions_in
from evals.benchmarks.setup import OWN
from ragkit.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main", "run"]

_LANGCHAIN, _LANGGRAPH = "LangChain", "LangGraph"
_SETTINGS = {
    OWN: (
        "ChatHistories.session(…).add_messages and .last(20); WAL, synchronous=FULL: durable when the call returns; "
        "its words are indexed for search in the same transaction"
    ),
    _LANGCHAIN: (
        "SQLChatMessageHistory.add_messages and .messages[-20:]; SQLite's rollback journal, synchronous=FULL: durable"
    ),
    _LANGGRAPH: (
        "update_state and get_state of a graph of one node with SqliteSaver; WAL, synchronous=FULL; every update keeps "
        "the state before it"
    ),
}
_MODULES = {OWN: "history_own", _LANGCHAIN: "history_langchain", _LANGGRAPH: "history_langgraph"}
_MEASURED = {"first": "open to the first window, ms", "append": "add a turn, ms", "window": "read 20 messages, ms"}


def run(peers: Peers, turns: Sequence[int], rounds: int, work: Path) -> Part:
    """Measure every side that can be installed."""
    sides, missing = _sides(peers)
    folders = count()

    def one_round(side: Side, number: int) -> Outcome:
        found = Outcome(numbers={})
        for many in turns:
            folder = work / str(next(folders))
            folder.mkdir()
            job = {"folder": str(folder), "turns": many}
            for task in ("fill", "measure"):
                made = run_task(side, task, job, threads=1)
                found = replace(found, numbers={**found.numbers, **made.numbers}, versions=made.versions)
        return found

    done = interleave(sides, rounds, one_round, what="memory")
    shown = {f"{key}_{many}_ms": f"{title}, {many:,} turns" for key, title in _MEASURED.items() for many in turns}
    said = {key: title.replace(", ms", "") for key, title in shown.items()}
    return Part(
        name="memory",
        title="A long conversation",
        about=(
            "One session, each turn a question of 40 words and an answer of 80; a new process opens it and reads the "
            f"newest 20 messages, then adds a turn and reads again, 20 times (medians); median of {rounds} interleaved "
            "rounds."
        ),
        settings=_SETTINGS,
        columns=[
            *(Column(key, title) for key, title in shown.items()),
            *(Column(f"disk_{many}_mb", f"disk MB, {many:,} turns") for many in turns),
        ],
        rows=[median_row(name, outcomes) for name, outcomes in done.outcomes.items()],
        measures_down=True,
        ratios=compare(done.outcomes, OWN, [_LANGCHAIN, _LANGGRAPH], said, more=False),
        failures=missing | done.failures,
        versions=versions_in(done.outcomes),
        rounds=done.outcomes,
    )


def _sides(peers: Peers) -> tuple[list[Side], dict[str, str]]:
    found, missing = [], {}
    for name, module in _MODULES.items():
        try:
            python = Path(sys.executable) if name == OWN else peers.python(name.lower())
        except PeerError as error:
            missing[name] = str(error)
            continue
        where = f"evals.benchmarks.sides.{module}"
        found.append(Side(name=name, python=python, module=where, setting=_SETTINGS[name]))
    return found, missing


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and keep what was found."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    parser = argparse.ArgumentParser(prog="python -m evals.benchmarks.memory", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--turns", default="10,1000,10000", metavar="N,N", help="sizes of the conversation")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, metavar="DIR", help="write benchmarks.md and benchmarks.json there")
    parser.add_argument("--peers", type=Path, metavar="DIR", help="default: peers in RAGKIT_CACHE")
    parser.add_argument("--peer-python", action="append", default=[], metavar="NAME=FILE", help="has a peer already")
    asked = parser.parse_args(given)
    try:
        turns, pythons = [int(one) for one in asked.turns.split(",")], parse_pythons(asked.peer_python)
    except ValueError as error:
        parser.error(str(error))
    about = stamp(given)
    about["command"] = about["command"].replace("evals.benchmarks", "evals.benchmarks.memory", 1)
    peers = Peers((asked.peers or Settings.from_environment().cache_folder / "peers").absolute(), pythons)
    with tempfile.TemporaryDirectory(prefix="ragkit-bench-") as work:
        part = run(peers, turns, asked.rounds, Path(work))
    part = replace(part, machine=about, notes=busy(float(about["load"]), os.cpu_count() or 1))
    print(markdown(part), flush=True)
    if asked.out is not None:
        save(part, asked.out, [part.name])
        say(f"written to {asked.out}")
    return int(bool(part.failures))


if __name__ == "__main__":
    raise SystemExit(main())
