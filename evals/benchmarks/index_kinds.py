"""Which kind of index for how many vectors: exact scans, codes, lists and graphs, on real embeddings, in one run.

    python -m evals.benchmarks.index_kinds COLLECTION --sizes 10000,65000,130000,1000000

COLLECTION is the folder of any collection with embeddings; without one, MS MARCO passages of `RAGKIT_DATA` are embedded
first. Queries are vectors held out of the index. Sizes beyond the real vectors are filled with mixtures of two
neighbouring ones (of 32 random ones the nearest), scaled to unit length, and marked so in the table. Latency is of one
query at a time, with everything of it: rescoring, ties, Python.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from evals.benchmarks.machine import stamp
from evals.benchmarks.passages import read_passages
from evals.benchmarks.report import number, table
from ragkit.compose import encoder_for
from ragkit.settings import Settings
from ragkit.store import quantised
from ragkit.store.collection import Collection
from ragkit.store.dense import ExactScan
from ragkit.store.vectors import VectorFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from ragkit.encoder import Vectors
    from ragkit.store.vectors import Precision

__all__ = ["KINDS", "Kind", "Measured", "grown", "main", "measured"]

_K = 10
_QUERIES = 200
_EMBEDDED = 10_000
_NEIGHBOURS = 32
_BLOCK_ROWS = 16_384
_PROBES, _LISTS_PER_ROOT = 64, 4
_EF = 128


class Kind(NamedTuple):
    """A built index."""

    search: Callable[[Vectors], NDArray[np.int64]]
    """Gives the ten nearest rows of one query `(1, dim)`."""
    bytes: int
    """What it takes beside the vector file."""
    note: str = ""


class Measured(NamedTuple):
    """A line of the table."""

    kind: str
    rows: str
    build_s: float
    megabytes: float
    recall: float
    p50_ms: float
    p99_ms: float
    note: str


def _names(rows: Sequence[int]) -> Mapping[int, tuple[str, str]]:
    return {row: (f"{row:09}", "") for row in rows}


def _scan(rows: Vectors, folder: Path, precision: Precision) -> ExactScan:
    """Write rows as a collection does, and map them."""
    file = VectorFile(folder / f"vectors.{precision}", rows.shape[1], precision)
    if file.stamp().size != len(rows) * file.row_bytes:
        file.append(rows, at=0)
    return ExactScan(file.read(len(rows)))


def _best(scan: ExactScan, query: Vectors, near: NDArray[np.int64]) -> NDArray[np.int64]:
    order = np.argsort(-scan.scores(query[0], near), kind="stable")
    best: NDArray[np.int64] = near[order[:_K]]
    return best


def _exact(precision: Precision) -> Callable[[Vectors, Path], Kind]:
    def build(rows: Vectors, folder: Path) -> Kind:
        scan, mask = _scan(rows, folder, precision), np.ones(len(rows), dtype=np.bool_)

        def search(query: Vectors) -> NDArray[np.int64]:
            return np.array([item.row for item in scan.search(query, mask, _K, _names)[0]])

        return Kind(search, 0)

    return build


def _pq(rows: Vectors, folder: Path) -> Kind:
    scan = _scan(rows, folder, "float16")
    index = quantised.build(scan, np.arange(len(rows)), rows=len(rows), block=None)
    index = quantised.save(index, folder / "pq")
    depth = index.stamp.depth

    def search(query: Vectors) -> NDArray[np.int64]:
        near = index.candidates(query, depth)[0]
        return _best(scan, query, near)

    size = sum(path.stat().st_size for path in (folder / "pq").iterdir())
    return Kind(search, size, f"depth {depth}, its own recall {index.stamp.recall:.3f}")


def _faiss(factory: str, note: str, **options: Any) -> Callable[[Vectors, Path], Kind]:
    """Give a kind of FAISS whose candidates are scored again from the vector file."""

    def build(rows: Vectors, folder: Path) -> Kind:
        import faiss

        scan = _scan(rows, folder, "float16")
        lists = int(_LISTS_PER_ROOT * len(rows) ** 0.5)
        index = faiss.index_factory(rows.shape[1], factory.format(lists=lists), faiss.METRIC_INNER_PRODUCT)
        if not index.is_trained:
            sample = np.random.default_rng(0).choice(len(rows), min(len(rows), 64 * lists), replace=False)
            index.train(rows[sample])
        for start in range(0, len(rows), _BLOCK_ROWS):
            index.add(rows[start : start + _BLOCK_ROWS])
        for name, value in options.items():
            faiss.ParameterSpace().set_index_parameter(index, name, value)

        def search(query: Vectors) -> NDArray[np.int64]:
            near = index.search(query, 64)[1][0]
            near = near[near >= 0]
            return _best(scan, query, near)

        return Kind(search, int(faiss.serialize_index(index).nbytes), note.format(lists=lists))

    return build


KINDS: dict[str, Callable[[Vectors, Path], Kind]] = {
    "exact float16": _exact("float16"),
    "exact float32": _exact("float32"),
    "pq": _pq,
    "IVF-PQ": _faiss(
        "IVF{lists},PQ{half}x4fs".replace("{half}", "192"), f"{{lists}} lists, {_PROBES} probed", nprobe=_PROBES
    ),
    "HNSW32": _faiss("HNSW32,SQfp16", f"efSearch {_EF}", efSearch=_EF),
}
"""Everything but the exact scans is scored again from the vector file. IVF-PQ needs a dimension divisible by 192."""


def grown(rows: Vectors, count: int, seed: int = 0) -> Vectors:
    """Give `count` rows of unit length: the real ones, then mixtures of a real one with a neighbour of it.

    Args:
        rows: `(n, dim)` float32 of unit length.
        count: Rows wanted.
        seed: For what is drawn.
    """
    if count <= len(rows):
        return rows[:count]
    random = np.random.default_rng(seed)
    parts = [rows]
    for start in range(len(rows), count, _BLOCK_ROWS):
        size = min(_BLOCK_ROWS, count - start)
        own = rows[random.integers(0, len(rows), size)]
        others = random.integers(0, len(rows), _NEIGHBOURS)
        near = rows[others][np.argmax(own @ rows[others].T, axis=1)]
        share = random.uniform(0.2, 0.5, (size, 1)).astype(np.float32)
        mixed = (1 - share) * own + share * near
        parts.append(mixed / np.linalg.norm(mixed, axis=1, keepdims=True))
    return np.concatenate(parts).astype(np.float32)


def measured(kind: str, rows: Vectors, queries: Vectors, real: int, folder: Path) -> Measured:
    """Build one kind and search it.

    Args:
        kind: One of `KINDS`.
        rows: `(n, dim)` float32 of unit length.
        queries: `(q, dim)`, none of them among the rows.
        real: How many of the rows are.
        folder: For its files.
    """
    truth = _scan(rows, folder, "float16").search(queries, np.ones(len(rows), dtype=np.bool_), _K, _names)
    started = time.perf_counter()
    built = KINDS[kind](rows, folder)
    build_s = time.perf_counter() - started
    built.search(queries[:1])
    found, seconds = [], []
    for place in range(len(queries)):
        started = time.perf_counter()
        found.append(built.search(queries[place : place + 1]))
        seconds.append(time.perf_counter() - started)
    recall = np.mean(
        [len({*one.tolist()} & {item.row for item in best}) / _K for one, best in zip(found, truth, strict=True)]
    )
    size = f"{len(rows):,}" + ("" if real >= len(rows) else f" ({real:,} real)")
    p50, p99 = (float(np.percentile(seconds, share)) * 1e3 for share in (50, 99))
    return Measured(kind, size, build_s, built.bytes / 1e6, float(recall), p50, p99, built.note)


def _vectors_of(folder: Path | None) -> Vectors:
    """Give all vectors of a collection, or of passages that are embedded now, in a random order."""
    if folder is not None:
        with Collection.open(folder, read_only=True) as collection, collection.moment(words=False) as moment:
            rows = moment.vectors(range(moment.rows))
    else:
        encoder = encoder_for(Path("none"))
        if encoder is None:
            raise SystemExit("no embedding model is installed: name a collection instead.")
        rows = encoder.encode_documents(list(read_passages(Settings.from_environment().data, _EMBEDDED).texts.values()))
    return np.random.default_rng(1).permutation(rows)


def _lines(rows: Vectors, sizes: Sequence[int], kinds: Sequence[str]) -> Iterator[Measured]:
    queries, real = rows[:_QUERIES], rows[_QUERIES:]
    for size in sizes:
        own = grown(real, size)
        with tempfile.TemporaryDirectory(prefix="ragkit-kinds-") as folder:
            for kind in kinds:
                yield measured(kind, own, queries, len(real), Path(folder))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Measure kinds of indexes on real embeddings.")
    parser.add_argument("collection", nargs="?", type=Path, help="folder of a collection with embeddings")
    parser.add_argument("--sizes", default="10000,130000,1000000", help="numbers of rows, joined by commas")
    parser.add_argument("--kinds", default=",".join(KINDS), help=f"some of {', '.join(KINDS)}, joined by commas")
    asked = parser.parse_args(arguments)
    rows = _vectors_of(asked.collection)
    about = stamp(["index_kinds", "--sizes", asked.sizes])
    print(f"{about['date']}, {about['machine']}, load {about['load']}; {len(rows):,} real vectors of {rows.shape[1]}")
    lines = []
    for line in _lines(rows, [int(size) for size in asked.sizes.split(",")], asked.kinds.split(",")):
        figures = [line.build_s, line.megabytes, line.recall, line.p50_ms, line.p99_ms]
        lines.append([line.kind, line.rows, *map(number, figures), line.note])
        print(f"  {' | '.join(lines[-1])}", file=sys.stderr, flush=True)
    header = ["kind", "rows", "build s", "MB", "recall@10", "p50 ms", "p99 ms", "note"]
    print("\n".join(table(header, lines)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
