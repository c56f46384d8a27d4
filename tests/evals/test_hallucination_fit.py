from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from evals.hallucination_fit import Development, Remembering, best_threshold, spread
from evals.judges import repeat
from ragkit.encoder import EncoderCard, Vectors
from ragkit.evaluate.data.groundedness import GroundednessRow
from ragkit.evaluate.judge import Claim


class Lengths:
    """An encoder whose one number is the length of the text."""

    def __init__(self) -> None:
        self.card = EncoderCard(model="lengths", dim=1)
        self.asked: list[str] = []

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        self.asked += texts
        return np.asarray([[len(text)] for text in texts], dtype=np.float32).reshape(-1, 1)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        return self.encode_documents(texts)

    def count_tokens(self, text: str) -> int:
        return len(text)


class Told:
    """A judge that reads its verdict off the claim."""

    card: Mapping[str, Any] = {}

    def judge(self, claims: Sequence[Claim]) -> list[float]:
        return [float(claim.claim) for claim in claims]


def _rows(verdicts: Sequence[tuple[float, bool]]) -> list[GroundednessRow]:
    return [GroundednessRow(str(at), "", "c", str(said), right) for at, (said, right) in enumerate(verdicts)]


def test_rows_are_spread_from_first_to_last() -> None:
    rows = _rows([(place / 10, True) for place in range(10)])
    assert [row.id for row in spread(rows, 4)] == ["0", "3", "6", "9"]
    assert len(spread(rows, 99)) == 10


def test_the_best_threshold_divides_what_can_be_divided() -> None:
    part = Development(_rows([(0.1, False), (0.3, False), (0.42, True), (0.9, True)]), "response")
    assert 0.3 < best_threshold({"one": part}, Told()) <= 0.42  # type: ignore[arg-type]


def test_a_text_is_embedded_once_in_the_life_of_a_process() -> None:
    inner = Lengths()
    encoder = Remembering(inner)
    assert encoder.encode_documents(["a", "bb", "a"]).tolist() == [[1.0], [2.0], [1.0]]
    assert encoder.encode_documents(["bb"]).tolist() == [[2.0]]
    assert inner.asked == ["a", "bb"]
    assert encoder.encode_documents([]).shape == (0, 1)
    assert (encoder.card.model, encoder.count_tokens("ab"), encoder.encode_queries(["x"]).tolist()) == (
        "lengths",
        2,
        [[1.0]],
    )


def test_a_judge_that_agrees_with_people_makes_the_interval_narrower_and_it_still_covers() -> None:
    random = np.random.default_rng(0)
    human = random.random(400)
    good, blind = (human + random.normal(0, 0.05, 400)).tolist(), random.random(400).tolist()
    sharp, wide = (repeat(judge, human.tolist(), labels=50, times=200) for judge in (good, blind))
    assert sharp.width < 0.5 * sharp.width_alone
    assert wide.width > 0.95 * wide.width_alone
    assert sharp.covered > 0.9
