from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

from ragkit.prompts.examples import Example, as_examples
from ragkit.prompts.selectors.ngrams import NGramOverlapSelector

bounded = settings(max_examples=50, deadline=None)
sentences = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=6).map(" ".join)
SPOT = as_examples([("See Spot run.", "1"), ("My dog barks.", "2"), ("Spot can run.", "3")])


def dice(left: Sequence[str], right: Sequence[str]) -> float:
    """The overlap by its definition, written with Counters."""
    found = []
    for n in range(1, min(3, len(right)) + 1):
        one, two = [Counter(zip(*(words[start:] for start in range(n)), strict=False)) for words in (left, right)]
        found.append(2 * (one & two).total() / (one.total() + two.total()))
    return sum(found) / len(found)


@bounded
@given(st.lists(sentences, max_size=8), sentences, st.integers(0, 8), st.sampled_from([None, 0.0, 0.4]))
def test_it_shows_what_sorting_all_overlaps_gives(
    pool: list[str], text: str, count: int, threshold: float | None
) -> None:
    overlaps = [dice(words.split(), text.split()) for words in pool]
    above = [place for place, value in enumerate(overlaps) if threshold is None or value > threshold]
    best = sorted(above, key=lambda place: (-overlaps[place], place))[:count]
    examples = [Example(words, str(place)) for place, words in enumerate(pool)]
    selector = NGramOverlapSelector(examples, count, threshold=threshold, show_same=True)
    np.testing.assert_allclose(selector.overlaps(text), overlaps, rtol=1e-12)
    assert [int(one.output) for one in selector.select(text)] == best[::-1]


def test_a_hand_calculation() -> None:
    # spot can play fetch | see spot run: 1 of 4 + 3 words, no pair or triple; spot can run: 2 of 7, 1 of 5, none
    overlaps = NGramOverlapSelector(SPOT, 3).overlaps("Spot can play fetch.")
    assert overlaps.tolist() == pytest.approx([(2 / 7) / 3, 0.0, (4 / 7 + 2 / 5) / 3])


def test_it_sorts_the_sentences_of_langchains_own_test_as_langchain_does() -> None:
    # langchain-community's test of its NGramOverlapExampleSelector: these examples, and what BLEU makes of them
    smooth = SmoothingFunction().method1
    bleu = [
        sentence_bleu([one.input.split()], ["Spot", "can", "run."], smoothing_function=smooth, auto_reweigh=True)
        for one in SPOT
    ]
    assert sorted(range(3), key=lambda place: -bleu[place]) == [2, 0, 1]

    def shown(threshold: float) -> list[str]:
        selector = NGramOverlapSelector(SPOT, 3, threshold=threshold, show_same=True)
        return [example.output for example in reversed(selector.select("Spot can run."))]

    assert shown(-1.0) == ["3", "1", "2"]
    assert shown(0.0) == ["3", "1"]
    assert shown(1.0) == []


def test_case_and_punctuation_make_no_difference_and_no_word_is_too_frequent() -> None:
    overlaps = NGramOverlapSelector(as_examples([("THE film is NOT good", "x"), ("film good", "y")]), 2).overlaps
    assert overlaps("the film is not good!").tolist() == pytest.approx([1.0, (4 / 7) / 3])


def test_scripts_without_blanks_share_pairs_of_characters() -> None:
    pool = as_examples([("今日は雨です", "rain"), ("株価が下がった", "stocks")])
    assert NGramOverlapSelector(pool, 1).select("明日は雨です")[0].output == "rain"


def test_a_text_without_a_word_overlaps_with_nothing() -> None:
    selector = NGramOverlapSelector(SPOT, 2)
    assert selector.overlaps("?!").tolist() == [0.0, 0.0, 0.0]
    assert [example.output for example in selector.select("?!")] == ["2", "1"]
