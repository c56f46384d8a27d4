"""An approximate index of vectors: a short code for each, all of them scanned, the nearest scored again by the arm.

Product quantisation with 4 bits for every two dimensions (FAISS fast-scan): 130,000 rows of 384 take 13 MB, and the
scan reads an eighth of what float16 rows take. Derived from the vector file and never trusted without its stamp, which
holds what was measured when it was built: how deep candidates must be scored again for the recall it names.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ragkit.disk.files import atomic_write
from ragkit.store.bm25_view import IndexUnusableError
from ragkit.store.threads import on_threads

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ragkit.encoder import Vectors
    from ragkit.store.dense import ExactScan

__all__ = ["Quantised", "Stamp", "build", "can_quantise", "load", "read_stamp", "save", "stamp_path"]

_FORMAT = 1
_STAMP = "stamp.json"
_LEAST_DIM = 64
_PART_ROWS = 131_072
"""Parts are searched on a thread each."""
_TRAINED_ROWS = 20_480
_BLOCK_ROWS = 8_192
_DEPTHS = (64, 128, 256, 512, 1_024)
_QUERIES = 128
_K = 10
_GOOD_RECALL = 0.99
_LEAST_RECALL = 0.95


@dataclass(frozen=True, slots=True)
class Stamp:
    """What an index is, and what was measured of it."""

    format: int
    kind: str
    """`pq`; or `exact` where it was tried and found too little, with no files."""
    rows: int
    """Every row below this that was alive is in it."""
    entries: int
    """Rows in it, those that died since included."""
    depth: int
    """Candidates to score again for up to twenty rows wanted; more in proportion for more."""
    recall: float
    """Of the ten nearest rows of `queries` rows of the collection, the share that was found, from 0 to 1."""
    queries: int
    """Rows it was measured with."""
    block: int | None
    """Checksum of the last block of the vector file it covers: another one means another file."""
    faiss: str
    """Version that wrote it."""
    files: dict[str, str]
    """sha256 by name."""


class Quantised:
    """An index in memory; never changes, so threads share it."""

    def __init__(self, parts: list[Any], stamp: Stamp) -> None:
        self._parts = parts  # of a SWIG class without types
        self.stamp = stamp

    def candidates(self, queries: Vectors, fetch: int) -> NDArray[np.int64]:
        """Give the nearest rows by their codes, `(q, fetch or fewer)`, nearest first; -1 where there are no more."""
        found = on_threads(lambda part: part.search(queries, min(fetch, part.ntotal)), self._parts)
        if len(found) == 1:
            return np.asarray(found[0][1], dtype=np.int64)
        scores, rows = np.hstack([one[0] for one in found]), np.hstack([one[1] for one in found])
        order = np.argsort(-scores, axis=1, kind="stable")[:, :fetch]
        return np.take_along_axis(rows, order, axis=1)


def can_quantise(dim: int) -> bool:
    """Tell whether rows of this length have codes: of few dimensions the exact scan is as fast."""
    return dim >= _LEAST_DIM and dim % 2 == 0


def build(scan: ExactScan, live: NDArray[np.int64], *, rows: int, block: int | None) -> Quantised:
    """Build an index, and measure it.

    Costs about a second and 10 µs a row; memory for the codes and the rows it learns from.

    Args:
        scan: Of the vector file.
        live: Rows to put in, rising, at least 1,000 and all below `rows`.
        rows: Number of rows it covers.
        block: Checksum of the last block it covers.
    """
    import faiss

    dim = scan.dim
    sample = np.sort(np.random.default_rng(0).choice(live, min(_TRAINED_ROWS, len(live)), replace=False))
    trained = faiss.IndexPQFastScan(dim, dim // 2, 4, faiss.METRIC_INNER_PRODUCT)
    on_threads(trained.train, [scan.vectors(sample)])
    parts = on_threads(lambda own: _part(trained, scan, own), _split(live))
    fresh = Quantised(parts, Stamp(_FORMAT, "pq", rows, len(live), 0, 0.0, 0, block, faiss.__version__, {}))
    return _measured(fresh, scan, live)


def _split(live: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    return np.array_split(live, max(2, -(-len(live) // _PART_ROWS)))


def _part(trained: Any, scan: ExactScan, live: NDArray[np.int64]) -> Any:
    import faiss

    part = faiss.IndexIDMap2(faiss.clone_index(trained))
    for start in range(0, len(live), _BLOCK_ROWS):
        own = live[start : start + _BLOCK_ROWS]
        part.add_with_ids(scan.vectors(own), own)
    return part


def _measured(index: Quantised, scan: ExactScan, live: NDArray[np.int64]) -> Quantised:
    """Choose the depth: the smallest that finds 99 % of the ten nearest rows of a sample, or the best there is."""
    sample = np.sort(np.random.default_rng(1).choice(live, min(_QUERIES, len(live)), replace=False))
    recalls = _recalls(index, scan, sample, live)
    place = next((place for place, value in enumerate(recalls) if value >= _GOOD_RECALL), len(recalls) - 1)
    good = recalls[place] >= _LEAST_RECALL
    measured = {"depth": _DEPTHS[place], "recall": round(recalls[place], 4), "queries": len(sample)}
    stamp = Stamp(**{**asdict(index.stamp), **measured, "kind": "pq" if good else "exact"})
    return Quantised(index._parts if good else [], stamp)


def _recalls(index: Quantised, scan: ExactScan, sample: NDArray[np.int64], live: NDArray[np.int64]) -> list[float]:
    """Give recall@10 at each depth. A row's own place among its neighbours does not count, of equal rows any does."""
    mask = np.zeros(scan.size, dtype=np.bool_)
    mask[live] = True
    queries = scan.vectors(sample)
    truth = scan.search(queries, mask, _K + 1, lambda rows: {row: (f"{row:020}", "") for row in rows})
    near = index.candidates(queries, _DEPTHS[-1] + 1)
    found = np.zeros((len(sample), len(_DEPTHS)))
    for place, (row, query, best) in enumerate(zip(sample, queries, truth, strict=True)):
        others = near[place][(near[place] != row) & (near[place] >= 0)]
        cut = [item.score for item in best if item.row != row][:_K][-1]
        hits = np.cumsum(scan.scores(query, others) >= cut)
        found[place] = [min(_K, hits[min(depth, len(hits)) - 1]) / _K for depth in _DEPTHS]
    return [float(value) for value in found.mean(axis=0)]


