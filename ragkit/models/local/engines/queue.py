"""Requests wait in line, and a thread that lives only while there is work takes them up: what engines share."""

from __future__ import annotations

import threading
import weakref
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from typing import Any, Generic, Protocol, TypeVar

from ragkit.errors import ModelError
from ragkit.models.local.engines.stream import Outbox, TokenStream
from ragkit.models.local.generation import Generation, Request

__all__ = ["Job", "QueueEngine"]


class Job(Protocol):
    """One generation, compared by identity."""

    @property
    def outbox(self) -> Outbox:
        """Where its tokens go; once it is closed the job leaves."""
        ...


Work = TypeVar("Work", bound=Job)


class QueueEngine(ABC, Generic[Work]):
    """Takes requests from any thread, first come, first served; a subclass computes them in one thread.

    The interpreter may end at any time: what still runs then is cancelled, as `close` does.

    Args:
        places: Most jobs that run at once; the others wait.
        context_tokens: Most tokens of prompt and reply together; None where the model states no limit.
    """

    def __init__(self, *, places: int, context_tokens: int | None) -> None:
        self._places = places
        self._context_tokens = context_tokens
        self._lock = threading.Lock()
        self._waiting: deque[Work] = deque()
        self._running: list[Work] = []
        self._thread: threading.Thread | None = None
        self._busy = False
        self._closed = False
        # The thread is a daemon, or the interpreter would wait for the end of a stream that nobody reads any more.
        weakref.finalize(self, _close, weakref.ref(self))

    @property
    def context_tokens(self) -> int | None:
        """Most tokens of prompt and reply together; None where the model states no limit."""
        return self._context_tokens

    def start(self, request: Request) -> Generation:
        """Queue a generation and give it without waiting.

        Raises:
            InputError: If the prompt is empty or holds an id that the model does not know, or max_tokens is below 1.
            ContextLengthError: If the engine knows that the model has too few positions.
            ModelError: If the engine was closed, or the process was forked while it ran.
        """
        job = self._job(request)
        stream = TokenStream(job.outbox)  # before the job joins: a caller who is interrupted drops it, which cancels
        with self._lock:
            if self._closed:
                raise ModelError("This model was closed: make a new one to generate again.")
            if not self._busy:  # the thread waits for this lock before it looks for work
                thread = threading.Thread(target=self._work, name="ragkit-generation", daemon=True)
                thread.start()
                self._thread, self._busy = thread, True
            elif self._thread is not None and not self._thread.is_alive():
                raise ModelError("The process was forked while this model generated: make a new model after the fork.")
            self._waiting.append(job)
        return stream

    def close(self) -> None:
        """Cancel what runs, wait for the thread to end and free what is kept; may be called twice."""
        with self._lock:
            self._closed = True
            thread = self._thread
            for job in [*self._waiting, *self._running]:
                job.outbox.cancel()
        if thread is not None and thread is not threading.current_thread():
            thread.join()
        self._free()

    @abstractmethod
    def _job(self, request: Request) -> Work:
        """Make what stands for a request, or refuse it."""

    @abstractmethod
    def _step(self, jobs: Sequence[Work]) -> None:
        """Go on with the jobs that run; what goes wrong is told to outboxes (`told`), what is raised ends all jobs."""

    def _leave(self, job: Work) -> None:
        """Take note that a job runs no more."""

    def _free(self) -> None:
        """Free what is kept between jobs."""

    def _work(self) -> None:
        with self._lock:
            if self._thread is not threading.current_thread():
                return  # `start` was interrupted before it took note of this thread
        try:
            while jobs := self._admit():
                self._step(jobs)
        except BaseException as error:  # noqa: BLE001  # raised again, in the thread of each caller
            self._give_up(error)

    def _admit(self) -> Sequence[Work]:
        """Let who is done or gone leave and who waits join; nobody left means that this thread is done."""
        for job in [job for job in self._running if job.outbox.closed]:
            with self._lock:
                self._running.remove(job)
            self._leave(job)
        with self._lock:
            self._waiting = deque(job for job in self._waiting if not job.outbox.closed)
            while self._waiting and len(self._running) < self._places:
                self._running.append(self._waiting.popleft())
            self._busy = bool(self._running)
            return tuple(self._running)

    def _give_up(self, error: BaseException) -> None:
        with self._lock:
            left = [*self._waiting, *self._running]
            self._waiting.clear()
            self._running.clear()
            self._busy = False
        for job in left:
            job.outbox.fail(error)


def _close(engine: weakref.ref[Any]) -> None:
    if (left := engine()) is not None:  # only at the end of the interpreter, before daemon threads are stopped
        left.close()
