from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.evaluate.judge import Claim
from ragkit.evaluate.judges.support import FEATURES, SupportJudge, SupportWeights, support_features
from ragkit.evaluate.outcome import Unscored

_EVIDENCE = "The bridge was built in 1932 by Ada Stone. It cost 1000 dollars."


def _features(claim: str) -> dict[str, float]:
    (row,) = support_features([Claim(claim, _EVIDENCE)], encoder=None)
    return dict(zip(FEATURES, row.tolist(), strict=True))


def test_features_by_hand() -> None:
    found = _features("The bridge was built in 1933 by Ada Brown.")
    assert found == pytest.approx(
        {
            "cosine": 0.0,
            "found": 3 / 5,  # bridge, built, ada; not 1933, brown
            "pairs": 1 / 4,  # bridge built; not built 1933, 1933 ada, ada brown
            "numbers_missing": 1.0,
            "names_missing": 1 / 2,
            "missing": math.log(3),
        }
    )


def test_a_claim_that_stands_there_misses_nothing() -> None:
    found = _features("It cost 1000 dollars.")
    assert (found["found"], found["pairs"], found["numbers_missing"], found["missing"]) == (1.0, 1.0, 0.0, 0.0)


def test_support_falls_with_what_is_new() -> None:
    said = ["It cost 1000 dollars.", "It cost 1000 euros.", "It cost 2000 euros in Paris."]
    verdicts = SupportJudge().judge([Claim(claim, _EVIDENCE) for claim in said])
    assert verdicts == sorted(verdicts, reverse=True)
    assert len(set(verdicts)) == 3


def test_a_fitted_model_is_logistic() -> None:
    model = SupportWeights(bias=1.0, weights=(0.0, 2.0, 0.0, 0.0, 0.0, 0.0))
    rows = np.asarray([[9.0, -0.5, 9.0, 9.0, 9.0, 9.0], [0.0, 1.0, 0.0, 0.0, 0.0, 0.0]])
    assert model.support(rows).tolist() == pytest.approx([0.5, 1 / (1 + math.exp(-3))])


def test_what_cannot_be_judged_is_unscored() -> None:
    claims = [Claim("Cats.", ""), Claim("It is.", "Cats sleep."), Claim("Cats.", "Cats sleep.")]
    first, second, third = SupportJudge().judge(claims)
    assert (first, second) == (Unscored("no evidence"), Unscored("the claim has no content words"))
    assert isinstance(third, float)
    assert SupportJudge().judge([]) == []


@given(st.text(max_size=60), st.text(max_size=60))
@settings(max_examples=50, deadline=None)
def test_a_verdict_is_between_0_and_1(claim: str, evidence: str) -> None:
    (verdict,) = SupportJudge().judge([Claim(claim, evidence)])
    assert isinstance(verdict, Unscored) or 0 <= verdict <= 1


@pytest.mark.parametrize("kind", ["words", "vectors"])
def test_no_weight_rewards_what_is_missing(kind: str) -> None:
    weights = dict(zip(FEATURES, SupportWeights.load(kind).weights, strict=True))
    assert all(weights[name] >= 0 for name in ("cosine", "found", "pairs"))
    assert all(weights[name] < 0 for name in ("numbers_missing", "names_missing", "missing"))
