"""How much of a conversation a token budget holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, islice

from langchain_core.messages import BaseMessage

from ragkit.errors import ConfigError, ContextLengthError, shorten
from ragkit.memory.selection import Asked, Part
from ragkit.messages.tokens import TokenCounter

__all__ = ["Budget", "in_time", "most"]


def in_time(parts: Iterable[Part]) -> list[Part]:
    """Give parts as they are shown: summaries, which begin with the conversation, then all else in time order."""
    return sorted(parts, key=lambda part: (part.kind != "summary", part.seq))


@dataclass(frozen=True, slots=True)
class Budget:
    """The tokens that a prompt may have: all of it, not the conversation alone.

    Raises:
        ConfigError: If `max_tokens` is no whole number of at least 1.
    """

    max_tokens: int
    counter: TokenCounter

    def __post_init__(self) -> None:
        if type(self.max_tokens) is not int or self.max_tokens < 1:
            raise ConfigError(f"max_tokens must be a whole number of at least 1, got {shorten(repr(self.max_tokens))}.")

    def tokens(self, asked: Asked, messages: Sequence[BaseMessage]) -> int:
        """Count the prompt with these messages of the conversation in it."""
        return asked.tokens(self.counter, messages)

    def holds(self, asked: Asked, parts: Iterable[Part]) -> bool:
        """Say whether the prompt with these parts is within the budget."""
        shown = [message for part in in_time(parts) for message in part.messages]
        return self.tokens(asked, shown) <= self.max_tokens

    def check(self, asked: Asked, needed: Sequence[Part]) -> None:
        """Check what must be shown.

        Raises:
            ContextLengthError: If it does not fit.
        """
        if self.holds(asked, needed):
            return
        total = self.tokens(asked, [message for part in in_time(needed) for message in part.messages])
        beside = self.tokens(asked, [])
        raise ContextLengthError(
            f"the prompt needs {total} tokens, {beside} of them for what stands beside the conversation, and the "
            f"budget is {self.max_tokens}: shorten what is asked or retrieved, or raise max_tokens.",
            prompt_tokens=total,
            context_tokens=self.max_tokens,
        )

    def filled(self, asked: Asked, pieces: Iterable[Sequence[Part]], *, needed: Sequence[Part] = ()) -> list[Part]:
        """Give `needed` with as many of `pieces`, from the first on, as the budget holds.

        Reads no more pieces than about twice those it takes, and counts the prompt a logarithm of times.
        """

        def fits(taken: Sequence[Sequence[Part]]) -> bool:
            return self.holds(asked, [*needed, *(part for piece in taken for part in piece)])

        return [*needed, *(part for piece in most(pieces, fits) for part in piece)]

    def shared(self, asked: Asked, parts: Sequence[Part]) -> list[Part]:
        """Give the parts that fit, whoever chose them.

        First comes what is needed, then the newest turn's task and last round, summaries, the rest of that turn, older
        turns, and what is recalled, the likest first: what comes last is left out first, whole turns at once.

        Raises:
            ContextLengthError: If not even what is needed fits.
        """
        needed = [part for part in parts if part.needed]
        self.check(asked, needed)
        rest = [part for part in parts if not part.needed]
        return in_time(self.filled(asked, _wanted(rest), needed=needed))


def _wanted(parts: Sequence[Part]) -> list[list[Part]]:
    """Cut parts into what is left out at once, the most wanted first."""
    turns = [list(group) for _, group in groupby(_of(parts, "turn"), lambda part: part.turn)]
    newest = turns.pop() if turns else []
    between = newest[1:-1]
    return [
        *filter(None, [[part for part in newest if part not in between], _of(parts, "summary")]),
        *([part] for part in reversed(between)),
        *reversed(turns),
        *_recalled(parts),
    ]


def _of(parts: Sequence[Part], kind: str) -> list[Part]:
    return in_time(part for part in parts if part.kind == kind)


def _recalled(parts: Sequence[Part]) -> list[list[Part]]:
    turns = [list(group) for _, group in groupby(_of(parts, "recalled"), lambda part: part.turn)]
    return sorted(turns, key=lambda turn: (-turn[0].score, -turn[0].seq))


def most(pieces: Iterable[Sequence[Part]], fits: Callable[[Sequence[Sequence[Part]]], bool]) -> list[Sequence[Part]]:
    """Give the longest beginning of `pieces` that fits, none if even the first does not.

    Where one beginning does not fit, no longer one may.
    """
    source = iter(pieces)
    taken: list[Sequence[Part]] = []
    good, step = 0, 1
    while True:
        taken += islice(source, good + step - len(taken))
        if len(taken) == good:
            return taken
        if not fits(taken):
            break
        good, step = len(taken), 2 * step
    bad = len(taken)
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if fits(taken[:middle]) else (good, middle)
    return taken[:good]
