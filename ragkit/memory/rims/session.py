"""Which conversation a call belongs to: what LangChain's `configurable` says, and the memory of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

from langchain_core.runnables import RunnableConfig

from ragkit.errors import InputError, shorten
from ragkit.memory.memory import Memory

__all__ = ["MemoryOf", "SessionName", "memory_for", "session_of"]


class SessionName(NamedTuple):
    """Names one conversation of one user."""

    session_id: str
    user_id: str = ""
    """Empty where the program knows no users."""


MemoryOf: TypeAlias = Memory | Callable[[SessionName], Memory]
"""The memory of the only conversation there is, or a function that gives the memory of each."""


def session_of(config: RunnableConfig) -> SessionName | None:
    """Read which conversation a call belongs to; None if it does not say.

    `session_id`, or LangGraph's `thread_id` where there is none, and `user_id`, in `config["configurable"]`.

    Raises:
        InputError: If one of them is neither text nor a number nor a UUID, or the id of the session is empty.
    """
    told: Mapping[str, Any] = config.get("configurable") or {}
    key = "session_id" if "session_id" in told else "thread_id"
    if key not in told:
        return None
    session_id = _name(key, told[key])
    if not session_id:
        raise InputError(f"{key} is empty: which conversation is this? Name it in config['configurable'].")
    return SessionName(session_id, _name("user_id", told.get("user_id", "")))


def memory_for(memory: MemoryOf, config: RunnableConfig) -> Memory:
    """Give the memory of the conversation that a call belongs to.

    Raises:
        InputError: If there is a memory for each conversation and the call names none; if there is one memory only and
            the call names a `session_id`: one person would be shown what another one said; or if it is no memory.
    """
    session = session_of(config)
    if isinstance(memory, Memory):
        if session is not None and "session_id" in (config.get("configurable") or {}):
            raise InputError(
                f"the call names session {shorten(repr(session.session_id))}, and there is one memory for all calls: "
                "give a function of the session in place of the memory."
            )
        return memory
    if not callable(memory):
        raise _no_memory(memory)
    if session is None:
        raise InputError(
            "which conversation is this? Pass config={'configurable': {'session_id': …, 'user_id': …}} with the call."
        )
    if not isinstance(given := memory(session), Memory):
        raise _no_memory(given)
    return given


def _no_memory(given: object) -> InputError:
    return InputError(
        "a memory is wanted, such as BufferMemory(history), or a function of the SessionName that gives one, "
        f"got {type(given).__name__}."
    )


def _name(key: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | UUID):
        raise InputError(f"{key} must be text, got {shorten(repr(value))}: pass it as a string.")
    return str(value)
