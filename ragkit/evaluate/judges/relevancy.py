"""A chat model makes questions from an answer, which `measures.relevancy` compares with the one that was asked."""

from __future__ import annotations

import json
from typing import Any

from ragkit.encoder import Encoder
from ragkit.errors import ModelError
from ragkit.evaluate.chat import Ask, ChatModel
from ragkit.evaluate.judges.langchain import plain_messages
from ragkit.evaluate.measures.relevancy import answer_relevancy
from ragkit.evaluate.outcome import Outcome, Unscored
from ragkit.prompts.library import load_prompt
from ragkit.prompts.prompt import Prompt

__all__ = ["ask_answer_relevancy"]

_SCHEMA = {
    "type": "object",
    "properties": {"question": {"type": "string"}, "noncommittal": {"type": "boolean"}},
    "required": ["question", "noncommittal"],
    "additionalProperties": False,
}


def ask_answer_relevancy(
    model: ChatModel, encoder: Encoder, question: str, answer: str, *, samples: int = 3, prompt: Prompt | None = None
) -> Outcome:
    """Let `model` make questions from `answer` and give `answer_relevancy`.

    Args:
        model: Asked `samples` times, as independent samples of one question.
        encoder: Embeds the questions, made and asked, as documents, for they are compared with their like.
        question: What was asked.
        answer: What was said.
        samples: Questions to make, at least 1.
        prompt: Takes `answer`; None for `answer-relevancy`.

    Returns:
        `Unscored` for an empty answer, and if the model fails or a reply is not the JSON asked for.
    """
    if not answer.strip():
        return Unscored("empty answer")
    messages = plain_messages((prompt or load_prompt("answer-relevancy")).render({"answer": answer}, seed=0))
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
