"""The judges that need no chat model, by name, each with the threshold that was chosen for it on development data."""

from __future__ import annotations

import json
from importlib.resources import files

from ragkit.encoder import Encoder
from ragkit.errors import ConfigError, shorten
from ragkit.evaluate.judge import Judge
from ragkit.evaluate.judges.embedding import EmbeddingJudge
from ragkit.evaluate.judges.overlap import OverlapJudge
from ragkit.evaluate.judges.responses import Unit
from ragkit.evaluate.judges.support import SupportJudge

__all__ = ["DETECTORS", "beside_people", "detector", "detector_threshold"]

DETECTORS = ("support", "support+embedding", "overlap", "embedding")
"""What `detector` knows; the first is the default, for the cosines of the second cost much and tell it little."""


def detector(name: str, encoder: Encoder | None = None) -> Judge:
    """Make a judge.

    Args:
        name: One of `DETECTORS`.
        encoder: Needed by `embedding` and `support+embedding`, unused by the others.

    Raises:
        ConfigError: If there is none of that name, or it needs an encoder.
    """
    if name not in DETECTORS:
        raise ConfigError(f"there is no judge {shorten(repr(name))}: choose one of {', '.join(DETECTORS)}.")
    if name == "support":
        return SupportJudge()
    if name == "overlap":
        return OverlapJudge()
    if encoder is None:
        raise ConfigError(f"the judge {name} needs an embedding model, and none was given.")
    return EmbeddingJudge(encoder) if name == "embedding" else SupportJudge(encoder)


def detector_threshold(name: str, unit: Unit = "sentence") -> float:
    """Give the support below which a detector calls a response unsupported.

    It is the value of the highest balanced accuracy, averaged over sets of development data: claims of WiCE (dev) and
    facts of half the people of FActScore; where each sentence is a claim, also answers to half the tasks of MTRAG.

    Args:
        name: One of `DETECTORS`.
        unit: What is one claim: the least of many sentences lies lower than one claim.

    Raises:
        ConfigError: If there is none of that name.
    """
    text = (files("ragkit.evaluate.judges") / "detectors.json").read_text(encoding="utf-8")
    thresholds: dict[str, dict[str, float]] = json.loads(text)["thresholds"]
    if name not in thresholds:
        raise ConfigError(f"no threshold is known for the judge {shorten(repr(name))}: give one.")
    return thresholds[name][unit]


def beside_people(name: str) -> str:
    """Say in a sentence how far a detector agrees with people, to stand before its means.

    The numbers are those of `python -m evals.judges`, on answers that no threshold was chosen on.

    Args:
        name: One of `DETECTORS`.
    """
    text = (files("ragkit.evaluate.judges") / "agreement.json").read_text(encoding="utf-8")
    found: dict[str, float] = json.loads(text)["judges"][name]
    return (
        f"Before its means are read: on {found['n']} answers of MTRAG that people rated for faithfulness, the judge "
        f"{name} agrees with them at kappa {found['kappa']:.2f}, balanced accuracy {found['balanced_accuracy']:.2f} "
        f"(0.5 is chance) and Spearman {found['spearman']:.2f}."
    )
