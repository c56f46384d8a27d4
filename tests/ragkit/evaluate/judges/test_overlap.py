from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.evaluate.judge import Claim
from ragkit.evaluate.judges.overlap import OverlapJudge
from ragkit.evaluate.outcome import Outcome, Unscored

_EVIDENCE = "The bridge was built in 1932 by Ada Stone. It cost 1000 dollars."


def _judged(claim: str, evidence: str = _EVIDENCE) -> Outcome:
    return OverlapJudge().judge([Claim(claim, evidence)])[0]


@pytest.mark.parametrize(
    ("claim", "support"),
    [
        ("The bridge was built in 1932.", 1.0),
        ("The bridges were costing dollars.", 1.0),  # stems
        ("It cost 1,000 dollars.", 1.0),
        ("The bridge collapsed.", 1 / 2),
        ("The bridge was built in 1933.", 2 / 4),  # bridge, built; 1933 counts twice
        ("A bridge by Ada Brown.", 3 / 5),  # bridge; Ada and Brown count twice
    ],
)
def test_support_is_the_share_found_with_particulars_twice(claim: str, support: float) -> None:
    assert _judged(claim) == pytest.approx(support)


def test_what_cannot_be_judged_is_unscored() -> None:
    assert _judged("Yes.", "") == Unscored("no evidence")
    assert _judged("It is.") == Unscored("the claim has no content words")


@given(st.text(max_size=80), st.text(max_size=80))
@settings(max_examples=50, deadline=None)
def test_a_verdict_is_between_0_and_1_and_a_text_supports_itself(claim: str, evidence: str) -> None:
    verdict, itself = OverlapJudge().judge([Claim(claim, evidence), Claim(claim, claim)])
    assert isinstance(verdict, Unscored) or 0 <= verdict <= 1
    assert isinstance(itself, Unscored) or itself == 1


def test_the_order_of_claims_changes_nothing() -> None:
    claims = [Claim("The bridge.", _EVIDENCE), Claim("A tunnel.", _EVIDENCE), Claim("1932", "In 1932.")]
    assert OverlapJudge().judge(claims[::-1]) == OverlapJudge().judge(claims)[::-1]


def test_the_card_names_the_analyser() -> None:
    assert OverlapJudge().card["judge"] == "overlap"
    assert "english" in OverlapJudge().card["analyser"]
