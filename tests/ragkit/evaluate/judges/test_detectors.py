from __future__ import annotations

import re

import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding

from ragkit.encoder import LangChainEncoder
from ragkit.errors import ConfigError
from ragkit.evaluate.judge import Claim
from ragkit.evaluate.judges.detectors import DETECTORS, beside_people, detector, detector_threshold


@pytest.mark.parametrize("name", ["support", "overlap"])
def test_a_detector_tells_what_is_there_from_what_is_not(name: str) -> None:
    evidence = "The bridge was built in 1932 by Ada Stone."
    good, bad = detector(name).judge(
        [Claim("Ada Stone built it in 1932.", evidence), Claim("A giant dug the tunnel in 1850.", evidence)]
    )
    for unit in ("sentence", "response"):
        assert good >= detector_threshold(name, unit) > bad  # type: ignore[operator, arg-type]


@pytest.mark.parametrize("name", DETECTORS)
def test_every_detector_has_its_thresholds(name: str) -> None:
    assert 0 < detector_threshold(name, "sentence") < 1
    assert 0 < detector_threshold(name, "response") < 1


def test_an_unknown_detector_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"no judge 'gpt': choose one of support, support\+embedding, overlap"):
        detector("gpt")
    with pytest.raises(ConfigError, match="no threshold is known for the judge 'gpt': give one"):
        detector_threshold("gpt")


@pytest.mark.parametrize("name", ["embedding", "support+embedding"])
def test_a_detector_that_embeds_needs_an_encoder(name: str) -> None:
    with pytest.raises(ConfigError, match="needs an embedding model, and none was given"):
        detector(name)


def test_detectors_are_made_with_their_encoder() -> None:
    encoder = LangChainEncoder(DeterministicFakeEmbedding(size=4))
    assert detector("embedding", encoder).card["judge"] == "embedding"
    assert detector("support+embedding", encoder).card["encoder"]["model"].endswith("DeterministicFakeEmbedding")
    (verdict,) = detector("support+embedding", encoder).judge([Claim("Cats sleep.", "Cats sleep.")])
    assert isinstance(verdict, float)


@pytest.mark.parametrize("name", DETECTORS)
def test_every_detector_was_compared_with_people(name: str) -> None:
    assert re.search(rf"the judge {re.escape(name)} agrees with them at kappa 0\.\d\d", beside_people(name))
