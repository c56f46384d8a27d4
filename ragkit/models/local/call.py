"""One call of a local model: what is asked of the engine, how the reply is heard, and when it must be over."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

import numpy as np
from langchain_core.messages import BaseMessage

from ragkit.errors import ContextLengthError, ModelError, ModelTimeoutError
from ragkit.models.local.generation import Constraint, Generation, Request
from ragkit.models.local.listener import Listener, Outcome
from ragkit.models.local.options import ReplyOptions
from ragkit.models.local.replies import StopTexts, TextStream
from ragkit.models.local.tools.call_ids import call_ids
from ragkit.models.local.tools.calls import ToolCallStream
from ragkit.models.local.tools.families import ToolFamily
from ragkit.models.local.tools.form import ReplyForm
from ragkit.models.local.weights import Loaded

__all__ = ["Call", "Later", "Running", "by_timer", "prepare"]

_UNLIMITED = 1024
"""Most tokens of a reply where neither the caller nor the model states a limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call that is ready to be started."""

    loaded: Loaded
    request: Request
    options: ReplyOptions
    family: ToolFamily | None
    """How the reply may call tools; None where it is all text."""
    call_id: Callable[[int], str]

    def listener(self, *, streams: bool) -> Listener:
        """Give what hears the reply; one that `streams` reads tool calls as they come."""
        layout, backend = self.loaded.layout, self.loaded.backend
        # Special tokens are not shown, but those that stop the reply or stand around tool calls must be seen.
        read = {*self.options.stop, *(self.family.marks if self.family else ())}
        hidden = {token for mark, token in self.loaded.special.items() if mark not in read}
        return Listener(
            TextStream(lambda ids: str(backend.decode(ids, skip_special_tokens=False)), hidden=hidden),
            StopTexts([*self.options.stop, *layout.stops]),
            calls=ToolCallStream(self.family, call_id=self.call_id) if streams and self.family else None,
            strips=layout.strips,
        )

    def start(self, later: Later) -> Running:
        """Start it; used in a `with`, it is cancelled when the caller leaves."""
        return Running(self.loaded.engine.start(self.request), self.options.timeout_s, later)

    def outcome(self, running: Running, listener: Listener) -> Outcome:
        """Say how it ended, once no token follows.

        Raises:
            ModelTimeoutError: If its time was up before.
            ModelError: If the model was closed before.
        """
        reason = "stop" if listener.stopped else running.generation.finish_reason
        if reason is None and running.expired:
            raise ModelTimeoutError(
                f"the model's reply was not whole after {self.options.timeout_s} s ({listener.tokens} tokens came): "
                "allow more time, or fewer tokens with max_tokens."
            )
        if reason is None:
            raise ModelError("the model was closed while it replied: make a new one and ask again.")
        return Outcome(
            model_name=self.loaded.name,
            finish_reason=reason,
            input_tokens=len(self.request.prompt),
            cached_tokens=running.generation.cached_tokens,
            output_tokens=listener.tokens,
        ).with_calls(listener.called)


def prepare(loaded: Loaded, messages: Sequence[BaseMessage], options: ReplyOptions, form: ReplyForm) -> Call:
    """Lay out the prompt, see that prompt and reply fit, and make the grammar where there is one.

    Raises:
        InputError: For messages that the model cannot be given.
        ContextLengthError: If they do not fit.
        ConfigError: For options out of range, and schemas that cannot be held to.
    """
    offered = form.tools if form.tool_choice != "none" else ()
    prompt = loaded.layout.ids(
        messages, tools=offered, documents=options.documents or (), options=options.template_options
    )
    max_tokens = _room(loaded, len(prompt), options.max_tokens)
    family = loaded.layout.family if form.may_call else None
    request = Request(
        prompt=prompt,
        max_tokens=max_tokens,
        sampling=options.sampling(),
        constraint=_constraint(loaded, form, max_tokens),
    )
    chance = secrets.token_bytes(8) if options.temperature and options.seed is None else b""
    source = np.asarray(prompt, dtype="<u4").tobytes() + chance
    return Call(loaded=loaded, request=request, options=options, family=family, call_id=call_ids(source))


def _constraint(loaded: Loaded, form: ReplyForm, max_tokens: int) -> Constraint | None:
    if not form.may_call and form.schema is None:
        return None  # nothing to hold to: free text need not wait for the grammars to be made
    constraint: Constraint | None = loaded.grammars.constraint(form, loaded.layout.family, max_tokens=max_tokens)
    return constraint


def _room(loaded: Loaded, prompt_tokens: int, max_tokens: int | None) -> int:
    """Give the most tokens that the reply may have."""
    limit = loaded.source_tokens if loaded.source_tokens is not None else loaded.engine.context_tokens
    if limit is None:
        return max_tokens or _UNLIMITED
    # An encoder-decoder holds source and reply apart; the reply begins with the token that the decoder starts from.
    used = 1 if loaded.source_tokens is not None and prompt_tokens <= limit else prompt_tokens
    wanted = 1 if max_tokens is None else max_tokens
    if used + wanted > limit:
        asked = f"{max_tokens} tokens of reply (max_tokens)" if max_tokens else "a reply"
        raise ContextLengthError(
            f"the prompt has {prompt_tokens} tokens and with {asked} exceeds the {limit} tokens of {loaded.name}: "
            "shorten the messages or lower max_tokens.",
            prompt_tokens=prompt_tokens,
            context_tokens=limit,
        )
    return limit - used if max_tokens is None else max_tokens


class Handle(Protocol):
    """Something that will happen later, unless it is cancelled."""

    def cancel(self) -> object:
        """Keep it from happening."""
        ...


class Later(Protocol):
    """Has something done in some seconds: `by_timer`, or `call_later` of an event loop."""

    def __call__(self, delay: float, callback: Callable[[], object], /) -> Handle:
        """Plan it, and give what cancels it."""
        ...


def by_timer(delay: float, callback: Callable[[], object], /) -> Handle:
    """Plan something with a thread that sleeps until then."""
    timer = threading.Timer(delay, callback)
    timer.daemon = True
    timer.start()
    return timer


class Running:
    """A generation that ends when its caller leaves the `with`, or when its time is up."""

    def __init__(self, generation: Generation, timeout_s: float | None, later: Later) -> None:
        self.generation = generation
        self.expired = False
        self._handle = None if timeout_s is None else later(timeout_s, self._expire)

    def _expire(self) -> None:
        self.expired = True
        self.generation.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self.generation.cancel()
