"""Stages that run at the same time: each iterator is read ahead in a thread of its own, a bounded number of items."""

from __future__ import annotations

from collections import deque
from contextvars import copy_context
from threading import Condition, Thread
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

__all__ = ["Stages"]

_Item = TypeVar("_Item")


class _StoppedError(BaseException):
    """The pipeline ends early; a BaseException, so that no stage takes it for a fault of its own."""


class Stages:
    """The threads of one pipeline; at the end of the block none is left, however it ends.

    Example:
        >>> with Stages() as stages:
        ...     doubled = stages.ahead((2 * number for number in range(4)), depth=2)
        ...     list(stages.ahead((number + 1 for number in doubled), depth=2))
        [1, 3, 5, 7]
    """

    def __init__(self) -> None:
        self._channels: list[_Channel[object]] = []
        self._threads: list[Thread] = []

    def ahead(self, items: Iterable[_Item], *, depth: int) -> Iterator[_Item]:
        """Give `items` in order, while a thread makes the next ones.

        Args:
            items: Runs in that thread from now on, and is closed there if it is a generator. It may itself read what
                another stage gives. What it raises is raised here, after the items before it.
            depth: How many items may wait to be read, at least 1; one more is in the making.
        """
        channel: _Channel[_Item] = _Channel(depth)
        # A daemon, so that a second Ctrl-C, which breaks the wait for a stage that is slow to end, ends the process.
        thread = Thread(target=copy_context().run, args=(_fill, channel, items), name="ragkit-stage", daemon=True)
        self._channels.append(channel)  # type: ignore[arg-type]  # only ever stopped
        self._threads.append(thread)
        thread.start()
        return channel.items()

    def __enter__(self) -> Stages:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for channel in self._channels:
            channel.stop()
        for thread in self._threads:
            thread.join()


class _Channel(Generic[_Item]):
    """Items on their way from one thread to one other."""

    def __init__(self, depth: int) -> None:
        self._depth = depth
        self._waiting: deque[_Item] = deque()
        self._changed = Condition()
        self._error: BaseException | None = None
        self._ended = self._stopped = False

    def put(self, item: _Item) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or len(self._waiting) < self._depth)
            if self._stopped:
                raise _StoppedError
            self._waiting.append(item)
            self._changed.notify_all()

    def end(self, error: BaseException | None) -> None:
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify_all()

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._waiting.clear()
            self._changed.notify_all()

    def items(self) -> Iterator[_Item]:
        while (item := self._next()) is not None:
            yield item[0]

    def _next(self) -> tuple[_Item] | None:
        """Wait for an item; None after the last."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._waiting or self._ended)
            if self._stopped:
                raise _StoppedError
            if self._waiting:
                self._changed.notify_all()
                return (self._waiting.popleft(),)
            if self._error is not None:
                raise self._error
            return None


def _fill(channel: _Channel[_Item], items: Iterable[_Item]) -> None:
    """Put all items into the channel, then its end or the error that was it; a thread runs this."""
    source = iter(items)
    error: BaseException | None = None
    try:
        for item in source:
            channel.put(item)
    except _StoppedError:
        pass
    except BaseException as raised:  # noqa: BLE001  # raised again by the thread that reads
        error = raised
    finally:
        if (close := getattr(source, "close", None)) is not None:
            close()
        channel.end(error)
