"""Embedded chunks and queries as files that every side reads, so that all search the same vectors.

Imported in the peers' environments too: the standard library and numpy only. `wikipedia.py` makes such a folder.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evals.benchmarks.measure import read_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

__all__ = ["SHARES", "Corpus", "Entry"]

SHARES = 100
"""Every row has `share` in its metadata, its number modulo this: a filter on one value passes 1 %."""
_BATCH = 10_000
_NEAR = 3
"""How far apart in the corpus two rows may stand that are mixed."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row to be put into an index."""

    name: str
    """Its id."""
    text: str
    """What was embedded."""
    vector: NDArray[np.float32]
    """`(dim,)`, unit length."""
    share: int
    """From 0 to `SHARES` - 1, in turn."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """A folder of chunks with their vectors, and of queries with theirs."""

    folder: Path
    """Holds `chunks.jsonl`, `vectors.f32`, `queries.json`, `queries.f32` and, written last, `corpus.json`."""
    source: str
    """Where the text comes from, in words."""
    chunks: int
    """Rows."""
    dim: int
    """Length of a vector."""

    @classmethod
    def open(cls, folder: str | Path) -> Corpus:
        """Open a finished one.

        Raises:
            FileNotFoundError: If it is not finished.
        """
        about = json.loads((Path(folder) / "corpus.json").read_text(encoding="utf-8"))
        return cls(Path(folder), about["source"], about["chunks"], about["dim"])

    @classmethod
    def write(
        cls, folder: Path, source: str, rows: Iterator[tuple[str, str, NDArray[np.float32]]], queries: Sequence[str],
        query_vectors: NDArray[np.float32],
    ) -> Corpus:  # fmt: skip
        """Make one of `(id, text, vector)` rows and of queries with `(q, dim)` vectors."""
        folder.mkdir(parents=True, exist_ok=True)
        count = 0
        with (folder / "chunks.jsonl").open("w", encoding="utf-8") as texts, (folder / "vectors.f32").open("wb") as raw:
            for name, text, vector in rows:
                texts.write(json.dumps({"id": name, "text": text}, ensure_ascii=False) + "\n")
                raw.write(np.ascontiguousarray(vector, dtype="<f4").tobytes())
                count += 1
        query_vectors.astype("<f4").tofile(folder / "queries.f32")
        (folder / "queries.json").write_text(json.dumps(list(queries), ensure_ascii=False), encoding="utf-8")
        about = {"source": source, "chunks": count, "dim": query_vectors.shape[1]}
        (folder / "corpus.json").write_text(json.dumps(about), encoding="utf-8")
        return cls.open(folder)

    @property
    def vectors(self) -> NDArray[np.float32]:
        """All rows, `(chunks, dim)`, mapped from the disk."""
        return np.memmap(self.folder / "vectors.f32", dtype="<f4", mode="r", shape=(self.chunks, self.dim))

    def texts(self, count: int) -> list[str]:
        """Give the first texts."""
        return [row["text"] for row, _ in zip(read_rows(self.folder / "chunks.jsonl"), range(count), strict=False)]

    def queries(self, count: int) -> tuple[list[str], NDArray[np.float32]]:
        """Give `count` queries at most, spread over all, with their vectors `(q, dim)`."""
        texts: list[str] = json.loads((self.folder / "queries.json").read_text(encoding="utf-8"))
        vectors = np.fromfile(self.folder / "queries.f32", dtype="<f4").reshape(len(texts), self.dim)
        places = np.linspace(0, len(texts) - 1, min(count, len(texts))).astype(int)
        return [texts[place] for place in places], vectors[places]

    def entries(self, count: int, *, seed: int = 7) -> Iterator[Entry]:
        """Iterate over `count` rows: the real ones, then mixtures of two real ones that stand near each other.

        Neighbours in the corpus are mostly of one article, so mixtures crowd where real texts do; mixtures of any two
        would lie between the subjects, where they are in nobody's way. A mixture's text is the first half of one and
        the second half of the other, its vector the weighted mean of theirs, scaled to unit length.
        """
        real = min(count, self.chunks)
        texts, vectors = self.texts(real), self.vectors[:real]
        for place in range(real):
            yield Entry(f"c{place}", texts[place], vectors[place], place % SHARES)
        random = np.random.default_rng(seed)
        for start in range(real, count, _BATCH):
            size = min(_BATCH, count - start)
            first_rows = random.integers(0, real, size=size)
            pairs = np.stack([first_rows, (first_rows + random.integers(1, _NEAR + 1, size=size)) % real], axis=1)
            made = _mixed(vectors, pairs, random)
            for offset, (first, second) in enumerate(pairs.tolist()):
                text = _spliced(texts[first], texts[second])
                yield Entry(f"c{start + offset}", text, made[offset], (start + offset) % SHARES)


def _mixed(vectors: NDArray[np.float32], pairs: NDArray[Any], random: np.random.Generator) -> NDArray[np.float32]:
    weights = random.uniform(0.3, 0.7, size=(len(pairs), 1)).astype(np.float32)
    made = weights * vectors[pairs[:, 0]] + (1 - weights) * vectors[pairs[:, 1]]
    unit: NDArray[np.float32] = made / np.maximum(np.linalg.norm(made, axis=1, keepdims=True), 1e-6)
    return unit


def _spliced(first: str, second: str) -> str:
    return f"{first[: len(first) // 2]} {second[len(second) // 2 :]}"
