"""What a stream adds up to: usage told once, one finish reason, and whether it was whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.ai import UsageMetadata, add_ai_message_chunks
from langchain_core.outputs import ChatGenerationChunk

from ragkit.models.openai.replies import align

__all__ = ["Tally", "shows", "with_refusal"]

# Some servers tell these twice, and LangChain would join the texts.
_TOLD_ONCE = ("finish_reason", "model_name", "system_fingerprint", "service_tier")


class Tally:
    """Follows one stream, chunk by chunk.

    Usage is taken from the chunks and kept, for some servers repeat it in each and LangChain would add it up.

    Attributes:
        chunks: How many came so far.
        usage: What the server said last; None for nothing yet.
        finished: Whether the server said why it ended.
        reason: Why, in the words of Chat Completions.
        closed: Whether the stream's own last chunk came, after which no other may.
    """

    def __init__(
        self,
        told: Callable[[AIMessage, UsageMetadata | None], dict[str, Any]],
        read: Callable[[AIMessage, str | None], dict[str, Any]],
    ) -> None:
        """Start before the first chunk.

        Args:
            told: Gives the fields that tell the usage of a whole reply, from what the server said of it.
            read: Gives what a whole reply of Chat Completions has in `additional_kwargs` under a schema, from the reply
                and why it ended.
        """
        self._usage_of = told
        self._read = read
        self.chunks = 0
        self.usage: UsageMetadata | None = None
        self.finished = False
        self.reason: str | None = None
        self.closed = False
        self._parts: list[AIMessageChunk] = []
        self._told: set[str] = set()

    def take(self, chunk: ChatGenerationChunk) -> ChatGenerationChunk:
        """Note a chunk, and give it without what is told elsewhere."""
        self.chunks += 1
        message = chunk.message
        if not isinstance(message, AIMessageChunk):
            return chunk
        if message.usage_metadata is not None:
            self.usage = message.usage_metadata
            message.usage_metadata = None
        chunk.generation_info = {name: told for name, told in (chunk.generation_info or {}).items() if self._new(name)}
        self.reason = chunk.generation_info.get("finish_reason", self.reason)
        self.finished = self.reason is not None
        self._parts.append(message.model_copy())
        if message.chunk_position == "last":
            self._close(message)
        return chunk

    def _new(self, name: str) -> bool:
        if name not in _TOLD_ONCE:
            return True
        known = name in self._told
        self._told.add(name)
        return not known

    def _close(self, message: AIMessageChunk) -> None:
        """Finish a stream of the Responses API: its last chunk tells why it ended."""
        self.finished = self.closed = True
        whole = self.whole()
        align(whole)
        message.response_metadata["finish_reason"] = whole.response_metadata.get("finish_reason")
        if refusal := whole.additional_kwargs.get("refusal"):
            message.additional_kwargs["refusal"] = refusal
        fields = self._usage_of(whole, self.usage)
        message.usage_metadata = fields["usage_metadata"]
        message.response_metadata |= fields["response_metadata"]

    def last(self) -> ChatGenerationChunk | None:
        """Give the chunk that tells the usage, after all others; None where the stream's own last chunk did.

        Raises:
            OutputParseError: If the reply was cut, or does not fit the schema.
        """
        if self.closed:
            return None
        whole = self.whole()
        read = self._read(whole, self.reason)
        fields = self._usage_of(whole, self.usage)
        return ChatGenerationChunk(message=AIMessageChunk(content="", additional_kwargs=read, **fields))

    def whole(self) -> AIMessage:
        """Give the reply so far."""
        if not self._parts:
            return AIMessageChunk(content="")
        return add_ai_message_chunks(self._parts[0], *self._parts[1:])


def with_refusal(delta: Mapping[str, Any], chunk: ChatGenerationChunk) -> ChatGenerationChunk:
    """Add the part of a refusal that a delta of Chat Completions holds, which LangChain leaves out."""
    if refusal := delta.get("refusal"):
        chunk.message.additional_kwargs["refusal"] = refusal
    return chunk


def shows(chunk: ChatGenerationChunk) -> bool:
    """Whether a chunk holds anything that a reader would miss."""
    message = chunk.message
    called = isinstance(message, AIMessageChunk) and bool(message.tool_call_chunks)
    return bool(message.content) or bool(message.additional_kwargs) or called
