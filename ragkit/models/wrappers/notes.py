"""What a wrapper says about a reply: facts under one key of its `response_metadata`, on copies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from langchain_core.messages import BaseMessage, BaseMessageChunk
from langchain_core.outputs import ChatGenerationChunk, ChatResult

__all__ = ["KEY", "Note", "note_chunk", "note_result", "notes_of"]

KEY = "ragkit"
"""The key of `response_metadata` under which every wrapper puts its facts."""

Note: TypeAlias = Mapping[str, Any]
"""Facts by name, such as `{"attempts": 2}`; JSON values."""


def notes_of(message: BaseMessage) -> dict[str, Any]:
    """Give the facts that wrappers noted on a reply; none where there are none."""
    found = message.response_metadata.get(KEY)
    return dict(found) if isinstance(found, Mapping) else {}


def note_result(result: ChatResult, note: Note) -> ChatResult:
    """Give a copy of a result whose messages carry the note beside those they have."""
    generations = [
        generation.model_copy(update={"message": _noted(generation.message, note)}) for generation in result.generations
    ]
    return ChatResult(generations=generations, llm_output=result.llm_output)


def note_chunk(chunk: ChatGenerationChunk, note: Note) -> ChatGenerationChunk:
    """Give a copy of a chunk that carries the note; only one chunk of a stream may, for LangChain adds chunks up."""
    return chunk.model_copy(update={"message": _noted(chunk.message, note)}) if note else chunk


def _noted(message: BaseMessage | BaseMessageChunk, note: Note) -> BaseMessage:
    metadata = {**message.response_metadata, KEY: {**notes_of(message), **note}}
    return message.model_copy(update={"response_metadata": metadata})
