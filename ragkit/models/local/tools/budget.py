"""A grammar at work within a budget: what may come next, and always a way to end in time.

A grammar alone keeps a text right up to where it is cut off, and a weak model inside a string can write until it is.
So a way to close the text is kept at hand: a short list of tokens after which it is whole. While there is plenty of
room the grammar alone decides. When room gets scarce, only tokens are let through after which the text can still be
closed in time, of the likeliest few; and when none is left, the way out is taken.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ragkit._optional import require
from ragkit.errors import ConfigError, ModelError

with require(feature="Constrained decoding", package="llguidance", extra="local"):
    from llguidance import LLMatcher, LLTokenizer

__all__ = ["BudgetedConstraint", "Closing", "closing_order"]

_CLOSERS = '}]"'
_PATIENCE = 64
_GO_ON = ",:"  # ends a number as well, which digits never do
_SLACK_TOKENS = 64
_CANDIDATES = 8
_RECKON_EVERY = 8
_LONGEST_CLOSING = 4096


@dataclass(frozen=True, slots=True)
class Closing:
    """Which tokens lead out of a text soonest, for one tokenizer."""

    closers: tuple[int, ...]
    """`}`, `]` and `"`: taken wherever the grammar lets them."""
    plain: NDArray[np.int64]
    """Other single characters, those first that lengthen a text least; white space last."""
    end: int
    """Ends a text where it is whole."""

    def way_out(self, matcher: LLMatcher, *, limit: int) -> list[int] | None:
        """Find tokens after which the text is whole: not always the fewest, but few.

        Args:
            matcher: Where the text stands; left as it is.
            limit: Give up beyond this many.
        """
        ahead, way, used = matcher.deep_copy(), list[int](), Counter[int]()
        while not ahead.is_accepting():
            step = ahead.compute_ff_tokens() or [self._pick(_bits(ahead), used)]
            way += step
            if len(way) > limit or not ahead.consume_tokens(step):
                return None
        return way

    def _pick(self, allowed: NDArray[np.bool_], used: Counter[int]) -> int:
        closers = [token for token in self.closers if allowed[token]]
        plain = self.plain[allowed[self.plain]].tolist()
        # A pattern such as a*b would be fed a's for ever if the least used did not go first.
        if closers and self.plain[0] in plain:  # where a comma may stand too, brackets are text: the quote ends it
            token = min(reversed(closers), key=lambda closer: used[closer] // _PATIENCE)
        elif closers:
            token = min(closers, key=lambda closer: used[closer] // _PATIENCE)
        else:
            token = min(plain, key=used.__getitem__, default=int(allowed.argmax()))
        used[token] += 1
        return token


def closing_order(tokenizer: LLTokenizer) -> Closing:
    """Look up the tokens that close a text."""
    single = {}
    for character in map(chr, range(0x20, 0x7F)):
        tokens = tokenizer.greedy_tokenize(character)
        if len(tokens) == 1:
            single[character] = tokens[0]
    closers = tuple(single.pop(character) for character in _CLOSERS if character in single)
    ranked = sorted(
        single, key=lambda character: (character.isspace(), character not in _GO_ON, not character.isalnum())
    )
    plain = np.array([single[character] for character in ranked], dtype=np.int64)
    return Closing(closers, plain, int(tokenizer.eos_token))


def _bits(matcher: LLMatcher) -> NDArray[np.bool_]:
    mask = np.frombuffer(matcher.compute_bitmask(), dtype=np.uint8)
    return np.unpackbits(mask, bitorder="little").view(np.bool_)


class BudgetedConstraint:
    """A `Constraint` that ends within `max_tokens`.

    Args:
        matcher: The grammar at its start; this constraint's own from now on.
        closing: Which tokens lead out of a text soonest.
        max_tokens: How many tokens the reply may have.

    Raises:
        ConfigError: If no whole reply fits into `max_tokens`.
    """

    def __init__(self, matcher: LLMatcher, closing: Closing, *, max_tokens: int) -> None:
        self._matcher, self._closing, self._left = matcher, closing, max_tokens
        way = closing.way_out(matcher, limit=_LONGEST_CLOSING)
        if way is None or len(way) > max_tokens:
            shortest = f"about {len(way)} tokens" if way is not None else "too long to be found"
            raise ConfigError(
                f"max_tokens is {max_tokens}, but the shortest reply of the form asked for is {shortest}: "
                "raise max_tokens, or ask for less."
            )
        self._way = way
        self._ways: dict[int, list[int]] = {}
        self._scarce = _SLACK_TOKENS + 2 * len(way)
        self._since_reckoned = 0

    @property
    def done(self) -> bool:
        """Whether the text is whole and nothing may follow."""
        return bool(self._matcher.is_stopped())

    def mask(self, logits: Any) -> None:
        """Set the logits of tokens that may not come next to minus infinity, in place."""
        values = logits.numpy()
        allowed = np.zeros(values.shape, dtype=np.bool_)
        bits = _bits(self._matcher)[: values.size]
        allowed[: bits.size] = bits
        values[~allowed] = -np.inf
        if self._left - self._reckoned() <= self._scarce:
            self._keep_what_can_end(values)

    def accept(self, token: int) -> None:
        """Take note of the token that was chosen.

        Raises:
            ModelError: If the grammar does not allow it.
        """
        if not self._matcher.consume_token(token):
            raise ModelError(f"token {token} was chosen although the grammar of the reply does not allow it.")
        self._left -= 1
        self._since_reckoned += 1
        if token in self._ways:
            self._way, self._since_reckoned = self._ways[token], 0
        self._ways = {}

    def _reckoned(self) -> int:
        """Give the length of the way out; a few tokens old at most while there is room."""
        if self._since_reckoned >= _RECKON_EVERY or self._left <= 2 * self._scarce:
            self._way = self._way_after([], limit=_LONGEST_CLOSING) or []
            self._since_reckoned = 0
        return len(self._way)

    def _way_after(self, chosen: list[int], *, limit: int) -> list[int] | None:
        """Give a way out, the one that is known where it still leads out: inside a string it mostly does."""
        whole = [*chosen, *self._way, self._closing.end]
        if len(self._way) <= limit and self._matcher.validate_tokens(whole) == len(whole):
            return self._way
        ahead = self._matcher.deep_copy()
        return self._closing.way_out(ahead, limit=limit) if ahead.consume_tokens(chosen) else None

    def _keep_what_can_end(self, values: NDArray[np.float32]) -> None:
        self._ways = {}
        likeliest = (
            np.argpartition(-values, _CANDIDATES)[:_CANDIDATES].tolist()
            if values.size > _CANDIDATES
            else range(values.size)
        )
        for token in likeliest:
            way = None if np.isneginf(values[token]) else self._way_after([token], limit=self._left - 1)
            if way is not None:
                self._ways[token] = way
        if not self._ways and self._way:
            self._ways[self._way[0]] = self._way[1:]
        if self._ways:
            kept = values[list(self._ways)]
            values[:] = -np.inf
            values[list(self._ways)] = np.where(np.isneginf(kept), 0.0, kept)
