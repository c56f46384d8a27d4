"""What is asked of a local model and what comes back: the seam between the chat model and the engines that compute.

An `Engine` turns a `Request` (token ids in) into a `Generation` (token ids out, one by one). It knows nothing of
messages, templates, text or tools; `ragkit.models.local.chat` knows nothing of tensors.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any, Literal, Protocol, TypeAlias

from ragkit.errors import ConfigError

__all__ = ["Constraint", "Engine", "FinishReason", "Generation", "Request", "Sampling"]

FinishReason: TypeAlias = Literal["stop", "length"]
"""`stop`: the model ended its turn, or its constraint left nothing to add; `length`: `max_tokens` were produced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How the next token is chosen.

    Raises:
        ConfigError: If a value is out of range.
    """

    temperature: float = 0.0
    """Divides the logits; 0 takes the likeliest token, always the same."""
    top_p: float = 1.0
    """Sample among the likeliest tokens that together hold this probability, in (0, 1]."""
    top_k: int = 0
    """Sample among this many likeliest tokens; 0 for all."""
    repetition_penalty: float = 1.0
    """Above 1 makes tokens of the prompt and the reply less likely (Keskar et al. 2019, section 4.1)."""
    seed: int | None = None
    """Makes sampling repeatable, whoever shares the batch; None draws anew each time."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name, fits, expected in (
            ("temperature", 0 <= self.temperature < inf, "at least 0 and finite"),
            ("top_p", 0 < self.top_p <= 1, "above 0 and at most 1"),
            ("top_k", self.top_k >= 0, "at least 0 (0 for all tokens)"),
            ("repetition_penalty", 0 < self.repetition_penalty < inf, "above 0 and finite (1 for none)"),
            ("seed", self.seed is None or -(2**63) <= self.seed < 2**64, "a number of at most 64 bits, or None"),
        ):
            if not fits:
                raise ConfigError(f"{name} must be {expected}, got {getattr(self, name)}.")


class Constraint(Protocol):
    """A grammar at work: which tokens may come next. Each generation has its own."""

    def mask(self, logits: Any) -> None:
        """Set the logits of tokens that may not come next to minus infinity, in place.

        Args:
            logits: `(vocabulary,)` float32 torch tensor on the CPU. The end of the turn is a token like others.
        """
        ...

    def accept(self, token: int) -> None:
        """Take note of the token that was chosen."""
        ...

    @property
    def done(self) -> bool:
        """Whether the text is whole and nothing may follow."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One generation to make."""

    prompt: Sequence[int]
    """Token ids as the model reads them, special ones included; at least one."""
    max_tokens: int
    """Most tokens to produce, at least 1; prompt and these fit the context (the caller has checked)."""
    sampling: Sampling = field(default_factory=Sampling)
    constraint: Constraint | None = None


class Generation(Protocol):
    """A generation under way: iterate for token ids (end-of-turn tokens are not given), sync or async, once.

    Leaving the loop does not cancel by itself: callers use `cancel` in a `finally`. An error of the engine is raised
    from the iteration at once, as a `ModelError`.
    """

    @property
    def cached_tokens(self) -> int:
        """Tokens of the prompt that a kept prefix spared computing; known from the first token on."""
        ...

    @property
    def finish_reason(self) -> FinishReason | None:
        """Why it ended; None while it runs or if it was cancelled."""
        ...

    def __iter__(self) -> Iterator[int]: ...

    def __aiter__(self) -> AsyncIterator[int]: ...

    def cancel(self) -> None:
        """Stop computing, from any thread, at any time, also twice; what waits on the iteration ends."""
        ...


class Engine(Protocol):
    """What computes tokens. Safe from many threads: generations under way at once may share forward passes."""

    @property
    def context_tokens(self) -> int | None:
        """Most tokens of prompt and reply together; None where the model states no limit."""
        ...

    def start(self, request: Request) -> Generation:
        """Queue a generation and give it without waiting."""
        ...

    def close(self) -> None:
        """Cancel what runs and free what is kept; `start` afterwards raises `ModelError`."""
        ...
