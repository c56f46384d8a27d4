"""The decode loop: requests join and leave a running batch, and what was computed is kept for the next turn."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import Any

from ragkit._optional import require
from ragkit.errors import InputError
from ragkit.models.local.engines.admission import check_request
from ragkit.models.local.engines.decoder import Decoder
from ragkit.models.local.engines.prefix import PrefixCache, shared
from ragkit.models.local.engines.queue import QueueEngine
from ragkit.models.local.engines.sampling import Chooser
from ragkit.models.local.engines.stream import Outbox, told
from ragkit.models.local.generation import Request

with require(feature="LocalChatModel", package="torch", extra="local"):
    import torch

__all__ = ["BatchingEngine"]

_PIECE_ALONE = 2048
"""Tokens of prompts computed in one pass while nobody waits for a next token: bounds memory and the wait to cancel."""
_PIECE_BESIDE = 256
"""The same beside running streams, which get one token in each pass."""
_WORTH_WAITING = 64
"""A prompt waits for another one that is about to compute this many tokens of it."""


class _Row:
    """One generation in the batch."""

    def __init__(self, request: Request, outbox: Outbox) -> None:
        self.request = request
        self.outbox = outbox
        self.chooser = Chooser(request, list(request.prompt))
        self.tokens = list(request.prompt)
        self.kept: Any = None
        self.produced = 0

    @property
    def pending(self) -> int:
        """Tokens that the decoder has not seen yet."""
        return len(self.tokens) - (self.kept.length if self.kept is not None else 0)

    @property
    def streaming(self) -> bool:
        """Whether somebody waits for its next token, the first one having come."""
        return self.produced > 0


class BatchingEngine(QueueEngine[_Row]):
    """Generates for many callers at once over one decoder; first come, first served.

    A thread runs only while there is work. In each pass every running stream gets its next token, and prompts that
    joined are computed in pieces beside them. A prompt starts from the longest beginning that was computed before: of
    a kept generation, which it continues in place where it is its whole, or of one that runs right now.

    Args:
        decoder: Computes logits.
        end_tokens: Token ids that end a turn; they are not given to the caller.
        context_tokens: Most tokens of prompt and reply together; None where the model states no limit.
        prefix_bytes: Most bytes of key-values kept after their generation has ended; 0 keeps none.
        max_batch: Most generations that run at once, at least 1; the others wait.
    """

    def __init__(
        self,
        decoder: Decoder[Any],
        *,
        end_tokens: Collection[int],
        context_tokens: int | None,
        prefix_bytes: int = 1 << 30,
        max_batch: int = 8,
    ) -> None:
        if max_batch < 1:
            raise InputError(f"max_batch must be at least 1, got {max_batch}.")
        super().__init__(places=max_batch, context_tokens=context_tokens)
        self.prefixes: PrefixCache[Any] = PrefixCache(prefix_bytes)
        self._decoder = decoder
        self._end_tokens = frozenset(end_tokens)

    def _job(self, request: Request) -> _Row:
        check_request(request, vocabulary=self._decoder.vocabulary)
        return _Row(request, Outbox())

    def _leave(self, row: _Row) -> None:
        if row.kept is not None and row.kept.length:
            self.prefixes.put(row.tokens[: row.kept.length], row.kept)
        row.kept = None

    def _free(self) -> None:
        self.prefixes.clear()

    def _step(self, rows: Sequence[_Row]) -> None:
        work = self._share_out(rows)
        rows = [row for row, _ in work]
        if not rows:
            return
        pieces = [row.tokens[row.kept.length : row.kept.length + count] for row, count in work]
        with self._told(rows):
            logits = self._decoder.forward([row.kept for row in rows], pieces)
            self._choose(rows, logits)

    def _share_out(self, rows: Sequence[_Row]) -> list[tuple[_Row, int]]:
        """Say how many tokens of each row are computed in the next pass."""
        room = _PIECE_BESIDE if any(row.streaming for row in rows) else _PIECE_ALONE
        work = []
        for row in rows:
            if row.streaming:
                work.append((row, 1))
            elif room > 0 and self._begun(row):
                count = min(row.pending, room)
                room -= count
                work.append((row, count))
        return work

    def _begun(self, row: _Row) -> bool:
        if row.kept is None:
            with self._told([row]):
                row.kept = self._beginning(row)
                row.outbox.cached_tokens = row.kept.length if row.kept is not None else 0
        return row.kept is not None

    def _beginning(self, row: _Row) -> Any:
        """Give the key-values that a prompt starts from, with at least its last token left to compute.

        None says to wait: a row that runs is about to compute much of the same prompt.
        """
        prompt = row.tokens[:-1]
        running = [(shared(prompt, other.tokens), other.kept) for other in self._running if other.kept is not None]
        coming = max((length for length, _ in running), default=0)
        length, kept = max(((min(n, of.length), of) for n, of in running), key=itemgetter(0), default=(0, None))
        match = self.prefixes.longest(prompt)
        if match is not None and match.length >= length:
            length, kept = match.length, match.kept
        if coming - length >= _WORTH_WAITING:
            return None
        if match is not None and match.whole and match.kept is kept:
            return self.prefixes.take(prompt[:length])
        room = len(row.tokens) + min(row.request.max_tokens, len(row.tokens) // 8 + 64)
        return self._decoder.fork(kept, length, room) if length else self._decoder.empty(room)

    def _choose(self, rows: Sequence[_Row], logits: torch.Tensor) -> None:
        likeliest = logits.argmax(-1, keepdim=True)
        finite = logits.gather(-1, likeliest).isfinite()
        decided = zip(likeliest.flatten().tolist(), finite.flatten().tolist(), strict=True)
        for row, scores, (best, sound) in zip(rows, logits, decided, strict=True):
            if row.pending == 0:
                with self._told([row]):
                    self._give(row, best if sound and row.chooser.plain else row.chooser.choose(scores))

    def _give(self, row: _Row, token: int) -> None:
        row.tokens.append(token)
        row.produced += 1
        if token in self._end_tokens:
            row.outbox.end("stop")
            return
        row.outbox.put(token)
        if row.chooser.done:
            row.outbox.end("stop")
        elif row.produced == row.request.max_tokens:
            row.outbox.end("length")

    @contextmanager
    def _told(self, rows: Sequence[_Row]) -> Iterator[None]:
        """Tell these rows, and nobody else, what goes wrong inside, and keep nothing of them."""
        with told([row.outbox for row in rows]):
            try:
                yield
            except BaseException:
                for row in rows:
                    row.kept = None
                raise
