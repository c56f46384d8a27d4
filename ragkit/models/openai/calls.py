"""One call of a server: bounded in time, its failures in our words, and nothing of openai's errors left on ours.

`Guard` puts both around whatever waits for the server. openai's exceptions hold the request with its key, so ours are
raised after theirs are gone, and never `from` them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import openai
from pydantic import ValidationError

from ragkit.errors import InputError, ModelError, ModelTimeoutError
from ragkit.models.openai.replies import misfit, unreadable
from ragkit.remote.openai_errors import as_model_error, without
from ragkit.remote.policy import Deadline
from ragkit.remote.watch import Watch

__all__ = ["Guard"]

_T = TypeVar("_T")
# As long as a quotation must be to give something away; names of options and models are shorter.
_QUOTE = 24
_TELLING = 12
# What langchain-openai and openai raise while they read a reply that is not as expected.
_READING = (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError)


@dataclass(frozen=True, slots=True)
class Guard:
    """Bounds what waits for the server, and tells its failures as ours."""

    total: Deadline
    """When everything must be over."""
    timeout_s: float
    """Longest single wait, in seconds."""
    secrets: Sequence[str] = field(repr=False, default=())
    """The key, and what else was sent in headers or the query: no message may hold them."""
    prompt: Sequence[str] = field(repr=False, default=())
    """The texts that were sent; no message repeats one, or 24 characters of one."""
    schema: str | None = None
    """Name of the pydantic class that openai reads the reply as; None for none."""
    watch: Watch = field(default_factory=Watch)

    def wait(self, call: Callable[[], _T]) -> _T:
        """Call, for no longer than one wait may take.

        Raises:
            ModelError: In place of every error of openai, and of reading a reply that did begin.
        """
        self.watch.deadline = Deadline(self._limit_s())
        try:
            with self.watch:
                return call()
        except ModelError:
            raise
        except (openai.OpenAIError, *_READING) as error:
            failure = self._told(error)
        raise failure

    async def await_(self, call: Callable[[], Awaitable[_T]]) -> _T:
        """Do what `wait` does, for a call that is awaited."""
        limit_s = self._limit_s()
        try:
            async with asyncio.timeout(limit_s):
                with self.watch:
                    return await call()
        except ModelError:
            raise
        except (openai.OpenAIError, TimeoutError, *_READING) as error:
            failure = self._told(error)
        raise failure

    def read(self, step: Callable[[], _T]) -> _T:
        """Take a step on what came, where only the server can be to blame.

        Raises:
            ModelError: In place of what the step stumbles over.
        """
        try:
            return step()
        except ModelError:
            raise
        except _READING as error:
            failure = self._told(error)
        raise failure

    def _limit_s(self) -> float:
        left = self.total.remaining_s()
        if left <= 0:
            raise ModelTimeoutError(self._over())
        return min(self.timeout_s, left)

    def _told(self, error: Exception) -> ModelError:
        failure = self._sorted(error)
        telling = [text for text in self.prompt if len(text) >= _TELLING]
        failure.args = (without(str(failure), telling, window=_QUOTE, mark="[prompt]"),)
        return failure

    def _sorted(self, error: Exception) -> ModelError:
        if isinstance(error, TimeoutError | openai.APITimeoutError):
            if self.total.remaining_s() <= 0:
                return ModelTimeoutError(self._over())
            return ModelTimeoutError(f"the server was silent for {self.timeout_s:g} s: raise timeout, or ask for less.")
        if isinstance(error, openai.OpenAIError):
            return as_model_error(error, secrets=self.secrets)
        if self.watch.status is None and isinstance(error, UnicodeEncodeError):
            raise InputError("a message holds half of a character (a lone surrogate), which cannot be sent.") from None
        if self.watch.status is None:
            raise error  # nothing was sent: the call itself is wrong, and says how
        if isinstance(error, ValidationError) and error.title == self.schema:
            return misfit(error)
        return unreadable(error, self.watch, self.secrets)

    def _over(self) -> str:
        return f"the deadline of {self.total.limit_s:g} s is over: raise deadline_s, or ask for less."
