"""One request for embeddings to a server with OpenAI's API: what goes into it, and whether what came back fits."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ragkit.errors import ConfigError, ModelError, ModelUnavailableError, shorten
from ragkit.text.tokens import estimate_tokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ragkit.encoder import Vectors
    from ragkit.remote.openai_client import OpenAIServer
    from ragkit.remote.policy import Deadline, RetryPolicy

__all__ = ["EmbeddingCalls", "EmbeddingLimits", "EmbeddingReply", "count_tokens", "cut_to", "plan_requests"]

_BYTES_OF_A_NUMBER: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingLimits:
    """What a server takes at once; the defaults are OpenAI's (API reference, "Create embeddings").

    Raises:
        ConfigError: If a number is below 1.
    """

    text_tokens: int = 8192
    """Longest text, in tokens."""
    request_tokens: int = 300_000
    """Tokens of all texts of one request."""
    request_texts: int = 2048
    """Texts of one request."""
    requests_at_once: int = 4
    """Requests under way at the same time."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name in self.__slots__:
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, got {getattr(self, name)}.")


@dataclass(frozen=True, slots=True)
class EmbeddingReply:
    """What came back for some texts."""

    vectors: Vectors
    """Shape `(n, dim)` float32, unit rows, in the order of the texts."""
    tokens: int | None
    """What the server counted and charges; None where it did not say."""


def count_tokens(text: str) -> int:
    """Estimate the tokens of `text` for OpenAI's byte-level vocabularies, rather too many than too few.

    About 1.75 times what English prose takes; two for a letter that is not ASCII.
    """
    beyond_ascii = 0 if text.isascii() else sum(not character.isascii() for character in text)
    return estimate_tokens(text) + beyond_ascii


def cut_to(text: str, tokens: int) -> str:
    """Give the longest beginning of `text` that counts at most `tokens`, itself where it fits."""
    if count_tokens(text) <= tokens:
        return text
    fits, too_long = 0, len(text)
    while too_long - fits > 1:
        middle = (fits + too_long) // 2
        if count_tokens(text[:middle]) <= tokens:
            fits = middle
        else:
            too_long = middle
    return text[:fits]


def plan_requests(counts: Sequence[int], limits: EmbeddingLimits) -> Iterator[range]:
    """Split texts, given by their tokens, into requests that keep to the limits: ranges of rows, in order.

    A text above `limits.request_tokens` is a request by itself.
    """
    start, tokens = 0, 0
    for row, count in enumerate(counts):
        if row > start and (row - start == limits.request_texts or tokens + count > limits.request_tokens):
            yield range(start, row)
            start, tokens = row, 0
        tokens += count
    if counts:
        yield range(start, len(counts))


class EmbeddingCalls:
    """Asks one model of one server; safe from many threads.

    Attributes:
        base_url: Of the server.

    Args:
        model: Its name at the server.
        server: Where it is, and the key.
        dimensions: Asked for; None for the model's own.
        policy: How patiently a request that failed in passing is sent again.
    """

    def __init__(self, model: str, server: OpenAIServer, *, dimensions: int | None, policy: RetryPolicy) -> None:
        from ragkit.remote.openai_client import clients

        self._model = model
        self._policy = policy
        self._options: dict[str, Any] = {} if dimensions is None else {"dimensions": dimensions}
        self._client = clients(server).client
        self._timeout_s = server.timeout_s
        self.base_url = server.base_url

    def ask(self, texts: Sequence[str]) -> EmbeddingReply:
        """Embed texts, at least one and all within the server's limits, in one request.

        Raises:
            ModelError: As the server's refusal says, or if the reply does not hold one vector for each text.
        """
        from ragkit.remote.policy import Deadline, retry

        deadline = Deadline(self._policy.deadline_s)
        return retry(lambda: self._attempt(list(texts), deadline), self._policy, deadline=deadline)

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def _attempt(self, texts: list[str], deadline: Deadline) -> EmbeddingReply:
        from ragkit.remote.openai_client import as_model_error, openai_errors
        from ragkit.remote.policy import Deadline
        from ragkit.remote.watch import Watch

        failure = None
        try:
            with Watch(Deadline(min(self._timeout_s, deadline.remaining_s()))), openai_errors(self._client):
                said = self._client.embeddings.create(
                    model=self._model, input=texts, encoding_format="base64", **self._options
                )
        except ValueError as error:  # openai does not wrap what it cannot read, and an error of ours is one too
            failure = as_model_error(error)
        if failure is not None:
            raise failure
        rows = _in_order(self._model, getattr(said, "data", None), len(texts))
        return EmbeddingReply(_unit(self._model, rows), _tokens_of(said))


def _in_order(model: str, data: Any, expected: int) -> list[Vectors]:  # Any: what a server sent, unchecked
    if not isinstance(data, list) or sorted(_index(item) for item in data) != list(range(expected)):
        count = len(data) if isinstance(data, list) else "no"
        raise ModelUnavailableError(
            f"{shorten(model)} gave {count} vectors for {expected} texts, or wrong places for them: expected one for "
            "each; is this a server with OpenAI's embeddings API?"
        )
    return [_numbers(model, item.embedding) for item in sorted(data, key=_index)]


def _index(item: Any) -> int:
    index = getattr(item, "index", None)
    return index if isinstance(index, int) else -1


def _numbers(model: str, sent: Any) -> Vectors:
    """Read a vector: base64 of little-endian float32 as asked for, or a list from servers that know no other form."""
    try:
        if isinstance(sent, str):
            raw = base64.b64decode(sent, validate=True)
            return np.frombuffer(raw, dtype="<f4").astype(np.float32)
        if not isinstance(sent, list):
            raise TypeError(f"got {type(sent).__name__}")
        return np.asarray(sent, dtype=np.float32).reshape(-1)
    except (binascii.Error, TypeError, ValueError) as error:
        raise ModelUnavailableError(
            f"{shorten(model)} gave a vector that cannot be read ({shorten(error)}): expected base64 of float32, or "
            "a list of numbers."
        ) from error


def _unit(model: str, rows: Sequence[Vectors]) -> Vectors:
    if len({len(row) for row in rows}) != 1:
        raise ModelUnavailableError(
            f"{shorten(model)} gave vectors of unlike lengths in one reply: expected one length."
        )
    vectors = np.stack(rows)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not (np.isfinite(norms) & (norms > 0)).all():
        raise ModelError(
            f"{shorten(model)} gave a vector that is zero or not finite: no cosine can be taken of it; check the model."
        )
    unit: Vectors = vectors / norms
    return unit


def _tokens_of(said: Any) -> int | None:
    tokens = getattr(getattr(said, "usage", None), "prompt_tokens", None)
    return tokens if isinstance(tokens, int) and tokens >= 0 else None
