"""What will be sent, before it is: the exact messages, tokens by part, what was left out, and what it will cost.

No model is called, and no network is used. So that a reader can find what makes a prompt long, its tokens are told by
variable and section; the parts add up to the whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeAlias

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.runnables import Runnable

from ragkit.errors import InputError, shorten
from ragkit.messages.bound import models_in, name_of
from ragkit.messages.counters import counter_of
from ragkit.messages.plain import as_plain
from ragkit.messages.tokens import TokenCounter, Tool
from ragkit.prompts.budget import ORDER, Dropped, Fitted, fit
from ragkit.prompts.prompt import Part, Prompt
from ragkit.remote.prices import PriceTable, TokenUsage
from ragkit.remote.prices import prices as shipped_prices

__all__ = ["Explanation", "PartTokens", "explain"]

Role: TypeAlias = Literal["system", "user", "assistant", "messages", ""]
_ROLES: Mapping[str, Role] = {"system": "system", "human": "user", "ai": "assistant"}
_PROMPT, _TOOLS, _LAYOUT = "(prompt)", "(tools)", "(layout)"
_MOST = 2**62  # no prompt is that long: nothing is dropped


class PartTokens(NamedTuple):
    """What one part of a prompt takes."""

    name: str
    """A variable, or `(prompt)` for the prompt's own words, `(tools)`, and `(layout)` for what wraps the messages."""
    role: Role
    """In whose words it stands; `messages` for a history, whose messages have roles of their own; else empty."""
    tokens: int
    """Counted in its place; what a part takes depends a little on its neighbours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What will be sent; as text a page to read, as a dict JSON."""

    prompt: Mapping[str, Any]
    """Name, version and hash."""
    messages: tuple[BaseMessage, ...] = field(repr=False)
    """Exactly what will be sent, if the prompt is rendered with this seed."""
    parts: tuple[PartTokens, ...]
    """In the order in which they first stand; they add up to `tokens`."""
    dropped: tuple[Dropped, ...]
    """What was left out for the budget, in the order of dropping."""
    tokens: int
    """What messages and tools take together."""
    estimated: bool
    """Whether text was estimated, rather too high than too low, instead of cut as the model cuts it."""
    max_tokens: int | None
    """The budget; None for none."""
    reply_tokens: int | None
    """How long a reply was reckoned with; None for the prompt's cost alone."""
    cost_usd: float | None
    """What the prompt, and a reply of `reply_tokens`, cost in US dollars; 0.0 for a local model; None if unknown."""
    why_no_cost: str
    """Why the cost is unknown; empty where it is known."""

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON, the messages as `ragkit.messages.plain` writes them."""
        told = {name: getattr(self, name) for name in self.__slots__}
        return told | {
            "prompt": dict(self.prompt),
            "messages": [as_plain(message) for message in self.messages],
            "parts": [part._asdict() for part in self.parts],
            "dropped": [unit.as_dict() for unit in self.dropped],
        }

    def __str__(self) -> str:
        return "\n".join(_page(self))


def explain(
    prompt: Prompt,
    values: Mapping[str, Any],
    *,
    model: BaseChatModel | Runnable[Any, Any] | str | None = None,
    counter: TokenCounter | None = None,
    max_tokens: int | None = None,
    reply_tokens: int | None = None,
    tools: Sequence[Tool] = (),
    order: Sequence[str] = ORDER,
    prices: PriceTable | None = None,
    seed: int | None = None,
) -> Explanation:
    """Say what `prompt` would send to `model`, without calling it.

    Args:
        prompt: With its variables.
        values: As for `Prompt.render`.
        model: Whose tokens and prices count: a chat model, a chain with one, or a SPEC or name such as
            `openai:gpt-4o`, `local:my-model`; None for the estimate and no cost.
        counter: Counts in place of the model.
        max_tokens: A budget for messages and tools; as of `budget.fit`.
        reply_tokens: How long a reply to reckon with, at least 0.
        tools: Offered with the prompt. Those bound to `model` count where there are none.
        order: What is dropped first, as of `budget.fit`.
        prices: Default: the table that comes with ragkit.
        seed: As for `Prompt.render`; without one every rendering has other marks, of equal length, around documents.

    Raises:
        InputError: As `budget.fit`, or if `reply_tokens` is below 0.
        ConfigError: If no tokens can be counted for `model`.
        ContextLengthError: If what must stay is longer than `max_tokens`.
    """
    if reply_tokens is not None and (type(reply_tokens) is not int or reply_tokens < 0):
        raise InputError(f"reply_tokens must be a whole number of at least 0, got {shorten(repr(reply_tokens))}.")
    counts = counter_of(model if counter is None else counter)
    allowed = _MOST if max_tokens is None else max_tokens
    fitted = fit(prompt, values, max_tokens=allowed, counter=counts, tools=tools, order=order, seed=seed)
    cost, why = _cost(model, TokenUsage(input_tokens=fitted.tokens, output_tokens=reply_tokens or 0), prices)
    return Explanation(
        prompt=prompt.card,
        messages=tuple(fitted.messages),
        parts=tuple(_parts(prompt, fitted, counts)),
        dropped=fitted.dropped,
        tokens=fitted.tokens,
        estimated=counts.estimated,
        max_tokens=max_tokens,
        reply_tokens=reply_tokens,
        cost_usd=cost,
        why_no_cost=why,
    )


def _parts(prompt: Prompt, fitted: Fitted, counter: TokenCounter) -> Iterator[PartTokens]:
    histories = {variable.name for variable in prompt.variables if variable.kind == "messages"}
    found: dict[tuple[str, Role], int] = {}
    for name, role, tokens in _counted(fitted.parts, histories, counter):
        found[name, role] = found.get((name, role), 0) + tokens
    told = [PartTokens(name, role, tokens) for (name, role), tokens in found.items()]
    tools = fitted.tokens - counter.messages(fitted.messages, ())
    if tools:
        told.append(PartTokens(_TOOLS, "", tools))
    yield from told
    yield PartTokens(_LAYOUT, "", fitted.tokens - sum(part.tokens for part in told))


def _counted(parts: Sequence[Part], histories: set[str], counter: TokenCounter) -> Iterator[PartTokens]:
    """Count each piece of each message behind those before it; a history by what the prompt takes more with it."""
    seen: set[str] = set()
    for part in parts:
        name = part.pieces[0].variable if part.pieces else ""
        if name not in histories:
            yield from _pieces(part, counter)
        elif name not in seen:
            seen.add(name)
            yield PartTokens(name, "messages", _more_with(name, parts, counter))


def _pieces(part: Part, counter: TokenCounter) -> Iterator[PartTokens]:
    text, before = "", 0
    for piece in part.pieces:
        text += piece.text
        after = counter.text(text)
        yield PartTokens(piece.variable or _PROMPT, _ROLES[part.message.type], after - before)
        before = after


def _more_with(history: str, parts: Sequence[Part], counter: TokenCounter) -> int:
    others = [part.message for part in parts if not part.pieces or part.pieces[0].variable != history]
    return counter.messages([part.message for part in parts], ()) - counter.messages(others, ())


def _cost(
    model: BaseChatModel | Runnable[Any, Any] | str | None, usage: TokenUsage, table: PriceTable | None
) -> tuple[float | None, str]:
    if model is None:
        return None, "no model was named"
    name, is_local = _named(model)
    if is_local:
        return 0.0, ""
    if not name:
        return None, "the model has no name to look up"
    table = shipped_prices() if table is None else table
    cost = table.cost_usd(name, usage)
    return cost, "" if cost is not None else f"unpriced: {shorten(name)} is not in the prices of {table.as_of}"


def _named(model: BaseChatModel | Runnable[Any, Any] | str) -> tuple[str, bool]:
    """Give the name by which a model is priced, and whether it runs here."""
    if isinstance(model, str):
        return model.removeprefix("openai:"), model.startswith("local:")
    first = next(iter(models_in(model)), None)
    if first is None:  # counted by a counter of the caller's own
        return "", False
    return name_of(first.model) or "", first.model._llm_type == "ragkit-local"


def _page(told: Explanation) -> Iterator[str]:
    about = "estimated" if told.estimated else "counted"
    bound = "" if told.max_tokens is None else f" of {told.max_tokens}"
    yield f"{told.prompt['name']} v{told.prompt['version']}: {told.tokens} tokens{bound} ({about}), {_price(told)}"
    width = max(len(part.name) for part in told.parts)
    for part in told.parts:
        yield f"  {part.name:<{width}}  {part.role:<9}  {part.tokens:>7}"
    for unit in told.dropped:
        yield f"  left out: {unit.variable}, {unit.label}, {unit.tokens} tokens; {unit.why}"
    for message in told.messages:
        yield f"--- {_ROLES.get(message.type, message.type)}"
        yield from _shown(message)


def _shown(message: BaseMessage) -> Iterator[str]:
    """Give what a message says, with its tool calls and the kinds of its blocks that are no text."""
    if message.text:
        yield message.text
    kinds = (block.get("type") for block in message.content if isinstance(block, dict))
    yield from (f"[{kind}]" for kind in kinds if kind != "text")
    for call in getattr(message, "tool_calls", ()):
        yield f"[call of {call['name']}] {json.dumps(call['args'], ensure_ascii=False, default=str)}"


def _price(told: Explanation) -> str:
    if told.cost_usd is None:
        return f"cost unknown: {told.why_no_cost}"
    reply = "without a reply" if told.reply_tokens is None else f"with a reply of {told.reply_tokens} tokens"
    return f"{told.cost_usd:.6f} US dollars {reply}"
