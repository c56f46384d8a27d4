"""Each side in a fresh process of its own Python, in interleaved rounds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evals.benchmarks.measure import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["Done", "RoundError", "Side", "environment", "interleave", "run_task", "say"]

_ROOT = Path(__file__).parents[2]
_LAST_LINES = 12
_LIMIT_S = 3 * 3600


class RoundError(Exception):
    """A process ended without an outcome; the message is the end of what it said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of those compared."""

    name: str
    """As the table calls it."""
    python: Path
    """Runs it."""
    module: str
    """With the tasks, in `evals.benchmarks.sides`."""
    setting: str
    """What it does, in words: calls, precision, durability."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Added to every job."""


@dataclass(frozen=True, slots=True)
class Done:
    """What the rounds of all sides gave."""

    outcomes: dict[str, list[Outcome]]
    """By side; of those that ran in every round."""
    failures: dict[str, str]
    """Reason, by side."""


def say(text: str) -> None:
    """Tell on stderr what is going on."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stderr.flush()


def interleave(
    sides: Sequence[Side], rounds: int, one_round: Callable[[Side, int], Outcome], *, what: str = ""
) -> Done:
    """Run `one_round` for each side in turn, `rounds` times; a side that fails is left out from then on.

    Args:
        sides: In the order of a round; every second round runs backwards, so that none is always first.
        rounds: At least 1.
        one_round: Called with the side and the number of the round, from 0.
        what: Told on stderr.
    """
    outcomes: dict[str, list[Outcome]] = {side.name: [] for side in sides}
    failures: dict[str, str] = {}
    for number in range(rounds):
        for side in sides if number % 2 == 0 else reversed(sides):
            if side.name in failures:
                continue
            start = time.perf_counter()
            try:
                outcomes[side.name].append(one_round(side, number))
            except RoundError as error:
                failures[side.name] = str(error)
                outcomes.pop(side.name)
            state = "FAILED" if side.name in failures else "done"
            say(f"{what}: round {number + 1}/{rounds}, {side.name} {state} in {time.perf_counter() - start:.1f} s")
    return Done(outcomes, failures)


def run_task(side: Side, task: str, job: Mapping[str, Any], *, threads: int) -> Outcome:
    """Run one task in a fresh process.

    Returns:
        Its outcome, with `process_s` added: from the start of the process to its end.

    Raises:
        RoundError: If it fails.
    """
    with tempfile.TemporaryDirectory(prefix="ragkit-job-") as temporary:
        folder = Path(temporary)
        outcome, description = folder / "outcome.json", folder / "job.json"
        whole = {**job, **side.options, "task": task, "threads": threads, "outcome": str(outcome)}
        command = [str(side.python), "-m", side.module, str(description)]
        start = time.perf_counter()
        description.write_text(json.dumps({**whole, "started_at": time.time()}), encoding="utf-8")
        try:
            run = subprocess.run(
                command, cwd=_ROOT, env=environment(threads), capture_output=True, text=True, check=False,
                errors="replace", timeout=_LIMIT_S,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise RoundError(f"{task} did not end within {_LIMIT_S} s") from error
        process_s = time.perf_counter() - start
        if run.returncode or not outcome.exists():
            said = [line.strip() for line in run.stderr.splitlines() if line.strip()]
            sys.stderr.write("\n".join([*said[-_LAST_LINES:], ""]))
            raise RoundError(f"{task} ended with {run.returncode}: {said[-1] if said else 'no word said'}")
        found = Outcome.read(outcome)
    return replace(found, numbers={**found.numbers, "process_s": process_s})


def environment(threads: int) -> dict[str, str]:
    """Hold torch, faiss and the tokenizers to the same threads, and keep the hub and every telemetry out of it."""
    own = {"OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads, "RAYON_NUM_THREADS": threads, "HF_HUB_OFFLINE": 1}
    quiet = {"HAYSTACK_TELEMETRY_ENABLED": "False", "ANONYMIZED_TELEMETRY": "False", "HF_HUB_DISABLE_TELEMETRY": "1"}
    # without it the tokenizers run on one thread once torch has forked or may fork
    numbers = {key: str(value) for key, value in own.items()}
    return {**os.environ, **numbers, **quiet, "TOKENIZERS_PARALLELISM": "true"}
