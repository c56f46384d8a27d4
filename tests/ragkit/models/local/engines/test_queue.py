"""Threads that come, wait, are interrupted and end: what every engine does around its computing."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from ragkit.errors import ModelError
from ragkit.models.local.engines.queue import QueueEngine
from ragkit.models.local.engines.stream import Outbox, told
from ragkit.models.local.generation import Request


@dataclass(frozen=True, eq=False)
class Count:
    upto: int
    outbox: Outbox


class Counter(QueueEngine[Count]):
    """Gives one more in each step, up to `max_tokens`; it may be held, and may fail."""

    def __init__(self, places: int = 2) -> None:
        super().__init__(places=places, context_tokens=None)
        self.gate = threading.Event()
        self.gate.set()
        self.arrived = threading.Event()
        self.told: BaseException | None = None
        self.raised: BaseException | None = None
        self.freed = 0

    def _job(self, request: Request) -> Count:
        return Count(request.max_tokens, Outbox())

    def _step(self, jobs: Sequence[Count]) -> None:
        self.arrived.set()
        self.gate.wait(60)
        if self.raised is not None:
            raise self.raised
        for job in jobs:
            with told([job.outbox]):
                if self.told is not None:
                    raise self.told
                for token in range(job.upto):
                    job.outbox.put(token)
                job.outbox.end("length")

    def _free(self) -> None:
        self.freed += 1


def request(count: int = 3) -> Request:
    return Request(prompt=[1], max_tokens=count)


def threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "ragkit-generation"]


def test_closing_waits_for_a_thread_that_is_about_to_end() -> None:
    for _ in range(200):
        engine = Counter()
        assert list(engine.start(request())) == [0, 1, 2]
        engine.close()
        assert threads() == []


def test_closing_frees_what_is_kept() -> None:
    engine = Counter()
    engine.close()
    assert engine.freed == 1


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt(), MemoryError("full"), ValueError("bad")])
def test_whatever_ends_a_step_ends_those_who_wait_and_nobody_later(error: BaseException) -> None:
    engine = Counter(places=1)
    engine.gate.clear()
    lost = [engine.start(request()) for _ in range(3)]
    engine.raised = error
    engine.gate.set()
    for generation in lost:
        with pytest.raises(ModelError, match=f"failed while generating: {type(error).__name__}"):
            list(generation)
    engine.raised = None
    assert list(engine.start(request())) == [0, 1, 2]
    engine.close()


def test_what_is_told_to_one_caller_does_not_end_the_thread() -> None:
    class Panic(BaseException):
        """Of a library in Rust."""

    engine = Counter()
    engine.told = Panic("at grammar.rs")
    with pytest.raises(ModelError, match=r"Panic: at grammar\.rs"):
        list(engine.start(request()))
    engine.told = None
    assert list(engine.start(request())) == [0, 1, 2]
    engine.close()


def test_a_caller_interrupted_while_the_thread_starts_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    started = threading.Thread.start
    begun: list[threading.Thread] = []

    def interrupted(thread: threading.Thread) -> None:
        started(thread)
        begun.append(thread)
        raise KeyboardInterrupt

    engine = Counter()
    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        engine.start(request())
    monkeypatch.undo()
    begun[0].join(60)
    assert not engine.arrived.is_set()
    assert list(engine.start(request())) == [0, 1, 2]
    engine.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")  # that is the point
def test_a_process_forked_while_a_model_generates_is_told_instead_of_waiting_for_ever() -> None:
    engine = Counter()
    engine.gate.clear()
    generation = engine.start(request())
    assert engine.arrived.wait(60)
    if (child := os.fork()) == 0:
        try:
            engine.start(request())
        except ModelError as error:
            os._exit(7 if "forked while this model generated" in str(error) else 8)
        os._exit(9)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    engine.gate.set()
    assert list(generation) == [0, 1, 2]
    engine.close()


ABANDONS = """
import sys, time
from ragkit.models.local.engines.queue import QueueEngine
from ragkit.models.local.engines.stream import Outbox
from ragkit.models.local.generation import Request

class Job:
    outbox = Outbox()

class Endless(QueueEngine[Job]):
    def _job(self, request):
        return Job()

    def _step(self, jobs):
        jobs[0].outbox.put(1)
        time.sleep(0.001)

engine = Endless(places=1, context_tokens=None)
generation = engine.start(Request(prompt=[1], max_tokens=10**9))
print(next(iter(generation)))
"""


def test_the_interpreter_ends_while_a_stream_runs_that_nobody_reads_any_more() -> None:
    done = subprocess.run([sys.executable, "-c", ABANDONS], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")
