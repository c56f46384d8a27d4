"""A prompt that fits a budget of tokens: what is left out, in which order, and why.

System text, question and options always stay: who asked for them must know that they did not fit. The rest goes in a
stated order, one unit after the other, until the messages fit, and not one unit more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import BaseMessage, SystemMessage

from ragkit.errors import ContextLengthError, InputError, ModelError, shorten
from ragkit.messages.counters import Counted, counter_of
from ragkit.messages.rounds import turns
from ragkit.messages.tokens import TokenCounter, Tool
from ragkit.prompts.data import as_source
from ragkit.prompts.prompt import Part, Prompt
from ragkit.prompts.variable import Variable

__all__ = ["ORDER", "Dropped", "Fitted", "fit"]

ORDER = ("examples", "messages", "documents")
"""What goes first: examples, the first shown first (selectors show the nearest to the question last); then the history,
the oldest turn first, a tool call always with its results; then documents, the last first."""

_RULES = {
    "examples": "the first shown goes first",
    "messages": "the oldest turn goes first",
    "documents": "the last goes first",
}


@dataclass(frozen=True, slots=True)
class Dropped:
    """One unit that was left out."""

    variable: str
    """Whose value it was part of."""
    index: int
    """Its place in that value, from 0; of a turn: the place of its first message."""
    label: str
    """Its id or origin where it has one, else its place in words."""
    tokens: int
    """What its texts take, counted alone."""
    why: str
    """The sizes, and the rule by which it went."""

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Fitted:
    """A prompt within its budget."""

    values: Mapping[str, Any] = field(repr=False)
    """By variable, defaults included, without what was dropped."""
    parts: tuple[Part, ...] = field(repr=False)
    """The messages, each with what it is made of."""
    dropped: tuple[Dropped, ...]
    """In the order of dropping."""
    tokens: int
    """What the messages and the tools take, by the counter."""

    @property
    def messages(self) -> list[BaseMessage]:
        """What is sent."""
        return [part.message for part in self.parts]


def fit(
    prompt: Prompt,
    values: Mapping[str, Any],
    *,
    max_tokens: int,
    counter: Counted,
    tools: Sequence[Tool] = (),
    order: Sequence[str] = ORDER,
    seed: int | None = None,
) -> Fitted:
    """Render a prompt within a budget of tokens.

    The fewest units go, from the front of the order, with which the messages fit: with one unit more they would not.
    (A counter by which a prompt grows when something is left out of it may find room for still more.) Messages of the
    system within a history stay, and of a history behind which no user section stands the newest turn, since it holds
    the question. Renders and counts about log2(units) times.

    Args:
        prompt: With its variables.
        values: As for `Prompt.render`.
        max_tokens: The most that messages and tools may take; leave room for the reply.
        counter: What `counter_of` takes: the chat model, its name or a `TokenCounter`.
        tools: Offered with the prompt, and counted.
        order: Kinds of variables (`examples`, `messages`, `documents`) or names of such variables, in the order in
            which their units go; what is not among them stays. `()` drops nothing.
        seed: As for `Prompt.render`.

    Raises:
        InputError: As `Prompt.render`, or if `max_tokens` is below 1 or `order` names what cannot be dropped.
        ModelError: If the counter finds no token where there is text: such a budget would keep everything.
        ContextLengthError: If what must stay is too long; it carries both numbers.
    """
    if isinstance(max_tokens, bool) or not isinstance(max_tokens, int) or max_tokens < 1:
        raise InputError(f"max_tokens must be a whole number of at least 1, got {shorten(repr(max_tokens))}.")
    full = prompt.complete(values)
    asked_in = _asked_in(prompt)
    units = [
        unit
        for variable in _in_order(prompt, order)
        for unit in _units(variable, full[variable.name], keeps_newest=variable.name == asked_in)
    ]
    attempts = _Attempts(prompt, full, units, counter_of(counter), tools, seed)
    first, whole = attempts.fewest(max_tokens)
    gone = tuple(_dropped(unit, attempts.counter, whole=whole, allowed=max_tokens) for unit in units[: first.count])
    return Fitted(first.values, first.parts, gone, first.tokens)


@dataclass(frozen=True, slots=True, repr=False)
class _Unit:
    variable: Variable
    places: tuple[int, ...]
    items: tuple[Any, ...]


@dataclass(frozen=True, slots=True, repr=False)
class _Attempt:
    count: int
    values: Mapping[str, Any]
    parts: tuple[Part, ...]
    tokens: int


@dataclass(frozen=True, slots=True, repr=False)
class _Attempts:
    prompt: Prompt
    values: Mapping[str, Any]
    units: Sequence[_Unit]
    counter: TokenCounter
    tools: Sequence[Tool]
    seed: int | None

    def fewest(self, max_tokens: int) -> tuple[_Attempt, int]:
        """Give the rendering that fits without the fewest units, and what the whole prompt takes."""
        whole = self.without(0)
        if whole.tokens <= max_tokens:
            return whole, whole.tokens
        fits = self.without(len(self.units)) if self.units else whole
        if fits.tokens > max_tokens:
            raise self._too_long(fits.tokens, max_tokens)
        too_few = 0
        while fits.count - too_few > 1:
            tried = self.without((too_few + fits.count) // 2)
            if tried.tokens <= max_tokens:
                fits = tried
            else:
                too_few = tried.count
        return fits, whole.tokens

    def without(self, count: int) -> _Attempt:
        """Render without the first `count` units."""
        gone: dict[str, set[int]] = {}
        for unit in self.units[:count]:
            gone.setdefault(unit.variable.name, set()).update(unit.places)
        left = {name: _but(value, gone[name]) if name in gone else value for name, value in self.values.items()}
        parts = tuple(self.prompt.parts(left, seed=self.seed))
        tokens = self.counter.messages([part.message for part in parts], self.tools or None)
        if tokens < 1 and any(part.message.text.strip() for part in parts):
            kind = type(self.counter).__name__
            raise ModelError(f"{kind} counts {tokens} tokens where there is text: pass another counter.")
        return _Attempt(count, left, parts, tokens)

    def _too_long(self, tokens: int, max_tokens: int) -> ContextLengthError:
        takes = "and its tools take" if self.tools else "takes"
        return ContextLengthError(
            f"prompt {self.prompt.name} {takes} {tokens} tokens without all that may be dropped, and {max_tokens} are "
            "allowed: shorten what must stay, or allow more.",
            prompt_tokens=tokens,
            context_tokens=max_tokens,
        )


def _but(value: Sequence[Any], gone: set[int]) -> tuple[Any, ...]:
    return tuple(item for place, item in enumerate(value) if place not in gone)


def _in_order(prompt: Prompt, order: Sequence[str]) -> list[Variable]:
    """Give the variables whose units may go, each once."""
    if isinstance(order, str):
        raise InputError(f"order must be a list such as ({shorten(repr(order))},), got a text.")
    able = {variable.name: variable for variable in prompt.variables if variable.kind in _RULES}
    found: dict[str, Variable] = {}
    for entry in order:
        named = [variable for variable in able.values() if entry in (variable.name, variable.kind)]
        if not named and entry not in _RULES:
            known = ", ".join([*_RULES, *able])
            raise InputError(f"nothing of {shorten(repr(entry))} can be dropped: order may name {known}.")
        for variable in named:
            found.setdefault(variable.name, variable)
    return list(found.values())


def _asked_in(prompt: Prompt) -> str:
    """Give the slot behind which nobody asks any more: a history there ends in the question."""
    last = [section for section in prompt.sections if section.role in ("user", "slot")][-1:]
    return next((section.text for section in last if section.role == "slot"), "")


def _units(variable: Variable, value: Sequence[Any], *, keeps_newest: bool) -> Iterator[_Unit]:
    """Give what goes as one, in the order in which it goes."""
    if variable.kind == "messages":
        for turn in turns(value)[: -1 if keeps_newest else None]:
            places = [n for n in range(turn.start, turn.stop) if not isinstance(value[n], SystemMessage)]
            if places:
                yield _Unit(variable, tuple(places), tuple(value[n] for n in places))
        return
    places = list(range(len(value)))
    for place in places if variable.kind == "examples" else reversed(places):
        yield _Unit(variable, (place,), (value[place],))


def _dropped(unit: _Unit, counter: TokenCounter, *, whole: int, allowed: int) -> Dropped:
    texts, label = _told(unit)
    return Dropped(
        variable=unit.variable.name,
        index=unit.places[0],
        label=label,
        tokens=sum(map(counter.text, texts)),
        why=f"the whole prompt takes {whole} tokens, {allowed} are allowed: {_RULES[unit.variable.kind]}",
    )


def _told(unit: _Unit) -> tuple[list[str], str]:
    """Give the texts of a unit, and what it is called."""
    first = unit.places[0] + 1
    match unit.variable.kind:
        case "messages":
            last = unit.places[-1] + 1
            label = f"message {first}" if first == last else f"messages {first} to {last}"
            return [message.text for message in unit.items], label
        case "documents":
            source = as_source(unit.items[0])
            return [source.title, source.text], source.id or source.origin or f"document {first}"
        case _:
            example = unit.items[0]
            return [example.input, example.output], getattr(example, "id", "") or f"example {first}"
