"""What a reply says it took, read from a result or gathered from a stream."""

from __future__ import annotations

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, UsageMetadata
from langchain_core.messages.ai import add_usage
from langchain_core.outputs import ChatGenerationChunk, ChatResult

from ragkit.models.wrappers.notes import notes_of
from ragkit.remote.prices import TokenUsage

__all__ = ["UsageSeen"]


class UsageSeen:
    """Usage, model name and notes of one reply, as they come."""

    def __init__(self) -> None:
        self._usage: UsageMetadata | None = None
        self.model_name: str | None = None
        """What the server says that answered; None where it does not say."""
        self.cached = False
        """Whether the reply came from a cache, so that it took nothing."""
        self.estimated = False
        """Whether the usage was counted here, because the server left it out."""

    @classmethod
    def of(cls, result: ChatResult) -> UsageSeen:
        """Read a whole result; of several replies to one prompt the first one carries the usage of all."""
        seen = cls()
        seen._take(result.generations[0].message)
        return seen

    def add(self, chunk: ChatGenerationChunk) -> None:
        """Take note of the next chunk of a stream."""
        self._take(chunk.message)
        info = chunk.generation_info or {}
        if self.model_name is None and isinstance(name := info.get("model_name"), str):
            self.model_name = name

    @property
    def known(self) -> bool:
        """Whether it says what it took."""
        return self._usage is not None or self.cached

    @property
    def usage(self) -> TokenUsage:
        """What it took; nothing where it came from a cache, or does not say."""
        return TokenUsage() if self._usage is None or self.cached else TokenUsage.of(self._usage)

    def _take(self, message: BaseMessage) -> None:
        notes = notes_of(message)
        self.estimated = self.estimated or message.response_metadata.get("estimated") is True
        self.cached = self.cached or notes.get("cached") is True
        if self.model_name is None and isinstance(name := message.response_metadata.get("model_name"), str):
            self.model_name = name
        if isinstance(message, AIMessage | AIMessageChunk) and message.usage_metadata is not None:
            # LangChain's own caches mark a reply that cost nothing so.
            self.cached = self.cached or message.usage_metadata.get("total_cost") == 0
            self._usage = add_usage(self._usage, message.usage_metadata)
