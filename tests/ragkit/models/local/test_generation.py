from __future__ import annotations

import math
from typing import Any

import pytest

from ragkit.errors import ConfigError
from ragkit.models.local.generation import Sampling


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"temperature": -0.1}, "temperature must be at least 0 and finite, got -0.1"),
        ({"temperature": math.nan}, "temperature must be at least 0 and finite, got nan"),
        ({"temperature": math.inf}, "temperature must be at least 0 and finite, got inf"),
        ({"top_p": 0}, "top_p must be above 0 and at most 1, got 0"),
        ({"top_p": 1.1}, "top_p must be above 0 and at most 1, got 1.1"),
        ({"top_k": -1}, "top_k must be at least 0 .*, got -1"),
        ({"repetition_penalty": 0}, "repetition_penalty must be above 0 and finite .*, got 0"),
        ({"repetition_penalty": math.inf}, "repetition_penalty must be above 0 and finite .*, got inf"),
        ({"seed": 2**64}, "seed must be a number of at most 64 bits, or None, got 18446744073709551616"),
    ],
)
def test_what_cannot_be_sampled_is_refused(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        Sampling(**given)


def test_the_default_takes_the_likeliest_token() -> None:
    assert Sampling() == Sampling(temperature=0, top_p=1, top_k=0, repetition_penalty=1, seed=None)
