"""A local chat model beside raw `generate`, `HuggingFacePipeline` and `ChatHuggingFace`, in interleaved rounds.

    python -m evals.benchmarks.generation                       about a quarter of an hour on two cores
    python -m evals.benchmarks.generation --only first-token --rounds 3
    python -m evals.benchmarks.generation --tiny --json         whether everything runs, in a minute

All sides load the same random weights from one folder, in the same precision, with the same threads, each in a process
of its own; only one computes at a time. langchain-huggingface is installed the first time, in an environment of its
own. Goals: below 5 % over `generate`, 8 times sooner at turn 10, 5 times the tokens of eight callers, memory bounded.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer

from evals.benchmarks.generation.material import Material
from evals.benchmarks.generation.model import SHAPE, TINY, build
from evals.benchmarks.generation.parts import CHAT, PARTS, PIPELINE, RAW, Bench, Lengths
from evals.benchmarks.generation.session import Session, opened
from evals.benchmarks.machine import busy, stamp
from evals.benchmarks.peer import PeerError, Peers, parse_pythons
from evals.benchmarks.process import RoundError, Side, say
from evals.benchmarks.report import markdown, plain, save
from evals.benchmarks.setup import OWN
from ragkit.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evals.benchmarks.report import Part

__all__ = ["main", "options", "sides"]

_ROOM = "evals.benchmarks.generation"
_QUICK = Lengths(rounds=1, reply=8, question=16, documents=100, turn_question=8, turn_reply=8, callers_reply=8, keep=4)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what was asked for; 1 where a side could not be measured, 2 for wrong use."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    parser = options()
    asked = parser.parse_args(given)
    names = asked.only.split(",") if asked.only else list(PARTS)
    if unknown := [name for name in names if name not in PARTS]:
        parser.error(f"there is no part {', '.join(unknown)}: choose from {', '.join(PARTS)}.")
    try:
        pythons = parse_pythons(asked.peer_python)
    except ValueError as error:
        parser.error(str(error))
    peers = Peers(asked.peers or Settings.from_environment().cache_folder / "peers", pythons)
    about = stamp(given)
    about["command"] = about["command"].replace("evals.benchmarks", _ROOM, 1)
    with ExitStack() as stack:
        folder = asked.model or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ragkit-generation-")))
        if not (folder / "config.json").exists():
            say(f"{build(folder, TINY if asked.tiny else SHAPE):,} random parameters")
        bench = _ready(stack, asked, folder, *sides(asked, peers))
        parts = [_measured(name, bench, about, asked.out) for name in PARTS if name in names]
    for part in [] if asked.json else parts:
        print(markdown(part), flush=True)
    if asked.json:
        print(json.dumps({part.name: plain(part) for part in parts}, indent=1, ensure_ascii=False))
    return int(any(part.failures for part in parts))


def _measured(name: str, bench: Bench, about: dict[str, str], out: Path | None) -> Part:
    part = PARTS[name](bench)
    notes = busy(float(about["load"]), os.cpu_count() or 1)
    part = replace(part, machine=about, notes=[*part.notes, *notes])
    if out is not None:
        save(part, out, list(PARTS))
    return part


def _ready(
    stack: ExitStack, asked: argparse.Namespace, folder: Path, wanted: list[Side], failures: dict[str, str]
) -> Bench:
    """Start every side; one that cannot load is left out, with its reason."""
    lengths = replace(_QUICK if asked.tiny else Lengths(), **({"rounds": asked.rounds} if asked.rounds else {}))
    job = {"model": str(folder.absolute()), "dtype": asked.dtype, "batch_size": lengths.callers}
    sessions: dict[str, Session] = {}
    for side in wanted:
        try:
            sessions[side.name] = stack.enter_context(opened(side, job, threads=asked.threads))
            say(f"{side.name} has loaded in {sessions[side.name].loaded.numbers['load_s']:.1f} s")
        except RoundError as error:
            failures[side.name] = str(error)
            say(f"{side.name} FAILED: {error}")
    return Bench(
        sides=[side for side in wanted if side.name in sessions],
        sessions=sessions,
        material=Material.of(Tokenizer.from_file(str(folder / "tokenizer.json"))),
        lengths=lengths,
        about=_about(folder, asked),
        prefix_mb=asked.prefix_mb,
        failures=failures,
    )


def _about(folder: Path, asked: argparse.Namespace) -> str:
    weights = (folder / "model.safetensors").stat().st_size / 4e6  # written in float32
    return (
        f"A random Llama-like model of {weights:.0f} million parameters in {asked.dtype}, {asked.threads} threads, "
        f"engine {asked.engine}{f', weights {asked.quantize}' if asked.quantize else ''}; median of the rounds."
    )


def sides(asked: argparse.Namespace, peers: Peers) -> tuple[list[Side], dict[str, str]]:
    """Give the sides that can be had, and the reason for each that cannot."""
    own, here = (
        Path(sys.executable),
        f"one `LocalChatModel`, prefixes kept up to {asked.prefix_mb:.0f} MB, batches of 8",
    )
    options: dict[str, Any] = {
        "engine": asked.engine, "quantize": asked.quantize, "prefix_bytes": int(asked.prefix_mb * 1e6)
    }  # fmt: skip
    found = [
        Side(name=RAW, python=own, module=f"{_ROOM}.raw", setting="`AutoModelForCausalLM.generate`, greedy"),
        Side(name=OWN, python=own, module=f"{_ROOM}.own", setting=here, options=options),
    ]
    try:
        python = peers.python("langchain")
    except PeerError as error:
        return found, {PIPELINE: str(error), CHAT: str(error)}
    found += [
        Side(
            name=PIPELINE, python=python, module=f"{_ROOM}.langchain", options={"kind": "pipeline"},
            setting="`HuggingFacePipeline.from_model_id`, greedy, batch_size=8, prompts laid out by the caller",
        ),
        Side(
            name=CHAT, python=python, module=f"{_ROOM}.langchain", options={"kind": "chat"},
            setting="`ChatHuggingFace` over the same pipeline; it takes no list, so that `batch` is a pool of threads",
        ),
    ]  # fmt: skip
    return found, {}


def options() -> argparse.ArgumentParser:
    """Give the parser of the command line."""
    parser = argparse.ArgumentParser(prog=f"python -m {_ROOM}", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--only", default=None, metavar="NAMES", help=f"some of {','.join(PARTS)}")
    add("--rounds", type=int, default=None, metavar="N", help="default: 3")
    add("--tiny", action="store_true", help="two thin layers and short replies, one round: no measurement")
    add("--dtype", choices=("float32", "bfloat16"), default="float32", help="of every side; default: %(default)s")
    add("--engine", default="auto", help="of LocalChatModel; default: %(default)s")
    add("--quantize", choices=("int8", "int4"), default=None, help="weights of LocalChatModel alone")
    add("--prefix-mb", type=float, default=256.0, metavar="MB", help="that may be kept; default: %(default).0f")
    add("--threads", type=int, default=os.cpu_count() or 1, metavar="N", help="of each side; default: all cores")
    add("--json", action="store_true", help="one JSON document, every round in it, in place of the tables")
    add("--out", type=Path, default=None, metavar="DIR", help="for Markdown and JSON; default: neither")
    add("--model", type=Path, default=None, metavar="DIR", help="kept there, or found; default: temporary")
    add("--peers", type=Path, default=None, metavar="DIR", help="default: peers in RAGKIT_CACHE")
    add("--peer-python", action="append", default=[], metavar="langchain=FILE", help="a Python that has it already")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
