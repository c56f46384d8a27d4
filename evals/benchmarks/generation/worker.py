"""The loop of a side's process: load once, then do one task after another as the parent asks.

Imported in the peers' environment too: the standard library and `measure.py` only.
"""

from __future__ import annotations

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from threading import Barrier
from typing import TYPE_CHECKING, Any

from evals.benchmarks.measure import Outcome, Stopwatch, peak_rss_mb, resident_mb

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from evals.benchmarks.measure import Job, Task

__all__ = ["replies_at_once", "serve", "timed_reply"]


def serve(load: Callable[[Job], Mapping[str, Task]]) -> None:
    """Answer the parent's lines with outcomes until it hangs up.

    Args:
        load: Given the job on the command line, gives the tasks by name; its time is reported as `load_s`.
    """
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints must not come between
    ready = Stopwatch()
    with ready.running():
        tasks = load(json.loads(sys.argv[1]))
    _answer(answers, Outcome(numbers={"load_s": ready.wall_s, "loaded_mb": resident_mb()}))
    for line in sys.stdin:
        job = json.loads(line)
        _answer(answers, Outcome(numbers={}) if job["task"] == "peak" else tasks[job["task"]](job))


def _answer(answers: Any, outcome: Outcome) -> None:
    numbers = {**outcome.numbers, "peak_rss_mb": peak_rss_mb()}
    answers.write(json.dumps({**asdict(outcome), "numbers": numbers}) + "\n")
    answers.flush()


def timed_reply(work: Callable[[], tuple[int, str]]) -> Outcome:
    """Measure one reply.

    Args:
        work: Gives the tokens produced and what was said.
    """
    watch = Stopwatch()
    with watch.running():
        tokens, text = work()
    return Outcome(
        numbers={"wall_s": watch.wall_s, "cpu_s": watch.cpu_s, "tokens": tokens, "rate": tokens / watch.wall_s},
        words={"text": text},
    )


def replies_at_once(work: Callable[[Any], tuple[int, str]], asked: Sequence[Any]) -> Outcome:
    """Measure as many callers as there are questions, each on a thread of its own, all starting at the same moment."""
    gate = Barrier(len(asked))

    def call(question: Any) -> tuple[int, str]:
        gate.wait()
        return work(question)

    def all_of_them() -> tuple[int, str]:
        with ThreadPoolExecutor(len(asked)) as pool:
            given = list(pool.map(call, asked))
        return sum(tokens for tokens, _ in given), json.dumps([text for _, text in given])

    return timed_reply(all_of_them)
