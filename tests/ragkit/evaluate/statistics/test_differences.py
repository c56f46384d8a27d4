from __future__ import annotations

import pytest

from ragkit.evaluate.statistics.differences import is_difference


@pytest.mark.parametrize(
    "measure",
    ["right_change", "support_change", "name/first: support_gap", "dialect/a: nDCG@10_gap", "right@0.8-right@0"],
)
def test_these_can_be_below_0(measure: str) -> None:
    assert is_difference(measure)


@pytest.mark.parametrize("measure", ["right@0.8", "f1:gapless", "nDCG@10", "name: support_range", "exchanged", ""])
def test_these_cannot(measure: str) -> None:
    assert not is_difference(measure)
