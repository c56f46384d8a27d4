"""What of a conversation must stay together: a tool call and its results, a person's words and what answers them.

A server refuses a prompt with a tool result whose call is missing, or with a call whose results are: so who shortens a
conversation drops whole rounds, or whole turns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TypeAlias

from langchain_core.messages import AIMessage, BaseMessage, FunctionMessage, HumanMessage, ToolMessage

__all__ = ["CallKey", "call_keys", "is_whole", "pending", "result_key", "rounds", "sound", "together", "turns"]

CallKey: TypeAlias = tuple[str, str]
"""How a call is known: a tool call by its id, a function call of the old kind by its name."""


def rounds(messages: Sequence[BaseMessage]) -> list[slice]:
    """Cut a conversation into the smallest parts that must stay together.

    A model's message with tool calls is one round with all their results and whatever stands between, calls of other
    models included; every other message is a round of its own. A result belongs to the newest call before it with its
    id (servers use ids again). A result without a call, and a call without results, are rounds as well. Linear.

    Returns:
        Slices of `messages` in order, none empty: each message is in exactly one.

    Example:
        >>> call = {"name": "add", "args": {"a": 1, "b": 2}, "id": "c1"}
        >>> asked = [HumanMessage("1 + 2?"), AIMessage("", tool_calls=[call]), ToolMessage("3", tool_call_id="c1")]
        >>> rounds(asked)
        [slice(0, 1, None), slice(1, 3, None)]
    """
    last = list(range(len(messages)))
    for place, caller in _answers(messages):
        if caller is not None:
            last[caller] = place
    found: list[slice] = []
    start = reach = 0
    for place, end in enumerate(last):
        if place > reach:
            found.append(slice(start, place))
            start = place
        reach = max(reach, end, place)
    return [*found, slice(start, len(messages))] if messages else []


def turns(messages: Sequence[BaseMessage]) -> list[slice]:
    """Cut a conversation into turns: a person's message and all that follows up to the next one.

    What stands before the first person's message is a turn of its own. A person's message within a round (said while
    a tool was at work) begins no turn, so that every turn is made of whole rounds.

    Returns:
        Slices of `messages` in order, none empty: each message is in exactly one.
    """
    starts = [part.start for part in rounds(messages) if isinstance(messages[part.start], HumanMessage)]
    cuts = sorted({0, *starts, len(messages)})
    return [slice(start, end) for start, end in pairwise(cuts)]


def together(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Move each tool result directly behind the message that called for it; the order is otherwise kept.

    A person who writes while a tool is at work, or a second model that calls in between, would else make a prompt that
    servers refuse. Nothing is lost or added.
    """
    results: dict[int, list[BaseMessage]] = {}
    moved: set[int] = set()
    for place, caller in _answers(messages):
        if caller is not None:
            results.setdefault(caller, []).append(messages[place])
            moved.add(place)
    stay = (place for place in range(len(messages)) if place not in moved)
    return [message for place in stay for message in (messages[place], *results.get(place, ()))]


def sound(messages: Sequence[BaseMessage], *, waits: bool) -> list[BaseMessage]:
    """Give what a server takes of a conversation, each result directly behind its call.

    Left out are calls that have not all their results, with those they have, and results without a call: what a run
    that broke off leaves behind.

    Args:
        messages: The conversation.
        waits: Whether the last round is the one at work, which stays as it is.
    """
    parts = [together(messages[part]) for part in rounds(messages)]
    last = parts.pop() if waits and parts else []
    good = [part if is_whole(part) and not pending(part) else _without_tools(part) for part in parts]
    return [message for part in [*good, last] for message in part]


def _without_tools(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    return [message for message in messages if result_key(message) is None and not any(call_keys(message))]


def is_whole(messages: Sequence[BaseMessage]) -> bool:
    """Say whether a server takes these messages: each message with tool calls is followed at once by all its results.

    One result for each call, in any order. The last calls may still wait for results: then nothing else follows them.
    """
    waiting: set[CallKey] = set()
    for message in messages:
        answered = result_key(message)
        if answered is not None:
            if answered not in waiting:
                return False
            waiting.remove(answered)
        elif waiting:
            return False
        else:
            waiting = set(call_keys(message))
    return True


def pending(messages: Sequence[BaseMessage]) -> bool:
    """Say whether a tool call in these messages has no result in them."""
    waiting: set[tuple[int, CallKey]] = set()
    for place, message in enumerate(messages):
        waiting.update((place, key) for key in call_keys(message))
    for place, caller in _answers(messages):
        key = result_key(messages[place])
        if caller is not None and key is not None:
            waiting.discard((caller, key))
    return bool(waiting)


def _answers(messages: Iterable[BaseMessage]) -> Iterator[tuple[int, int | None]]:
    """Give each result's place with the place of the message that called for it, None where nothing did."""
    callers: dict[CallKey, int] = {}
    for place, message in enumerate(messages):
        if (answered := result_key(message)) is not None:
            yield place, callers.get(answered)
        for key in call_keys(message):
            callers[key] = place


def call_keys(message: BaseMessage) -> Iterator[CallKey]:
    """Give the keys of the calls that a message makes; none for most."""
    if not isinstance(message, AIMessage):
        return
    # Calls with arguments that cannot be read are sent to servers as calls all the same.
    for call in (*message.tool_calls, *message.invalid_tool_calls):
        yield "tool", call["id"] or ""
    old = message.additional_kwargs.get("function_call")
    if isinstance(old, Mapping) and not message.tool_calls:  # some models tell a tool call in both ways
        yield "function", str(old.get("name"))


def result_key(message: BaseMessage) -> CallKey | None:
    """Give the key of the call that a message answers; None if it is no result."""
    if isinstance(message, ToolMessage):
        return "tool", message.tool_call_id
    return ("function", message.name) if isinstance(message, FunctionMessage) else None
