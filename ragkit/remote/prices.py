"""What tokens cost, by a dated table; a model that is not in it is unpriced, never free.

The prices are those of one request over the plain API, in US dollars per million tokens. Where a reply says that some
of its tokens have other prices (flex and priority tiers, audio, writing to the server's cache), its cost is unknown.
Batches, images made, tools that a server runs and long-context surcharges are not covered: no usage tells of them.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from ragkit.errors import ConfigError, shorten

__all__ = ["Price", "PriceTable", "TokenUsage", "cost_usd", "prices"]

_SNAPSHOT = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{4})$")
_KEYS = {"input", "cached_input", "output"}
_TIERS = ("flex", "priority")
# LangChain splits the tokens of a tier into those kept, those of reasoning and the rest, which has the tier's own name.
_KEPT = ("cached_tokens", "cache_read", *(f"{tier}_cache_read" for tier in _TIERS))
_REASONING = ("reasoning_tokens", "reasoning", *(f"{tier}_reasoning" for tier in _TIERS))
_APART_READ = ("audio_tokens", "audio", "cache_write_tokens", "cache_creation", *_TIERS, *_KEPT[2:])
_APART_WRITTEN = ("audio_tokens", "audio", *_TIERS, *_REASONING[2:])


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """US dollars per million tokens.

    Raises:
        ConfigError: If a price is not a finite number of at least 0.
    """

    input: float
    output: float
    cached_input: float | None = None
    """Of prompt tokens that the server had kept; None where it grants no discount: then they cost `input`."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name in ("input", "output", "cached_input"):
            value = getattr(self, name)
            if value is not None and not (_is_number(value) and value >= 0):
                raise ConfigError(
                    f"the price {name!r} must be US dollars per million tokens, at least 0, got {shorten(repr(value))}."
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUsage:
    """Tokens of one call or of many."""

    input_tokens: int = 0
    """Of the prompt, those the server had kept included."""
    output_tokens: int = 0
    """Of the reply, reasoning included: it is priced as output."""
    cached_tokens: int = 0
    """Of `input_tokens`, those the server had kept from an earlier call."""
    reasoning_tokens: int = 0
    """Of `output_tokens`, those of reasoning that is not shown."""
    apart_tokens: int = 0
    """Of all these, those with prices of their own that no table here has; above 0 the cost is unknown."""

    @classmethod
    def of(cls, usage: Mapping[str, Any]) -> TokenUsage:
        """Read LangChain's `usage_metadata`, or what OpenAI's servers send (chat completions, Responses, embeddings).

        What is missing, or no whole number of at least 0, counts 0.

        Example:
            >>> TokenUsage.of({"input_tokens": 9, "input_token_details": {"cache_read": 4}, "output_tokens": 2})
            TokenUsage(input_tokens=9, output_tokens=2, cached_tokens=4, reasoning_tokens=0, apart_tokens=0)
        """
        read = _details(usage, "input_token_details", "input_tokens_details", "prompt_tokens_details")
        written = _details(usage, "output_token_details", "output_tokens_details", "completion_tokens_details")
        return cls(
            input_tokens=_count(usage, "input_tokens", "prompt_tokens"),
            output_tokens=_count(usage, "output_tokens", "completion_tokens"),
            cached_tokens=_sum(read, _KEPT),
            reasoning_tokens=_sum(written, _REASONING),
            apart_tokens=_sum(read, _APART_READ) + _sum(written, _APART_WRITTEN),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTable:
    """Prices by model, as of a day."""

    as_of: date
    source: str
    """Where they are published."""
    models: Mapping[str, Price] = field(default_factory=dict)

    def price(self, model: str) -> Price | None:
        """Give the price of a model; None where it is unknown.

        A dated snapshot without a price of its own (`gpt-4.1-mini-2025-04-14`, `gpt-4-0613`) has that of its family.
        Nothing else is guessed: a fine-tuned model, or a name that only begins like a known one, is unknown.
        """
        if model in self.models:
            return self.models[model]
        return self.models.get(_SNAPSHOT.sub("", model))

    def cost_usd(self, model: str, usage: TokenUsage) -> float | None:
        """Give what tokens cost in US dollars; None where the model, or some of the tokens, are unpriced."""
        price = self.price(model)
        if price is None or usage.apart_tokens:
            return None
        kept = min(usage.cached_tokens, usage.input_tokens)
        kept_price = price.input if price.cached_input is None else price.cached_input
        return (
            (usage.input_tokens - kept) * price.input + kept * kept_price + usage.output_tokens * price.output
        ) / 1e6


def prices(path: Path | None = None) -> PriceTable:
    """Read the table shipped with ragkit, with a file of the user's own laid over it.

    The user's file adds models and replaces those it names; `as_of` and `source` of the table are then the file's.

    Args:
        path: JSON in the form of `prices.json`: `{"as_of": "2026-01-31", "source": "...", "models": {"my-model":
            {"input": 2.5, "cached_input": 1.25, "output": 10}}}`, US dollars per million tokens; `cached_input` may be
            left out.

    Raises:
        ConfigError: If the file cannot be read or does not fit; the sentence names the place.
    """
    shipped = _shipped()
    if path is None:
        return shipped
    own = _table(_text_of(path), str(path))
    return PriceTable(as_of=own.as_of, source=own.source, models={**shipped.models, **own.models})


def cost_usd(model: str, usage: TokenUsage, *, table: PriceTable | None = None) -> float | None:
    """Give what tokens cost in US dollars by `table` (default: the one shipped); None where that is not known.

    Example:
        >>> cost_usd("gpt-4.1-mini-2025-04-14", TokenUsage(input_tokens=1_000_000, output_tokens=1_000_000))
        2.0
        >>> cost_usd("a-model-of-my-own", TokenUsage(input_tokens=1_000_000)) is None
        True
    """
    return (_shipped() if table is None else table).cost_usd(model, usage)


@cache
def _shipped() -> PriceTable:
    source = files("ragkit.remote").joinpath("prices.json")
    return _table(source.read_text("utf-8"), "ragkit's own prices.json")


def _text_of(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the price file {path} cannot be read as UTF-8 text: {error}.") from error


def _table(text: str, named: str) -> PriceTable:
    try:
        raw = json.loads(text)
    except ValueError as error:
        raise ConfigError(f"{named} is not JSON ({error}): see ragkit/remote/prices.json for the form.") from error
    if not isinstance(raw, dict) or set(raw) != {"as_of", "source", "models"}:
        raise ConfigError(f'{named} must be an object with "as_of", "source" and "models", and nothing else.')
    if not isinstance(raw["source"], str) or not isinstance(raw["models"], dict):
        raise ConfigError(f'{named}: "source" must be text and "models" an object of prices by model.')
    models = {model: _price(price, f"{named}, model {shorten(model)!r}") for model, price in raw["models"].items()}
    return PriceTable(as_of=_day(raw["as_of"], named), source=raw["source"], models=models)


def _day(raw: object, named: str) -> date:
    try:
        return date.fromisoformat(raw if isinstance(raw, str) else "")
    except ValueError as error:
        raise ConfigError(
            f'{named}: "as_of" must be the day the prices were read, such as "2026-01-31", got {shorten(repr(raw))}.'
        ) from error


def _price(raw: object, named: str) -> Price:
    if not isinstance(raw, dict) or not {"input", "output"} <= set(raw) <= _KEYS:
        raise ConfigError(
            f'{named}: a price is an object with "input", "output" and, where the server grants it, "cached_input" '
            f"(US dollars per million tokens), got {shorten(json.dumps(raw))}."
        )
    try:
        return Price(**raw)
    except ConfigError as error:
        raise ConfigError(f"{named}: {error}") from error


def _details(usage: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    return next((found for name in names if isinstance(found := usage.get(name), Mapping)), {})


def _count(usage: Mapping[str, Any], *names: str) -> int:
    return next((found for name in names if type(found := usage.get(name)) is int and found >= 0), 0)


def _sum(details: Mapping[str, Any], names: Sequence[str]) -> int:
    return sum(_count(details, name) for name in names)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
