"""How tokens get from the thread that computes them to whoever reads them, in threads and in event loops."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager, suppress
from traceback import clear_frames

from ragkit.errors import ModelError, shorten
from ragkit.models.local.generation import FinishReason

__all__ = ["Outbox", "TokenStream", "told"]


class Outbox:
    """Where an engine puts the tokens of one generation; it outlives neither its reader's interest nor the engine's.

    Every method is safe from any thread. After the first of `end`, `fail` and `cancel` nothing more is taken.
    """

    def __init__(self) -> None:
        self.cached_tokens = 0
        """Tokens of the prompt that were not computed again; set before the first token."""
        self.finish_reason: FinishReason | None = None
        """Why it ended; None while it runs, if it failed and if it was cancelled."""
        self._changed = threading.Condition()
        self._tokens: deque[int] = deque()
        self._closed = False
        self._cancelled = False
        self._error: ModelError | None = None
        self._sleepers: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []

    @property
    def closed(self) -> bool:
        """Whether nothing more is wanted: it ended, failed or was cancelled."""
        return self._closed

    def put(self, token: int) -> None:
        """Hand one token over."""
        with self._changed:
            if not self._closed:
                self._tokens.append(token)
                self._wake()

    def end(self, reason: FinishReason) -> None:
        """Say that the last token was put."""
        with self._changed:
            if not self._closed:
                self.finish_reason = reason
                self._close()

    def fail(self, error: BaseException) -> None:
        """Raise `error` from the iteration, as a `ModelError`, after the tokens that were put before."""
        with self._changed:
            if not self._closed:
                self._error = _as_model_error(error)
                self._close()

    def cancel(self) -> None:
        """End the iteration now and drop the tokens not read yet; a reply that is whole can be read to its end."""
        with self._changed:
            if self.finish_reason is not None:
                return
            self._cancelled = True
            self._tokens.clear()
            if not self._closed:
                self._close()

    def wait(self) -> int | None:
        """Give the next token, or None after the last one; blocks the calling thread meanwhile.

        Raises:
            ModelError: If the engine failed.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._tokens or self._closed)
            return self._next()

    async def wait_async(self) -> int | None:
        """Give the next token, or None after the last one, from any event loop.

        Raises:
            ModelError: If the engine failed.
        """
        while True:
            with self._changed:
                if self._tokens or self._closed:
                    return self._next()
                loop = asyncio.get_running_loop()
                sleeper = loop.create_future()
                self._sleepers.append((loop, sleeper))
            await sleeper

    def _next(self) -> int | None:
        if self._tokens:
            return self._tokens.popleft()
        if self._error is not None and not self._cancelled:
            raise self._error
        return None

    def _close(self) -> None:
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        self._changed.notify_all()
        sleepers, self._sleepers = self._sleepers, []
        for loop, sleeper in sleepers:
            with suppress(RuntimeError):  # the loop was closed: nobody waits there any more
                loop.call_soon_threadsafe(_rouse, sleeper)


@contextmanager
def told(outboxes: Iterable[Outbox]) -> Iterator[None]:
    """Tell the readers of these, and nobody else, what goes wrong inside; the thread goes on."""
    try:
        yield
    except BaseException as error:  # noqa: BLE001  # raised again, in the thread of each caller
        clear_frames(error.__traceback__)  # who keeps the error would keep what the pass computed, memory of gigabytes
        for outbox in outboxes:
            outbox.fail(error)


def _as_model_error(error: BaseException) -> ModelError:
    if isinstance(error, ModelError):
        return error
    failure = ModelError(f"The model failed while generating: {type(error).__name__}: {shorten(error, 300)}")
    failure.__cause__ = error
    return failure


def _rouse(sleeper: asyncio.Future[None]) -> None:
    if not sleeper.done():
        sleeper.set_result(None)


class TokenStream:
    """A `Generation` that reads an `Outbox`; once nobody holds it, the generation is cancelled.

    Tokens are given once: a second iteration goes on where the first stopped.
    """

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    @property
    def cached_tokens(self) -> int:
        """Tokens of the prompt that a kept prefix spared computing; known from the first token on."""
        return self._outbox.cached_tokens

    @property
    def finish_reason(self) -> FinishReason | None:
        """Why it ended; None while it runs, if it failed and if it was cancelled."""
        return self._outbox.finish_reason

    def __iter__(self) -> Iterator[int]:
        while (token := self._outbox.wait()) is not None:
            yield token

    async def __aiter__(self) -> AsyncIterator[int]:
        while (token := await self._outbox.wait_async()) is not None:
            yield token

    def cancel(self) -> None:
        """Stop computing, from any thread, at any time, also twice; what waits on the iteration ends."""
        self._outbox.cancel()

    def __del__(self) -> None:
        self._outbox.cancel()
