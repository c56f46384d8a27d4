"""Are the statistics true? Simulated comparisons and intervals, on the scores of real queries.

    python -m evals.statistics [--data DIR] [--repeats 4000]

Each population is the per-query scores of two real rankings (TF-IDF by words and by pieces of words, scikit-learn) of
the queries of a test collection, or a made-up one that is harder. Thousands of samples are drawn from it and given to
the functions that `ragkit eval` uses. What must be so is known, because the population is:

- *interval*: the 95 % interval of the mean holds the population's mean; *difference* is that of the mean difference
- *swapped*: each query's two scores change sides by a coin, so the systems are the same: how often is p < 0.05?
- *same mean*: the systems differ query by query and their means do not (queries are weighted so): p < 0.05?
- *power*: queries are weighted so that the true difference is the one stated as detectable: p < 0.05, stated: 80 %
- *family*: ten measures of two systems that are the same: how often is any p < 0.05 after Holm? (half the samples)
- *F1*: the interval of F1, and p < 0.05 for two detectors that are equally good (half the samples)
- *prediction-powered*: n labels and 10 n verdicts of a judge that lets 15 % of the wrong rows pass

What is found has an error from simulating, given as one standard error. `ok` says within what was set before, for the
scores of real queries and samples of 200 and more: p 5 ± 1 %, intervals 95 ± 1.5 %, power 80 ± 3 %. The rest is
reported as found.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evals.benchmarks.machine import describe_machine
from ragkit._optional import require
from ragkit.evaluate.data.retrieval import RetrievalData, load_retrieval
from ragkit.evaluate.measures.detection import f1
from ragkit.evaluate.statistics.estimate import estimate_statistic, mean_intervals
from ragkit.evaluate.statistics.family import holm
from ragkit.evaluate.statistics.paired import Paired, compare_paired_lines, compare_statistic
from ragkit.evaluate.statistics.power import detectable_effect
from ragkit.evaluate.statistics.prediction_powered import prediction_powered
from ragkit.settings import Settings

with require(feature="evals.statistics", package="sklearn", extra="eval"):
    from sklearn.feature_extraction.text import TfidfVectorizer

__all__ = ["Finding", "main", "tilted"]

Numbers = NDArray[np.float64]

SIZES = (25, 50, 100, 200, 400)
_LINES = 250  # samples that share their draws: enough to be fast, few enough for the draws' own error to average out
_DRAWS = 2_000


@dataclass(frozen=True, slots=True)
class Finding:
    """How often something happened in simulated samples."""

    what: str
    population: str
    n: int
    found: float
    """A fraction from 0 to 1."""
    repeats: int
    stated: float
    allowed: tuple[float, float] | None = None
    """From where to where it was to be; None where nothing was set."""

    def __str__(self) -> str:
        error = sqrt(self.found * (1 - self.found) / self.repeats)
        verdict = "" if self.allowed is None else "ok" if self.holds else "OUTSIDE"
        numbers = f"{100 * self.found:6.2f} ± {100 * error:.2f}   {100 * self.stated:3.0f} %"
        return f"{self.what:<20} {self.population:<22} {self.n:>5}   {numbers}   {verdict}".rstrip()

    @property
    def holds(self) -> bool:
        """Whether what was found is where it was to be."""
        return self.allowed is None or self.allowed[0] <= self.found <= self.allowed[1]


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulate, and print one line for each finding."""
    parser = argparse.ArgumentParser(prog="python -m evals.statistics", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--data", type=Path, default=Settings.from_environment().data, metavar="DIR")
    parser.add_argument("--repeats", type=int, default=4_000, help="samples for each line (default: 4000)")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, metavar="N", help="queries in a sample")
    given = parser.parse_args(arguments)
    started = time.perf_counter()
    print(f"{given.repeats} samples a line; {describe_machine()}\n")
    print(f"{'what':<20} {'population':<22} {'n':>5}   {'found, %':>13}   stated")
    outside = 0
    for finding in findings(populations(given.data), given.sizes, given.repeats):
        outside += not finding.holds
        print(finding, flush=True)
    print(f"\n{outside} outside their tolerance; {time.perf_counter() - started:.0f} s")
    return 0


