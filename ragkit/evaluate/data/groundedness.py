"""Responses labelled as supported by their context or not: our own form, and those of published sets.

All of them are offered here; HaluEval and FActScore are read in modules of their own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from ragkit.evaluate.data.factscore import factscore
from ragkit.evaluate.data.halueval import halueval_dialogue, halueval_general, halueval_qa, halueval_summarization
from ragkit.evaluate.data.lines import file_in, find_file
from ragkit.evaluate.data.records import Record, distinct, json_records
from ragkit.evaluate.data.supported import (
    GroundednessRow,
    checked_spans,
    labelled_row,
    marked_spans,
    rows_of,
)

__all__ = [
    "GroundednessRow",
    "begin",
    "factscore",
    "halueval_dialogue",
    "halueval_general",
    "halueval_qa",
    "halueval_summarization",
    "ragtruth",
    "read_groundedness",
    "wice",
]


def read_groundedness(path: Path) -> Iterator[GroundednessRow]:
    """Stream rows of `{"id","question","context","response","supported":true|false,"spans":[[start,end]]}`.

    `question` and `spans` may be absent; a list of contexts is joined by empty lines; other fields become metadata.

    Raises:
        LoadError: With the line's number, if a field is missing or wrong, a span lies outside the response or stands
            in a supported one, or an id repeats.
    """
    return distinct((record.place, _own_row(record)) for record in json_records(path))


_OWN_FIELDS = {"id", "_id", "question", "context", "response", "supported", "spans"}


def _own_row(record: Record) -> GroundednessRow:
    supported = record.values.get("supported")
    if not isinstance(supported, bool):
        raise record.error(f"field 'supported' must be true or false, got {supported!r}.")
    context = record.values.get("context")
    row = GroundednessRow(
        id=record.identifier("id", "_id"),
        question=record.text("question", default=""),
        context="\n\n".join(record.texts("context")) if isinstance(context, list) else record.text("context"),
        response=record.text("response"),
        supported=supported,
        spans=checked_spans(record, record.values.get("spans") or [], record.text("response")),
        metadata={name: value for name, value in record.values.items() if name not in _OWN_FIELDS},
    )
    if supported and row.spans:
        raise record.error("is supported and yet has spans, which mark unsupported characters: correct one of them.")
    return row


def ragtruth(path: Path, *, split: str = "test", task: str | None = None) -> Iterator[GroundednessRow]:
    """Read RAGTruth: the official folder (`response.jsonl` and `source_info.jsonl`) or a file of labelled rows.

    Supported means without any labelled span. The sources of the official folder are held (about 20 MB).

    Args:
        path: Folder or file.
        split: `train` or `test`, as the set divides it.
        task: `QA`, `Summary` or `Data2txt` of the official folder; None for all.

    Raises:
        LoadError: With the line's number, if a row has another form or its source is missing.
    """
    if not path.is_dir() or find_file(path, "response.jsonl") is None:
        rows = rows_of(path, labelled_row, "data.jsonl")
        return (row for row in rows if row.metadata["split"] == split)
    sources = {source.identifier("source_id"): source for source in json_records(file_in(path, "source_info.jsonl"))}
    return rows_of(path, lambda record: _ragtruth_row(record, sources, split, task), "response.jsonl")


def _ragtruth_row(
    record: Record, sources: Mapping[str, Record], split: str, task: str | None
) -> GroundednessRow | None:
    source = sources.get(record.identifier("source_id"))
    if source is None:
        raise record.error(f"its source {record.values['source_id']!r} is not in source_info.jsonl.")
    kind = source.text("task_type")
    if record.text("split") != split or (task is not None and kind != task):
        return None
    question, context = _ragtruth_source(source)
    response = record.text("response")
    labels = [label.values for label in record.rows("labels")]
    kinds = sorted({str(label.get("label_type")) for label in labels})
    return GroundednessRow(
        id=record.identifier("id"),
        question=question,
        context=context,
        response=response,
        supported=not labels,
        spans=marked_spans(record, labels, response),
        metadata={"task": kind, "model": record.text("model"), "quality": record.text("quality"), "kinds": kinds},
    )


def _ragtruth_source(source: Record) -> tuple[str, str]:
    content = source.values.get("source_info")
    if isinstance(content, str):
        return "", content
    if isinstance(content, dict) and "passages" in content:
        given = source.row("source_info")
        return given.text("question"), given.text("passages")
    return "", json.dumps(content, ensure_ascii=False, indent=1)


def wice(path: Path, *, split: str | None = None) -> Iterator[GroundednessRow]:
    """Read WiCE claims, official (`claim`, `evidence`, `label`) or as labelled rows; partly supported is unsupported.

    Args:
        path: File or folder.
        split: `dev` or `test` of labelled rows; None for all. An official file is one split.

    Raises:
        LoadError: With the line's number, if a row has another form.
    """
    rows = rows_of(path, _wice_row, "data.jsonl")
    return (row for row in rows if split is None or row.metadata["split"] in {split, ""})


def _wice_row(record: Record) -> GroundednessRow | None:
    if "claim" not in record.values:
        return labelled_row(record)
    label = record.text("label")
    return GroundednessRow(
        id=record.row("meta").identifier("id"),
        question="",
        context="\n".join(record.texts("evidence")),
        response=record.text("claim"),
        supported=label == "supported",
        metadata={"split": "", "label_raw": label, "supporting_sentences": record.values.get("supporting_sentences")},
    )


def begin(path: Path) -> Iterator[GroundednessRow]:
    """Read BEGIN as labelled rows: replies in knowledge-grounded dialogues, but for generic ones, which claim nothing.

    Raises:
        LoadError: With the line's number, if a row has another form.
    """
    return rows_of(path, labelled_row, "data.jsonl")
