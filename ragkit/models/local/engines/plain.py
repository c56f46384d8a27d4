"""transformers' own `generate`, one request at a time: for models whose state is not plain attention.

State-space models (Mamba, Jamba), recurrent ones (RecurrentGemma) and encoder-decoders (T5, BART) keep what cannot be
cut at a token or shared between rows; transformers knows how. Streaming, cancelling, sampling and constraints work as
elsewhere, because each token is chosen by our own `Chooser` and handed over as it is chosen.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from ragkit._optional import require
from ragkit.errors import ContextLengthError
from ragkit.models.local.engines.admission import check_request
from ragkit.models.local.engines.queue import QueueEngine
from ragkit.models.local.engines.sampling import Chooser
from ragkit.models.local.engines.stream import Outbox, told
from ragkit.models.local.generation import Request

with require(feature="LocalChatModel", package="torch", extra="local"):
    import torch
with require(feature="LocalChatModel", package="transformers", extra="local"):
    from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList
    from transformers.generation.stopping_criteria import StoppingCriteria, StoppingCriteriaList

__all__ = ["GenerateEngine"]


@dataclass(frozen=True, eq=False)
class _Job:
    request: Request
    outbox: Outbox


class GenerateEngine(QueueEngine[_Job]):
    """Generates one request after the other with transformers' `generate`; first come, first served.

    A thread runs only while there is work. Nothing is kept between generations.

    Args:
        model: A transformers model that generates, in evaluation mode. The prompt of an encoder-decoder goes to its
            encoder. What its own generation settings force (a first token, a shortest length) stays in force; beams
            do not, they cannot be streamed.
        end_tokens: Token ids that end a turn; they are not given to the caller.
        context_tokens: Most tokens of prompt and reply together; None where the model states no limit.
    """

    def __init__(self, model: Any, *, end_tokens: Collection[int], context_tokens: int | None) -> None:
        super().__init__(places=1, context_tokens=context_tokens)
        self._model = model
        self._vocabulary = int(model.get_input_embeddings().num_embeddings)
        self._end_tokens = frozenset(end_tokens)

    def _job(self, request: Request) -> _Job:
        check_request(request, vocabulary=self._vocabulary)
        _check_positions(request, self._model.config)
        return _Job(request, Outbox())

    def _step(self, jobs: Sequence[_Job]) -> None:
        for job in jobs:
            with told([job.outbox]), torch.inference_mode():
                self._generate(job)
                job.outbox.end("stop")

    def _generate(self, job: _Job) -> None:
        prompt = torch.tensor([list(job.request.prompt)], device=self._model.device)
        follow = _Follow(job, self._end_tokens, continues=not self._model.config.is_encoder_decoder)
        self._model.generate(
            prompt,
            attention_mask=torch.ones_like(prompt),
            generation_config=self._settings(job.request.max_tokens),
            logits_processor=LogitsProcessorList([follow]),
            stopping_criteria=StoppingCriteriaList([_Stop(job.outbox)]),
        )

    def _settings(self, max_tokens: int) -> GenerationConfig:
        # What is left out is taken from the model's own settings: these must not, or it would draw or keep beams.
        return GenerationConfig(  # type: ignore[no-untyped-call]
            max_new_tokens=max_tokens,
            do_sample=False,
            num_beams=1,
            temperature=1.0,
            top_p=1.0,
            top_k=50,
            repetition_penalty=1.0,
            eos_token_id=sorted(self._end_tokens) or self._vocabulary,  # none at all: an id that no token has
            pad_token_id=min(self._end_tokens, default=0),
        )


def _check_positions(request: Request, config: Any) -> None:
    positions = getattr(config, "max_position_embeddings", None) if config.is_encoder_decoder else None
    # The reply begins with the token that the decoder starts from.
    if positions is not None and max(len(request.prompt), request.max_tokens + 1) > positions:
        raise ContextLengthError(
            f"The prompt has {len(request.prompt)} tokens and max_tokens is {request.max_tokens}; this model reads at "
            f"most {positions} and writes at most {positions - 1}: shorten the prompt or lower max_tokens.",
            prompt_tokens=len(request.prompt),
            context_tokens=positions,
        )


class _Follow(LogitsProcessor):
    """Chooses each token by our own rules, hands it over, and leaves `generate` no other choice."""

    def __init__(self, job: _Job, end_tokens: frozenset[int], *, continues: bool) -> None:
        self._chooser = Chooser(job.request, list(job.request.prompt) if continues else [])
        self._max_tokens = job.request.max_tokens
        self._outbox = job.outbox
        self._end_tokens = end_tokens
        self._produced = 0

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> Any:
        """Give `(1, vocabulary)` scores that allow the chosen token alone."""
        token = self._chooser.choose(scores[0])
        self._produced += 1
        if token in self._end_tokens:
            self._outbox.end("stop")
        else:
            self._outbox.put(token)
            if self._chooser.done:
                self._outbox.end("stop")
            elif self._produced == self._max_tokens:
                self._outbox.end("length")
        forced = torch.full_like(scores, -torch.inf)
        forced[0, token] = 0.0
        return forced


class _Stop(StoppingCriteria):
    """Ends `generate` once nothing more is wanted."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **options: Any) -> Any:
        """Tell whether it ended, failed or was cancelled."""
        return torch.full((input_ids.shape[0],), self._outbox.closed, device=input_ids.device)
