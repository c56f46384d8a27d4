"""A report with a part of every kind, and text that means harm."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest

from ragkit.evaluate.outcome import Estimate
from ragkit.evaluate.reports.content import (
    Case,
    Cases,
    Curve,
    Differences,
    Histogram,
    Interval,
    Reliability,
    ReliabilityBin,
    Report,
    Table,
)
from ragkit.evaluate.usage import Usage

_HOSTILE = (
    "<script>document.title = 'stolen'</script><img src=x onerror=alert(1)>",
    "W" * 500,
    "مرحبا بالعالم, mixed with עברית \u202e and turned",
    "emoji 👩‍👩‍👧‍👦, escape \x1b[31m, zero \x00, line\nfeed, half \ud800, $x^2$, | * _ `code` [a](b)",
    "https://example.org/" + "a/" * 200,
)


@pytest.fixture(scope="session")
def hostile() -> tuple[str, ...]:
    """Markup, an endless word, text from right to left, controls and half of a surrogate pair, an endless URL."""
    return _HOSTILE


@pytest.fixture(scope="session")
def estimates() -> Mapping[str, Estimate]:
    """Three measures: an ordinary one, one past 1, one that could never be measured."""
    nan = math.nan
    return {
        "nDCG@10": Estimate(value=0.64512, low=0.59876, high=0.69018, n=300, coverage=1.0),
        "BLEU": Estimate(value=35.2, low=31.0, high=39.9, n=201, coverage=0.67, reasons={"<b>cross</b>": 99}),
        "faithfulness": Estimate(value=nan, low=nan, high=nan, n=0, coverage=0.0, reasons={"no model": 300}),
    }


@pytest.fixture(scope="session")
def metrics() -> Mapping[str, Any]:
    """What `metrics.json` holds."""
    return {
        "dataset": "scifact",
        "n": 300,
        "measures": {},
        "command": "eval retrieval",
        "config": {"mode": "hybrid", "encoder": {"name": "mini<lm>", "dim": 384}, "reranker": None},
        "inputs": {"qrels": {"sha256": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"}},
        "seeds": {},
        "versions": {"python": "3.12.1", "ragkit": "9.8.7"},
    }


@pytest.fixture(scope="session")
def usage() -> Usage:
    """A run with a model, whose slowest reply took very long."""
    times = [0.25 + place / 1000 for place in range(200)]
    return Usage(
        seconds=61.5,
        calls=201,
        input_tokens=12345,
        output_tokens=678,
        cost_usd=0.5,
        latencies_s={"reply": [*times, 60]},
    )


@pytest.fixture(scope="session")
def report() -> Report:
    """Every kind of part, each also with hostile text or with many values."""
    values = [(place * 7919 % 6980) / 6979 for place in range(6980)]
    cases = (
        Case("0-dimensional biomaterials", {"nDCG@10": "0.0000"}, ("31715818: calcium", "second")),
        Case(_HOSTILE[0], {_HOSTILE[3]: _HOSTILE[1]}, _HOSTILE),
        Case("nothing more"),
    )
    return Report(
        "Hybrid <retrieval>",
        "SciFact & more: 300 queries.",
        ("Closed corpus, 5,183 passages.",),
        (
            Table(
                "Comparison",
                ("Measure", "hybrid", "bm25", "Difference", "p", "n", "Verdict"),
                (
                    ("nDCG@10", 0.69, 0.645, Interval(0.0451, 0.02, 0.068, signed=True), 0.00001, 300, "better"),
                    ("R@100", 0.925, 0.931, Interval(-0.006, -0.02, 0.008, signed=True), 0.41, 300, "no difference"),
                    ("RR@10", 0.5, 0.55, Interval(-0.05, -0.08, -0.02, signed=True), None, 6980, "worse"),
                ),
                "After Holm.",
            ),
            Table("Hostile", ("<i>", "b", "c", "d", "e"), (_HOSTILE,), _HOSTILE[0]),
            Table("Empty", ("a", "b"), ()),
            Differences("Wins and losses", "hybrid − bm25", [value - 0.4 for value in values]),
            Histogram("Spread", "nDCG@10", [*values, math.nan], "One bar for each twentieth."),
            Histogram("All the same", _HOSTILE[3], [3.0, 3.0]),
            Histogram("None", "nothing", []),
            Differences("No differences", "a − a", [0.0, 0.0]),
            Curve(
                "Risk", "coverage", "risk", {_HOSTILE[0]: ((0.0, 0.0), (1.0, 0.5)), "bm25": ((0.0, 0.1), (1.0, 0.6))}
            ),
            Curve("Inflation", "passages", "nDCG@10", {"one": ((1e3, 0.9), (8841823, 0.4))}, log_x=True),
            Reliability("Calibration", (ReliabilityBin(0.25, 0.1, 40), ReliabilityBin(0.75, 0.9, 60))),
            Cases("Worst queries", cases, "The three worst."),
        ),
    )
