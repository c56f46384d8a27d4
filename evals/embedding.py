"""Embedding speed: every engine of ragkit beside sentence-transformers, in interleaved rounds of one run.

    python -m evals.embedding [--rounds 3] [--data DIR]

Prints passages per second (median of the rounds) for short passages (MS MARCO, about 75 tokens) and long ones (SciFact
abstracts, about 210 tokens after the model's cut at 256), the ratio to sentence-transformers as it comes (float32,
batches of 32) and to the same in bfloat16, the lowest cosine to the reference, and milliseconds per query (median).
Ratios are taken round by round, each engine against its neighbours in time, so that a busy machine disturbs both sides
of a ratio. The peers are used here only; the product imports torch for its reference engine alone.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from evals.benchmarks.machine import describe_machine
from evals.benchmarks.report import table
from ragkit._optional import require
from ragkit.embed.encoder import SentenceEncoder
from ragkit.embed.engines.openvino import has_bf16
from ragkit.embed.model_files import find_model
from ragkit.embed.tokens import TruncationWarning
from ragkit.settings import Settings

with require(feature="evals.embedding", package="sentence_transformers", extra="local"):
    from sentence_transformers import SentenceTransformer
with require(feature="evals.embedding", package="torch", extra="local"):
    import torch

if TYPE_CHECKING:
    from ragkit.encoder import Vectors

__all__ = ["main"]

_DEFAULT, _TUNED = "sentence-transformers, default", "sentence-transformers, bfloat16"
_QUERY = "how long does it take for a boat to cross the river"
_QUERIES_A_ROUND = 20


@dataclass(slots=True)
class Runner:
    """One way to embed, and what was measured of it."""

    name: str
    embed: Callable[[list[str]], Vectors]
    query: Callable[[str], Vectors]
    rates: dict[str, list[float]] = field(default_factory=dict)
    query_ms: list[float] = field(default_factory=list)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    options = _options(arguments)
    warnings.simplefilter("ignore", TruncationWarning)
    sets = {"short": _short(options.data, options.short), "long": _long(options.data, options.long)}
    runners = _runners()
    cosines = _lowest_cosines(runners, sets)  # and everything is loaded and warm
    load = os.getloadavg()[0]
    for _ in range(options.rounds):
        for name, texts in sets.items():
            for runner in runners:
                runner.rates.setdefault(name, []).append(len(texts) / _seconds(lambda r=runner, t=texts: r.embed(t)))  # type: ignore[misc]  # bound at once
        for runner in runners:
            times = [_seconds(lambda r=runner: r.query(_QUERY)) for _ in range(_QUERIES_A_ROUND)]  # type: ignore[misc]  # as above
            runner.query_ms.append(1e3 * statistics.median(times))
    _print(runners, sets, cosines, options.rounds, load)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--short", type=int, default=512, help="number of short passages")
    parser.add_argument("--long", type=int, default=96, help="number of long passages")
    parser.add_argument("--data", type=Path, default=Settings.from_environment().data)
    return parser.parse_args(arguments)


def _short(data: Path, count: int) -> list[str]:
    with gzip.open(data / "msmarco_passage" / "collection.sample.tsv.gz", "rt", encoding="utf-8") as rows:
        return [row.rstrip("\n").partition("\t")[2] for row in islice(rows, count)]


def _long(data: Path, count: int) -> list[str]:
    with gzip.open(data / "scifact" / "corpus.jsonl.gz", "rt", encoding="utf-8") as rows:
        return [json.loads(row)["text"] for row in islice(rows, count)]


def _runners() -> list[Runner]:
    names = ["sentence-transformers", "openvino-f32", *(["openvino-bf16"] if has_bf16() else [])]
    peers = [_peer(_DEFAULT, torch.float32), _peer(_TUNED, torch.bfloat16)]
    return [*peers, *(_own(name) for name in names)]


def _own(engine: str) -> Runner:
    encoder = SentenceEncoder.load(engine=engine)
    return Runner(f"ragkit, {engine}", encoder.encode_documents, lambda query: encoder.encode_queries([query]))


def _peer(name: str, dtype: torch.dtype) -> Runner:
    model = SentenceTransformer(
        str(find_model().folder), device="cpu", local_files_only=True, model_kwargs={"dtype": dtype}
    )

    def embed(texts: list[str]) -> Vectors:
        rows = model.encode(texts, normalize_embeddings=True, show_progress_bar=False, convert_to_tensor=True)
        return np.asarray(rows.float().numpy(), dtype=np.float32)

    return Runner(name, embed, lambda query: embed([query]))


def _lowest_cosines(runners: list[Runner], sets: dict[str, list[str]]) -> dict[str, float]:
    texts = [*sets["short"][:256], *sets["long"][:64], _QUERY, ""]
    reference = runners[0].embed(texts)
    for runner in runners:
        runner.query(_QUERY)
    return {runner.name: float((runner.embed(texts) * reference).sum(axis=1).min()) for runner in runners}


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _ratio(runner: Runner, other: Runner, name: str) -> float:
    return statistics.median(a / b for a, b in zip(runner.rates[name], other.rates[name], strict=True))


def _print(
    runners: list[Runner], sets: dict[str, list[str]], cosines: dict[str, float], rounds: int, load: float
) -> None:
    counts = ", ".join(f"{len(texts)} {name}" for name, texts in sets.items())
    print(f"{describe_machine()}; load before {load:.1f}")
    print(f"all-MiniLM-L6-v2, {counts}, {rounds} interleaved rounds\n")
    default, tuned = runners[:2]
    rows = []
    for runner in runners:
        rates = [
            cell
            for name in sets
            for cell in (
                f"{statistics.median(runner.rates[name]):.0f}",
                f"{_ratio(runner, default, name):.2f}",
                f"{_ratio(runner, tuned, name):.2f}",
            )
        ]
        rows.append([runner.name, *rates, f"{statistics.median(runner.query_ms):.2f}", f"{cosines[runner.name]:.6f}"])
    measures = [title for name in sets for title in (f"{name}/s", "xST", "xSTbf16")]
    print(*table(["engine", *measures, "query ms", "min cosine"], rows), sep="\n")


if __name__ == "__main__":
    main()
