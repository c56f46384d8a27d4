from __future__ import annotations

import math

import numpy as np
import pytest

from ragkit.errors import InputError
from ragkit.evaluate.outcome import Estimate
from ragkit.evaluate.statistics.prediction_powered import prediction_powered


def width(found: Estimate) -> float:
    return found.high - found.low


def sample(n: int, seed: int, *, noise: float, bias: float = 0.0) -> tuple[list[float], list[float]]:
    """Give judge and human of n rows; people's mean is 0.5."""
    random = np.random.default_rng(seed)
    human = random.uniform(0, 1, n)
    judge = human + bias + random.normal(0, noise, n)
    return judge.tolist(), human.tolist()


def test_the_worked_example() -> None:
    # Judge on the labelled rows 1, 0, 1, 0 and people 1, 0, 1, 1; judge on the rest 1, 1, 0, 1.
    # Covariance 1/6, variance of all eight verdicts 0.267857; trust 1/6 / (2 * 0.267857) = 0.31111.
    # Mean 0.75 + 0.31111 * (0.75 - 0.5) = 0.82778.
    found = prediction_powered([1, 0, 1, 0], [1, 0, 1, 1], [1, 1, 0, 1])
    assert found.value == pytest.approx(0.827778, abs=1e-6)
    assert (found.n, found.coverage) == (4, 0.5)


def test_a_good_judge_sharpens_the_interval_and_a_useless_one_does_not_widen_it() -> None:
    more, _ = sample(20_000, 1, noise=0.05)
    good = prediction_powered(*sample(200, 2, noise=0.05), more)
    random = np.random.default_rng(3)
    _, human = sample(200, 2, noise=0.05)
    useless = prediction_powered(random.uniform(0, 1, 200).tolist(), human, random.uniform(0, 1, 20_000).tolist())
    alone = 2 * 1.972 * np.std(human, ddof=1) / math.sqrt(200)
    assert width(good) < 0.35 * alone
    assert width(useless) < 1.02 * alone


def test_a_biased_judge_does_not_move_the_mean() -> None:
    judge, human = sample(400, 5, noise=0.1, bias=0.3)
    more, _ = sample(5000, 6, noise=0.1, bias=0.3)
    assert prediction_powered(judge, human, more).value == pytest.approx(0.5, abs=0.02)


def test_the_interval_covers_in_95_percent_of_runs() -> None:
    covered = 0
    for seed in range(400):
        judge, human = sample(80, seed, noise=0.3, bias=0.2)
        more, _ = sample(400, 10_000 + seed, noise=0.3, bias=0.2)
        found = prediction_powered(judge, human, more)
        covered += found.low <= 0.5 <= found.high
    assert 0.92 <= covered / 400 <= 0.98


def test_labels_of_0_and_1_without_a_mistake_of_the_judge_leave_room_for_one() -> None:
    found = prediction_powered([1] * 15 + [0] * 5, [1] * 15 + [0] * 5, [1] * 150 + [0] * 50)
    assert found.value == 0.75
    assert found.low < 0.65
    assert 0.85 < found.high < 0.95


def test_a_share_stays_a_share() -> None:
    found = prediction_powered([1, 1, 0, 1], [1, 1, 0, 1], [1] * 40)
    assert (found.value, found.high) == (1.0, 1.0)


@pytest.mark.parametrize("n", [25, 50])
def test_the_interval_of_few_labels_of_0_and_1_covers(n: int) -> None:
    random = np.random.default_rng(n)
    covered = 0
    for _ in range(400):
        people = (random.random(11 * n) < 0.7).astype(float)
        judge = np.where(random.random(11 * n) < 0.85, people, 1.0)  # lenient: its mistakes are all of one kind
        found = prediction_powered(judge[:n].tolist(), people[:n].tolist(), judge[n:].tolist())
        covered += found.low <= 0.7 <= found.high
    assert covered / 400 >= 0.935


def test_a_judge_that_always_says_the_same_is_not_listened_to() -> None:
    assert prediction_powered([1, 1, 1], [0, 1, 1], [1, 1]).value == pytest.approx(2 / 3)


@pytest.mark.parametrize(("labelled", "more"), [(1, 5), (5, 1), (5, 0)])
def test_too_few_rows_give_no_interval(labelled: int, more: int) -> None:
    found = prediction_powered([1.0] * labelled, [1.0] * labelled, [1.0] * more)
    assert found.value == 1.0
    assert math.isnan(found.low)


def test_labels_of_other_rows_are_refused() -> None:
    with pytest.raises(InputError, match="2 verdicts of the judge stand beside 1 human labels"):
        prediction_powered([1, 0], [1], [1])
    with pytest.raises(InputError, match="0 verdicts of the judge"):
        prediction_powered([], [], [1])


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(InputError, match="leave unscored rows out"):
        prediction_powered([1, math.nan], [1, 1], [1])
