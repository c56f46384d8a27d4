"""A small evaluation with a model that costs money, which `test_resume.py` kills: FOLDER STOP WORKERS."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ragkit.evaluate.chat import Ask, Message, Reply
from ragkit.evaluate.judges.recorded import RecordedModel
from ragkit.evaluate.outcome import Estimate, Outcome, Row, Unscored
from ragkit.evaluate.reports.content import Histogram, Report
from ragkit.evaluate.runs import RunFolder
from ragkit.testing.scripts import MeteredModel

_IDS = [f"q{place}" for place in range(12)]
_SAMPLES = 2


class _Silent:
    """Answers until `stop` calls were made in this process; then says that it can be killed, and nothing else."""

    card: Mapping[str, Any] = {"name": "silent"}

    def __init__(self, stop: str, workers: int) -> None:
        self._most = int(stop) if stop.isdigit() else 1_000_000
        self._workers = workers
        self._calls = self._waiting = 0
        self._lock = threading.Lock()

    def reply(self, ask: Ask) -> Reply:
        with self._lock:
            self._calls += 1
            silent = self._calls > self._most
            self._waiting += silent
            if silent and self._waiting == self._workers:
                sys.stdout.write("killable\n")
                sys.stdout.flush()
        if silent:
            threading.Event().wait()
        number = int(ask.messages[0].content.removeprefix("q"))
        return Reply(text=str(number * 10 + ask.sample), input_tokens=number, output_tokens=1, seconds=0.25)


class _Deadly(list[float]):
    """Values that kill who wants to draw them."""

    def __len__(self) -> int:
        os.kill(os.getpid(), signal.SIGKILL)
        return 0


def evaluate(folder: Path, stop: str = "never", workers: int = 1) -> None:
    """Ask two samples of each of twelve questions.

    Args:
        folder: Gets `run`, the folder of the run, and `meter`, a line for each call paid.
        stop: After how many calls to fall silent, or the place at which to be killed: a question, `worked`, `report`.
        workers: Of `RunFolder.work`.
    """

    def die_at(place: str) -> None:
        if stop == place:
            os.kill(os.getpid(), signal.SIGKILL)

    with RunFolder.open(folder / "run", command="eval answers", dataset="twelve", config={"samples": _SAMPLES}) as run:
        model = RecordedModel(run.journal, MeteredModel(_Silent(stop, workers), folder / "meter"))

        def ask(ids: Sequence[str]) -> list[Row]:
            rows = []
            for row_id in ids:
                asks = [Ask(messages=[Message("user", row_id)], sample=sample) for sample in range(_SAMPLES)]
                said = [model.reply(ask).text for ask in asks]
                die_at(row_id)
                score: Outcome = Unscored("cross") if row_id == "q7" else sum(map(int, said)) / 1000
                rows.append(Row(id=row_id, outcomes={"score": score}, details={"said": said}))
            return rows

        rows = run.work(_IDS, ask, block=2, workers=workers)
        die_at("worked")
        scores = [score for row in rows if isinstance(score := row.outcomes["score"], float)]
        mean = sum(scores) / len(scores)
        estimate = Estimate(value=mean, low=0.0, high=1.0, n=len(scores), coverage=11 / 12, reasons={"cross": 1})
        values = _Deadly(scores) if stop == "report" else scores
        report = Report("Twelve", "Twelve questions.", sections=(Histogram("Spread", "score", values),))
        run.finish(rows, {"score": estimate}, report)


if __name__ == "__main__":
    evaluate(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
