"""The step after a fallback that reads an answer as the model that gave it would have it read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import chain
from typing import Any, Final

from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable, RunnableConfig

from ragkit.models.wrappers.notes import KEY, notes_of

__all__ = ["NOTE", "ParserOfTheAnswerer"]

NOTE: Final = "fallback"
"""The fact under which a fallback notes who answered."""


class ParserOfTheAnswerer(Runnable[BaseMessage, Any]):
    """Hands a reply to the reader of the model that gave it, whole or chunk by chunk."""

    def __init__(self, readers: Sequence[Runnable[Any, Any]]) -> None:
        """Take one reader for each model, in the models' order."""
        self._readers = list(readers)

    def invoke(self, input: BaseMessage, config: RunnableConfig | None = None, **kwargs: Any) -> Any:  # noqa: A002
        """Read a whole reply."""
        return self._reader(input).invoke(_unwrapped(input), config, **kwargs)

    async def ainvoke(self, input: BaseMessage, config: RunnableConfig | None = None, **kwargs: Any) -> Any:  # noqa: A002
        """Read a whole reply, without blocking."""
        return await self._reader(input).ainvoke(_unwrapped(input), config, **kwargs)

    def transform(
        self,
        input: Iterator[BaseMessage],  # noqa: A002
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> Iterator[Any]:
        """Read a reply as it comes; its first chunk says who gives it."""
        first = next(input, None)
        if first is not None:
            yield from self._reader(first).transform(chain([_unwrapped(first)], input), config, **kwargs)

    async def atransform(
        self,
        input: AsyncIterator[BaseMessage],  # noqa: A002
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[Any]:
        """Read a reply as it comes, without blocking."""
        first = await anext(input, None)
        if first is not None:
            whole = _chained(_unwrapped(first), input)
            async for part in self._reader(first).atransform(whole, config, **kwargs):
                yield part

    def _reader(self, message: BaseMessage) -> Runnable[Any, Any]:
        place: int = notes_of(message)[NOTE]["place"]
        return self._readers[place - 1]


async def _chained(first: BaseMessage, rest: AsyncIterator[BaseMessage]) -> AsyncIterator[BaseMessage]:
    yield first
    async for message in rest:
        yield message


def _unwrapped(message: BaseMessage) -> BaseMessage:
    """Give the message as the answering model gave it, where that was a fallback too."""
    notes = notes_of(message)
    inside = notes[NOTE].get("inside")
    if inside is None:
        return message
    return message.model_copy(update={"response_metadata": {**message.response_metadata, KEY: {**notes, NOTE: inside}}})
