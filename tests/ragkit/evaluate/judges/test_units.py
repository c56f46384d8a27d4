from __future__ import annotations

import pytest

from ragkit.evaluate.judges.units import Evidence, Said, claims_nothing, statements
from ragkit.text.analyse import Analyser
from ragkit.text.spans import Span

_ANALYSE = Analyser()


def test_statements_are_the_sentences_that_say_something() -> None:
    answer = "Here are the steps:\n\n1. Boil the water.\n2. Add 3 eggs. Wait.\n\n# Done\n\nIs that all?"
    found = statements(answer)
    assert [answer[start:end] for start, end in found] == ["Boil the water.", "Add 3 eggs.", "Wait."]


@pytest.mark.parametrize(
    ("sentence", "nothing"),
    [
        ("The passages do not mention a price.", True),
        ("I am unable to answer based on the given passages.", True),
        ("There is no information about this.", True),
        ("I don't have specific information about it.", True),
        ("Passage 1 mentions a price of 3 dollars.", False),
        ("The bird cannot fly.", False),
        ("However, the passage doesn't explicitly state why.", True),
        ("The document was not signed until 1950.", False),
        ("The sources of the river are not far away.", False),
        ("The passages do not say so, but it costs 5 dollars.", False),
    ],
)
def test_a_sentence_that_only_says_that_the_sources_do_not_tell_claims_nothing(sentence: str, nothing: bool) -> None:
    assert claims_nothing(sentence) is nothing


def test_a_claim_is_taken_apart_without_its_talk_of_sources() -> None:
    said = Said.read("According to passage 2, Alice Munro was not paid 1,000 dollars.", _ANALYSE)
    assert said.terms == ("alic", "munro", "not", "paid", "1000", "dollar")
    assert (said.numbers, said.names) == (frozenset({"1000"}), frozenset({"alic", "munro"}))


def test_evidence_is_cut_into_windows_of_one_to_three_sentences() -> None:
    evidence = Evidence("Dogs run fast. Cats sleep. Birds sing. Fish swim.", _ANALYSE)
    assert len(list(evidence.windows)) == 4 + 3 + 2
    assert evidence.text(Span(1, 3)) == "Cats sleep. Birds sing."
    assert evidence.found(Span(0, 2), ["dog", "sleep", "bird", "fli"]) == 0.5
    assert ("dog", "run") in evidence.pairs
    assert ("fast", "cat") not in evidence.pairs


def test_no_evidence_has_no_windows() -> None:
    evidence = Evidence(" ", _ANALYSE)
    assert (evidence.sentences, list(evidence.windows), evidence.everything) == ([], [], frozenset())
    assert evidence.found(Span(0, 0), []) == 0.0
