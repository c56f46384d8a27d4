"""`OpenAIEncoder`: an embedding model of OpenAI, or of any server with its API, as ragkit's `Encoder`."""

from __future__ import annotations

import threading
import warnings
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from ragkit.embed.batches import TextVector
from ragkit.embed.cache import VectorCache
from ragkit.embed.openai_calls import EmbeddingCalls, EmbeddingLimits, count_tokens, cut_to, plan_requests
from ragkit.embed.tokens import TruncationWarning, check_texts
from ragkit.encoder import EncoderCard, Vectors
from ragkit.errors import ConfigError, ModelError, shorten
from ragkit.remote.policy import RetryPolicy
from ragkit.remote.prices import PriceTable, TokenUsage, prices

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from ragkit.remote.openai_client import OpenAIServer

__all__ = ["EmbeddingSpend", "OpenAIEncoder", "OpenAIModelName"]

_DIMENSIONS: Final = {"text-embedding-3-small": 1536, "text-embedding-3-large": 3072, "text-embedding-ada-002": 1536}
_BLANK: Final = " "


class OpenAIModelName(NamedTuple):
    """What `openai:<model>` names, with `@<dimensions>` behind it where vectors are to be shortened."""

    model: str
    dimensions: int | None

    @classmethod
    def read(cls, name: str) -> OpenAIModelName:
        """Take a name apart.

        Raises:
            ConfigError: If it is empty.

        Example:
            >>> OpenAIModelName.read("text-embedding-3-large@256")
            OpenAIModelName(model='text-embedding-3-large', dimensions=256)
        """
        model, at, tail = name.rpartition("@")
        if at and tail.isdecimal() and tail.isascii() and not tail.startswith("0"):
            name, dimensions = model, int(tail)
        else:
            dimensions = None
        if not name.strip():
            raise ConfigError("embeddings 'openai:' name no model: expected such as openai:text-embedding-3-small.")
        return cls(name, dimensions)

    def __str__(self) -> str:
        return self.model if self.dimensions is None else f"{self.model}@{self.dimensions}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingSpend:
    """What an encoder has sent so far."""

    requests: int = 0
    """Answered; tries that failed are not counted."""
    tokens: int = 0
    """Of all texts sent, as the server counted."""
    estimated: bool = False
    """Whether a server did not say, so that some were counted here, rather too many than too few."""
    cost_usd: float | None = 0.0
    """By the price table; None where the model is unpriced."""


@dataclass(slots=True)
class _Group:
    """Texts asked for together."""

    texts: list[str]
    """As sent."""
    known: dict[str, TextVector]
    pending: list[Future[dict[str, TextVector]]] = field(default_factory=list)
    too_long: int = 0


