"""A stream from its first chunk to its last: what may be asked again, what broke off, and what was whole.

Until a chunk shows something, a failed stream is asked again like any call; from then on it never is, for the consumer
would see the beginning twice. `astart` and `arest` do what `start` and `rest` do.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import aclosing, closing
from dataclasses import dataclass, field

from langchain_core.outputs import ChatGenerationChunk

from ragkit.errors import ModelError, ModelTimeoutError, ModelUnavailableError
from ragkit.models.openai.calls import Guard
from ragkit.models.openai.chunks import Tally, shows
from ragkit.models.openai.replies import unreadable

__all__ = ["Opened", "arest", "astart", "rest", "start"]


@dataclass(slots=True)
class Opened:
    """A stream whose first chunk with something to show has come, or that ended well without any."""

    guard: Guard
    tally: Tally
    first: list[ChatGenerationChunk] = field(default_factory=list)
    """What came so far, in order."""

    def begun(self, chunk: ChatGenerationChunk | None) -> bool:
        """Note a chunk of the beginning, None for the end; whether the consumer's part begins.

        Raises:
            ModelUnavailableError: If the stream ended before it was whole.
        """
        if chunk is None:
            self.check_end()
            return True
        self.first.append(self.take(chunk))
        return shows(chunk)

    def take(self, chunk: ChatGenerationChunk) -> ChatGenerationChunk:
        """Note a chunk, and give it without what is told elsewhere."""
        return self.guard.read(lambda: self.tally.take(chunk))

    def last(self) -> Iterator[ChatGenerationChunk]:
        """Give the chunk that ends the stream, where it did not come by itself."""
        last = self.guard.read(self.tally.last)
        if last is not None:
            yield last

    def check_end(self) -> None:
        """Check at the end that the server meant it.

        Raises:
            ModelError: If nothing came, as its body says.
            ModelUnavailableError: If the end was not said.
        """
        watch = self.guard.watch
        done = b"[DONE]" in watch.tail
        if not self.tally.chunks:
            nothing = ModelUnavailableError("the stream ended before it gave anything.", status=watch.status)
            raise nothing if done else unreadable(ValueError(), watch, self.guard.secrets)
        if not (self.tally.finished or done):
            raise ModelUnavailableError("the connection was closed before the stream's last event.")

    def broken(self, error: ModelError) -> ModelError:
        """Say of an error that it came after something was given."""
        chunks = "1 chunk" if self.tally.chunks == 1 else f"{self.tally.chunks} chunks"
        message = f"the stream broke off after {chunks}, and is not asked again: {error}"
        if isinstance(error, ModelTimeoutError):
            return ModelTimeoutError(message)
        if isinstance(error, ModelUnavailableError):
            return ModelUnavailableError(message, status=error.status)
        error.args = (message,)
        return error


def start(chunks: Generator[ChatGenerationChunk], guard: Guard, tally: Tally) -> Opened:
    """Read a stream until it shows something.

    Raises:
        ModelError: If it fails before; it is closed then.
    """
    opened = Opened(guard, tally)
    try:
        while not opened.begun(guard.wait(lambda: next(chunks, None))):
            pass
    except BaseException:
        chunks.close()
        raise
    return opened


async def astart(chunks: AsyncGenerator[ChatGenerationChunk], guard: Guard, tally: Tally) -> Opened:
    """Read a stream until it shows something."""
    opened = Opened(guard, tally)
    try:
        while not opened.begun(await guard.await_(lambda: anext(chunks, None))):
            pass
    except BaseException:
        await chunks.aclose()
        raise
    return opened


def rest(chunks: Generator[ChatGenerationChunk], opened: Opened) -> Generator[ChatGenerationChunk]:
    """Give the whole stream, its beginning included, and at its end the usage; closed when the consumer leaves.

    Raises:
        ModelTimeoutError: If the server is silent for too long, or the deadline is over.
        ModelUnavailableError: If it breaks off, or ends without saying so.
    """
    with closing(chunks):
        yield from opened.first
        try:
            while (chunk := opened.guard.wait(lambda: next(chunks, None))) is not None:
                yield opened.take(chunk)
            opened.check_end()
        except ModelError as error:
            raise opened.broken(error) from None
        yield from opened.last()


async def arest(chunks: AsyncGenerator[ChatGenerationChunk], opened: Opened) -> AsyncGenerator[ChatGenerationChunk]:
    """Give the whole stream, its beginning included, and at its end the usage; closed when the consumer leaves."""
    async with aclosing(chunks):
        for chunk in opened.first:
            yield chunk
        try:
            while (later := await opened.guard.await_(lambda: anext(chunks, None))) is not None:
                yield opened.take(later)
            opened.check_end()
        except ModelError as error:
            raise opened.broken(error) from None
        for last in opened.last():
            yield last
