from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ragkit.errors import LoadError
from ragkit.evaluate.data.factscore import factscore
from ragkit.evaluate.data.supported import GroundednessRow

Write = Callable[..., Path]


def biography(topic: str, *facts: tuple[str, str]) -> dict[str, Any]:
    given = [{"text": text, "label": label} for text, label in facts]
    sentences = [{"text": "He is.", "human-atomic-facts": given}, {"text": "Hm.", "human-atomic-facts": None}]
    return {"input": f"Question: Tell me a bio of {topic}.", "topic": topic, "annotations": sentences}


def folder(write: Write) -> Path:
    write(
        "ChatGPT.jsonl",
        biography("Ann Lee", ("Ann is.", "S"), ("Ann sings.", "NS"), ("Hello.", "IR")),
        {"input": "Question: Tell me a bio of Bo.", "topic": "Bo", "annotations": None},
    )
    write("InstructGPT.jsonl", biography("Bo", ("Bo is.", "S")))
    return write("PerplexityAI.jsonl", biography("Ann Lee", ("Ann sits.", "NS"))).parent


def test_each_fact_with_a_verdict_is_a_row(write: Write) -> None:
    rows = list(factscore(folder(write)))
    assert rows[0] == GroundednessRow(
        "ChatGPT-0-0",
        "Tell me a bio of Ann Lee.",
        "",
        "Ann is.",
        True,
        (),
        {"model": "ChatGPT", "topic": "Ann Lee", "sentence": "He is."},
    )
    assert [(row.id, row.supported) for row in rows[1:]] == [
        ("ChatGPT-0-1", False),
        ("InstructGPT-0-0", True),
        ("PerplexityAI-0-0", False),
    ]


def test_articles_become_the_context_where_they_are_there(write: Write) -> None:
    place = folder(write)
    write(
        "qcnli_contexts.jsonl",
        {"context_id": 0, "text": "<s>Bo</s><s>Life. Bo lived.</s>"},
        {"context_id": 1, "text": "<s>Ann Lee Ann is a singer.</s>"},
    )
    contexts = {row.metadata["topic"]: row.context for row in factscore(place)}
    assert contexts == {"Bo": "Bo\nLife. Bo lived.", "Ann Lee": "Ann Lee Ann is a singer."}


def test_an_unknown_label_is_named(write: Write) -> None:
    write("ChatGPT.jsonl", biography("Ann", ("Ann is.", "maybe")))
    with pytest.raises(LoadError, match=r"annotations\[0\] human-atomic-facts\[0\]: field 'label' must be S, NS or IR"):
        list(factscore(write("x", "").parent, models=["ChatGPT"]))


def test_real_facts_have_their_published_counts(data: Path) -> None:
    rows = list(factscore(data / "factscore"))
    found = Counter((row.metadata["model"], row.supported) for row in rows)
    assert found == {
        ("ChatGPT", True): 3194,
        ("ChatGPT", False): 1692,
        ("InstructGPT", True): 2100,
        ("InstructGPT", False): 1971,
        ("PerplexityAI", True): 4812,
        ("PerplexityAI", False): 756,
    }
    assert all(row.context for row in rows)
    assert len({row.context for row in rows}) == 183
