from __future__ import annotations

import pytest

from ragkit.evaluate.measures.rouge import ROUGE_MEASURES, Rouge


def test_rouge_by_hand() -> None:
    scores = Rouge().score("the cat sat on the mat", ["the cat lay on the mat"])
    assert list(scores) == list(ROUGE_MEASURES)
    assert scores["rouge1"] == pytest.approx(5 / 6)  # five of six words
    assert scores["rouge2"] == pytest.approx(3 / 5)  # the cat, on the, the mat
    assert scores["rougeL"] == pytest.approx(5 / 6)


def test_words_are_stemmed() -> None:
    assert Rouge(["rouge1"]).score("running dogs", ["run dog"]) == {"rouge1": 1.0}


def test_the_best_reference_counts_measure_by_measure() -> None:
    scores = Rouge(["rouge1", "rouge2"]).score("a b c", ["c b a", "a b"])
    assert scores == {"rouge1": 1.0, "rouge2": pytest.approx(2 / 3)}


def test_rouge_lsum_joins_the_matches_of_sentences_in_any_order() -> None:
    scores = Rouge(["rougeL", "rougeLsum"]).score("Dogs bark. Cats meow.", ["Cats meow. Dogs bark."])
    assert scores == {"rougeL": 0.5, "rougeLsum": 1.0}


def test_an_empty_answer_scores_nothing() -> None:
    assert set(Rouge().score("", ["a gold answer"]).values()) == {0.0}
