from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.embeddings import Embeddings
from langchain_tests.integration_tests import EmbeddingsIntegrationTests
from langchain_tests.unit_tests import EmbeddingsUnitTests

from ragkit.errors import ConfigError
from ragkit.testing.hashing import HashingEmbeddings


class TestUnit(EmbeddingsUnitTests):
    @property
    def embeddings_class(self) -> type[Embeddings]:
        return HashingEmbeddings

    @property
    def embedding_model_params(self) -> dict[str, Any]:
        return {"dim": 32}


class TestIntegration(EmbeddingsIntegrationTests):
    @property
    def embeddings_class(self) -> type[Embeddings]:
        return HashingEmbeddings


VECTOR = "[0.48507125007266594, 0.7276068751089989, 0.0, 0.48507125007266594]"


def cosine(one: str, other: str, **options: Any) -> float:
    model = HashingEmbeddings(**options)
    return sum(a * b for a, b in zip(model.embed_query(one), model.embed_query(other), strict=True))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("query", "near", "far"),
    [
        ("boats on a lake", "a red boat on the lake", "stock prices fell again"),
        ("Zürich trams", "die Tramlinien von zürich", "bread and butter"),
        ("running", "the runner runs", "blue cheese"),
        ("日本語", "日本語の本", "中文"),
    ],
)
def test_texts_that_share_words_are_nearer(query: str, near: str, far: str, seed: int) -> None:
    assert cosine(query, near, dim=256, seed=seed) > cosine(query, far, dim=512, seed=seed) + 0.05


@settings(max_examples=50, deadline=None)
@given(text=st.text(), dim=st.integers(1, 80), seed=st.integers())
def test_every_text_has_a_vector_of_unit_length(text: str, dim: int, seed: int) -> None:
    vector = HashingEmbeddings(dim, seed=seed).embed_query(text)
    assert len(vector) == dim
    assert math.isclose(math.fsum(value * value for value in vector), 1.0, rel_tol=1e-12)


def test_case_compatibility_forms_and_order_make_no_difference() -> None:
    model = HashingEmbeddings()
    assert model.embed_query("Fine BOAT") == model.embed_query("boat, ﬁne!")
    assert model.embed_query("?") != model.embed_query("!")


def test_the_vector_is_the_same_in_every_process() -> None:
    assert str(HashingEmbeddings(4, seed=3).embed_query("a boat")) == VECTOR


def test_seeds_give_other_spaces() -> None:
    assert HashingEmbeddings(seed=1).embed_query("a") != HashingEmbeddings(seed=2).embed_query("a")
    assert repr(HashingEmbeddings(8, seed=2)) == "HashingEmbeddings(dim=8, seed=2)"


def test_a_space_has_a_dimension() -> None:
    with pytest.raises(ConfigError, match="dim must be at least 1, got 0"):
        HashingEmbeddings(0)
