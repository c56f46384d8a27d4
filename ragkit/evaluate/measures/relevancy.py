"""Does an answer speak to its question? Questions made from the answer are compared with the one that was asked.

Source: answer relevancy of RAGAS (Es et al., EACL 2024). Needs a chat model and an encoder; name both with the numbers.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ragkit.encoder import Encoder, Vectors
from ragkit.errors import InputError, ModelError
from ragkit.evaluate.chat import Ask, ChatModel, Message
from ragkit.evaluate.measures.semantic import cosine
from ragkit.evaluate.outcome import Outcome, Unscored

__all__ = ["answer_relevancy", "ask_answer_relevancy"]

_SCHEMA = {
    "type": "object",
    "properties": {"question": {"type": "string"}, "noncommittal": {"type": "boolean"}},
    "required": ["question", "noncommittal"],
    "additionalProperties": False,
}
_PROMPT = (
    "Write the one question that the answer below answers. Then say whether the answer is noncommittal, that is "
    "evasive, vague or a refusal such as 'I do not know'. Reply with JSON only: "
    '{"question": "...", "noncommittal": true or false}.'
)


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


def ask_answer_relevancy(
    model: ChatModel, encoder: Encoder, question: str, answer: str, *, samples: int = 3
) -> Outcome:
    """Let `model` make questions from `answer` and give `answer_relevancy`.

    Args:
        model: Asked `samples` times, as independent samples of one question.
        encoder: Embeds the questions, made and asked, as documents, for they are compared with their like.
        question: What was asked.
        answer: What was said.
        samples: Questions to make, at least 1.

    Returns:
        `Unscored` for an empty answer, and if the model fails or a reply is not the JSON asked for.
    """
    if not answer.strip():
        return Unscored("empty answer")
    messages = (Message("system", _PROMPT), Message("user", answer))
    made, evasive = [], []
    for sample in range(samples):
        try:
            reply = model.reply(Ask(messages=messages, schema=_SCHEMA, sample=sample)).text
        except ModelError:
            return Unscored("the model failed")
        parsed = _parse(reply)
        if parsed is None:
            return Unscored("the question generator gave no JSON")
        made.append(parsed[0])
        evasive.append(parsed[1])
    vectors = encoder.encode_documents([question, *made])
    return answer_relevancy(vectors[0], vectors[1:], evasive)


def _parse(reply: str) -> tuple[str, bool] | None:
    try:
        document: Any = json.loads(reply)
    except ValueError:
        return None
    if not isinstance(document, dict):
        return None
    question, evasive = document.get("question"), document.get("noncommittal")
    return (question, evasive) if isinstance(question, str) and question and isinstance(evasive, bool) else None
