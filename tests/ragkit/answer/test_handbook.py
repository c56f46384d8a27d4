"""A newcomer's questions to the handbook: each has one sentence that answers it, and the answer must quote it."""

from __future__ import annotations

from pathlib import Path

import pytest

import ragkit
from ragkit.settings import Settings

HANDBOOK = Path(__file__).parents[3] / "apps" / "handbook"

ANSWERED = {
    "What does BM25 stand for?": "BM25 stands for Best Matching 25",
    "Who developed BM25?": "Stephen Robertson and colleagues developed BM25",
    "What is the difference between supervised and unsupervised learning?": "supervised examples carry the right",
    "Why are activation functions needed?": "without them a stack of layers collapses into a single linear layer",
    "What is gradient descent?": "Gradient descent is the method of moving every parameter a small step",
    "What is the difference between precision and recall?": "precision asks how many of the alarms are right",
    "What is the difference between BPE and WordPiece?": "BPE counts pairs, and WordPiece asks",
    "What does TF-IDF stand for?": "TF-IDF stands for term frequency times inverse document frequency.",
    "What does LSTM stand for?": "LSTM stands for long short-term memory.",
    "Why do transformers scale?": "Transformers scale well because they train on all positions of a text at once",
    "What does BERT stand for?": "Bidirectional Encoder Representations from Transformers",
    "What is the difference between BERT and GPT?": "BERT reads the words on both sides to understand a text",
    "What is a scaling law?": "A scaling law is a fitted formula that predicts a model's loss",
    "What is catastrophic forgetting?": "Catastrophic forgetting is the loss of old skills during new training.",
    "Who coined the term prompt injection?": "coined in September 2022 by Simon Willison",
    "Why should documents be treated as data in a prompt?": "because otherwise whoever writes a document gives orders",
    "How many unanswerable questions does SQuAD 2.0 have?": "more than 50,000 unanswerable questions",
    "What is the difference between top-k and top-p sampling?": "top-k always keeps the same number of tokens",
    "How many dimensions does an all-MiniLM-L6-v2 embedding have?": "has 384 dimensions",
    "What is a vector database?": "A vector database is a program that stores vectors with their metadata",
    "How does reciprocal rank fusion combine ranked lists?": "the sum of 1 / (k + rank) over the lists",
    "Why are documents split into chunks?": "because one vector blurs several topics",
    "What does nDCG stand for?": "normalised discounted cumulative gain",
    "What is query condensing?": "Query condensing rewrites a follow-up question into a standalone question",
    "What is a p-value?": "A p-value is the probability of a difference at least as large",
}
DECLINED = [
    "How much does a train ticket from Paris to Berlin cost?",
    "What is the capital of Australia?",
    "When was the Eiffel Tower built?",
    "What is a diffusion model?",
    "Who is the chief executive of Hugging Face?",
]


@pytest.fixture(scope="module")
def handbook(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> ragkit.Rag:
    rag = ragkit.open(tmp_path_factory.mktemp("handbook") / "store", settings=settings)
    assert rag.sync(HANDBOOK).failed == ()
    return rag


@pytest.mark.parametrize(("question", "words"), ANSWERED.items(), ids=ANSWERED.keys())
def test_the_first_sentence_answers(handbook: ragkit.Rag, question: str, words: str) -> None:
    answer = handbook.ask(question)
    assert not answer.abstained
    assert words in answer.sentences[0].text


@pytest.mark.parametrize("question", DECLINED)
def test_what_the_handbook_does_not_say_is_declined(handbook: ragkit.Rag, question: str) -> None:
    assert handbook.ask(question).reason == "not_in_documents"
