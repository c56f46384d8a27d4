from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from ragkit.errors import LoadError
from ragkit.evaluate.data.dialogue import Rewrite, Turn, canard, mtrag_rewrites

Write = Callable[..., Path]

ROW = {
    "History": ["Frank Zappa", "Disbandment", "What group disbanded?", "Zappa and the Mothers"],
    "QuAC_dialog_id": "C_1",
    "Question": "When did they disband?",
    "Question_no": 2,
    "Rewrite": "When did Zappa and the Mothers disband?",
}
REWRITE = Rewrite(
    "C_1#2",
    (Turn("user", "What group disbanded?"), Turn("agent", "Zappa and the Mothers")),
    "When did they disband?",
    "When did Zappa and the Mothers disband?",
    "Frank Zappa, Disbandment",
)


def test_canard_is_read_as_a_list_and_as_lines(write: Write) -> None:
    assert list(canard(write("dev.json", json.dumps([ROW])))) == [REWRITE]
    assert list(canard(write("dev.jsonl", ROW))) == [REWRITE]


def test_a_wrong_row_of_canard_is_named(write: Write) -> None:
    with pytest.raises(LoadError, match=r"dev\.json row 1: has no field 'Rewrite'"):
        list(canard(write("dev.json", json.dumps([ROW, ROW | {"Rewrite": None}]))))
    with pytest.raises(LoadError, match=r"dev\.json: expected a JSON list of objects"):
        list(canard(write("dev.json", "{}")))


def test_questions_of_mtrag_are_joined_with_their_rewrites(write: Write) -> None:
    write("cloud/cloud_questions.jsonl", {"_id": "c<::>2", "text": "|user|: one\ntwo lines\n|user|: and?"})
    folder = write("cloud/cloud_rewrite.jsonl", {"_id": "c<::>2", "text": "|user|: And what of one?"}).parent
    assert list(mtrag_rewrites(folder)) == [
        Rewrite("c<::>2", (Turn("user", "one\ntwo lines"),), "and?", "And what of one?")
    ]
    write("cloud/cloud_rewrite.jsonl", {"_id": "other", "text": "x"})
    with pytest.raises(LoadError, match=re.escape("question 'c<::>2' has no rewrite.")):
        list(mtrag_rewrites(folder))
    (folder / "cloud_questions.jsonl").unlink()
    with pytest.raises(LoadError, match=r"has no cloud_questions\.jsonl"):
        list(mtrag_rewrites(folder))


def test_real_canard_has_its_published_count(data: Path) -> None:
    rewrites = list(canard(data / "canard/dev.jsonl.gz"))
    assert len(rewrites) == len({rewrite.id for rewrite in rewrites}) == 3430
    assert rewrites[3].rewrite == "Why did Zappa and the Mothers of Invention break up?"
    assert [turn.speaker for turn in rewrites[3].history] == ["user", "agent"] * 3


@pytest.mark.parametrize(("name", "count"), [("clapnq", 208), ("cloud", 188), ("fiqa", 180), ("govt", 201)])
def test_real_rewrites_of_mtrag_are_whole(data: Path, name: str, count: int) -> None:
    rewrites = list(mtrag_rewrites(data / "mtrag/retrieval_tasks" / name))
    assert len(rewrites) == count
    assert all(rewrite.question and rewrite.rewrite for rewrite in rewrites)
