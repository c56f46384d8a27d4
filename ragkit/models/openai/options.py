"""What the constructor takes, checked: names, time-outs, retries. One sentence for what does not fit."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

import openai
from pydantic import BaseModel, ValidationError

from ragkit.errors import ConfigError, shorten
from ragkit.remote.policy import RetryPolicy

__all__ = ["call_timeout", "check_choices", "check_names", "policy_of", "sentence", "timeouts_of"]

_CONNECT_S = 10.0
_WAIT_S = 120.0
# Fields of ChatOpenAI that are made here: LangChain hands them back when it copies a configured model.
_MADE = ("client", "async_client", "root_client", "root_async_client")
_REFUSED = ("http_client", "http_async_client", "http_socket_options", "stream_chunk_timeout")


def check_names(model: type[BaseModel], options: dict[str, Any]) -> None:
    """Check the names of options, and take out those that are made anew.

    Raises:
        ConfigError: If one is unknown, or belongs to what this model does itself.
    """
    known = {name for field, info in model.model_fields.items() for name in (field, info.alias) if name}
    for name in options:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            meant = f"did you mean {close[0]}? " if close else ""
            raise ConfigError(
                f"{model.__name__} has no option {shorten(name)!r}: {meant}What only the server knows goes into "
                "model_kwargs={...} or extra_body={...}."
            )
    for name in _MADE:
        given = options.pop(name, None)
        if given is not None and not type(given).__module__.startswith("openai"):
            raise ConfigError(f"{name} cannot be given: the model makes its own clients.")
    for name in _REFUSED:
        if options.get(name) is not None:
            raise ConfigError(f"{name} cannot be given: use timeout, deadline_s, proxy and ca_file.")
    _check_extras(options, known)


def _check_extras(options: Mapping[str, Any], known: Collection[str]) -> None:
    extras = options.get("model_kwargs") or {}
    if both := sorted(known & extras.keys() if isinstance(extras, Mapping) else ()):
        raise ConfigError(f"{both[0]} is an option of its own: give it as {both[0]}=..., not in model_kwargs.")
    if callable(options.get("api_key")) or callable(options.get("openai_api_key")):
        raise ConfigError("api_key must be text or SecretStr, not a function.")


def check_choices(n: int | None, *, streaming: bool) -> None:
    """Check how many replies are asked for.

    Raises:
        ConfigError: If it is none, or several while streaming, where LangChain would show the first only.
    """
    if n is not None and (n < 1 or (n > 1 and streaming)):
        expected = "1 while streaming" if n > 1 else "at least 1"
        raise ConfigError(f"n must be {expected}, got {n}.")


def sentence(error: ValidationError) -> str:
    """Say the first fault of `error`, without what was given: it may be a key."""
    fault = error.errors(include_url=False, include_input=False)[0]
    cause = fault.get("ctx", {}).get("error")
    if isinstance(cause, ConfigError):
        return str(cause)
    place = ".".join(map(str, fault["loc"]))
    return f"{place}: {fault['msg']}" if place else fault["msg"]


def timeouts_of(timeout: float | tuple[float, float] | None) -> tuple[float, float]:
    """Give the longest time to connect and the longest wait, in seconds."""
    timeout = _WAIT_S if timeout is None else timeout
    if isinstance(timeout, tuple):
        return timeout
    return min(_CONNECT_S, timeout), timeout


def call_timeout(timeout: Any) -> openai.Timeout:
    """Give what openai takes for the time-out of one call.

    Raises:
        ConfigError: If it is not seconds above 0, or two of them.
    """
    parts = timeout if isinstance(timeout, tuple) and len(timeout) == 2 else (timeout, timeout)
    if not all(isinstance(part, int | float) and 0 < part < float("inf") for part in parts):
        raise ConfigError(f"timeout must be seconds above 0, or a pair of them, got {shorten(timeout)}.")
    connect_s, wait_s = timeouts_of(timeout)
    return openai.Timeout(wait_s, connect=connect_s)


def policy_of(
    policy: RetryPolicy, max_retries: int | None, deadline_s: float | None, given: Collection[str]
) -> RetryPolicy:
    """Give the policy with what LangChain's own names say laid over it.

    Raises:
        ConfigError: If a value is out of range.
    """
    if max_retries is not None:
        if max_retries < 0:
            raise ConfigError(f"max_retries must be at least 0, got {max_retries}.")
        policy = replace(policy, attempts=max_retries + 1)
    return replace(policy, deadline_s=deadline_s) if "deadline_s" in given else policy
