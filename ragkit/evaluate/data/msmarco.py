"""The files of MS MARCO passage ranking (version 1), with TREC Deep Learning 2019 and 2020 on top, as streams."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple

from ragkit.errors import LoadError
from ragkit.evaluate.data.beir import assemble, tab_passages
from ragkit.evaluate.data.collection import MSMARCO_PASSAGES, Passage, RetrievalData
from ragkit.evaluate.data.encoding import repair_encoding
from ragkit.evaluate.data.lines import find_file, tab_rows
from ragkit.evaluate.data.trec import read_qrels, read_topics

__all__ = [
    "Candidate",
    "IdTriple",
    "TextTriple",
    "collection",
    "id_triples",
    "is_collection",
    "open_folder",
    "splits",
    "text_triples",
    "top1000",
]

_RAW = "as in the file (published numbers stand on the text as released, unrepaired)"
_REPAIRED = "repaired: UTF-8 that was decoded twice is undone (published numbers stand on the text as released)"

_QUERIES = {
    "dl19": ("msmarco-test2019-queries.tsv", "topics.dl19-passage.txt", "queries.dl19.tsv", "dl19.queries.tsv"),
    "dl20": ("msmarco-test2020-queries.tsv", "topics.dl20.txt", "queries.dl20.tsv", "dl20.queries.tsv"),
}
_QRELS = {
    "dl19": ("2019qrels-pass.txt", "qrels.dl19-passage.txt", "qrels.dl19.tsv"),
    "dl20": ("2020qrels-pass.txt", "qrels.dl20-passage.txt", "qrels.dl20.tsv"),
}
_SPLITS = ("dev.small", "dl19", "dl20", "dev", "train")


class Candidate(NamedTuple):
    """One line of a `top1000` file: a passage that BM25 found for a query."""

    query_id: str
    doc_id: str
    query: str
    passage: str


class TextTriple(NamedTuple):
    """One line of a `triples` file of texts."""

    query: str
    positive: str
    negative: str


class IdTriple(NamedTuple):
    """One line of a `qidpidtriples` file."""

    query_id: str
    positive_id: str
    negative_id: str


def collection(path: Path, *, text: Literal["raw", "repaired"] = "raw") -> Iterator[Passage]:
    """Stream `collection.tsv`, plain or packed; a minute or so for the full one, at a few MB of memory.

    Args:
        path: The file, or a tar with only it inside.
        text: `raw` as released; `repaired` by `repair_encoding`.

    Raises:
        LoadError: With the line's number, if a line has another form or repeats an id.
    """
    passages = tab_passages(path)
    if text == "raw":
        return passages
    return (Passage(passage.doc_id, "", repair_encoding(passage.text)) for passage in passages)


def top1000(path: Path) -> Iterator[Candidate]:
    """Stream `top1000.dev` and the like: query id, passage id, query, passage.

    Raises:
        LoadError: With the line's number, if a line has fewer columns.
    """
    for _, row in tab_rows(path, ("query id", "passage id", "query", "passage")):
        yield Candidate(*row)


def text_triples(path: Path) -> Iterator[TextTriple]:
    """Stream `triples.train.small.tsv` and the like: query, relevant passage, other passage.

    Raises:
        LoadError: With the line's number, if a line has fewer columns.
    """
    for _, row in tab_rows(path, ("query", "relevant passage", "other passage")):
        yield TextTriple(*row)


def id_triples(path: Path) -> Iterator[IdTriple]:
    """Stream `qidpidtriples.train.full.2.tsv`: query id, relevant passage's id, other passage's id.

    Raises:
        LoadError: With the line's number, if a line has fewer columns.
    """
    for _, row in tab_rows(path, ("query id", "relevant passage id", "other passage id")):
        yield IdTriple(*row)


def is_collection(folder: Path) -> bool:
    """Say whether a folder has the passages of MS MARCO or a part of them."""
    return _collection_file(folder) is not None


def open_folder(folder: Path, split: str, text: Literal["raw", "repaired"] = "raw") -> RetrievalData:
    """Open a folder as `load_retrieval` says.

    Raises:
        LoadError: If a file is missing or wrong.
    """
    corpus = _collection_file(folder)
    if corpus is None:
        raise LoadError(str(folder), "has no collection.tsv or part of it (collection.*.tsv).")
    queries, qrels = _split_files(folder, split)
    if queries is None or qrels is None:
        known = ", ".join(splits(folder)) or "none; the labels of eval are not public"
        raise LoadError(str(folder), f"lacks queries or judgments of split {split!r}; whole splits are: {known}.")
    topics = read_topics(queries)
    if text == "repaired":
        topics = {query_id: repair_encoding(query) for query_id, query in topics.items()}
    return assemble(
        name=f"{folder.name}/{split}",
        topics=topics,
        qrels=read_qrels(qrels),
        passages=partial(collection, corpus, text=text),
        files={"corpus": corpus, "queries": queries, "qrels": qrels},
        relevant_from=2 if split in _QRELS else 1,
        full_size=MSMARCO_PASSAGES,
        facts={"text": _REPAIRED if text == "repaired" else _RAW},
    )


def splits(folder: Path) -> list[str]:
    """Give the splits whose queries and judgments are both there, the usual ones first."""
    return [name for name in _SPLITS if all(_split_files(folder, name))]


def _collection_file(folder: Path) -> Path | None:
    if (path := find_file(folder, "collection.tsv", "collection.tar")) is not None:
        return path
    parts = sorted(path for path in folder.glob("collection.*.tsv*") if ".sources." not in path.name)
    return next((path for path in parts if path.is_file()), None)


def _split_files(folder: Path, split: str) -> tuple[Path | None, Path | None]:
    queries = find_file(folder, *_QUERIES.get(split, (f"queries.{split}.tsv",)))
    qrels = find_file(folder, *_QRELS.get(split, (f"qrels.{split}.tsv", f"qrels.{split}.txt")))
    return queries, qrels
