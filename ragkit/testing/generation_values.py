"""What is asked of a model and what it says, as `RecordedChatModel` keeps them: plain JSON values, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from langchain_core.messages import (
    AIMessageChunk,
    BaseMessage,
    message_chunk_to_message,
    message_to_dict,
    messages_from_dict,
)
from langchain_core.messages.ai import add_ai_message_chunks
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import BaseModel

__all__ = ["Asked", "chunk_of", "dumped", "loaded", "question", "result_of"]

Asked: TypeAlias = dict[str, Any]

_READ = ("content", "name", "tool_calls", "invalid_tool_calls", "tool_call_id", "status", "role", "additional_kwargs")


def question(
    form: str, messages: Sequence[BaseMessage], stop: Sequence[str] | None, keywords: Mapping[str, Any]
) -> Asked:
    """Give what is asked; `form` tells what kind of answer is wanted (`reply`, `stream`, `length`)."""
    return {
        "form": form,
        "messages": [_plain(message) for message in messages],
        "stop": None if stop is None else list(stop),
        "options": {name: _described(value) for name, value in keywords.items() if value is not None},
    }


def _plain(message: BaseMessage) -> dict[str, Any]:
    """Give what a model reads of a message: ids and what an earlier answer cost change from run to run."""
    content = message_to_dict(message_chunk_to_message(message) if isinstance(message, AIMessageChunk) else message)
    data = content["data"]
    return {"type": content["type"], **{name: data[name] for name in _READ if data.get(name)}}


def _described(value: Any) -> Any:
    return value.model_json_schema() if isinstance(value, type) and issubclass(value, BaseModel) else value


def dumped(generation: ChatGeneration) -> dict[str, Any]:
    """Give a reply, or one chunk, as JSON."""
    return {"message": message_to_dict(generation.message), "info": generation.generation_info}


def loaded(document: Mapping[str, Any]) -> ChatGeneration:
    """Give back what `dumped` was handed."""
    (message,) = messages_from_dict([dict(document["message"])])
    if isinstance(message, AIMessageChunk):
        return ChatGenerationChunk(message=message, generation_info=document["info"])
    return ChatGeneration(message=message, generation_info=document["info"])


def result_of(known: Sequence[ChatGeneration]) -> ChatResult:
    """Give a recorded reply; a recorded stream is joined."""
    parts = [generation.message for generation in known if isinstance(generation.message, AIMessageChunk)]
    if not parts:
        return ChatResult(generations=list(known))
    return ChatResult(generations=[ChatGeneration(message=message_chunk_to_message(add_ai_message_chunks(*parts)))])


def chunk_of(generation: ChatGeneration) -> ChatGenerationChunk:
    """Give a chunk as it is, and a whole reply as one chunk."""
    if isinstance(generation, ChatGenerationChunk):
        return generation
    told = generation.message.model_dump(exclude={"type"})
    return ChatGenerationChunk(
        message=AIMessageChunk(**told, chunk_position="last"), generation_info=generation.generation_info
    )
