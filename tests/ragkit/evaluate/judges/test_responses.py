from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from ragkit.errors import ConfigError, InputError
from ragkit.evaluate.data.groundedness import GroundednessRow
from ragkit.evaluate.judge import Claim
from ragkit.evaluate.judges.overlap import NO_WORDS
from ragkit.evaluate.judges.responses import judge_responses, judged
from ragkit.evaluate.outcome import Outcome, Unscored


class Said:
    """A judge that says what a function of the claim says."""

    card: Mapping[str, Any] = {"judge": "said"}

    def __init__(self, verdict: Callable[[str], Outcome]) -> None:
        self._verdict = verdict
        self.calls: list[Sequence[Claim]] = []

    def judge(self, claims: Sequence[Claim]) -> list[Outcome]:
        self.calls.append(claims)
        return [self._verdict(claim.claim) for claim in claims]


def _row(response: str, *, supported: bool = True, row_id: str = "a", spans: Any = ()) -> GroundednessRow:
    return GroundednessRow(row_id, "What?", "Some context.", response, supported, spans)


def _by_word(claim: str) -> Outcome:
    return 0.2 if "Mars" in claim else 0.9


def test_a_response_is_as_well_supported_as_its_least_supported_sentence() -> None:
    (row,) = judge_responses([_row("It is here. It is on Mars.", supported=False)], Said(_by_word), threshold=0.5)
    assert row.outcomes == {"support": 0.2, "accuracy": 1.0}
    assert (row.details["label"], row.details["score"], row.details["predicted"]) == (1, 0.8, 1)
    assert row.details["claims"] == [
        {"start": 0, "end": 11, "support": 0.9},
        {"start": 12, "end": 26, "support": 0.2},
    ]


def test_all_claims_of_all_responses_are_judged_in_one_call() -> None:
    judge = Said(_by_word)
    judge_responses([_row("One is. Two is."), _row("Three is.", row_id="b")], judge, threshold=0.5)
    assert [[claim.claim for claim in call] for call in judge.calls] == [["One is.", "Two is.", "Three is."]]
    assert judge.calls[0][0] == Claim("One is.", "Some context.", "What?")


def test_a_whole_response_can_be_one_claim() -> None:
    judge = Said(_by_word)
    judge_responses([_row("One is. Two is.")], judge, threshold=0.5, unit="response")
    assert [claim.claim for claim in judge.calls[0]] == ["One is. Two is."]


@pytest.mark.parametrize("response", ["The context does not mention it.", "", "Really?"])
def test_a_response_without_claims_is_unscored(response: str) -> None:
    (row,) = judge_responses([_row(response)], Said(_by_word), threshold=0.5)
    assert row.outcomes == {"support": Unscored("no claims"), "accuracy": Unscored("no claims")}
    assert judged([row]) == []


def test_a_judge_that_fails_on_one_sentence_leaves_the_response_unscored() -> None:
    judge = Said(lambda claim: Unscored("down") if "Mars" in claim else 0.9)
    (row,) = judge_responses([_row("It is here. It is on Mars.")], judge, threshold=0.5)
    assert row.outcomes["support"] == Unscored("down")
    assert row.details["claims"][1] == {"start": 12, "end": 26, "support": None, "reason": "down"}


def test_a_sentence_without_words_does_not_spoil_the_response() -> None:
    judge = Said(lambda claim: Unscored(NO_WORDS) if claim == "Yes." else 0.9)
    (row,) = judge_responses([_row("Yes. It is here.")], judge, threshold=0.5)
    assert row.outcomes["support"] == 0.9


def test_marked_characters_are_those_of_sentences_below_the_threshold() -> None:
    labelled = _row("It is here. It is on Mars.", supported=False, spans=((18, 26),))
    (row,) = judge_responses([labelled], Said(_by_word), threshold=0.5)
    assert row.details["span_characters"] == [8, 14, 8]


def test_characters_are_not_counted_where_people_marked_none() -> None:
    (row,) = judge_responses([_row("On Mars.", supported=False)], Said(_by_word), threshold=0.5)
    assert "span_characters" not in row.details


def test_a_row_carries_the_shortcuts_it_is_compared_with() -> None:
    (row,) = judge_responses([_row("The context is blue.")], Said(_by_word), threshold=0.5)
    assert row.details["shortcuts"] == {"length": 20, "overlap": 0.0}


def test_a_threshold_out_of_range_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"threshold must be between 0 and 1, got 1\.5"):
        judge_responses([], Said(_by_word), threshold=1.5)


@pytest.mark.parametrize("verdict", [1.5, -0.1, float("nan")])
def test_a_verdict_out_of_range_is_refused(verdict: float) -> None:
    with pytest.raises(InputError, match=r"the judge gave the verdict .*: expected one from 0 to 1"):
        judge_responses([_row("It is.")], Said(lambda _: verdict), threshold=0.5)


def test_a_judge_that_forgets_a_claim_is_refused() -> None:
    judge = Said(_by_word)
    judge.judge = lambda claims: [1.0]  # type: ignore[method-assign]
    with pytest.raises(InputError, match="the judge gave 1 verdicts for 2 claims"):
        judge_responses([_row("One is. Two is.")], judge, threshold=0.5)