class OpenAIEncoder:
    """Text to unit vectors by OpenAI's embeddings API. Nothing is sent before the first text; safe from many threads.

    The name of the model stands for the model: a collection built with it is opened again with every server that has
    a model of that name, and only another dimension is noticed. Texts are sent in batches of as many texts and tokens
    as the server takes, several at once; equal texts of a group once; those in the cache not at all, and what was paid
    for is in the cache as soon as it is here. A text that counts more than the model reads is embedded by its
    beginning, and a `TruncationWarning` says how many were: as no vocabulary is at hand, tokens are estimated, rather
    too many than too few (about 1.75 times for English prose). An empty text, which OpenAI refuses, is sent as one
    space.
    """

    def __init__(
        self,
        name: str,
        server: OpenAIServer | Callable[[], OpenAIServer],
        *,
        dim: int | None = None,
        policy: RetryPolicy | None = None,
        limits: EmbeddingLimits | None = None,
        cache: Path | None = None,
        table: PriceTable | None = None,
    ) -> None:
        """Name a model and its server.

        Args:
            name: The model at the server, such as `text-embedding-3-small`; `text-embedding-3-large@256` asks for
                vectors of 256 numbers.
            server: Where it is, and the key; or a function that is asked for it when the first text comes, so that a
                collection can be opened, and searched by words, without a key.
            dim: Length of its vectors where the caller knows; else one word is embedded to learn it, unless the model
                is one of OpenAI's.
            policy: How patiently failed requests are sent again; None for the default.
            limits: What the server takes at once; None for OpenAI's.
            cache: Folder in which vectors of documents are kept and found again; None keeps none.
            table: What tokens cost; None for the table that comes with ragkit.

        Raises:
            ConfigError: If the name is empty.
        """
        self._name = OpenAIModelName.read(name)
        self._server = server if callable(server) else lambda: server
        self._dim = self._name.dimensions or dim or _DIMENSIONS.get(self._name.model)
        self._policy = policy or RetryPolicy()
        self._limits = limits or EmbeddingLimits()
        self._cache_folder = cache
        self._table = table
        self._lock = threading.Lock()
        self._calls: EmbeddingCalls | None = None
        self._requests = self._tokens = 0
        self._estimated = False

    @property
    def card(self) -> EncoderCard:
        """What this encoder is; the first call asks the server for the dimension where nobody has said it."""
        name = f"openai:{self._name}"
        return EncoderCard(
            model=name,
            dim=self._known_dim(),
            revision=name,
            max_tokens=self._limits.text_tokens,
            normalised=True,
            location=name,
        )

    @property
    def spent(self) -> EmbeddingSpend:
        """What was sent since this encoder was made."""
        with self._lock:
            requests, tokens, estimated = self._requests, self._tokens, self._estimated
        cost = (self._table or prices()).cost_usd(self._name.model, TokenUsage(input_tokens=tokens)) if tokens else 0.0
        return EmbeddingSpend(requests=requests, tokens=tokens, estimated=estimated, cost_usd=cost)

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """Embed texts to be found: `(n, dim)` float32, unit rows in input order; `(0, dim)` for none.

        Raises:
            InputError: If `texts` is one string, or holds something else than strings.
            ModelError: If the server cannot be asked or refuses; the kinds are those of `ragkit.errors`.
        """
        return next(self.encode_each([texts]))

    def encode_each(self, groups: Iterable[Sequence[str]]) -> Iterator[Vectors]:
        """Embed groups of texts to be found: one `(n, dim)` array for each, in order; groups are read ahead.

        Raises:
            InputError, ModelError: As `encode_documents`.
        """
        pool = ThreadPoolExecutor(self._limits.requests_at_once, thread_name_prefix="ragkit-embeddings")
        waiting: deque[_Group] = deque()
        try:
            for texts in groups:
                waiting.append(self._start(check_texts(texts), pool))
                while waiting and self._is_due(waiting):
                    yield self._finish(waiting.popleft())
            while waiting:
                yield self._finish(waiting.popleft())
        finally:
            # An error, or a consumer that leaves, does not wait for requests that nobody will read.
            pool.shutdown(wait=False, cancel_futures=True)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Embed texts to search with, as `encode_documents` does; queries are never kept in the cache."""
        sent = [self._sendable(text) for text in check_texts(texts)]
        counts = [count_tokens(text) for text in sent]
        parts = [self._ask([sent[row] for row in rows]) for rows in plan_requests(counts, self._limits)]
        return np.concatenate(parts) if parts else np.zeros((0, self._known_dim()), dtype=np.float32)

    def count_tokens(self, text: str) -> int:
        """Estimate the tokens of `text`, rather too many than too few; compare with `card.max_tokens`."""
        return count_tokens(text)

    def close(self) -> None:
        """Let go of the connections; the next text opens them again."""
        with self._lock:
            calls, self._calls = self._calls, None
        if calls is not None:
            calls.close()

    def _start(self, texts: list[str], pool: ThreadPoolExecutor) -> _Group:
        cache = self._cache()
        sent = [self._sendable(text) for text in texts]
        group = _Group(sent, cache.get(sent) if cache and sent else {})
        group.too_long = sum(one != _clean(text) for one, text in zip(sent, texts, strict=True))
        missing = [text for text in dict.fromkeys(sent) if text not in group.known]
        counts = [count_tokens(text) for text in missing]
        for rows in plan_requests(counts, self._limits):
            batch = [missing[row] for row in rows]
            group.pending.append(pool.submit(self._ask_and_keep, batch, cache))
        return group

    def _is_due(self, waiting: Sequence[_Group]) -> bool:
        """Whether the first group is to be given before another is read: it is known, or enough is under way."""
        under_way = sum(len(group.pending) for group in waiting)
        return not waiting[0].pending or max(under_way, len(waiting)) > self._limits.requests_at_once

    def _finish(self, group: _Group) -> Vectors:
        for future in group.pending:
            group.known.update(future.result())
        if group.too_long:
            self._warn_too_long(group.too_long, len(group.texts))
        rows = np.array([group.known[text].vector for text in group.texts], dtype=np.float32)
        return rows.reshape(len(group.texts), self._known_dim())

    def _ask_and_keep(self, texts: list[str], cache: VectorCache | None) -> dict[str, TextVector]:
        """Keep what was paid for as soon as it is here: the request beside it may fail, or the caller leave."""
        vectors = self._ask(texts)
        fresh = {text: TextVector(row, count_tokens(text)) for text, row in zip(texts, vectors, strict=True)}
        if cache:
            cache.put(fresh)
        return fresh

    def _ask(self, texts: list[str]) -> Vectors:
        said = self._ready().ask(texts)
        with self._lock:
            self._requests += 1
            self._tokens += sum(map(count_tokens, texts)) if said.tokens is None else said.tokens
            self._estimated |= said.tokens is None
            self._dim = self._dim or said.vectors.shape[1]
        if said.vectors.shape[1] != self._dim:
            raise ModelError(
                f"openai:{shorten(self._name)} gave vectors of {said.vectors.shape[1]} numbers, expected {self._dim}: "
                "does the server have another model under this name, or one that cannot shorten its vectors?"
            )
        return said.vectors

    def _sendable(self, text: str) -> str:
        return cut_to(_clean(text), self._limits.text_tokens)

    def _known_dim(self) -> int:
        if self._dim is None:
            return int(self._ask(["dimension"]).shape[1])
        return self._dim

    def _ready(self) -> EmbeddingCalls:
        with self._lock:
            if self._calls is None:
                self._calls = EmbeddingCalls(
                    self._name.model, self._server(), dimensions=self._name.dimensions, policy=self._policy
                )
            return self._calls

    def _cache(self) -> VectorCache | None:
        if self._cache_folder is None:
            return None
        space = repr(("openai", self._ready().base_url, str(self._name)))
        return VectorCache(self._cache_folder, space=space, dim=self._known_dim())

    def _warn_too_long(self, count: int, total: int) -> None:
        warnings.warn(
            f"{count} of {total} texts may exceed the {self._limits.text_tokens} tokens that openai:{self._name} reads "
            "(estimated): of these only the beginning is embedded; split them first.",
            TruncationWarning,
            stacklevel=4,
        )


def _clean(text: str) -> str:
    """Give what can be sent: no half surrogates, which UTF-8 does not have, and not nothing."""
    return text.encode("utf-8", "replace").decode() or _BLANK
