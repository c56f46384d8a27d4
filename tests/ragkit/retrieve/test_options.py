from __future__ import annotations

from typing import Any

import pytest

from ragkit.errors import ConfigError, InputError
from ragkit.retrieve.options import SearchOptions, as_mode


def test_the_defaults_weigh_both_arms_alike() -> None:
    options = SearchOptions()
    assert (options.weight, options.fusion, options.pool, options.diversity, options.unit) == (
        0.5,
        "minmax",
        100,
        None,
        "chunk",
    )


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"weight": 1.5}, r"^weight must be from 0 \(BM25 alone\) to 1 \(dense alone\), got 1\.5\.$"),
        ({"weight": "half"}, r"^weight must be from 0 .*, got half\.$"),
        ({"weight": float("nan")}, r"^weight must be from 0 .*, got nan\.$"),
        ({"fusion": "sum"}, r"^fusion must be minmax or rrf, got 'sum'\.$"),
        ({"pool": 0}, r"^pool must be a whole number of at least 1, got 0\.$"),
        ({"pool": 1.5}, r"^pool must be a whole number of at least 1, got 1\.5\.$"),
        ({"diversity": -0.1}, r"^diversity must be from 0 to 1, or None to turn it off, got -0\.1\.$"),
        ({"unit": "page"}, r"^unit must be chunk or document, got 'page'\.$"),
    ],
)
def test_an_option_that_does_not_fit_is_refused_in_one_sentence(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SearchOptions(**wrong)


@pytest.mark.parametrize("mode", ["hybrid", "dense", "bm25"])
def test_the_three_modes_are_known(mode: str) -> None:
    assert as_mode(mode) == mode


def test_another_mode_is_refused() -> None:
    with pytest.raises(InputError, match=r"^mode must be hybrid, dense or bm25, got 'sparse'\.$"):
        as_mode("sparse")