def findings(known: Mapping[str, Numbers], sizes: Sequence[int], repeats: int) -> Iterator[Finding]:
    """Simulate every population at every size."""
    for name, pairs in known.items():
        for n in sizes:
            yield from of_means(name, pairs, n, repeats)
            yield from of_pairs(name, pairs, n, repeats)
    first = next(iter(known.values()))
    for n in sizes:
        yield family(first, n, max(repeats // 2, 1))
        yield from of_f1(n, max(repeats // 2, 1))
        yield powered_by_predictions(n, repeats)


def of_means(name: str, pairs: Numbers, n: int, repeats: int) -> Iterator[Finding]:
    """Do intervals of the mean hold the mean?"""
    samples = drawn(pairs, n, repeats, seed=1)
    bounds = [bound for part in parts(samples) for bound in mean_intervals(part[:, :, 0], draws=_DRAWS, seed=n)]
    yield Finding("interval", name, n, held(bounds, float(pairs[:, 0].mean())), repeats, 0.95, of_intervals(name, n))


def of_pairs(name: str, pairs: Numbers, n: int, repeats: int) -> Iterator[Finding]:
    """Do intervals of the difference hold it, and does the test claim as often as it says?"""
    gap = pairs[:, 1] - pairs[:, 0]
    tested = compared(drawn(pairs, n, repeats, seed=2))
    bounds = [(one.low, one.high) for one in tested]
    yield Finding("difference", name, n, held(bounds, float(gap.mean())), repeats, 0.95, of_intervals(name, n))
    coins = np.random.default_rng([13, n]).choice([-1.0, 1.0], (repeats, n))
    swapped = claims(compared(switched(drawn(pairs, n, repeats, seed=3), coins)))
    yield Finding("p, swapped", name, n, swapped, repeats, 0.05, of_claims(name, n))
    equal = claims(compared(drawn(pairs, n, repeats, seed=4, weights=tilted(gap, lambda _: 0.0))))
    yield Finding("p, same mean", name, n, equal, repeats, 0.05, of_claims(name, n))
    chances = tilted(gap, lambda spread: detectable_effect(spread, n))
    if chances is not None:
        seen = claims(compared(drawn(pairs, n, repeats, seed=5, weights=chances)))
        yield Finding("power", name, n, seen, repeats, 0.8, (0.77, 0.83) if of_intervals(name, n) else None)


def of_intervals(name: str, n: int) -> tuple[float, float] | None:
    """Give what was set for intervals: nothing for few rows, nor for made-up scores."""
    return (0.935, 0.965) if n >= 200 and not name.startswith("made up") else None


def of_claims(name: str, n: int) -> tuple[float, float] | None:
    """Give what was set for p: nothing for few rows, nor for made-up scores."""
    return None if of_intervals(name, n) is None else (0.04, 0.06)


def family(pairs: Numbers, n: int, repeats: int) -> Finding:
    """How often does a family of ten measures claim anything where nothing is so?"""
    coins = np.random.default_rng([16, n]).choice([-1.0, 1.0], (repeats * 10, n))
    tested = compared(switched(drawn(pairs, n, repeats * 10, seed=6), coins))
    families = (tested[start : start + 10] for start in range(0, len(tested), 10))
    wrong = sum(min(holm([one.p for one in members])) < 0.05 for members in families)
    return Finding("family of ten, Holm", "SciFact nDCG@10", n, wrong / repeats, repeats, 0.05)


def of_f1(n: int, repeats: int) -> Iterator[Finding]:
    """Does the interval of F1 hold it, and does the comparison of two equal detectors claim as often as it says?"""
    random = np.random.default_rng(7)
    holds = wrong = 0
    for seed in range(repeats):
        true = random.random(n) < 0.3
        one, other = (np.where(random.random(n) < 0.8, true, random.random(n) < 0.5) for _ in range(2))
        found = estimate_statistic(f1(true.tolist(), one.tolist()), n, draws=1_000, seed=seed)
        # Right are 0.9 of the positive rows, wrongly said 0.1 of the others: F1 = 2 * 0.27 / (0.3 + 0.27 + 0.07).
        holds += found.low <= 0.54 / 0.64 <= found.high
        ours, theirs = (f1(true.tolist(), said.tolist()) for said in (one, other))
        both = f1([*true, *true], [*one, *other])
        wrong += compare_statistic(ours, theirs, n, pooled=both, draws=1_000, seed=seed).p < 0.05
    yield Finding("interval of F1", "detector", n, holds / repeats, repeats, 0.95)
    yield Finding("p of F1, swapped", "two detectors", n, wrong / repeats, repeats, 0.05)


def powered_by_predictions(n: int, repeats: int) -> Finding:
    """Does the prediction-powered interval hold the mean of what people say?"""
    random = np.random.default_rng(8)
    holds = 0
    for _ in range(repeats):
        people = (random.random(11 * n) < 0.7).astype(float)
        judge = np.where(random.random(11 * n) < 0.85, people, 1.0)
        found = prediction_powered(judge[:n].tolist(), people[:n].tolist(), judge[n:].tolist())
        holds += found.low <= 0.7 <= found.high
    return Finding("prediction-powered", "lenient judge", n, holds / repeats, repeats, 0.95)


def drawn(pairs: Numbers, n: int, repeats: int, *, seed: int, weights: Numbers | None = None) -> Numbers:
    """Draw samples of n queries from a population: (repeats, n, 2)."""
    return pairs[np.random.default_rng([seed, n]).choice(len(pairs), (repeats, n), p=weights)]


def parts(samples: Numbers) -> Iterator[Numbers]:
    """Cut samples into blocks that share their draws."""
    yield from (samples[start : start + _LINES] for start in range(0, len(samples), _LINES))


def switched(samples: Numbers, coins: Numbers) -> Numbers:
    """Let the two systems change sides where the coin is negative."""
    return np.where(coins[:, :, None] < 0, samples[:, :, ::-1], samples)


def compared(samples: Numbers) -> list[Paired]:
    """Compare the two systems of each sample."""
    blocks = enumerate(parts(samples))
    return [
        one
        for seed, part in blocks
        for one in compare_paired_lines(part[:, :, 0], part[:, :, 1], seed=seed, permutations=_DRAWS)
    ]


def held(bounds: Sequence[tuple[float, float]], truth: float) -> float:
    """Give the share of intervals that hold the truth."""
    return sum(low - 1e-12 <= truth <= high + 1e-12 for low, high in bounds) / len(bounds)


def claims(tested: Sequence[Paired]) -> float:
    """Give the share of comparisons with p < 0.05."""
    return sum(one.p < 0.05 for one in tested) / len(tested)


def tilted(gap: Numbers, wanted: Callable[[float], float]) -> Numbers | None:
    """Weight queries so that the mean difference is what is wanted, their values staying real.

    Args:
        gap: (queries,) differences.
        wanted: From the standard deviation of the weighted differences to the mean wanted.

    Returns:
        Weights that sum to 1, an exponential family over the gaps; None where no weights reach it.
    """
    scale = gap.std() or 1.0

    def weights(slope: float) -> Numbers:
        raised = np.exp(slope * (gap - gap.max() * (slope > 0) - gap.min() * (slope < 0)) / scale)
        return np.asarray(raised / raised.sum())

    def missing(slope: float) -> float:
        chances = weights(slope)
        mean = float(chances @ gap)
        return mean - wanted(sqrt(max(float(chances @ (gap - mean) ** 2), 0.0)))

    low, high = -20.0, 20.0
    if missing(low) > 0 or missing(high) < 0:
        return None
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if missing(middle) < 0 else (low, middle)
    return weights(low)


def populations(data: Path) -> dict[str, Numbers]:
    """Give the scores of two systems by query, (queries, 2), of each population."""
    random = np.random.default_rng(0)
    right = random.random((20_000, 1)) < 0.97
    shares = np.where(random.random((20_000, 2)) < 0.8, right, random.random((20_000, 2)) < 0.97).astype(float)
    times = random.lognormal(0, 1, (20_000, 1)) * random.lognormal(0, 0.3, (20_000, 2))
    made_up = {"made up: share of 0.97": shares, "made up: times": times}
    return {**real_scores(data), **made_up}


def real_scores(data: Path) -> dict[str, Numbers]:
    """Rank the queries of two collections in two ways; nothing where the data is not at hand."""
    found: dict[str, Numbers] = {}
    for folder, name in (("scifact", "SciFact"), ("cranfield", "Cranfield")):
        if not (data / folder).is_dir():
            sys.stderr.write(f"{data / folder} is missing: its populations are left out; pass --data DIR.\n")
            continue
        collection = load_retrieval(data / folder)
        grades = np.stack([ranked_grades(collection, analyser) for analyser in ("word", "char_wb")], axis=-1)
        if name == "SciFact":
            found[f"{name} nDCG@10"] = gains(grades) / ideal(collection)[:, None]
            found[f"{name} RR@10"] = reciprocal_ranks(grades)
        else:
            found[f"{name} Success@1"] = (grades[:, 0] > 0).astype(np.float64)
    return found


def ranked_grades(data: RetrievalData, analyser: str) -> Numbers:
    """Give the grades of the ten best passages of each judged query, (queries, 10)."""
    passages = list(data.passages())
    cut = {"analyzer": analyser, "ngram_range": (1, 1) if analyser == "word" else (4, 4), "sublinear_tf": True}
    vectorizer = TfidfVectorizer(**cut)
    corpus = vectorizer.fit_transform([passage.content for passage in passages])
    queries = vectorizer.transform([data.queries[query] for query in data.qrels])
    best = np.argsort(-(queries @ corpus.T).toarray(), axis=1, kind="stable")[:, :10]
    judged = zip(data.qrels.values(), best, strict=True)
    return np.array([[max(0, grades.get(passages[place].doc_id, 0)) for place in row] for grades, row in judged], float)


def gains(grades: Numbers) -> Numbers:
    """Give the discounted gain of (queries, 10, systems), linear as in trec_eval."""
    return np.asarray((grades / np.log2(np.arange(2, grades.shape[1] + 2))[:, None]).sum(axis=1))


def ideal(data: RetrievalData) -> Numbers:
    """Give the largest possible gain of each judged query."""
    best = np.zeros((len(data.qrels), 10, 1))
    for line, grades in zip(best, data.qrels.values(), strict=True):
        top = sorted(grades.values(), reverse=True)[:10]
        line[: len(top), 0] = top
    return gains(best)[:, 0]


def reciprocal_ranks(grades: Numbers) -> Numbers:
    """Give one over the rank of the first relevant passage of (queries, 10, systems), 0 without one."""
    relevant = grades > 0
    return np.where(relevant.any(axis=1), 1 / (relevant.argmax(axis=1) + 1), 0.0)


if __name__ == "__main__":
    raise SystemExit(main())
