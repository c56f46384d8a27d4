"""One turn of a conversation as messages, whatever form a chain takes and gives it in."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Any

from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    BaseMessageChunk,
    HumanMessage,
    SystemMessage,
    message_chunk_to_message,
)
from langchain_core.prompt_values import PromptValue
from langchain_core.runnables import Runnable

from ragkit.errors import InputError
from ragkit.messages.bound import models_in
from ragkit.messages.tokens import Tool

__all__ = ["as_answer", "as_question", "bound_tools", "question_text", "without_instructions"]


def as_question(value: Any) -> list[BaseMessage]:
    """Give what a person said as messages: from text, a message, messages, or a prompt's value.

    Raises:
        InputError: If it is none of these, or says nothing at all.
    """
    if isinstance(value, PromptValue):
        return value.to_messages()
    if isinstance(value, str):
        return [HumanMessage(value)]
    if messages := _messages(value):
        return messages
    raise InputError(f"a question must be text, a message or messages, got {_kind(value)}.")


def as_answer(pieces: Sequence[Any]) -> list[BaseMessage]:
    """Give what a chain said as messages: pieces of a stream, or one whole answer as the only piece.

    Raises:
        InputError: If there is none, or it is neither text nor messages.
    """
    if pieces and all(isinstance(piece, str) for piece in pieces):
        return [AIMessage("".join(pieces))]
    if pieces and all(isinstance(piece, AIMessageChunk) for piece in pieces):
        return [message_chunk_to_message(reduce(add, pieces))]
    said = [message for piece in pieces for message in _said(piece)]
    if not said:
        raise InputError("the chain gave no answer, so there is nothing to remember: what did its last step give?")
    return said


def question_text(messages: Sequence[BaseMessage]) -> str:
    """Give what the person asked last, as text; empty if nobody did."""
    return next((str(message.text) for message in reversed(messages) if isinstance(message, HumanMessage)), "")


def without_instructions(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Leave out system messages: they are the program's own words, not the conversation's."""
    return [message for message in messages if not isinstance(message, SystemMessage)]


def bound_tools(chain: Runnable[Any, Any]) -> tuple[Tool, ...]:
    """Give the tools that a chain binds to its first model: they take room in the prompt as messages do."""
    return next((tuple(found.kwargs.get("tools") or ()) for found in models_in(chain)), ())


def _said(piece: Any) -> list[BaseMessage]:
    if isinstance(piece, str):
        return [AIMessage(piece)]
    if messages := _messages(piece):
        return messages
    raise InputError(
        f"a memory keeps what was said, as text or messages, and the chain gave {_kind(piece)}: "
        "put the memory around `prompt | model` and the parser behind it, or name the output_key."
    )


def _messages(value: Any) -> list[BaseMessage]:
    """Give a message, or a sequence of messages, as a list; an empty one for everything else."""
    some = value if isinstance(value, list | tuple) else [value]
    if not all(isinstance(one, BaseMessage) for one in some):
        return []
    return [message_chunk_to_message(one) if isinstance(one, BaseMessageChunk) else one for one in some]


def _kind(value: Any) -> str:
    return f"{type(value).__name__} of {len(value)}" if isinstance(value, list | tuple) else type(value).__name__
