"""Real paragraphs, where the data is at hand (`RAGKIT_DATA`, by default `../shared/data` beside the project)."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ragkit.text.sentences import split_sentences

DATA = Path(os.environ.get("RAGKIT_DATA", Path(__file__).parents[4] / "shared" / "data"))


@pytest.mark.parametrize("language", ["en", "de", "es"])
def test_fewer_than_one_in_two_hundred_gold_answers_are_cut(language: str) -> None:
    path = DATA / "xquad_en" / f"xquad.{language}.json"
    if not path.is_file():
        pytest.skip("the XQuAD data is not at hand: set RAGKIT_DATA")
    answers = cut = 0
    for article in json.loads(path.read_text("utf-8"))["data"]:
        for paragraph in article["paragraphs"]:
            spans = split_sentences(paragraph["context"])
            for answer in (answer for question in paragraph["qas"] for answer in question["answers"]):
                start, end = answer["answer_start"], answer["answer_start"] + len(answer["text"])
                answers += 1
                cut += not any(span.start <= start and end <= span.end for span in spans)
    assert answers == 1190
    assert cut / answers < 0.005
