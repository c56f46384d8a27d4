from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ragkit.errors import LoadError
from ragkit.evaluate.data.answers import AnswerRow, read_answers

Write = Callable[..., Path]


def test_our_own_rows_are_read(write: Write) -> None:
    path = write(
        "a.jsonl",
        {"id": 1, "question": "q", "answers": ["a", "b"], "context": ["x", "y"], "year": 2020},
        {"_id": "2", "question": "q", "answers": []},
        {"id": "3", "question": "q", "answer": "only", "context": "z"},
    )
    assert list(read_answers(path)) == [
        AnswerRow("1", "q", ("a", "b"), "x\n\ny", {"year": 2020}),
        AnswerRow("2", "q", ()),
        AnswerRow("3", "q", ("only",), "z"),
    ]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"question": "q"}, "has no field 'answers'"),
        ({"question": "q", "answers": "a"}, "field 'answers' must be a list of texts, got 'a'."),
        ({"answers": []}, "has no field 'question'"),
        ({"question": "q", "answers": [], "id": "0"}, "the id '0' stands here a second time."),
    ],
)
def test_a_wrong_row_is_named(write: Write, fields: dict[str, Any], message: str) -> None:
    path = write("a.jsonl", {"id": "0", "question": "q", "answers": []}, {"id": "1"} | fields)
    with pytest.raises(LoadError, match=rf"a\.jsonl:2: {re.escape(message)}"):
        list(read_answers(path))
