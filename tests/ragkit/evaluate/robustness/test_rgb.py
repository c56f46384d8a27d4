from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.errors import InputError
from ragkit.evaluate.outcome import Unscored
from ragkit.evaluate.robustness.reading import Reading
from ragkit.evaluate.robustness.rgb import Case, counterfactual_row, is_right, noise_row, passages_at

CASE = Case(
    id="1",
    question="When did he land?",
    answers=(("1969", "July 1969"),),
    positives=(("p1 1969", "p2 1969", "p3 1969", "p4 1969", "p5 1969"),),
    negatives=tuple(f"n{number}" for number in range(1, 6)),
)
SCARCE = replace(CASE, positives=(("p1 1969",),))


def quotes(_: str, passages: Sequence[str]) -> Reading:
    """Says what the first passage with a year says, and declines without one."""
    for passage in sorted(passages):
        if any(sign.isdigit() for sign in passage.partition(" ")[2]):
            return Reading(passage)
    return Reading("", abstained=True)


def test_every_group_needs_one_alias() -> None:
    assert is_right("It was JULY 1969 in Texas.", [["July 1969"], ["Houston", "Texas"]])
    assert not is_right("It was July 1969.", [["July 1969"], ["Houston", "Texas"]])


def test_a_blank_alias_stands_in_nothing() -> None:
    assert not is_right("It was July 1969.", [["", " "]])


@pytest.mark.parametrize(("noise", "negatives"), [(0.0, 0), (0.2, 1), (0.3, 2), (0.4, 2), (0.6, 3), (0.8, 4), (1.0, 5)])
def test_the_number_of_negatives_is_rounded_up(noise: float, negatives: int) -> None:
    chosen = passages_at(CASE, noise)
    assert len(chosen) == 5
    assert sum(text.startswith("n") for text in chosen) == negatives


def test_too_few_positives_are_filled_up_with_negatives_as_in_rgb() -> None:
    assert sorted(passages_at(SCARCE, 0.0)) == ["n1", "n2", "n3", "n4", "p1 1969"]


def test_too_few_negatives_are_filled_up_with_positives_as_in_rgb() -> None:
    case = replace(CASE, negatives=("n1",))
    assert sorted(passages_at(case, 0.8)) == ["n1", "p1 1969", "p2 1969", "p3 1969", "p4 1969"]


@pytest.mark.parametrize(("noise", "given"), [(0.0, 1), (0.2, 1), (0.4, 2), (0.6, 3), (0.8, 5)])
def test_too_few_positives_may_keep_the_share_instead(noise: float, given: int) -> None:
    assert len(passages_at(SCARCE, noise, keep_count=False)) == given


def test_each_group_of_an_integration_gives_a_passage_before_any_gives_two() -> None:
    case = replace(CASE, positives=(("a1", "a2"), ("b1",), ("c1",)))
    assert sorted(passages_at(case, 0.8)) == ["a1", "b1", "c1", "n1", "n2"]
    assert sorted(passages_at(case, 0.2)) == ["a1", "a2", "b1", "c1", "n1"]
    assert sorted(passages_at(case, 0.0, count=2)) == ["a1", "b1", "c1"]


@given(st.floats(0, 1), st.integers(1, 7), st.integers(0, 3))
@settings(max_examples=50, deadline=None)
def test_passages_are_drawn_once_each_and_the_same_every_time(noise: float, count: int, seed: int) -> None:
    chosen = passages_at(CASE, noise, count=count, seed=seed)
    assert len(set(chosen)) == len(chosen) == count
    assert chosen == passages_at(CASE, noise, count=count, seed=seed)


def test_the_order_of_passages_depends_on_the_seed() -> None:
    assert len({passages_at(CASE, 0.4, seed=seed) for seed in range(8)}) > 1


@pytest.mark.parametrize(("noise", "count"), [(-0.1, 5), (1.1, 5), (0.5, 0)])
def test_a_share_that_is_none_is_refused(noise: float, count: int) -> None:
    with pytest.raises(InputError, match="noise must lie between 0 and 1 and count be at least 1"):
        passages_at(CASE, noise, count=count)


def test_a_reader_of_noise_is_scored_at_every_rate() -> None:
    row = noise_row(CASE, quotes)
    assert [row.outcomes[f"right@{rate}"] for rate in (0.0, 0.2, 0.4, 0.6, 0.8)] == [1.0] * 5
    assert row.outcomes["right@0.8-right@0.0"] == 0.0
    assert row.outcomes["rejected"] == 1.0
    assert row.details["said"]["1.0"] is None
    assert row.details["said"]["0.0"] == "p1 1969"


def test_a_reader_that_noise_confuses_loses() -> None:
    row = noise_row(CASE, lambda _, passages: Reading(min(passages)))
    assert row.outcomes["right@0.0"] == 1.0
    assert row.outcomes["right@0.2"] == 0.0
    assert row.outcomes["right@0.8-right@0.0"] == -1.0
    assert row.outcomes["answered@0.2"] == 1.0
    assert row.outcomes["rejected"] == 0.0


def test_a_reader_that_fails_leaves_the_case_unscored() -> None:
    failed = Unscored("the model failed")
    row = noise_row(CASE, lambda question, passages: failed)
    assert set(row.outcomes.values()) == {failed}
    assert row.details["said"]["0.0"] is None


def test_without_negatives_there_is_nothing_to_reject() -> None:
    assert noise_row(replace(CASE, negatives=()), quotes).outcomes["rejected"] == Unscored("no negatives")


FALSE = replace(CASE, false_positives=("p1 1972", "p2 1972"), false_answer="1972", negatives=("n1",))


def test_a_reader_that_quotes_is_misled() -> None:
    row = counterfactual_row(FALSE, quotes)
    assert row.outcomes == {
        "misled": 1.0,
        "right": 0.0,
        "detected": 0.0,
        "corrected": Unscored("not detected"),
        "declined": 0.0,
        "right_before": 1.0,
    }
    assert row.details["said"] == "p1 1972"


def test_a_reader_that_knows_better_is_not() -> None:
    row = counterfactual_row(FALSE, lambda _, passages: Reading("Not 1972 but 1969.", wrong_facts=True))
    assert row.outcomes["misled"] == 0.0
    assert row.outcomes["detected"] == 1.0
    assert row.outcomes["corrected"] == 1.0


def test_a_counterfactual_needs_false_passages() -> None:
    with pytest.raises(InputError, match="case 1 has no false passages"):
        counterfactual_row(CASE, quotes)
