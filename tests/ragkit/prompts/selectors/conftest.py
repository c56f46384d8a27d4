"""Embeddings whose vectors stand in the text, and labelled examples to choose from."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from langchain_core.embeddings import Embeddings

from ragkit.prompts.examples import Example


class NumberEmbeddings(Embeddings):
    """Gives of the text "1 0 -2" the vector (1, 0, -2)."""

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [[float(number) for number in text.split()] for text in texts]


@pytest.fixture(scope="session")
def numbers() -> Embeddings:
    return NumberEmbeddings()


@pytest.fixture(scope="session")
def reviews() -> Sequence[Example]:
    """Films, good (even places) and bad (odd ones)."""
    inputs = ["a gem of a film", "a bore of a film", "great acting", "poor acting", "I laughed", "I slept"]
    return [Example(text, ("good", "bad")[place % 2]) for place, text in enumerate(inputs)]
