"""The parent's end of a side's process."""

from __future__ import annotations

import json
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from evals.benchmarks.measure import Outcome
from evals.benchmarks.process import RoundError, environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from evals.benchmarks.process import Side

__all__ = ["Session", "opened"]

_ROOT = Path(__file__).parents[3]
_LAST_LINES = 12


class Session:
    """A process that has loaded the model and waits; it computes only while it is asked."""

    def __init__(self, process: subprocess.Popen[str], said: IO[str]) -> None:
        self._process = process
        self._said = said
        self.loaded = self._read("loading")
        """What loading cost."""

    def ask(self, task: str, **job: Any) -> Outcome:
        """Have a task done.

        Raises:
            RoundError: If the process ended; the message is the last line it said.
        """
        if self._process.stdin is None or self._process.poll() is not None:
            raise RoundError(self._last_words(task))
        self._process.stdin.write(json.dumps({**job, "task": task}) + "\n")
        self._process.stdin.flush()
        return self._read(task)

    def _read(self, task: str) -> Outcome:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise RoundError(self._last_words(task))
        return Outcome(**json.loads(line))

    def _last_words(self, task: str) -> str:
        code = self._process.wait()
        self._said.seek(0)
        lines = [line.strip() for line in self._said if line.strip()][-_LAST_LINES:]
        return f"{task} ended with {code}: {lines[-1] if lines else 'no word said'}"


@contextmanager
def opened(side: Side, job: Mapping[str, Any], *, threads: int) -> Iterator[Session]:
    """Start the process of a side, and end it with the block.

    Raises:
        RoundError: If it cannot load.
    """
    command = [str(side.python), "-m", side.module, json.dumps({**job, **side.options, "threads": threads})]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
        process = subprocess.Popen(
            command, cwd=_ROOT, env=environment(threads), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said,
            text=True,
        )  # fmt: skip
        try:
            yield Session(process, said)
        finally:
            process.kill()
            process.communicate()
