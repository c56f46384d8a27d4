"""The same embedded chunks in the index of each side, made once for all benchmarks of a run."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from evals.benchmarks.measure import Outcome
from evals.benchmarks.process import RoundError, run_task, say
from evals.benchmarks.setup import available
from evals.benchmarks.wikipedia import wikipedia

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from evals.benchmarks.corpus import Corpus
    from evals.benchmarks.process import Side
    from evals.benchmarks.setup import Setup

__all__ = ["LANGCHAIN", "Indexes", "copied", "indexes", "slug"]

LANGCHAIN = "LangChain"
"""How the tables call it where it runs with its defaults."""


@dataclass(frozen=True, slots=True)
class Indexes:
    """What is searched, and by whom."""

    setup: Setup
    """Of the run."""
    corpus: Corpus
    """Chunks and queries with their vectors."""
    sides: Sequence[Side]
    """Those whose index is there."""
    folders: dict[str, Path] = field(default_factory=dict)
    """Of the index, by side."""
    filling: dict[str, Outcome] = field(default_factory=dict)
    """What filling it measured, by side."""
    failures: dict[str, str] = field(default_factory=dict)
    """Why a side has none."""

    @property
    def about(self) -> str:
        """What is searched, in words."""
        corpus, asked = self.corpus, self.setup.sizes.chunks
        short = "" if corpus.chunks >= asked else f" ({asked:,} were asked for; there are no more)"
        vectors = f"all-MiniLM-L6-v2 vectors of {corpus.dim} floats, the same for both"
        return f"{corpus.chunks:,} {corpus.source}{short}, {vectors}"

    @property
    def settings(self) -> dict[str, str]:
        """What each side does, in words."""
        return {side.name: side.setting for side in self.sides}

    def run(self, side: Side, task: str, *, folder: Path | None = None, **job: Any) -> Outcome:
        """Run one task of a side on its index, or on the copy of it in `folder`."""
        where = {"corpus": str(self.corpus.folder), "folder": str(folder or self.folders[side.name])}
        return run_task(side, task, {**where, **job}, threads=self.setup.threads)


def indexes(setup: Setup, *, langchain: str, own: str) -> Indexes:
    """Give the indexes of LangChain and of this project, filled with the Wikipedia chunks unless they are there.

    Args:
        setup: Of the run; its folder for work keeps them until it ends.
        langchain: What that side does, in words.
        own: What this project does.
    """
    corpus = wikipedia(setup)
    peers, failures = available(setup, [("langchain", LANGCHAIN, langchain, {})])
    sides, folders, filling = [], {}, {}
    for side in [*peers, setup.own(own)]:
        folder = setup.work / f"index-{slug(side.name)}"
        report = folder.with_suffix(".json")
        try:
            if not report.exists():
                say(f"filling the index of {side.name} with {corpus.chunks:,} chunks")
                job = {"corpus": str(corpus.folder), "count": corpus.chunks, "folder": str(folder)}
                run_task(side, "fill", job, threads=setup.threads).write(report)
        except RoundError as error:
            failures[side.name] = str(error)
            continue
        sides.append(side)
        folders[side.name], filling[side.name] = folder, Outcome.read(report)
    return Indexes(setup, corpus, sides, folders, filling, failures)


def copied(folder: Path, place: Path) -> Path:
    """Give a copy to be changed, in place of an earlier one."""
    shutil.rmtree(place, ignore_errors=True)
    return shutil.copytree(folder, place)


def slug(name: str) -> str:
    """Give a name that a folder may have.

    Example:
        >>> slug("LangChain, bf16")
        'langchain--bf16'
    """
    return "".join(character if character.isalnum() else "-" for character in name).lower()
