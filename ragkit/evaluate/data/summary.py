"""How much a set holds, whatever its kind: it is read whole, so that every wrong line is found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ragkit.errors import InputError
from ragkit.evaluate.data import dialogue, groundedness, labelled, mtrag
from ragkit.evaluate.data.answers import AnswerRow, read_answers
from ragkit.evaluate.data.msmarco_qa import msmarco_qa, reference_answers
from ragkit.evaluate.data.recognise import recognise
from ragkit.evaluate.data.retrieval import load_retrieval, only_present, splits
from ragkit.evaluate.data.squad import squad
from ragkit.evaluate.data.trec import read_qrels, read_run, read_topics

__all__ = ["KINDS", "Summary", "summarise"]


@dataclass(frozen=True, slots=True)
class Summary:
    """What a set holds."""

    kind: str
    """A key of `KINDS`."""
    path: Path
    counts: Mapping[str, int]
    """How many of what."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """What must be known beside the counts."""


def summarise(path: Path, kind: str = "auto", *, split: str | None = None) -> Summary:
    """Read a whole set and count it.

    Args:
        path: File or folder.
        kind: A key of `KINDS`, or `auto`, which looks at names and the first line.
        split: Of sets that are divided; the first there is, if not given.

    Raises:
        InputError: If the kind is not known, or `auto` finds none.
        LoadError: Naming file and line, if something is wrong.
    """
    chosen = recognise(path) if kind == "auto" else kind
    if chosen not in KINDS:
        raise InputError(f"kind {chosen!r} is not known: name one of {', '.join(KINDS)}, or auto.")
    counts, facts = KINDS[chosen](path, split)
    return Summary(chosen, path, counts, facts)


Counted = tuple[dict[str, int], dict[str, str]]


def _retrieval(path: Path, split: str | None) -> Counted:
    data = load_retrieval(path, split=split or next(iter(splits(path)), "test"))
    passages = empty = 0
    for passage in data.passages():
        passages += 1
        empty += not passage.content.strip()
    present = only_present(data)
    counts = {
        "passages": passages,
        "empty passages": empty,
        "queries with judgments": len(data.queries),
        "queries without": len(data.unjudged_queries),
        "judgments": sum(map(len, data.qrels.values())),
        "judgments of passages here": sum(map(len, present.qrels.values())),
        "queries with a relevant passage here": sum(
            max(judged.values(), default=0) >= data.relevant_from for judged in present.qrels.values()
        ),
    }
    grades = Counter(grade for judged in data.qrels.values() for grade in judged.values())
    counts |= {f"grade {grade}": grades[grade] for grade in sorted(grades)}
    return counts, {"split": data.name, "corpus": data.corpus_note(passages), **data.facts}


def _grounded(read: Callable[[Path], Iterable[groundedness.GroundednessRow]]) -> Callable[[Path, str | None], Counted]:
    def count(path: Path, _: str | None) -> Counted:
        counts = dict.fromkeys(("rows", "supported", "unsupported", "spans", "without context"), 0)
        for row in read(path):
            counts["rows"] += 1
            counts["supported" if row.supported else "unsupported"] += 1
            counts["spans"] += len(row.spans)
            counts["without context"] += not row.context
        return counts, {}

    return count


def _answered(read: Callable[[Path], Iterable[AnswerRow]]) -> Callable[[Path, str | None], Counted]:
    def count(path: Path, _: str | None) -> Counted:
        counts = dict.fromkeys(("questions", "without answer", "answers"), 0)
        for row in read(path):
            counts["questions"] += 1
            counts["without answer"] += not row.answers
            counts["answers"] += len(row.answers)
        return counts, {}

    return count


def _number(what: str, read: Callable[[Path], Iterable[Any]]) -> Callable[[Path, str | None], Counted]:
    return lambda path, _: ({what: sum(1 for _ in read(path))}, {})


def _classes(read: Callable[[Path], Iterable[labelled.LabelledText]]) -> Callable[[Path, str | None], Counted]:
    def count(path: Path, _: str | None) -> Counted:
        classes = Counter(row.label for row in read(path))
        return {"texts": classes.total(), **dict(sorted(classes.items()))}, {}

    return count


def _tagged(sentences: Iterable[labelled.TaggedSentence]) -> Counted:
    counts = dict.fromkeys(("sentences", "tokens", "entities"), 0)
    for sentence in sentences:
        counts["sentences"] += 1
        counts["tokens"] += len(sentence.tokens)
        counts["entities"] += sum(tag.startswith("B-") for tag in sentence.tags)
    return counts, {}


def _qrels(path: Path, _: str | None) -> Counted:
    qrels = read_qrels(path)
    return {"queries": len(qrels), "judgments": sum(map(len, qrels.values()))}, {}


def _run(path: Path, _: str | None) -> Counted:
    sizes = [len(hits) for _, hits in read_run(path)]
    return {"queries": len(sizes), "hits": sum(sizes), "longest list": max(sizes, default=0)}, {}


def _human(path: Path, _: str | None) -> Counted:
    answers = mtrag.mtrag_human(path)
    ratings = sum(len(answer.ratings.get("faithfulness", {})) for answer in answers)
    return {
        "answers": len(answers),
        "tasks": len({answer.task.id for answer in answers}),
        "faithfulness ratings": ratings,
    }, {}


def _tasks(path: Path, _: str | None) -> Counted:
    labels = Counter(task.answerability for task in mtrag.mtrag_tasks(path))
    return {"tasks": labels.total(), **dict(sorted(labels.items()))}, {}


KINDS: Mapping[str, Callable[[Path, str | None], Counted]] = {
    "beir": _retrieval,
    "msmarco": _retrieval,
    "qrels": _qrels,
    "run": _run,
    "topics": lambda path, _: ({"queries": len(read_topics(path))}, {}),
    "groundedness": _grounded(groundedness.read_groundedness),
    "ragtruth": lambda path, split: _grounded(lambda file: groundedness.ragtruth(file, split=split or "test"))(
        path, split
    ),
    "wice": lambda path, split: _grounded(lambda file: groundedness.wice(file, split=split))(path, split),
    "begin": _grounded(groundedness.begin),
    "factscore": _grounded(groundedness.factscore),
    "halueval-qa": _grounded(groundedness.halueval_qa),
    "halueval-general": _grounded(groundedness.halueval_general),
    "answers": _answered(read_answers),
    "squad": _answered(squad),
    "msmarco-qa": _answered(lambda path: (question.row() for question in msmarco_qa(path))),
    "msmarco-references": lambda path, _: ({"questions": len(reference_answers(path))}, {}),
    "canard": _number("rewrites", dialogue.canard),
    "mtrag-human": _human,
    "mtrag-tasks": _tasks,
    "mtrag-rewrites": _number("rewrites", dialogue.mtrag_rewrites),
    "sst2": _classes(labelled.sst2),
    "ag-news": _classes(labelled.ag_news),
    "tagged": lambda path, _: _tagged(labelled.tagged_sentences(path)),
    "wnut17": lambda path, split: _tagged(labelled.wnut17(path, split or "test")),
    "multi30k": lambda path, split: ({"sentences": sum(1 for _ in labelled.multi30k(path, split or "val"))}, {}),
}
"""How each kind is read and counted."""
