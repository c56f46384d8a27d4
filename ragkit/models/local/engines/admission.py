"""What is checked before a request is queued: later it could only fail in the middle of a batch."""

from __future__ import annotations

from ragkit.errors import InputError
from ragkit.models.local.generation import Request

__all__ = ["check_request"]


def check_request(request: Request, *, vocabulary: int) -> None:
    """Refuse what no engine can compute.

    Args:
        request: What was asked for.
        vocabulary: Number of token ids that the model knows.

    Raises:
        InputError: If the prompt is empty or holds an id that the model does not know, or max_tokens is below 1.
    """
    if not request.prompt:
        raise InputError("The prompt is empty: a model needs at least one token to go on from.")
    if request.max_tokens < 1:
        raise InputError(f"max_tokens must be at least 1, got {request.max_tokens}.")
    low, high = min(request.prompt), max(request.prompt)
    if low < 0 or high >= vocabulary:
        raise InputError(
            f"The prompt holds token ids from {low} to {high}, but the model knows 0 to {vocabulary - 1}: "
            "take the tokenizer that belongs to the model."
        )
