"""Which of the known sets a path holds, going by names, then by the first line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ragkit.errors import InputError, LoadError, shorten
from ragkit.evaluate.data import msmarco
from ragkit.evaluate.data.lines import find_file, numbered_lines, open_bytes
from ragkit.evaluate.data.records import json_records

__all__ = ["recognise"]

_FOLDERS: Mapping[str, tuple[str, ...]] = {
    "beir": ("corpus.jsonl", "corpus.tsv"),
    "ragtruth": ("response.jsonl",),
    "factscore": ("ChatGPT.jsonl",),
    "mtrag-human": ("reference_subset_with_human_evaluations.json", "human_eval_raw.jsonl"),
    "mtrag-tasks": ("reference.jsonl", "mtragun_reference.jsonl"),
    "wnut17": ("emerging.test.annotated",),
    "multi30k": ("val.en", "test_2016_flickr.en"),
}
"""A folder is what the first of these files in it says."""

_DATASETS = {
    "ragtruth_qa": "ragtruth",
    "wice_claim": "wice",
    "begin": "begin",
    "halueval_qa": "halueval-qa",
    "halueval_general": "halueval-general",
}
"""What labelled rows say of themselves under `dataset`."""

_FIELDS: Mapping[str, frozenset[str]] = {
    "groundedness": frozenset({"response", "supported"}),
    "msmarco-references": frozenset({"query_id", "answers"}),
    "msmarco-qa": frozenset({"query", "passages"}),
    "mtrag-tasks": frozenset({"task_id", "contexts"}),
    "canard": frozenset({"Question", "Rewrite"}),
    "wice": frozenset({"claim", "evidence"}),
    "halueval-qa": frozenset({"right_answer"}),
    "halueval-general": frozenset({"chatgpt_response"}),
    "answers": frozenset({"question", "answers"}),
    "topics": frozenset({"_id", "text"}),
}
"""A JSONL file is the first of these whose fields its first row has."""

_NAMES: Mapping[str, tuple[str, ...]] = {
    "qrels": ("qrels",),
    "run": ("run.", ".run", ".trec"),
    "tagged": (".conll", ".annotated"),
    "topics": ("queries", "topics"),
}
"""A file that is no JSON is the first of these of whose name these are a part."""


_NEWS = re.compile(r'"?[1-4]"?,"')
_PARAGRAPHS = re.compile(rb'"paragraphs"\s*:\s*\[')
_COLUMNS = re.compile(rb'\{\s*"(answers|passages|query|query_id|query_type|wellFormedAnswers)"\s*:\s*\{')


def recognise(path: Path) -> str:
    """Give the kind of a file or folder, a key of `ragkit.evaluate.data.summary.KINDS`.

    Raises:
        InputError: If it is none that is known.
        LoadError: If there is no such path, or its first line cannot be read.
    """
    if not path.exists():
        raise LoadError(str(path), "there is no such file or folder.")
    kind = _of_folder(path) if path.is_dir() else _of_file(path)
    if kind is None and path.is_dir() and (files := _known_files(path)):
        raise InputError(
            f"{path} is no set known here, but in it are: {shorten(', '.join(files), 200)}. Name one of them."
        )
    if kind is None:
        raise InputError(f"{path} is no set known here: name its kind in place of auto (see --help).")
    return kind


def _known_files(folder: Path) -> list[str]:
    def is_known(path: Path) -> bool:
        try:
            return path.is_file() and _of_file(path) is not None
        except LoadError:
            return False

    return [path.name for path in sorted(folder.iterdir()) if is_known(path)]


def _of_folder(folder: Path) -> str | None:
    if msmarco.is_collection(folder):
        return "msmarco"
    if find_file(folder, f"{folder.name}_rewrite.jsonl"):
        return "mtrag-rewrites"
    named = (kind for kind, names in _FOLDERS.items() if find_file(folder, *names))
    inside = find_file(folder, "data.jsonl")
    return next(named, None) or (_of_file(inside) if inside else None)


def _of_file(path: Path) -> str | None:
    name = path.name.lower()
    if ".json" in name:
        return _of_json(path)
    named = (kind for kind, parts in _NAMES.items() if any(part in name for part in parts))
    return next(named, None) or _of_line(path)


def _of_line(path: Path) -> str | None:
    _, first = next(numbered_lines(path), (1, ""))
    if _NEWS.match(first):
        return "ag-news"
    return "sst2" if first.endswith(("\t0", "\t1", "\tlabel")) else None


def _of_json(path: Path) -> str | None:
    with open_bytes(path) as file:
        start = file.read(1 << 16).lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.startswith(b"["):
        return "canard" if b'"Rewrite"' in start else None
    if _PARAGRAPHS.search(start):
        return "squad"
    if b'"filters"' in start or b'"evaluations"' in start:
        return "mtrag-human"
    if _COLUMNS.match(start):
        return "msmarco-qa"
    if start.startswith(b"{") and start.split(b"\n", 1)[0].strip() in {b"{", b'{"'}:  # a document over several lines
        return None
    first = next(json_records(path), None)
    return _of_fields(first.values) if first else None


def _of_fields(fields: Mapping[str, Any]) -> str | None:
    dataset = fields.get("dataset")
    if "label" in fields and isinstance(dataset, str) and dataset in _DATASETS:
        return _DATASETS[dataset]
    return next((kind for kind, needed in _FIELDS.items() if needed <= fields.keys()), None)
