"""What every benchmark is given: sizes, folders, threads, and who the sides are."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evals.benchmarks.peer import PeerError
from evals.benchmarks.process import Side

if TYPE_CHECKING:
    from collections.abc import Iterable

    from evals.benchmarks.peer import Peers

__all__ = ["FULL", "OWN", "QUICK", "Setup", "Sizes", "available"]

OWN = "ragkit"
"""How tables call this project."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much is measured."""

    rounds: int
    """Interleaved rounds; the median counts."""
    passages: int
    """Short passages ingested."""
    chunks: int
    """Chunks in the collection that is searched."""
    queries: int
    """Queries asked of both sides."""
    own_queries: int
    """Queries asked where only this project is measured."""
    documents: int
    """Files in the folder that is synced again."""
    growth: tuple[int, ...]
    """Rows of the growing collection."""


FULL = Sizes(
    rounds=3,
    passages=2_000,
    chunks=130_000,
    queries=60,
    own_queries=300,
    documents=10_000,
    growth=(10_000, 130_000, 1_000_000),
)
QUICK = Sizes(rounds=1, passages=200, chunks=10_000, queries=20, own_queries=50, documents=500, growth=(2_000, 10_000))


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """One run of the command."""

    sizes: Sizes
    """How much."""
    threads: int
    """For everything that computes, of each side."""
    data: Path
    """Folder of evaluation collections."""
    cache: Path
    """Kept from run to run: embedded Wikipedia, embeddings."""
    work: Path
    """Gone after the run: what the sides build."""
    model: Path
    """Folder of the packaged model, the one that every side uses."""
    peers: Peers
    """Where the others live."""
    collection: Path | None = None
    """A collection whose chunks are used in place of Wikipedia's."""

    def own(self, setting: str, *, name: str = OWN, **options: object) -> Side:
        """Give this project as a side."""
        python = Path(sys.executable)
        return Side(name=name, python=python, module="evals.benchmarks.sides.own", setting=setting, options=options)

    def peer(self, peer: str, setting: str, *, name: str, **options: object) -> Side:
        """Give a peer as a side, installing it if need be.

        Raises:
            PeerError: If it cannot be installed.
        """
        module = f"evals.benchmarks.sides.{peer}"
        return Side(name=name, python=self.peers.python(peer), module=module, setting=setting, options=options)


def available(
    setup: Setup, wanted: Iterable[tuple[str, str, str, dict[str, object]]]
) -> tuple[list[Side], dict[str, str]]:
    """Give the peers that can be had, and the reason for each that cannot.

    Args:
        setup: Of the run.
        wanted: For each side: peer, name, setting in words, options.
    """
    sides, failures = [], {}
    for peer, name, setting, options in wanted:
        try:
            sides.append(setup.peer(peer, setting, name=name, **options))
        except PeerError as error:
            failures[name] = str(error)
    return sides, failures
