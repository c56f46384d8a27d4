"""The seam to a chat model: what judges and evaluated models are asked through, and what names a question for good."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

__all__ = ["Ask", "ChatModel", "Message", "Reply"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: str
    """`system`, `user` or `assistant`."""
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One question to a model."""

    messages: Sequence[Message]
    schema: Mapping[str, Any] | None = None
    """JSON Schema that the reply must follow; None for free text."""
    sample: int = 0
    """Which of several independent samples of the same question this is, from 0."""

    def key(self, card: Mapping[str, Any]) -> str:
        """Give the content address of this question to the model of `card`: a sha256 in hexadecimal."""
        content = {"model": dict(card), **asdict(self)}
        canonical = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(canonical.encode(errors="surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a model said, and what it took."""

    text: str
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = 0.0
    """What the provider charges, in US dollars; 0 where it is free, None where no price is known."""
    seconds: float = 0.0
    """How long the model took when it was really asked; a replay keeps the time of the first asking."""


class ChatModel(Protocol):
    """Any model that answers messages. `ragkit.evaluate.judges` wraps LangChain models, recordings and scripts."""

    @property
    def card(self) -> Mapping[str, Any]:
        """Name, revision and parameters as JSON: everything that decides what it says. Part of the content address."""
        ...

    def reply(self, ask: Ask) -> Reply:
        """Answer.

        Raises:
            ModelError: If the model fails or cannot be reached.
        """
        ...
