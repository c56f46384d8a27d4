from __future__ import annotations

import math

import pytest
from scipy import stats
from sklearn import metrics

from ragkit.errors import InputError
from ragkit.evaluate.judges.calibration import calibrate, calibrated_mean, calibration_table
from ragkit.evaluate.outcome import Outcome, Unscored
from ragkit.evaluate.reports.content import Interval

_JUDGE = [0.9, 0.8, 0.3, 0.6, 0.1, 0.4]
_HUMAN = [1.0, 0.75, 0.5, 0.25, 0.0, 0.25]


def test_agreement_equals_scipy_and_scikit_learn() -> None:
    found = calibrate(_JUDGE, _HUMAN)
    ours, theirs = [said >= 0.5 for said in _JUDGE], [label >= 0.5 for label in _HUMAN]
    assert found.kappa == pytest.approx(metrics.cohen_kappa_score(ours, theirs))
    assert found.balanced_accuracy == pytest.approx(metrics.balanced_accuracy_score(theirs, ours))
    assert found.spearman == pytest.approx(stats.spearmanr(_JUDGE, _HUMAN).statistic)
    assert found.kendall == pytest.approx(stats.kendalltau(_JUDGE, _HUMAN).statistic)


def test_a_bias_is_the_difference_of_means() -> None:
    found = calibrate([0.9, 0.7], [0.5, 0.5])
    assert (found.judge_mean, found.human_mean) == (pytest.approx(0.8), 0.5)
    assert found.bias == pytest.approx(0.3)


def test_unscored_verdicts_are_counted_and_left_out() -> None:
    found = calibrate([Unscored("down"), *_JUDGE, Unscored("down")], [0.0, *_HUMAN, 1.0])
    assert found.unscored == {"down": 2}
    assert (found.n, found.judge_mean) == (6, calibrate(_JUDGE, _HUMAN).judge_mean)


def test_cuts_decide_what_is_a_yes() -> None:
    assert calibrate([0.3, 0.1], [0.9, 0.6], judge_cut=0.2, human_cut=0.8).kappa == 1.0


def test_what_is_not_defined_is_null_in_json() -> None:
    found = calibrate([Unscored("down")], [1.0])
    assert math.isnan(found.kappa)
    assert math.isnan(found.balanced_accuracy)
    document = found.as_dict()
    assert (document["n"], document["kappa"], document["judge_mean"], document["unscored"]) == (
        0,
        None,
        None,
        {"down": 1},
    )


def test_a_perfect_judge_takes_the_mean_from_all_rows_and_a_blind_one_from_the_labels() -> None:
    truth = [float(place % 2) for place in range(200)]
    human = [label if place < 40 else None for place, label in enumerate(truth)]
    perfect, blind = calibrated_mean(truth, human), calibrated_mean([0.5] * 200, human)
    assert perfect.powered.value == pytest.approx(0.5)
    assert blind.powered.value == pytest.approx(blind.labels_alone.value)
    assert perfect.powered.high - perfect.powered.low < 0.7 * (blind.powered.high - blind.powered.low)


def test_a_biased_judge_does_not_move_the_mean() -> None:
    truth = [float(place % 4 == 0) for place in range(400)]
    human = [label if place < 100 else None for place, label in enumerate(truth)]
    found = calibrated_mean([min(1.0, label + 0.5) for label in truth], human)
    assert found.judge_alone.value == pytest.approx(0.625)
    assert found.calibration.bias == pytest.approx(0.375)
    assert found.powered.low <= 0.25 <= found.powered.high


def test_the_table_shows_agreement_before_the_mean() -> None:
    human = [label if place < 4 else None for place, label in enumerate(_HUMAN)]
    table = calibration_table({"judge": calibrated_mean([Unscored("down"), *_JUDGE[1:]], human)})
    assert table.columns[3:] == ("kappa", "balanced acc.", "Spearman", "Kendall", "bias", "human mean")
    assert table.rows[0][:3] == ("judge", 3, 1)
    assert isinstance(table.rows[0][-1], Interval)


def test_lists_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="1 verdicts for 2 human labels"):
        calibrate([1.0], [1.0, 0.0])
    with pytest.raises(InputError, match="1 verdicts for 2 rows"):
        calibrated_mean([1.0], [1.0, None])
    with pytest.raises(InputError, match="no row has both a human label and a verdict"):
        calibrated_mean([1.0, Unscored("down")], [None, 1.0])


def test_the_table_counts_unscored_rows_also_where_people_gave_no_label() -> None:
    judge: list[Outcome] = [1.0, 0.0, 1.0, Unscored("down"), 0.0, Unscored("down")]
    table = calibration_table({"j": calibrated_mean(judge, [1.0, 0.0, 1.0, None, None, None])})
    assert dict(zip(table.columns, table.rows[0], strict=True))["unscored"] == 2