# In a folder


def stamp_path(folder: Path) -> Path:
    """Give where the stamp lies: replaced as a whole when the index is."""
    return folder / _STAMP


def save(index: Quantised, folder: Path) -> Quantised:
    """Write an index, durable on return; whatever dies before leaves the old one, and readers have either.

    Returns:
        The index with its files named in the stamp.

    Raises:
        OSError: If it cannot be written; the old one stands.
    """
    import faiss

    folder.mkdir(exist_ok=True)
    token = secrets.token_hex(4)
    files = {}
    try:
        for number, part in enumerate(index._parts):
            name = f"index-{token}-{number}.faiss"
            content = faiss.serialize_index(part)
            files[name] = hashlib.sha256(content.data).hexdigest()
            _write(folder / name, content)
        stamp = Stamp(**{**asdict(index.stamp), "files": files})
        atomic_write(stamp_path(folder), json.dumps(asdict(stamp), indent=2).encode())
    finally:
        _remove_others(folder)
    return Quantised(index._parts, stamp)


def _write(path: Path, content: NDArray[np.uint8]) -> None:
    with path.open("xb") as file:
        file.write(content.data)
        file.flush()
        os.fsync(file.fileno())


def _remove_others(folder: Path) -> None:
    """Remove what the stamp does not name."""
    try:
        kept = {_STAMP, *read_stamp(folder).files}
    except IndexUnusableError:
        kept = {_STAMP}
    for path in folder.iterdir():
        if path.name not in kept:
            path.unlink(missing_ok=True)


def read_stamp(folder: Path) -> Stamp:
    """Read the stamp alone.

    Raises:
        IndexUnusableError: If there is none, or of another format.
    """
    try:
        stamp = Stamp(**json.loads(stamp_path(folder).read_bytes()))
        sound = stamp.format == _FORMAT and stamp.kind in ("pq", "exact") and min(stamp.rows, stamp.depth) > 0
    except (OSError, ValueError, TypeError) as error:
        raise IndexUnusableError(f"no readable stamp: {error}") from error
    if not sound:
        raise IndexUnusableError(f"made as {stamp.kind}, format {stamp.format}")
    return stamp


def load(folder: Path, dim: int) -> Quantised:
    """Read an index; every byte of it is checked against the stamp first, about 1 GB/s.

    Raises:
        IndexUnusableError: If there is none, or it is not what was written.
    """
    stamp = read_stamp(folder)
    parts = [_loaded(folder / name, digest, dim) for name, digest in stamp.files.items()]
    if sum(part.ntotal for part in parts) != (stamp.entries if stamp.kind == "pq" else 0):
        raise IndexUnusableError(f"its parts hold other rows than the {stamp.entries} of its stamp")
    return Quantised(parts, stamp)


def _loaded(path: Path, digest: str, dim: int) -> Any:
    import faiss

    try:
        content = np.fromfile(path, dtype=np.uint8)
        if hashlib.sha256(content.data).hexdigest() != digest:
            raise IndexUnusableError(f"{path.name} is not what was written")
        part = faiss.deserialize_index(content)
    except (OSError, RuntimeError) as error:
        raise IndexUnusableError(str(error)) from error
    if part.d != dim:
        raise IndexUnusableError(f"{path.name} is of {part.d} dimensions, expected {dim}")
    return part
