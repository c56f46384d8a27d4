"""How many tokens a prompt takes, counted without a network.

`counter_for("gpt-4o")` gives a `TokenCounter`: it reads text as the model does where the vocabulary's file is on disk
(`folder`), else it estimates, rather too high than too low; `estimated` says which.

The estimate was set against the usage that OpenAI's servers told in 34 recorded text-only prompts of 2 to 1,500 English
words (gpt-3.5 to gpt-5.6): never below it, 1.2 times above it in the median and 1.5 times at most. Of other scripts
every letter, and of Chinese, Japanese and Korean every sign twice, counts, so that it may be three times too high
there. Long strings of small random letters can need more than it says.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from ragkit.messages.vocabularies import image_tokens, vocabulary_of

__all__ = ["TokenCounter", "Tool", "counter_for", "counter_of_text", "estimate_model_tokens"]

Tool = Mapping[str, Any] | type | Callable[..., Any] | BaseTool
"""What `bind_tools` takes."""

# A piece is at least one token: a word (cut where small letters turn into capitals), three digits, a sign, a line end,
# a space that no word takes with it.
_PIECE = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[0-9]{1,3}|[^\sA-Za-z0-9]|[\r\n]+|[^\S\r\n](?=[0-9])|[^\S\r\n]+(?=\s)")
# Every message is followed by its end and the next one's start and role; the reply is primed the same way.
_MESSAGE, _REPLY, _NAME, _TOOL_CALL = 3, 3, 1, 8
# The recipe ends tools with 12; the newest recorded models take up to 31.
_TOOL, _PROPERTY, _TOOLS_END, _PROPERTIES = 10, 3, 32, 3


@runtime_checkable
class TokenCounter(Protocol):
    """Counts tokens of texts and of whole prompts."""

    @property
    def estimated(self) -> bool:
        """Whether text is estimated, rather too high than too low, instead of cut as the model cuts it."""
        ...

    def text(self, text: str) -> int:
        """Count the tokens of a text alone; 0 for the empty text only."""
        ...

    def messages(self, messages: Sequence[BaseMessage], tools: Sequence[Tool] | None = None) -> int:
        """Count the tokens of a prompt: its messages with what wraps them, and the tools it offers."""
        ...


def counter_for(model: str, *, folder: Path | None = None) -> TokenCounter:
    """Give the counter of a model of OpenAI, or of another one that speaks its API; never uses the network.

    What wraps messages and tools is counted by the recipe that OpenAI published for chat models (OpenAI Cookbook, "How
    to count tokens with tiktoken"): 3 a message and 3 for the reply, and for tools the constants for gpt-4. An image
    counts as the largest one would; any other block (audio, a file) as the text of its JSON.

    Args:
        model: Its name, such as `gpt-4o` or `gpt-4.1-mini-2025-04-14`; an unknown one gets an estimate.
        folder: Where vocabulary files lie, under the names tiktoken's cache gives them, or their own
            (`o200k_base.tiktoken`). A file is used only if its sha256 is the published one.

    Raises:
        ModelFilesError: If a file is there but is not the published one.
        MissingExtraError: If a file is there and tiktoken is not installed.

    Example:
        >>> counter = counter_for("gpt-4o")
        >>> counter.text("Say this is a test"), counter.estimated
        (5, True)
    """
    vocabulary = vocabulary_of(model)
    path = vocabulary.file_in(folder) if vocabulary and folder else None
    if vocabulary is None or path is None:
        return _Counter(model, estimate_model_tokens, estimated=True)
    from ragkit.messages.bpe import load_vocabulary

    return _Counter(model, load_vocabulary(path, vocabulary).count, estimated=False)


def counter_of_text(text: Callable[[str], int], *, model: str = "", estimated: bool = False) -> TokenCounter:
    """Give a counter that counts texts by `text`, and what wraps messages and tools by OpenAI's recipe.

    Args:
        text: Counts the tokens of a text, such as `lambda text: len(tokenizer.encode(text).ids)`.
        model: Its name, for the size of images.
        estimated: Whether `text` estimates.
    """
    return _Counter(model, text, estimated=estimated)


def estimate_model_tokens(text: str) -> int:
    """Estimate the tokens of `text` in byte-pair vocabularies of chat models, rather too many than too few.

    Linear in the length of `text`; 0 for the empty text only.

    Example:
        >>> estimate_model_tokens("Retrieval works.")
        5
    """
    return max(sum(map(_piece_tokens, _PIECE.findall(text))), 1 if text else 0)


def _piece_tokens(piece: str) -> int:
    if not piece.isascii():
        # Two bytes: one token; three, such as a Chinese sign: up to two; four, such as an emoji: up to three.
        return max(1, len(piece.encode("utf-8", "surrogatepass")) - 1)
    if not piece.isalpha():
        return 1
    length = len(piece)
    if length > 1 and piece.isupper():
        return -(-length // 3)
    return 1 + max(0, -(-(length - 5) // 3))


@dataclass(frozen=True, slots=True)
class _Counter:
    model: str
    text: Callable[[str], int]
    estimated: bool

    def messages(self, messages: Sequence[BaseMessage], tools: Sequence[Tool] | None = None) -> int:
        return sum(map(self._message, messages)) + _REPLY + self._tools(tools or [])

    def _message(self, message: BaseMessage) -> int:
        count = _MESSAGE + 1 + self._content(message.content)
        if message.name:
            count += _NAME + self.text(message.name)
        for call in _calls(message):
            count += _TOOL_CALL + self.text(call[0]) + self.text(call[1])
        return count

    def _content(self, content: str | list[str | dict[Any, Any]]) -> int:
        if isinstance(content, str):
            return self.text(content)
        return sum(self.text(block) if isinstance(block, str) else self._block(block) for block in content)

    def _block(self, block: Mapping[str, Any]) -> int:
        if isinstance(text := block.get("text"), str):
            return self.text(text)
        if block.get("type") in ("image_url", "input_image", "image"):
            details = (block, block.get("image_url"))
            low = any(isinstance(one, Mapping) and one.get("detail") == "low" for one in details)
            return image_tokens(self.model, low=low)
        return self.text(json.dumps(block, default=str))

    def _tools(self, tools: Sequence[Tool]) -> int:
        counts = [self._tool(convert_to_openai_tool(tool)) for tool in tools]
        return sum(counts) + _TOOLS_END if counts else 0

    def _tool(self, tool: Mapping[str, Any]) -> int:
        function = tool.get("function")
        if not isinstance(function, Mapping):
            return _TOOL + self.text(json.dumps(tool, default=str))
        told = f"{function.get('name', '')}:{function.get('description', '')}"
        return _TOOL + self.text(told) + self._schema(function.get("parameters") or {})

    def _schema(self, schema: Mapping[str, Any]) -> int:
        """Count what a JSON schema tells the model: names, types, descriptions, choices, however deep."""
        properties = {
            **(schema.get("properties") or {}),
            **(schema.get("$defs") or {}),
        }
        count = _PROPERTIES if properties else 0
        for name, part in properties.items():
            count += _PROPERTY + self.text(name)
            count += self._part(part) if isinstance(part, Mapping) else 0
        return count

    def _part(self, part: Mapping[str, Any]) -> int:
        kept = {key: value for key, value in part.items() if key not in ("properties", "$defs", "items", "title")}
        told = [
            self.text(value if isinstance(value, str) else json.dumps(value, default=str)) for value in kept.values()
        ]
        inner = part.get("items")
        return sum(told) + self._schema(part) + (self._part(inner) if isinstance(inner, Mapping) else 0)


def _calls(message: BaseMessage) -> list[tuple[str, str]]:
    if not isinstance(message, AIMessage):
        return []
    calls = [(call["name"], json.dumps(call["args"], default=str)) for call in message.tool_calls]
    calls += [(call["name"] or "", call["args"] or "") for call in message.invalid_tool_calls]
    old = message.additional_kwargs.get("function_call")
    if isinstance(old, Mapping) and not calls:  # some models tell a tool call in both ways
        calls = [(str(old.get("name")), str(old.get("arguments")))]
    return calls
