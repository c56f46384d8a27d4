"""A grammar at work within a budget: what may come next, and always a way to end in time.

A grammar alone keeps a text right up to where it is cut off, and a weak model inside a string can write until it is.
So a way to close the text is kept at hand: a short list of tokens after which it is whole. While there is plenty of
room the grammar alone decides. When room gets scarce, only tokens are let through after which the text can still be
closed in time, of the likeliest few; and when none is left, the way out is taken. Where no way out is found, as inside
a pattern that a text must hold somewhere, the grammar alone decides, and the reply may be cut off.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from string import ascii_letters
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ragkit._optional import require
from ragkit.errors import ConfigError, ModelError

with require(feature="Constrained decoding", package="llguidance", extra="local"):
    from llguidance import LLMatcher, LLTokenizer

__all__ = ["BudgetedConstraint", "Closing", "closing_order"]

_GO_ON = ",:@.-/"  # parts of a text are mostly set off by these, and a comma ends a number, which digits never do
_PROSE = frozenset(ascii_letters) - frozenset("truefalsnE")
"""Letters that stand in no JSON outside of its strings."""
_SLACK_TOKENS = 64
_CANDIDATES = 8
_RECKON_EVERY = 8


@dataclass(frozen=True, slots=True)
class Closing:
    """Which tokens lead out of a text soonest, for one tokenizer."""

    brackets: tuple[int, ...]
    """`}` and `]`: taken wherever the grammar lets them, but for those that are text."""
    quote: int | None
    """`"`: taken wherever the grammar lets it."""
    plain: NDArray[np.int64]
    """Other single characters, those first that lengthen a text least; white space last."""
    prose: NDArray[np.int64]
    """Those of them that may come within strings alone."""
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
        if self.quote is not None and allowed[self.quote]:
            used.clear()  # each string is a new start
            return self.quote
        choice = [token for token in self.brackets if allowed[token]]
        if not choice or allowed[self.prose].any():
            choice = self.plain[allowed[self.plain]].tolist()
        # A pattern such as a*b would be fed a's for ever if the least used did not go first.
        token = min(choice, key=used.__getitem__, default=int(allowed.argmax()))
        used[token] += 1
        return token


def closing_order(tokenizer: LLTokenizer) -> Closing:
    """Look up the tokens that close a text."""
    single = {}
    for character in map(chr, range(0x20, 0x7F)):
        tokens = tokenizer.greedy_tokenize(character)
        if len(tokens) == 1:
            single[character] = tokens[0]
    brackets = tuple(single.pop(character) for character in "}]" if character in single)
    quote = single.pop('"', None)
    ranked = sorted(
        single, key=lambda character: (character.isspace(), character not in _GO_ON, not character.isalnum())
    )
    plain, prose = (
        np.array([single[character] for character in some], dtype=np.int64)
        for some in (ranked, [character for character in ranked if character in _PROSE])
    )
    return Closing(brackets=brackets, quote=quote, plain=plain, prose=prose, end=int(tokenizer.eos_token))


def _bits(matcher: LLMatcher) -> NDArray[np.bool_]:
    mask = np.frombuffer(matcher.compute_bitmask(), dtype=np.uint8)
    return np.unpackbits(mask, bitorder="little").view(np.bool_)


class BudgetedConstraint:
    """A `Constraint` that ends within `max_tokens`.

    Args:
        matcher: The grammar at its start; this constraint's own from now on.
        closing: Which tokens lead out of a text soonest.
        way: Tokens that make a whole reply; None where they were sought in vain.
        max_tokens: How many tokens the reply may have.

    Raises:
        ConfigError: If no whole reply fits into `max_tokens`.
    """

    def __init__(self, matcher: LLMatcher, closing: Closing, way: Sequence[int] | None, *, max_tokens: int) -> None:
        if way is not None and len(way) > max_tokens:
            raise ConfigError(
                f"max_tokens is {max_tokens}, but the shortest reply of the form asked for is about {len(way)} tokens: "
                "raise max_tokens, or ask for less."
            )
        self._matcher, self._closing, self._left = matcher, closing, max_tokens
        self._way = way
        self._ways: dict[int, Sequence[int]] = {}
        self._scarce = _SLACK_TOKENS + 2 * len(way or ())
        self._since_reckoned = self._in_vain = 0

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
        self._reckon()
        if self._way is not None and self._left - len(self._way) <= self._scarce:
            self._keep_what_can_end(values, self._way)

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

    def _reckon(self) -> None:
        """See that the way out is a few tokens old at most while there is room; seek one ever more rarely in vain."""
        due = self._since_reckoned >= _RECKON_EVERY << self._in_vain
        if due or (self._way is not None and self._left <= 2 * self._scarce):
            self._way = self._way_after([], limit=self._left)
            self._in_vain = 0 if self._way is not None else self._in_vain + 1
            self._since_reckoned = 0

    def _way_after(self, chosen: list[int], *, limit: int) -> Sequence[int] | None:
        if self._leads_out(chosen, limit=limit):
            return self._way
        ahead = self._matcher.deep_copy()
        return self._closing.way_out(ahead, limit=limit) if ahead.consume_tokens(chosen) else None

    def _leads_out(self, chosen: list[int], *, limit: int) -> bool:
        """Tell whether the way that is known leads out after these tokens too: inside a string it mostly does."""
        if self._way is None or len(self._way) > limit:
            return False
        whole = [*chosen, *self._way, self._closing.end]
        return self._matcher.validate_tokens(whole) == len(whole)

    def _keep_what_can_end(self, values: NDArray[np.float32], way_out: Sequence[int]) -> None:
        """Let the likeliest token through that can end in time, and others of which that is easily seen.

        Where there is none, the first of the way out.
        """
        self._ways = {}
        count = min(_CANDIDATES, values.size)
        likeliest = np.argpartition(-values, count - 1)[:count]
        for token in likeliest[np.argsort(-values[likeliest], kind="stable")].tolist():
            if np.isneginf(values[token]):
                break
            if self._leads_out([token], limit=self._left - 1):
                self._ways[token] = way_out
            elif not self._ways and (way := self._way_after([token], limit=self._left - 1)) is not None:
                self._ways[token] = way  # seeking a way is dear: for one of them at most
        if not self._ways and way_out:
            self._ways[way_out[0]] = way_out[1:]
        if self._ways:
            kept = values[list(self._ways)]
            values[:] = -np.inf
            values[list(self._ways)] = np.where(np.isneginf(kept), 0.0, kept)
