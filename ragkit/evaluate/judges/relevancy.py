"""A chat model makes questions from an answer, which `measures.relevancy` compares with the one that was asked."""

from __future__ import annotations

from ragkit.encoder import Encoder
from ragkit.errors import ModelError, OutputParseError
from ragkit.evaluate.chat import Ask, ChatModel
from ragkit.evaluate.judges.langchain import plain_messages
from ragkit.evaluate.measures.relevancy import answer_relevancy
from ragkit.evaluate.outcome import Outcome, Unscored
from ragkit.prompts.library import load_prompt
from ragkit.prompts.parsers.objects import json_parser
from ragkit.prompts.prompt import Prompt

__all__ = ["ask_answer_relevancy"]

_SCHEMA = {
    "type": "object",
    "properties": {"question": {"type": "string"}, "noncommittal": {"type": "boolean"}},
    "required": ["question", "noncommittal"],
    "additionalProperties": False,
}
_UNREADABLE = Unscored("the question generator gave no JSON")


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
    parser = json_parser(_SCHEMA)
    made, evasive = [], []
    for sample in range(samples):
        try:
            reply = model.reply(Ask(messages=messages, schema=_SCHEMA, sample=sample)).text
        except ModelError:
            return Unscored("the model failed")
        try:
            said = parser.parse(reply)
        except OutputParseError:
            return _UNREADABLE
        if not said["question"].strip():
            return _UNREADABLE
        made.append(said["question"])
        evasive.append(said["noncommittal"])
    vectors = encoder.encode_documents([question, *made])
    return answer_relevancy(vectors[0], vectors[1:], evasive)
