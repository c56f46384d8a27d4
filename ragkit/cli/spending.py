"""What an embedding model that is paid by token was sent by a command."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from ragkit.embed.openai import EmbeddingSpend
    from ragkit.encoder import Encoder

__all__ = ["spent_by", "tell_spent", "told_if_stopped"]


def spent_by(encoder: Encoder | None) -> dict[str, Any]:
    """Give `tokens` and `cost_usd` (None where the model is unpriced) for JSON; nothing of a model that runs here."""
    spent = _spent(encoder)
    return {} if spent is None else {"tokens": spent.tokens, "cost_usd": spent.cost_usd}


@contextmanager
def told_if_stopped(encoder: Encoder | None) -> Iterator[None]:
    """Print what was sent and what it cost also where the work within fails or is interrupted."""
    try:
        yield
    except BaseException:
        if spent_by(encoder).get("tokens"):
            tell_spent(encoder, err=True)
        raise


def tell_spent(encoder: Encoder | None, *, err: bool = False) -> None:
    """Print what was sent and what it cost; nothing of a model that runs here."""
    spent = _spent(encoder)
    if spent is not None and encoder is not None:
        about = "about " if spent.estimated else ""
        cost = "at a price that is not known" if spent.cost_usd is None else f"for ${spent.cost_usd:,.6f}"
        requests = "1 request" if spent.requests == 1 else f"{spent.requests:,} requests"
        typer.echo(f"{about}{spent.tokens:,} tokens sent to {encoder.card.model} in {requests}, {cost}.", err=err)


def _spent(encoder: Encoder | None) -> EmbeddingSpend | None:
    from ragkit.embed.openai import OpenAIEncoder

    return encoder.spent if isinstance(encoder, OpenAIEncoder) else None
