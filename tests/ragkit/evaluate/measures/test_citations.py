from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.evaluate.judge import Claim
from ragkit.evaluate.measures.citations import (
    CitedSentence,
    JudgedSentence,
    citation_precision,
    citation_recall,
    cited_sentences,
    judge_citations,
    quote_correctness,
)
from ragkit.evaluate.outcome import Outcome, Unscored


class WordJudge:
    """Entailed if every word of the claim stands in the evidence; a claim that holds `?` cannot be judged."""

    card: Mapping[str, Any] = {"name": "words"}

    def __init__(self) -> None:
        self.asked: list[Claim] = []

    def judge(self, claims: Sequence[Claim]) -> list[Outcome]:
        self.asked += claims
        return [self._one(claim) for claim in claims]

    def _one(self, claim: Claim) -> Outcome:
        if "?" in claim.claim:
            return Unscored("the judge gave no JSON")
        return float(set(claim.claim.split()) <= set(claim.evidence.split()))


def alce(sentences: Sequence[CitedSentence], entails: Callable[[str, str], bool]) -> tuple[float, float]:
    """Recall and precision of one answer, sentence by sentence, after the published description."""
    supported = needed = total = 0
    for sentence in sentences:
        passages = [passage for passage in sentence.passages if passage is not None]
        if not sentence.passages or len(passages) < len(sentence.passages):
            continue
        total += len(passages)
        if not entails("\n".join(passages), sentence.text):
            continue
        supported += 1
        for place, passage in enumerate(passages):
            others = "\n".join(passages[:place] + passages[place + 1 :])
            if len(passages) == 1 or entails(passage, sentence.text) or not entails(others, sentence.text):
                needed += 1
    return supported / len(sentences), needed / total if total else 0.0


def test_alce_by_hand() -> None:
    answer = [
        CitedSentence("a b", ("a", "b")),  # needs both
        CitedSentence("a", ("a", "x")),  # the second is not needed
        CitedSentence("c", ("a",)),  # not entailed
        CitedSentence("a", ()),  # cites nothing
        CitedSentence("a", ("a", None)),  # points nowhere
    ]
    [judged] = judge_citations(WordJudge(), [answer])
    assert citation_recall(judged) == 2 / 5
    assert citation_precision(judged) == 3 / 5  # of the citations of the first three sentences


def test_nothing_is_asked_that_decides_nothing() -> None:
    judge = WordJudge()
    judge_citations(judge, [[CitedSentence("a", ("a", "a x"))], [CitedSentence("c", ("a", "b"))], []])
    assert [(claim.claim, claim.evidence) for claim in judge.asked] == [
        ("a", "a\na x"),
        ("c", "a\nb"),
        ("a", "a"),
        ("a", "a x"),
    ]


_WORDS = st.lists(st.sampled_from("abc"), min_size=1, max_size=2).map(" ".join)
_SENTENCES = st.lists(
    st.builds(CitedSentence, _WORDS, st.lists(_WORDS | st.none(), max_size=3).map(tuple)), min_size=1, max_size=4
)


@settings(max_examples=200, deadline=None)
@given(_SENTENCES)
def test_both_equal_a_second_implementation(answer: list[CitedSentence]) -> None:
    [judged] = judge_citations(WordJudge(), [answer])
    expected = alce(answer, lambda passage, claim: set(claim.split()) <= set(passage.split()))
    assert (citation_recall(judged), citation_precision(judged)) == pytest.approx(expected)


def test_an_answer_that_cites_nothing_has_precision_0_and_no_sentences_no_number() -> None:
    assert citation_precision([JudgedSentence(citations=0, together=0.0)]) == 0.0
    assert citation_precision([]) == Unscored("no sentences")
    assert citation_recall([]) == Unscored("no sentences")


def test_a_missing_verdict_leaves_the_answer_without_a_number() -> None:
    [judged] = judge_citations(WordJudge(), [[CitedSentence("a", ("a",)), CitedSentence("?", ("a",))]])
    assert citation_recall(judged) == Unscored("the judge gave no JSON")
    assert citation_precision(judged) == Unscored("the judge gave no JSON")


def test_a_verdict_that_decides_nothing_may_be_missing() -> None:
    lost = Unscored("late")
    entailed = JudgedSentence(citations=2, together=1.0, alone=(1.0, 1.0), without=(lost, 0.0))
    assert citation_precision([entailed]) == 1.0
    undecided = JudgedSentence(citations=2, together=1.0, alone=(lost, 1.0), without=(1.0, 0.0))
    assert citation_precision([undecided]) == lost


def test_the_threshold_decides_what_counts_as_entailed() -> None:
    judged = [JudgedSentence(citations=1, together=0.4)]
    assert citation_recall(judged) == 0.0
    assert citation_recall(judged, entailed_from=0.3) == 1.0
    assert citation_precision(judged, entailed_from=0.3) == 1.0


def test_markers_are_read_out_of_a_sentence() -> None:
    sentence = CitedSentence.from_text("The core [1] is hot [2][9].", {"1": "core", "2": "hot"})
    assert sentence == CitedSentence("The core is hot.", ("core", "hot", None))


def test_a_quote_is_right_where_it_stands() -> None:
    assert quote_correctness([("It", "It"), ("It", "t "), ("It", None), ("hot", "hot")]) == 0.5
    assert quote_correctness([]) == Unscored("no citations")


@pytest.mark.parametrize(
    "text",
    [
        "It is hot [1][2]. It is cold [3].",
        "It is hot. [1] [2] It is cold. [3]",
        "It is hot.[1,2] It is cold.[3]",
        "It is hot [1, 2]. It is cold. [3]",
    ],
)
def test_markers_belong_to_the_sentence_before_them(text: str) -> None:
    assert cited_sentences(text, {"1": "a", "2": "b"}) == [
        CitedSentence("It is hot.", ("a", "b")),
        CitedSentence("It is cold.", (None,)),
    ]


def test_brackets_that_hold_no_number_are_no_citation() -> None:
    assert cited_sentences('He "knowed" [sic] it [...].', {}) == [CitedSentence('He "knowed" [sic] it [...].', ())]
