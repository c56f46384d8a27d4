"""Perplexity of a text under a local causal language model.

Numbers of models with different tokenizers cannot be compared: `CausalModel.card` names what they were measured with.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ragkit._optional import require
from ragkit.errors import ConfigError, ModelFilesError
from ragkit.evaluate.outcome import Outcome, Unscored

with require(feature="Perplexity", package="torch", extra="local"):
    import torch
with require(feature="Perplexity", package="transformers", extra="local"):
    from transformers import AutoModelForCausalLM, AutoTokenizer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ragkit.evaluate.statistics.estimate import Statistic

__all__ = ["CausalModel", "corpus_perplexity", "perplexity"]


class CausalModel:
    """A causal language model from a folder, read with a strided window."""

    def __init__(self, folder: Path, *, window: int | None = None, stride: int | None = None) -> None:
        """Load model and tokenizer; nothing is downloaded and no code of the folder is run.

        Args:
            folder: What `save_pretrained` of a transformers model and its tokenizer wrote.
            window: Tokens the model sees at once, at least 2; None takes the model's own limit, at most 1,024.
            stride: Tokens the window moves on, from 1 to `window` - 1; each token but the first has at least
                `window` - `stride` tokens of context once the text is longer than that. None takes half the window.

        Raises:
            ModelFilesError: If there is no such folder or it holds no causal model.
            ConfigError: If window or stride do not fit.
        """
        if not folder.is_dir():
            raise ModelFilesError(
                f"{folder} is no folder: expected one with a causal language model and its tokenizer."
            )
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
            self._model: Any = AutoModelForCausalLM.from_pretrained(str(folder), local_files_only=True)
        except (OSError, ValueError) as error:
            raise ModelFilesError(
                f"{folder} holds no causal language model that transformers can load: {error}"
            ) from error
        self._model.eval()  # type: ignore[no-untyped-call]  # transformers types it half
        limit = getattr(self._model.config, "max_position_embeddings", None) or 1024
        self._window = min(limit, 1024) if window is None else window
        self._stride = max(self._window // 2, 1) if stride is None else stride
        if not 2 <= self._window <= limit:
            raise ConfigError(f"window must lie between 2 and the model's {limit} tokens, got {self._window}.")
        if not 1 <= self._stride < self._window:
            raise ConfigError(f"stride must lie between 1 and {self._window - 1} (window - 1), got {self._stride}.")
        self._folder = folder

    @property
    def card(self) -> Mapping[str, Any]:
        """What the numbers were measured with."""
        return {
            "model": self._folder.name,
            "tokenizer": type(self._tokenizer).__name__,
            "vocabulary": len(self._tokenizer),
            "window": self._window,
            "stride": self._stride,
        }

    def losses(self, text: str) -> NDArray[np.float64]:
        """Give the negative log-likelihood of each token but the first, in nats: `(tokens - 1,)`.

        Special tokens that the tokenizer puts in front are context and not scored, those it puts behind are left out.
        """
        encoded = self._tokenizer(text, return_special_tokens_mask=True, truncation=False, verbose=False)
        special = np.asarray(encoded["special_tokens_mask"], dtype=bool)
        end = len(special) - int(np.argmin(special[::-1])) if not special.all() else 0
        tokens = torch.tensor(encoded["input_ids"][:end])
        found = np.empty(max(len(tokens) - 1, 0))
        for start, first, last in self._spans(len(tokens)):
            with torch.inference_mode():
                logits = self._model(tokens[None, start:last]).logits[0].float()
            places = torch.arange(first, last)
            scores = torch.log_softmax(logits[places - start - 1], dim=-1)
            found[first - 1 : last - 1] = -scores[torch.arange(len(places)), tokens[places]].numpy()
        return np.asarray(found[~special[1:end]])

    def _spans(self, count: int) -> list[tuple[int, int, int]]:
        """Give windows as (first token seen, first token scored, one past the last): each token scored once."""
        spans, first = [], 1
        while first < count:
            last = min(self._window if first == 1 else first + self._stride, count)
            spans.append((max(last - self._window, 0), first, last))
            first = last
        return spans


def perplexity(model: CausalModel, text: str) -> Outcome:
    """Give exp of the mean negative log-likelihood per token: at least 1, lower is more expected.

    Returns:
        `Unscored` for a text of fewer than two tokens.
    """
    losses = model.losses(text)
    return math.exp(losses.mean()) if len(losses) else Unscored("fewer than two tokens")


def corpus_perplexity(losses: Sequence[NDArray[np.float64]]) -> Statistic:
    """Give the perplexity of all tokens of n texts, long texts counting more, as a statistic over the texts.

    Args:
        losses: What `CausalModel.losses` gave for each text.
    """
    sums = np.asarray([one.sum() for one in losses], dtype=np.float64)
    counts = np.asarray([len(one) for one in losses], dtype=np.float64)

    def statistic(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        tokens = weights @ counts
        means = np.divide(weights @ sums, tokens, out=np.full(len(tokens), np.nan), where=tokens > 0)
        return np.asarray(np.exp(means))

    return statistic
