from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from ragkit.encoder import EncoderCard, Vectors, as_encoder
from ragkit.evaluate.outcome import Unscored
from ragkit.evaluate.tasks.voting import ExampleVote
from ragkit.prompts.examples import as_examples
from ragkit.prompts.selectors.given import FixedSelector
from ragkit.prompts.selectors.similarity import SimilaritySelector
from ragkit.testing import HashingEmbeddings

ENCODER = as_encoder(HashingEmbeddings(256))
POOL = as_examples(
    [
        ("my card is lost", "card"),
        ("the card was stolen", "card"),
        ("top up failed", "top_up"),
        ("top up late", "top_up"),
    ]
)


def test_the_examples_chosen_vote_with_their_cosines() -> None:
    vote = ExampleVote(FixedSelector(POOL), ENCODER)
    assert vote.predict(["is my card stolen", "why is my top up so late"]) == ["card", "top_up"]


def test_only_examples_that_are_chosen_count() -> None:
    nearest = ExampleVote(SimilaritySelector(POOL, ENCODER, 1), ENCODER)
    assert nearest.predict(["the card was stolen!", "top up failed again"]) == ["card", "top_up"]
    assert ExampleVote(FixedSelector(POOL[:1]), ENCODER).predict(["top up failed"]) == ["card"]


def test_equal_weights_go_to_the_first_label_by_name() -> None:
    twins = as_examples([("a card", "b"), ("a card", "a")])
    assert ExampleVote(FixedSelector(twins), ENCODER).predict(["the card"]) == ["a"]


def test_without_an_example_there_is_no_vote() -> None:
    assert ExampleVote(FixedSelector(()), ENCODER).predict(["x"]) == [Unscored("no example was chosen")]


def test_the_card_names_selector_and_model_without_the_examples() -> None:
    card = ExampleVote(FixedSelector(POOL), ENCODER).card
    assert (card["predictor"], card["selector"]["selector"]) == ("vote", "fixed")
    assert "stolen" not in json.dumps(card)


def test_the_nearest_label_is_said_without_an_example() -> None:
    names = SimilaritySelector(as_examples([("card lost", "card"), ("top up", "top_up")]), ENCODER, 1)
    assert ExampleVote(names, ENCODER).predict(["I lost my card", "cannot top it up"]) == ["card", "top_up"]


def test_vectors_of_any_length_weigh_by_their_cosine() -> None:
    class Long:
        """An encoder whose vectors are not of unit length: the one of "far" is long."""

        card = EncoderCard(model="long", dim=2, normalised=False)

        def encode_documents(self, texts: Sequence[str]) -> Vectors:
            rows = {"asked": (1, 0), "near": (1, 0), "far": (10, 10)}
            return np.array([rows[text] for text in texts], dtype=np.float32)

        encode_queries = encode_documents

        def count_tokens(self, text: str) -> int:
            return len(text)

    assert ExampleVote(FixedSelector(as_examples([("near", "a"), ("far", "b")])), Long()).predict(["asked"]) == ["a"]
