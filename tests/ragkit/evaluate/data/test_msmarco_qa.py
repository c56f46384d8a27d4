from __future__ import annotations

import gzip
import json
import re
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.errors import LoadError
from ragkit.evaluate.data import columns
from ragkit.evaluate.data.columns import columns_as_records, starts_with_columns
from ragkit.evaluate.data.msmarco_qa import QaPassage, QaQuestion, msmarco_qa, reference_answers

Write = Callable[..., Path]

# The example of the organisers' page, shortened.
CORPORATION = {
    "answers": ["A corporation is a company or group of people authorized to act as a single entity."],
    "passages": [
        {"is_selected": 0, "url": "http://www.wisegeek.com/", "passage_text": "A company is incorporated."},
        {"is_selected": 1, "url": "http://b/", "passage_text": "A corporation is a company."},
    ],
    "query": ". what is a corporation?",
    "query_id": 1102432,
    "query_type": "DESCRIPTION",
    "wellFormedAnswers": "[]",
}
OTHER = CORPORATION | {"query_id": 7, "answers": ["No Answer Present."], "wellFormedAnswers": ["It is so.", "So."]}


def as_columns(*rows: dict[str, Any], **options: Any) -> str:
    names = rows[0]
    return json.dumps({name: {str(at): row[name] for at, row in enumerate(rows)} for name in names}, **options)


@pytest.mark.parametrize(
    "content",
    [
        as_columns(CORPORATION, OTHER),
        as_columns(CORPORATION, OTHER, indent=2),
        "\ufeff" + as_columns(CORPORATION, OTHER) + "\n",
        json.dumps(CORPORATION) + "\n" + json.dumps(OTHER) + "\n",
    ],
)
def test_columns_and_lines_give_the_same_questions(write: Write, content: str) -> None:
    first, second = msmarco_qa(write("dev_v2.1.json", content))
    assert first == QaQuestion(
        id="1102432",
        question=". what is a corporation?",
        kind="DESCRIPTION",
        answers=("A corporation is a company or group of people authorized to act as a single entity.",),
        well_formed=(),
        passages=(
            QaPassage("A company is incorporated.", "http://www.wisegeek.com/", selected=False),
            QaPassage("A corporation is a company.", "http://b/", selected=True),
        ),
    )
    assert (second.id, second.answers, second.well_formed) == ("7", (), ("It is so.", "So."))


def test_a_question_becomes_a_row_with_all_passages(write: Write) -> None:
    row = next(msmarco_qa(write("dev.json.gz", gzip.compress(as_columns(CORPORATION).encode())))).row()
    assert row.context == "A company is incorporated.\n\nA corporation is a company."
    assert row.metadata == {"kind": "DESCRIPTION", "well_formed": ()}


def test_the_evaluation_part_has_no_answers(write: Write) -> None:
    row = {name: value for name, value in CORPORATION.items() if name not in {"answers", "wellFormedAnswers"}}
    question = next(msmarco_qa(write("eval.json", as_columns(row))))
    assert (question.answers, question.well_formed) == ((), ())


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(
    rows=st.lists(st.tuples(_JSON, _JSON), min_size=1, max_size=4),
    indent=st.sampled_from([None, 0, 3]),
    block=st.integers(1, 40),
)
@settings(max_examples=100, deadline=None)
def test_columns_are_read_as_json_reads_them_whatever_the_blocks(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[Any, Any]], indent: int | None, block: int
) -> None:
    table = {name: {str(at): row[column] for at, row in enumerate(rows)} for column, name in enumerate(("a", "ü"))}
    path = tmp_path_factory.mktemp("columns") / "c.json"
    path.write_text(json.dumps(table, indent=indent, ensure_ascii=False), encoding="utf-8", errors="surrogatepass")
    patch = pytest.MonkeyPatch()
    patch.setattr(columns, "_BLOCK", block)
    try:
        assert starts_with_columns(path)
        found = [dict(record.values) for record in columns_as_records(path)]
    finally:
        patch.undo()
    assert found == [{"a": first, "ü": second} for first, second in rows]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"a": {"0": 1}, "b": {"1": 1}}', "its columns disagree about the rows, at ['0', '1']."),
        ('{"a": {"0": 1, "1": 2}, "b": {"0": 1}}', "its columns disagree about the rows, at ['(end)', '1']."),
        ('{"a": {"0": 1}, "b": {"0": tru', "is no JSON object of columns: Expecting value"),
        ('{"a": {"0": 1}, "b": [1]}', "is no JSON object of columns: expected {, found '[1]}' (character 22)."),
        ('{"a": {"0": 1} "b"', "is no JSON object of columns: expected ,, found '\"b\"' (character 16)."),
        ('{"a": {"0": 1}', "is no JSON object of columns: expected ,, found '' (character 15)."),
    ],
)
def test_wrong_columns_are_named_with_their_place(write: Write, content: str, message: str) -> None:
    with pytest.raises(LoadError, match=re.escape(message)):
        list(columns_as_records(write("c.json", content)))


def test_no_rows_are_no_rows(write: Write) -> None:
    assert list(columns_as_records(write("c.json", '{"a": {}, "b": {}}'))) == []
    assert not starts_with_columns(write("d.json", "[]"))
    assert not starts_with_columns(write("d.json", "{}"))
    assert not starts_with_columns(write("d.json", ""))


def test_text_that_is_not_utf8_is_named(write: Write) -> None:
    with pytest.raises(LoadError, match="cannot be read on: 'utf-8' codec can't decode byte 0xff"):
        list(columns_as_records(write("c.json", b'{"a": {"0": "\xff"}}')))


def test_a_wrong_question_is_named_by_its_row(write: Write) -> None:
    path = write("dev.json", as_columns(CORPORATION, CORPORATION | {"passages": "none"}))
    with pytest.raises(LoadError, match=r"dev\.json row 1: field 'passages' must be a list of objects, got 'none'"):
        list(msmarco_qa(path))


def test_many_questions_pass_through_at_bounded_memory(write: Write) -> None:
    long = CORPORATION | {"passages": [{"is_selected": 0, "url": "u", "passage_text": "words " * 400}] * 4}
    path = write("dev.json", as_columns(*[long | {"query_id": at} for at in range(600)]))
    assert path.stat().st_size > 5_000_000
    tracemalloc.start()
    try:
        count = sum(1 for _ in msmarco_qa(path))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 600
    assert peak < 1_500_000


def test_references_keep_what_the_judges_wrote(write: Write) -> None:
    path = write("r.json", {"query_id": 14509, "answers": ["No Answer Present."]}, {"query_id": "2", "answers": []})
    assert reference_answers(path) == {"14509": ("No Answer Present.",), "2": ()}
    with pytest.raises(LoadError, match=r"r\.json:2: question '1' stands here a second time"):
        reference_answers(write("r.json", {"query_id": 1, "answers": []}, {"query_id": 1, "answers": []}))


def test_real_references_have_their_published_count(data: Path) -> None:
    folder = data / "msmarco_formats/qa_sample_test_data"
    references = reference_answers(folder / "dev_as_references.json")
    assert len(references) == 10_047
    assert references["9652"] == ("Approximately $15,000 per year.",)
    assert reference_answers(folder / "dev_first_sentence_as_candidates.json").keys() == references.keys()


def test_a_mark_of_selection_that_is_no_number_is_not_selected(write: Write) -> None:
    odd = CORPORATION | {"passages": [{"is_selected": [1], "url": "u", "passage_text": "t"}]}
    (question,) = msmarco_qa(write("odd.jsonl", odd))
    assert [passage.selected for passage in question.passages] == [False]
