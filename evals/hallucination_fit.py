"""Weights and thresholds of the detectors, from development data alone: `python -m evals.hallucination --fit FILE`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from ragkit.encoder import Encoder, EncoderCard, Vectors
from ragkit.evaluate.data.groundedness import GroundednessRow, factscore, wice
from ragkit.evaluate.data.mtrag import RatedAnswer, mtrag_human
from ragkit.evaluate.judge import Claim, Judge
from ragkit.evaluate.judges.embedding import EmbeddingJudge
from ragkit.evaluate.judges.overlap import OverlapJudge
from ragkit.evaluate.judges.responses import Unit, judge_responses, judged
from ragkit.evaluate.judges.support import FEATURES, SupportJudge, SupportWeights, support_features

_FACTS = 1500  # of each half of FActScore, evenly
_FAITHFUL = 0.5  # the middle of MTRAG's ratings from 1 to 4
_ABOUT = (
    "Logistic models of 'the evidence supports this claim' and the thresholds of all detectors, fitted by "
    "`python -m evals.hallucination --fit` on claims of WiCE (dev) and facts of every other person of FActScore; "
    "the thresholds for responses of several sentences also on answers to every other task of MTRAG."
)


class Development(NamedTuple):
    """Rows to fit on, and what in them is one claim."""

    rows: list[GroundednessRow]
    unit: Unit


class Remembering:
    """An encoder that embeds each text once in the life of the process: detectors share most of their windows."""

    def __init__(self, inner: Encoder) -> None:
        self._inner = inner
        self._known: dict[str, Vectors] = {}

    @property
    def card(self) -> EncoderCard:
        """The card of the encoder inside."""
        return self._inner.card

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        """Embed what is new."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        self._known.update(zip(new, self._inner.encode_documents(new), strict=True))
        return np.asarray([self._known[text] for text in texts], dtype=np.float32).reshape(len(texts), self.card.dim)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Embed questions, unremembered."""
        return self._inner.encode_queries(texts)

    def count_tokens(self, text: str) -> int:
        """Count as the encoder inside."""
        return self._inner.count_tokens(text)


def people(data: Path, *, part: int) -> list[GroundednessRow]:
    """Give the facts of every other person of FActScore, in the order of names: part 0 to fit, part 1 to test."""
    rows = list(factscore(data / "factscore"))
    chosen = set(sorted({row.metadata["topic"] for row in rows})[part::2])
    return spread([row for row in rows if row.metadata["topic"] in chosen], _FACTS)


def answers(data: Path, *, part: int) -> list[RatedAnswer]:
    """Give the rated answers to every other task of MTRAG, in the order of ids, those that had passages to stand on."""
    rated = [answer for answer in mtrag_human(data / "mtrag") if answer.task.context]
    chosen = set(sorted({answer.task.id for answer in rated})[part::2])
    return [answer for answer in rated if answer.task.id in chosen]


def as_row(answer: RatedAnswer) -> GroundednessRow:
    """Give a rated answer as a labelled response: supported if people rate its faithfulness above the middle."""
    supported = answer.mean_rating("faithfulness") > _FAITHFUL
    return GroundednessRow(answer.id, answer.task.question, answer.task.context, answer.response, supported)


def spread(rows: Sequence[GroundednessRow], most: int) -> list[GroundednessRow]:
    """Take at most so many rows, evenly from first to last."""
    return [rows[round(place)] for place in np.linspace(0, len(rows) - 1, min(most, len(rows)))]


def development(data: Path) -> dict[str, Development]:
    """Read the three development sets."""
    return {
        "WiCE": Development(list(wice(data / "wice", split="dev")), "response"),
        "FActScore": Development(people(data, part=0), "response"),
        "MTRAG": Development([as_row(answer) for answer in answers(data, part=0)], "sentence"),
    }


def fit(data: Path, encoder: Encoder, path: Path) -> None:
    """Fit both models and the thresholds of all detectors, and write them."""
    sets = development(data)
    remembering = Remembering(encoder)
    models = {"words": _weights(sets, None), "vectors": _weights(sets, remembering)}
    judges: dict[str, Judge] = {
        "support": SupportJudge(weights=models["words"]),
        "support+embedding": SupportJudge(remembering, weights=models["vectors"]),
        "overlap": OverlapJudge(),
        "embedding": EmbeddingJudge(remembering),
    }
    claims = {name: part for name, part in sets.items() if part.unit == "response"}
    thresholds = {
        name: {"sentence": best_threshold(sets, judge), "response": best_threshold(claims, judge)}
        for name, judge in judges.items()
    }
    shown = {
        kind: {"bias": model.bias, "weights": dict(zip(FEATURES, model.weights, strict=True))}
        for kind, model in models.items()
    }
    document = {"about": _ABOUT, "models": shown, "thresholds": thresholds}
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _weights(sets: Mapping[str, Development], encoder: Encoder | None) -> SupportWeights:
    """Fit on claims that people labelled one by one; both sets weigh the same."""
    parts = [_features(sets[name].rows, encoder) for name in ("WiCE", "FActScore")]
    labels = np.concatenate([labels for _, labels in parts])
    share = np.concatenate([np.full(len(labels), 1 / len(labels)) for _, labels in parts])
    rows = np.vstack([rows for rows, _ in parts])
    model = LogisticRegression(max_iter=5000).fit(rows, labels, sample_weight=share / share.mean())
    return SupportWeights(
        round(float(model.intercept_[0]), 4), tuple(round(float(weight), 4) for weight in model.coef_[0])
    )


def _features(
    rows: Sequence[GroundednessRow], encoder: Encoder | None
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    claims = [Claim(row.response, row.context) for row in rows]
    return support_features(claims, encoder=encoder), np.asarray([row.supported for row in rows])


def best_threshold(sets: Mapping[str, Development], judge: Judge) -> float:
    """Give the threshold of the highest balanced accuracy averaged over the sets, to two decimals.

    Balanced accuracy, for the sets differ in prevalence and F1 would follow it.
    """
    grid = np.linspace(0.02, 0.98, 97)
    means = np.zeros(len(grid))
    for part in sets.values():
        scored = judged(judge_responses(part.rows, judge, threshold=0.5, unit=part.unit))
        support = np.asarray([1 - row.details["score"] for row in scored])
        label = np.asarray([bool(row.details["label"]) for row in scored])
        calls = support[None, :] < grid[:, None]
        means += (calls[:, label].mean(axis=1) + (~calls[:, ~label]).mean(axis=1)) / (2 * len(sets))
    return round(float(grid[int(means.argmax())]), 2)
