"""Which token comes next: penalty, grammar, temperature, top-k and top-p, then the draw.

The filters are those of transformers' logits processors, in the same order, and give the same probabilities.
"""

from __future__ import annotations

from typing import NamedTuple

from ragkit._optional import require
from ragkit.errors import ModelError
from ragkit.models.local.generation import Request, Sampling

with require(feature="LocalChatModel", package="torch", extra="local"):
    import torch

__all__ = ["Candidates", "Chooser", "candidates"]

_HEAD = 256
"""Likeliest tokens looked at before the whole vocabulary is sorted for top-p: nearly always enough."""


class Candidates(NamedTuple):
    """What may be drawn."""

    tokens: torch.Tensor
    """`(n,)` int64 token ids."""
    probabilities: torch.Tensor
    """`(n,)` float32, above 0, summing to 1."""


def candidates(scores: torch.Tensor, sampling: Sampling) -> Candidates:
    """Give the tokens that may be drawn, with their probabilities.

    Temperature first, then top-k, then top-p on what is left (Holtzman et al. 2020: the smallest set of likeliest
    tokens whose probability reaches `top_p`).

    Args:
        scores: `(vocabulary,)` float32 logits; minus infinity for tokens that may not come.
        sampling: `temperature` must be above 0.
    """
    scores = (scores - scores.max()) / sampling.temperature  # the likeliest is 0: no temperature makes it infinite
    count = min(sampling.top_k or len(scores), len(scores))
    if sampling.top_p >= 1.0:
        # Nothing is cut off where all may come: sorting a vocabulary takes longer than all the rest.
        best, tokens = scores.topk(count) if count < len(scores) else (scores, torch.arange(count))
        return _without_impossible(tokens, best.softmax(-1))
    best, tokens = scores.topk(min(count, _HEAD))
    total = (best if len(best) == count else _top(scores, count)).logsumexp(-1)
    if len(best) < count and (best - total).exp().sum() < sampling.top_p:
        best, tokens = scores.topk(count)
    probabilities = (best - total).exp()
    before = probabilities.cumsum(-1) - probabilities
    inside = max(1, int((before < sampling.top_p).sum()))
    return _without_impossible(tokens[:inside], probabilities[:inside] / probabilities[:inside].sum())


def _top(scores: torch.Tensor, count: int) -> torch.Tensor:
    return scores if count == len(scores) else scores.topk(count).values


def _without_impossible(tokens: torch.Tensor, probabilities: torch.Tensor) -> Candidates:
    possible = probabilities > 0
    return Candidates(tokens[possible], probabilities[possible])


class Chooser:
    """Chooses the tokens of one generation, with a random generator and a constraint of its own.

    Args:
        request: What was asked for.
        seen: Token ids that the repetition penalty counts from the start: the prompt, where the model continues it.
    """

    def __init__(self, request: Request, seen: list[int]) -> None:
        self._sampling = request.sampling
        self._constraint = request.constraint
        self._penalty = request.sampling.repetition_penalty
        self._seen = dict.fromkeys(seen) if self._penalty != 1.0 else {}
        self._random = _generator(request.sampling) if request.sampling.temperature > 0 else None

    @property
    def plain(self) -> bool:
        """Whether the likeliest token is always the answer, so that a batch can be decided in one go."""
        return self._random is None and self._constraint is None and self._penalty == 1.0

    @property
    def done(self) -> bool:
        """Whether the constraint has its whole text."""
        return self._constraint is not None and self._constraint.done

    def choose(self, logits: torch.Tensor) -> int:
        """Choose the next token and take note of it.

        Args:
            logits: `(vocabulary,)`, any float type and device; not changed.

        Raises:
            ModelError: If no token is possible: the constraint forbids all, or the model computed NaN.
        """
        scores = logits.detach().to("cpu", torch.float32, copy=True)
        self._penalise(scores)
        if self._constraint is not None:
            self._constraint.mask(scores)
        token = self._draw(scores)
        if self._constraint is not None:
            self._constraint.accept(token)
        if self._penalty != 1.0:
            self._seen[token] = None
        return token

    def _penalise(self, scores: torch.Tensor) -> None:
        if self._penalty == 1.0 or not self._seen:
            return
        seen = torch.tensor(list(self._seen), dtype=torch.int64)
        old = scores[seen]
        scores[seen] = torch.where(old < 0, old * self._penalty, old / self._penalty)

    def _draw(self, scores: torch.Tensor) -> int:
        best = scores.max()
        if not torch.isfinite(best):
            raise ModelError(
                f"No token can come next: the best score is {float(best)}. A constraint forbids every token, or the "
                "weights overflow in this dtype: try dtype='float32'."
            )
        if self._random is None:
            return int(scores.argmax())
        tokens, probabilities = candidates(scores, self._sampling)
        reached = probabilities.double().cumsum(-1)  # `multinomial` draws a number for each token of the vocabulary
        drawn = torch.rand((), dtype=torch.float64, generator=self._random) * reached[-1]
        return int(tokens[min(int(torch.searchsorted(reached, drawn, right=True)), len(tokens) - 1)])


def _generator(sampling: Sampling) -> torch.Generator:
    generator = torch.Generator()
    if sampling.seed is None:
        generator.seed()
    else:
        generator.manual_seed(int(sampling.seed))
    return generator
