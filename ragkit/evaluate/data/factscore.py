"""FActScore: biographies split into atomic facts, each labelled by people against the person's article."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ragkit.evaluate.data.lines import file_in, find_file
from ragkit.evaluate.data.records import Record, json_records
from ragkit.evaluate.data.supported import GroundednessRow

__all__ = ["factscore"]

_FACT_MODELS = ("ChatGPT", "InstructGPT", "PerplexityAI")
_FACT_LABELS = {"S": True, "NS": False, "IR": None}


def factscore(folder: Path, *, models: Sequence[str] = _FACT_MODELS) -> Iterator[GroundednessRow]:
    """Read FActScore: one row per atomic fact of a biography, as people split and labelled it.

    Facts labelled irrelevant (IR) have no verdict and are left out. The context is the person's article, where
    `qcnli_contexts.jsonl` is beside; it is held (2 MB).

    Args:
        folder: With `<model>.jsonl` of the official release.
        models: Which files.

    Raises:
        LoadError: With the line's number, if a row has another form.
    """
    articles = _articles(folder, models)
    for model in models:
        for number, record in enumerate(json_records(file_in(folder, f"{model}.jsonl"))):
            for at, (sentence, fact, label) in enumerate(_facts(record)):
                if (supported := _FACT_LABELS[label]) is not None:
                    topic = record.text("topic")
                    metadata = {"model": model, "topic": topic, "sentence": sentence}
                    question = record.text("input").removeprefix("Question: ")
                    context = articles.get(topic, "")
                    yield GroundednessRow(f"{model}-{number}-{at}", question, context, fact, supported, (), metadata)


def _facts(record: Record) -> Iterator[tuple[str, str, str]]:
    if record.values.get("annotations") is None:  # the model declined to answer
        return
    for sentence in record.rows("annotations"):
        if sentence.values.get("human-atomic-facts") is None:  # irrelevant as a whole
            continue
        for fact in sentence.rows("human-atomic-facts"):
            label = fact.text("label")
            if label not in _FACT_LABELS:
                raise fact.error(f"field 'label' must be S, NS or IR, got {label!r}.")
            yield sentence.text("text"), fact.text("text"), label


def _articles(folder: Path, models: Sequence[str]) -> dict[str, str]:
    """Give the article by its title, its parts on lines of their own; empty where the articles are not there."""
    if (file := find_file(folder, "qcnli_contexts.jsonl")) is None:
        return {}
    parts = (record.text("text").removeprefix("<s>").removesuffix("</s>") for record in json_records(file))
    articles = [part.replace("</s><s>", "\n") for part in parts]
    releases = [file_in(folder, f"{model}.jsonl") for model in models]
    topics = {record.text("topic") for release in releases for record in json_records(release)}
    # An article begins with its title, which ends where its first sentence or part begins.
    return {topic: text for text in articles for topic in topics if text.startswith((f"{topic} ", f"{topic}\n"))}
