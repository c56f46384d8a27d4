"""Does an answer speak to its question? Questions made from the answer are compared with the one that was asked.

Source: answer relevancy of RAGAS (Es et al., EACL 2024). Needs a chat model and an encoder; name both with the numbers:
`judges.relevancy` asks them.
"""

from __future__ import annotations

from collections.abc import Sequence

from ragkit.encoder import Vectors
from ragkit.errors import InputError
from ragkit.evaluate.measures.semantic import cosine

__all__ = ["answer_relevancy"]


def answer_relevancy(question: Vectors, made: Vectors, noncommittal: Sequence[bool]) -> float:
    """Give the mean cosine of the question with questions made from the answer; 0.0 if all say it is noncommittal.

    Args:
        question: Its vector, `(dim,)`.
        made: Vectors of the questions made, `(n, dim)`, n at least 1.
        noncommittal: n flags.

    Returns:
        From -1 to 1, in practice from 0.

    Raises:
        InputError: If no question was made.
    """
    if not len(made):
        raise InputError("answer relevancy needs at least one question made from the answer, got none.")
    return 0.0 if all(noncommittal) else float(cosine(question, made).mean())
