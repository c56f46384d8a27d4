"""What is heard of a reply, token by token, and the LangChain messages made of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages.ai import InputTokenDetails, UsageMetadata
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from ragkit.models.local.replies import StopTexts, TextStream
from ragkit.models.local.tools.calls import Heard, Parsed, ToolCallStream, parse
from ragkit.models.local.tools.families import ToolFamily

__all__ = ["Listener", "Outcome", "as_chunk", "as_result", "last_chunk"]


class Listener:
    """Takes a reply's tokens and gives its text and tool calls, as far as they are certain.

    Args:
        text: Turns tokens into text.
        stops: Ends the text.
        calls: Reads tool calls out of the text; None where it is all text.
        strips: Whether white space at the very beginning is left out.
    """

    def __init__(
        self, text: TextStream, stops: StopTexts, *, calls: ToolCallStream | None = None, strips: bool = False
    ) -> None:
        self._text, self._stops, self._calls, self._strips = text, stops, calls, strips
        self.tokens = 0
        self.called = False

    @property
    def stopped(self) -> bool:
        """Whether a stop text was found, so that no further token matters."""
        return self._stops.found

    def feed(self, token: int) -> Heard:
        """Take the next token."""
        self.tokens += 1
        return self._heard(self._stops.feed(self._text.feed(token)))

    def finish(self) -> Heard:
        """Give what was held back, once no token follows."""
        rest = self._stops.feed(self._text.finish())
        heard = self._heard(rest + self._stops.finish())
        last = self._calls.finish() if self._calls else Heard()
        self.called = self.called or bool(last.calls)
        return Heard(text=heard.text + last.text, calls=heard.calls + last.calls)

    def _heard(self, piece: str) -> Heard:
        if self._strips:
            piece = piece.lstrip()
            self._strips = not piece
        if self._calls is None:
            return Heard(text=piece)
        heard = self._calls.feed(piece) if piece else Heard()
        self.called = self.called or bool(heard.calls)
        return heard


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a reply ended and what it took."""

    model_name: str
    finish_reason: str
    """`stop`, `length` or `tool_calls`."""
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    """Tokens of the reply; the end of the turn is not one of them."""

    def with_calls(self, called: bool) -> Outcome:
        """Say that the model stopped to have tools called, unless it was cut off before it stopped."""
        return replace(self, finish_reason="tool_calls") if called and self.finish_reason == "stop" else self

    @property
    def usage(self) -> UsageMetadata:
        """What LangChain calls the usage."""
        return UsageMetadata(
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            total_tokens=self.input_tokens + self.output_tokens,
            input_token_details=InputTokenDetails(cache_read=self.cached_tokens),
        )

    @property
    def metadata(self) -> dict[str, Any]:
        """What stands in `response_metadata`."""
        return {"model_name": self.model_name, "finish_reason": self.finish_reason}


def as_chunk(heard: Heard) -> ChatGenerationChunk:
    """Give a piece of a reply as LangChain streams it."""
    return ChatGenerationChunk(message=AIMessageChunk(content=heard.text, tool_call_chunks=list(heard.calls)))


def last_chunk(heard: Heard, outcome: Outcome) -> ChatGenerationChunk:
    """Give the end of a stream: what was held back, the usage, and why it ended."""
    message = AIMessageChunk(
        content=heard.text,
        tool_call_chunks=list(heard.calls),
        usage_metadata=outcome.usage,
        response_metadata=outcome.metadata,
        chunk_position="last",
    )
    return ChatGenerationChunk(message=message)


def as_result(text: str, outcome: Outcome, *, family: ToolFamily | None, call_id: Callable[[int], str]) -> ChatResult:
    """Give a whole reply.

    Args:
        text: All of it, as `Listener` gave it with no reader of calls.
        outcome: Its `finish_reason` is corrected where there are calls.
        family: How tool calls are written; None where it is all text.
        call_id: Gives the id of the call at an index.
    """
    parsed = parse(text, family, call_id=call_id) if family else Parsed(text=text, tool_calls=[], invalid_tool_calls=[])
    outcome = outcome.with_calls(bool(parsed.tool_calls or parsed.invalid_tool_calls))
    message = AIMessage(
        content=parsed.text,
        tool_calls=parsed.tool_calls,
        invalid_tool_calls=parsed.invalid_tool_calls,
        usage_metadata=outcome.usage,
        response_metadata=outcome.metadata,
    )
    return ChatResult(generations=[ChatGeneration(message=message)])
