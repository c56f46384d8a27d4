"""The peers' own environments, one for each, never part of this project's requirements.

    python -m evals.benchmarks.peer [NAME ...] [--peers DIR]

makes them ahead of a run; a benchmark makes those it needs by itself. Each takes minutes and up to 1.5 GB, once.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import venv
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ragkit.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["PINS", "PeerError", "Peers", "main", "parse_pythons"]

_ENCODER = ("sentence-transformers==6.2.0", "transformers==5.23.0", "torch==2.13.0")
PINS: dict[str, tuple[str, ...]] = {
    "langchain": (
        "langchain-core==1.7.2",
        "langchain-huggingface==1.2.3",
        "langchain-community==0.4.2",
        "langchain-classic==1.0.8",
        "faiss-cpu==1.15.1",
        "rank_bm25==0.2.2",
        "greenlet==3.5.6",  # SQLRecordManager needs it, SQLAlchemy no longer brings it
        *_ENCODER,
    ),
    "llamaindex": (
        "llama-index-core==0.14.25",
        "llama-index-embeddings-huggingface==0.8.0",
        "llama-index-vector-stores-faiss==0.7.0",
        "faiss-cpu==1.15.1",
        *_ENCODER,
    ),
    "haystack": ("haystack-ai==3.4.0", "sentence-transformers-haystack==2.0.0", *_ENCODER),
    "langgraph": ("langgraph==1.2.22", "langgraph-checkpoint-sqlite==3.1.2", "langchain-core==1.7.2"),
    "txtai": ("txtai==9.14.0", "faiss-cpu==1.15.1", "transformers==5.23.0", "torch==2.13.0"),
}
"""Versions known to install together, per peer."""


class PeerError(Exception):
    """A peer could not be installed."""


@dataclass(frozen=True, slots=True)
class Peers:
    """Where each peer's Python is, installing what is missing the first time it is asked for."""

    folder: Path
    """Kept from run to run; another set of versions gets another subfolder."""
    given: Mapping[str, Path] = field(default_factory=dict)
    """Pythons that have a peer already: nothing is installed for these."""

    def python(self, name: str) -> Path:
        """Give the Python that has the peer `name`.

        Raises:
            PeerError: If it is unknown or pip fails; the message is pip's last line.
        """
        if name in self.given:
            # absolute, never resolved: behind the link of an environment's Python lies one without its packages
            return self.given[name].absolute()
        if name not in PINS:
            raise PeerError(f"there is no peer {name!r}: expected one of {', '.join(PINS)}.")
        home = self.folder / f"{name}-{hashlib.sha256(' '.join(PINS[name]).encode()).hexdigest()[:12]}"
        python = home / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
        done = home / "installed"
        if not done.exists():
            sys.stderr.write(f"installing {', '.join(PINS[name])} into {home}, once; this takes minutes\n")
            _create(name, home)
            _install(name, python.absolute())
            done.touch()
        return python.absolute()


def _create(name: str, home: Path) -> None:
    try:
        venv.create(home, with_pip=True, clear=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise PeerError(f"no environment for {name} could be made in {home}: {error}") from error


def _install(name: str, python: Path) -> None:
    # isolated: with -m alone, a file of the working folder could stand in for a module of pip
    command = [str(python), "-I", "-m", "pip", "install", "--quiet", *PINS[name]]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode:
        errors = [line for line in run.stderr.splitlines() if line.startswith("ERROR")] or run.stderr.splitlines()
        raise PeerError(f"pip could not install {name}: {errors[-1] if errors else 'no reason given'}")


def parse_pythons(given: Sequence[str]) -> dict[str, Path]:
    """Read `NAME=FILE` for each peer that is installed already.

    Raises:
        ValueError: If one is of another form, names no peer or no file.
    """
    found = {}
    for one in given:
        name, sign, file = one.partition("=")
        if not sign or name not in PINS or not Path(file).is_file():
            raise ValueError(
                f"{one!r} names no peer's Python: expected NAME=FILE, NAME one of {', '.join(PINS)}, and FILE to exist."
            )
        found[name] = Path(file)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Install the peers named, or all."""
    parser = argparse.ArgumentParser(prog="python -m evals.benchmarks.peer", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(PINS)}; default: all")
    parser.add_argument("--peers", type=Path, default=None, metavar="DIR", help="default: peers in RAGKIT_CACHE")
    given = parser.parse_args(arguments)
    peers = Peers(given.peers or Settings.from_environment().cache_folder / "peers")
    failed = False
    for name in given.names or PINS:
        try:
            print(f"{name}: {peers.python(name)}")
        except PeerError as error:
            failed = True
            sys.stderr.write(f"{error}\n")
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
