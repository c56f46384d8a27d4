"""A chat model that gives the same reply to the same question without asking twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import aclosing, closing
from typing import Any, NamedTuple

from langchain_core.caches import BaseCache
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models.chat_models import generate_from_stream
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult, Generation
from pydantic import model_validator

from ragkit.models.wrappers.around import ChatModelAroundOne
from ragkit.models.wrappers.calls import (
    AsyncChunks,
    Call,
    Chunks,
    agenerate,
    astream,
    generate,
    in_one_chunk,
    stream,
)
from ragkit.models.wrappers.notes import KEY, Note, note_chunk, note_result, notes_of
from ragkit.models.wrappers.question import Question, question_of, why_not_kept
from ragkit.models.wrappers.routed import NOTE

__all__ = ["CachedChatModel"]


class CachedChatModel(ChatModelAroundOne):
    """Keeps replies in a cache, and gives a kept one to a call that is equal in all that decides the reply.

    That is the prompt, the inner model with its settings, stop strings, and every argument of the call (tools and
    schemas too). A reply drawn at random (temperature above 0 without a seed) is asked for anew each time, unless
    `random_too`; where no temperature is stated, the server's own is taken for what you want to keep. A stream is kept
    once it has ended; a kept reply streams as one chunk.

    Replies say so: `response_metadata["ragkit"]` holds `cached`, and `not_cached` with the reason where a reply was not
    looked up or kept. The usage of a kept reply has LangChain's `total_cost: 0`.

    Example:
        >>> from langchain_core.caches import InMemoryCache
        >>> from langchain_core.language_models import FakeListChatModel
        >>> inner = FakeListChatModel(responses=["first", "second"])
        >>> model = CachedChatModel(model=inner, cache=InMemoryCache())
        >>> [model.invoke("Hi").content, model.invoke("Hi").content, model.invoke("You?").content]
        ['first', 'first', 'second']
    """

    replies: BaseCache
    """Where they are kept; the argument is called `cache`."""
    random_too: bool = False
    """Keep replies drawn at random as well: the first draw is given to everyone."""

    @model_validator(mode="before")
    @classmethod
    def _take_cache(cls, options: Any) -> Any:
        # LangChain's own use of `cache` knows neither streams nor what is random, so it gets none.
        if not isinstance(options, Mapping) or "replies" in options:
            return options
        if not isinstance(options.get("cache"), BaseCache):
            raise ValueError(f"cache must be a BaseCache such as SQLiteCache(path), got {options.get('cache')!r}")
        return {**{name: value for name, value in options.items() if name != "cache"}, "replies": options["cache"]}

    def _answer(self, call: Call, run: CallbackManagerForLLMRun | None) -> ChatResult:
        question, note = self._question(call)
        if question and (kept := _result(self.replies.lookup(*question))):
            return kept
        result = generate(self.model, call, run)
        if question:
            self.replies.update(*question, _to_keep(result))
        return note_result(result, note)

    async def _aanswer(self, call: Call, run: AsyncCallbackManagerForLLMRun | None) -> ChatResult:
        question, note = self._question(call)
        if question and (kept := _result(await self.replies.alookup(*question))):
            return kept
        result = await agenerate(self.model, call, run)
        if question:
            await self.replies.aupdate(*question, _to_keep(result))
        return note_result(result, note)

    def _chunks(self, call: Call) -> Chunks:
        question, note = self._question(call)
        if question and (kept := _result(self.replies.lookup(*question))):
            yield in_one_chunk(kept)
            return
        seen = _Seen(note)
        with closing(stream(self.model, call)) as chunks:
            for chunk in chunks:
                yield seen.noted(chunk)
        if question and seen.chunks:
            self.replies.update(*question, seen.to_keep())

    async def _achunks(self, call: Call) -> AsyncChunks:
        question, note = self._question(call)
        if question and (kept := _result(await self.replies.alookup(*question))):
            yield in_one_chunk(kept)
            return
        seen = _Seen(note)
        async with aclosing(astream(self.model, call)) as chunks:
            async for chunk in chunks:
                yield seen.noted(chunk)
        if question and seen.chunks:
            await self.replies.aupdate(*question, seen.to_keep())

    def _question(self, call: Call) -> _Asked:
        reason = None if self.random_too else why_not_kept(self.model, call)
        if reason is None:
            try:
                return _Asked(question_of(self.model, call), {"cached": False})
            except TypeError as error:
                reason = str(error)
        return _Asked(None, {"cached": False, "not_cached": reason})


class _Asked(NamedTuple):
    question: Question | None
    note: Note


class _Seen:
    """The chunks of a stream: what is given to the caller carries the note, what is kept does not."""

    def __init__(self, note: Note) -> None:
        self._note = note
        self.chunks: list[ChatGenerationChunk] = []

    def noted(self, chunk: ChatGenerationChunk) -> ChatGenerationChunk:
        first = not self.chunks
        # LangChain writes into the message of a chunk that it was given.
        self.chunks.append(chunk.model_copy(update={"message": chunk.message.model_copy()}))
        return note_chunk(chunk, self._note if first else {})

    def to_keep(self) -> list[ChatGeneration]:
        return _to_keep(generate_from_stream(iter(self.chunks)))


def _to_keep(result: ChatResult) -> list[ChatGeneration]:
    return [generation.model_copy(update={"message": _without_run(generation)}) for generation in result.generations]


def _without_run(generation: ChatGeneration) -> BaseMessage:
    message = generation.message
    metadata = {**(generation.generation_info or {}), **message.response_metadata}
    metadata.pop(KEY, None)
    if (answered := notes_of(message).get(NOTE)) is not None:
        metadata[KEY] = {NOTE: answered}  # the answer is read as the model that gave it would have it read
    ours = message.id is not None and message.id.startswith("lc_")
    return message.model_copy(update={"response_metadata": metadata, "id": None if ours else message.id})


def _result(kept: Sequence[Generation] | None) -> ChatResult | None:
    """Give kept generations as a result that says so, at no cost; None where a cache holds something else."""
    if not kept or not all(isinstance(generation, ChatGeneration) for generation in kept):
        return None
    generations = [
        one.model_copy(update={"message": _free(one.message)}) for one in kept if isinstance(one, ChatGeneration)
    ]
    return note_result(ChatResult(generations=generations), {"cached": True})


def _free(message: BaseMessage) -> BaseMessage:
    if not isinstance(message, AIMessage) or message.usage_metadata is None:
        return message
    return message.model_copy(update={"usage_metadata": {**message.usage_metadata, "total_cost": 0}})
