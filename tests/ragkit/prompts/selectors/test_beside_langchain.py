"""The same choices as LangChain's own example selectors, where both can make them."""

from __future__ import annotations

from langchain_core.example_selectors import (
    MaxMarginalRelevanceExampleSelector,
    SemanticSimilarityExampleSelector,
)
from langchain_core.vectorstores import InMemoryVectorStore

from ragkit.prompts.examples import Example
from ragkit.prompts.selectors.langchain import LangChainExampleSelector
from ragkit.prompts.selectors.marginal import MMRSelector
from ragkit.prompts.selectors.selector import PoolSelector
from ragkit.prompts.selectors.similarity import SimilaritySelector
from ragkit.testing import HashingEmbeddings

ENCODER = HashingEmbeddings(64)
INPUTS = [
    "my card was stolen in Paris",
    "my card was stolen on the train",
    "the card was lost",
    "why is my top up late",
    "the exchange rate is wrong",
    "I want to close my account",
]
ROWS = [{"input": text, "output": f"answer {place}"} for place, text in enumerate(INPUTS)]
POOL = [Example(row["input"], row["output"]) for row in ROWS]
ASKED = ["somebody stole my card", "when does the top up arrive", "what is the rate of exchange"]


def shown(selector: PoolSelector, text: str) -> list[dict[str, str]]:
    """Give the choice with the nearest first, as LangChain has it."""
    return LangChainExampleSelector(selector).select_examples({"input": text})[::-1]


def test_the_nearest_are_those_of_langchain() -> None:
    theirs = SemanticSimilarityExampleSelector.from_examples(
        ROWS, ENCODER, InMemoryVectorStore, k=3, input_keys=["input"]
    )
    ours = SimilaritySelector(POOL, ENCODER, 3)
    assert [shown(ours, text) for text in ASKED] == [theirs.select_examples({"input": text}) for text in ASKED]


def test_mmr_picks_those_of_langchain_in_its_order() -> None:
    theirs = MaxMarginalRelevanceExampleSelector.from_examples(
        ROWS, ENCODER, InMemoryVectorStore, k=4, input_keys=["input"], fetch_k=5
    )
    ours = MMRSelector(POOL, ENCODER, 4, pool=5, diversity=0.5)
    assert [shown(ours, text) for text in ASKED] == [theirs.select_examples({"input": text}) for text in ASKED]
