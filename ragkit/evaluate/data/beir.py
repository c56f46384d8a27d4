"""Folders in the layout of BEIR, and two that are close to it: three plain files, and the retrieval tasks of MTRAG."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

from ragkit.errors import LoadError
from ragkit.evaluate.data.collection import MSMARCO_PASSAGES, Passage, RetrievalData
from ragkit.evaluate.data.lines import file_in, find_file, tab_rows
from ragkit.evaluate.data.records import json_records
from ragkit.evaluate.data.trec import read_qrels, read_topics

__all__ = ["assemble", "distinct", "jsonl_passages", "open_folder", "splits", "tab_passages"]

_IDENTICAL_IDS = ("arguana", "fever", "quora")
_MTRAG_KINDS = ("lastturn", "rewrite", "questions")
_LARGEST_MARK = 1 << 27


def jsonl_passages(path: Path) -> Iterator[Passage]:
    """Stream `corpus.jsonl`: objects with `_id`, `text` and perhaps `title`.

    Raises:
        LoadError: With the line's number, if a line has another form or repeats an id.
    """
    return distinct(
        (record.place, Passage(record.identifier("_id", "id"), record.text("title", default=""), record.text("text")))
        for record in json_records(path)
    )


def tab_passages(path: Path) -> Iterator[Passage]:
    """Stream a collection of `id TAB text`; tabs inside a passage stay.

    Raises:
        LoadError: With the line's number, if a line has another form or repeats an id.
    """
    return distinct(
        (f"{path}:{number}", Passage(doc_id, "", text)) for number, (doc_id, text) in tab_rows(path, ("id", "passage"))
    )


def distinct(passages: Iterable[tuple[str, Passage]]) -> Iterator[Passage]:
    """Pass passages on, and refuse an id that is empty or came before.

    Whole numbers below 2^27 take one bit each, so that the 8,841,823 ids of MS MARCO need 1 MB; other ids are held.

    Raises:
        LoadError: Naming the place of the second.
    """
    marks, names = bytearray(), set[str]()
    for place, passage in passages:
        doc_id = passage.doc_id
        if not doc_id:
            raise LoadError(place, "the passage has no id.")
        number = _mark(doc_id)
        known = doc_id in names if number is None else _is_marked(marks, number)
        if known:
            raise LoadError(place, f"passage {doc_id!r} stands here a second time.")
        if number is None:
            names.add(doc_id)
        else:
            marks[number >> 3] |= 1 << (number & 7)
        yield passage


def _mark(doc_id: str) -> int | None:
    # Only the usual spelling of a number: 7, 07 and the digits of other scripts are different ids.
    if len(doc_id) > 9 or not (doc_id.isascii() and doc_id.isdecimal()) or (doc_id[0] == "0" and doc_id != "0"):
        return None
    return number if (number := int(doc_id)) < _LARGEST_MARK else None


def _is_marked(marks: bytearray, number: int) -> bool:
    if number >> 3 >= len(marks):
        marks.extend(bytes(max((number >> 3) + 1 - len(marks), len(marks), 1024)))
    return bool(marks[number >> 3] & 1 << (number & 7))


def open_folder(folder: Path, split: str) -> RetrievalData:
    """Open a folder as `load_retrieval` says.

    Raises:
        LoadError: If a file is missing or wrong.
    """
    corpus = find_file(folder, "corpus.jsonl", "corpus.tsv")
    if find_file(folder, f"{folder.name}_lastturn.jsonl"):
        return _open_mtrag(folder, split, corpus)
    if corpus is None:
        expected = "expected corpus.jsonl (BEIR), collection.tsv (MS MARCO) or corpus.tsv, plain or packed"
        raise LoadError(str(folder), f"is no test collection known here: {expected}.")
    queries = file_in(folder, "queries.jsonl", "queries.tsv")
    if (qrels := find_file(folder / "qrels", f"{split}.tsv")) is None:
        qrels = find_file(folder, "qrels.txt", "qrels.tsv") if split == "test" else None
    if qrels is None:
        known = ", ".join(splits(folder)) or "none"
        raise LoadError(str(folder), f"has no judgments of split {split!r}; there are: {known}.")
    read = jsonl_passages if ".jsonl" in corpus.name else tab_passages
    # The split `test` of BEIR's MS MARCO is TREC DL 2019, with its grades and its rule.
    deep = folder.name.lower().startswith("msmarco") and split == "test"
    return assemble(
        name=f"{folder.name}/{split}",
        topics=read_topics(queries),
        qrels=read_qrels(qrels),
        passages=partial(read, corpus),
        files={"corpus": corpus, "queries": queries, "qrels": qrels},
        relevant_from=2 if deep else 1,
        ignore_identical_ids=folder.name.lower().startswith(_IDENTICAL_IDS),
        full_size=MSMARCO_PASSAGES if folder.name.lower().startswith("msmarco") else None,
    )


def splits(folder: Path) -> list[str]:
    """Give the splits that have judgments, `test` first."""
    if find_file(folder, f"{folder.name}_lastturn.jsonl"):
        return [kind for kind in _MTRAG_KINDS if find_file(folder, f"{folder.name}_{kind}.jsonl")]
    names = {path.name.split(".tsv")[0] for path in (folder / "qrels").glob("*.tsv*")}
    if find_file(folder, "qrels.txt", "qrels.tsv"):
        names.add("test")
    return sorted(names, key=lambda name: (name != "test", name))


def _open_mtrag(folder: Path, split: str, corpus: Path | None) -> RetrievalData:
    if split not in _MTRAG_KINDS:
        raise LoadError(
            str(folder), f"is a retrieval task of MTRAG: its splits are {', '.join(_MTRAG_KINDS)}, not {split!r}."
        )
    queries = file_in(folder, f"{folder.name}_{split}.jsonl")
    qrels = file_in(folder, "qrels/dev.tsv")
    if corpus is None:
        remedy = f"put corpora/{folder.name}.jsonl of its release there as corpus.jsonl."
        raise LoadError(str(folder), f"holds questions and judgments of MTRAG, but no passages: {remedy}")
    return assemble(
        name=f"mtrag-{folder.name}/{split}",
        topics={query_id: text.removeprefix("|user|: ") for query_id, text in read_topics(queries).items()},
        qrels=_of_passages(read_qrels(qrels)),
        passages=partial(jsonl_passages, corpus),
        files={"corpus": corpus, "queries": queries, "qrels": qrels},
    )


def _of_passages(qrels: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
    """Turn judgments of chunks into judgments of passages: `822086267_7384-8758-0-1374` is in `822086267_7384-8758`."""
    joined: dict[str, dict[str, int]] = {}
    for query_id, grades in qrels.items():
        passages = joined.setdefault(query_id, {})
        for chunk_id, grade in grades.items():
            doc_id = chunk_id.rsplit("-", 2)[0]
            passages[doc_id] = max(grade, passages.get(doc_id, grade))
    return joined


def assemble(
    *,
    name: str,
    topics: Mapping[str, str],
    qrels: Mapping[str, Mapping[str, int]],
    passages: Callable[[], Iterator[Passage]],
    files: Mapping[str, Path],
    relevant_from: int = 1,
    ignore_identical_ids: bool = False,
    full_size: int | None = None,
    facts: Mapping[str, str] | None = None,
) -> RetrievalData:
    """Join queries and judgments.

    Raises:
        LoadError: If a judged query has no text: a mean over the others would not be the published one.
    """
    silent = [query_id for query_id in qrels if query_id not in topics]
    if silent:
        reason = (
            f"judges {len(silent):,} queries that {files['queries'].name} does not have, the first is {silent[0]!r}."
        )
        raise LoadError(str(files["qrels"]), reason)
    return RetrievalData(
        name=name,
        queries={query_id: topics[query_id] for query_id in qrels},
        qrels=qrels,
        passages=passages,
        files=files,
        relevant_from=relevant_from,
        ignore_identical_ids=ignore_identical_ids,
        full_size=full_size,
        unjudged_queries={query_id: text for query_id, text in topics.items() if query_id not in qrels},
        facts={"judgments": "all that were published", **(facts or {})},
    )
