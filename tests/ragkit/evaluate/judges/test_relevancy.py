from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from ragkit.encoder import EncoderCard, Vectors
from ragkit.errors import ModelError
from ragkit.evaluate.chat import Ask, Reply
from ragkit.evaluate.judges.relevancy import ask_answer_relevancy
from ragkit.evaluate.outcome import Unscored
from ragkit.prompts.library import load_prompt

_VECTORS = {"How hot?": (1.0, 0.0), "How warm?": (0.8, 0.6), "Who?": (0.0, 1.0)}


class ThreeQuestions:
    card = EncoderCard(model="three questions", dim=2)

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        return np.array([_VECTORS[text] for text in texts], dtype=np.float32)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        return self.encode_documents(texts)

    def count_tokens(self, text: str) -> int:
        return 1


class Scripted:
    """Says one thing after the other; an error is raised."""

    card: Mapping[str, Any] = {"name": "scripted"}

    def __init__(self, *replies: str | ModelError) -> None:
        self.asked: list[Ask] = []
        self._replies = list(replies)

    def reply(self, ask: Ask) -> Reply:
        self.asked.append(ask)
        said = self._replies.pop(0)
        if isinstance(said, ModelError):
            raise said
        return Reply(text=said)


def made(question: str, *, noncommittal: bool = False) -> str:
    return json.dumps({"question": question, "noncommittal": noncommittal})


def test_relevancy_is_the_mean_cosine_with_questions_made_from_the_answer() -> None:
    model = Scripted(made("How hot?"), made("How warm?"), made("Who?"))
    outcome = ask_answer_relevancy(model, ThreeQuestions(), "How hot?", "It is 30 degrees.")
    assert outcome == pytest.approx((1 + 0.8 + 0) / 3)
    assert [ask.sample for ask in model.asked] == [0, 1, 2]
    assert model.asked[0].messages[1].content == "It is 30 degrees."


def test_only_an_answer_that_is_noncommittal_throughout_gets_0() -> None:
    one, evasive = made("How hot?"), made("How hot?", noncommittal=True)
    assert ask_answer_relevancy(Scripted(one, evasive), ThreeQuestions(), "How hot?", "Well.", samples=2) == 1.0
    assert ask_answer_relevancy(Scripted(evasive, evasive), ThreeQuestions(), "How hot?", "Well.", samples=2) == 0.0


def test_a_question_may_stand_in_a_code_block_and_follow_thoughts() -> None:
    said = f"<think>So?</think>\n```json\n{made('How hot?')}\n```"
    assert ask_answer_relevancy(Scripted(said), ThreeQuestions(), "How hot?", "Well.", samples=1) == 1.0


@pytest.mark.parametrize("said", ["no JSON", "[]", '{"question": "", "noncommittal": false}', '{"question": "Who?"}'])
def test_a_reply_that_cannot_be_read_leaves_no_number(said: str) -> None:
    outcome = ask_answer_relevancy(Scripted(said), ThreeQuestions(), "Who?", "Me.")
    assert outcome == Unscored("the question generator gave no JSON")


def test_a_failing_model_leaves_no_number() -> None:
    outcome = ask_answer_relevancy(Scripted(ModelError("down")), ThreeQuestions(), "Who?", "Me.")
    assert outcome == Unscored("the model failed")


def test_an_empty_answer_is_not_asked_about() -> None:
    assert ask_answer_relevancy(Scripted(), ThreeQuestions(), "Who?", " ") == Unscored("empty answer")


def test_a_prompt_of_ones_own_is_asked_with() -> None:
    model = Scripted(made("How hot?"))
    own = load_prompt("answer-relevancy").with_instruction("Which question?")
    ask_answer_relevancy(model, ThreeQuestions(), "How hot?", "It is 30 degrees.", samples=1, prompt=own)
    assert [message.content for message in model.asked[0].messages] == ["Which question?", "It is 30 degrees."]


def test_the_question_is_made_under_a_schema_by_words_from_a_file() -> None:
    model = Scripted(made("How hot?"))
    ask_answer_relevancy(model, ThreeQuestions(), "How hot?", "It is 30 degrees.", samples=1)
    assert model.asked[0].messages[0].content.startswith("Write the one question that the answer below answers.")
    assert model.asked[0].schema is not None
    assert model.asked[0].schema["required"] == ["question", "noncommittal"]
