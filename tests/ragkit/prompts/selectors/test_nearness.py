from __future__ import annotations

import numpy as np
from langchain_core.embeddings import Embeddings

from ragkit.encoder import as_encoder
from ragkit.prompts.examples import Example
from ragkit.prompts.selectors.nearness import Nearness, RememberingEncoder
from ragkit.prompts.selectors.similarity import SimilaritySelector
from ragkit.testing import HashingEmbeddings


class Listening(HashingEmbeddings):
    """Remembers what it was asked to embed."""

    def __init__(self) -> None:
        super().__init__(16)
        self.asked: list[str] = []

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.asked += texts
        return super().embed_documents(texts)


def test_every_distinct_input_is_embedded_once_and_then_each_text_asked_about() -> None:
    model = Listening()
    selector = SimilaritySelector([Example("a", "1"), Example("b", "2"), Example("a", "3")], model, 2)
    assert model.asked == ["a", "b"]
    selector.select("c")
    selector.select("d")
    assert model.asked == ["a", "b", "c", "d"]


def test_a_selector_over_other_examples_embeds_the_new_ones_only() -> None:
    model = Listening()
    first = SimilaritySelector([Example("a", "1"), Example("b", "2")], model, 2)
    second = first.with_examples([("b", "2"), ("c", "3")])
    third = second.with_examples([("a", "1"), ("b", "2"), ("c", "3")])
    assert model.asked == ["a", "b", "c"]
    assert third.select("b c") == SimilaritySelector(third.examples, Listening(), 2).select("b c")


def test_equal_vectors_have_equal_cosines_wherever_they_stand() -> None:
    rows = np.random.default_rng(0).normal(size=(5_000, 16)).astype(np.float32)
    rows[[7, 255, 256, 4999]] = rows[0]

    class Rows(Embeddings):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return rows[[int(text) for text in texts]].tolist()  # type: ignore[no-any-return]  # numpy's stubs

        def embed_query(self, text: str) -> list[float]:
            return self.embed_documents([text])[0]

    cosines = Nearness([Example(str(place), "x") for place in range(5_000)], Rows()).cosines("1")
    assert len({cosines[place] for place in (0, 7, 255, 256, 4999)}) == 1
    unit = rows.astype(np.float64) / np.linalg.norm(rows, axis=1, keepdims=True)
    np.testing.assert_allclose(cosines, unit @ unit[1], atol=1e-6)


def test_no_examples_are_near_nothing_and_no_model_is_asked() -> None:
    model = Listening()
    assert Nearness([], model).cosines("x").shape == (0,)
    assert model.asked == []


def test_vectors_of_any_length_count_by_their_direction(numbers: Embeddings) -> None:
    near = Nearness([Example("10 0", "x"), Example("0 0", "x"), Example("1 1", "x")], numbers)
    np.testing.assert_allclose(near.cosines("0.1 0"), [1.0, 0.0, 0.5**0.5])
    np.testing.assert_allclose(near.rows([2, 0]), [[0.5**0.5, 0.5**0.5], [1.0, 0.0]], rtol=1e-6)


def test_an_encoder_that_remembers_is_otherwise_the_one_it_wraps() -> None:
    inner = as_encoder(HashingEmbeddings(16))
    encoder = RememberingEncoder(inner, {"a": np.ones(16, dtype=np.float32)})
    assert encoder.card == inner.card
    assert encoder.count_tokens("one two") == inner.count_tokens("one two")
    assert encoder.encode_documents([]).shape == (0, 16)
    np.testing.assert_array_equal(encoder.encode_queries(["b"]), inner.encode_queries(["b"]))
    np.testing.assert_array_equal(encoder.encode_documents(["b", "a"])[0], inner.encode_documents(["b"])[0])
    np.testing.assert_array_equal(encoder.encode_documents(["b", "a"])[1], np.ones(16))
