from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from ragkit.errors import LoadError
from ragkit.evaluate.data.records import Record, csv_records, json_document, json_records


def record(**values: object) -> Record:
    return Record("rows.jsonl:3", values)


def test_fields_are_found_under_the_first_name_that_is_there() -> None:
    row = record(id=None, _id=7, text="t", tags=["a"])
    assert row.identifier("id", "_id") == "7"
    assert row.text("body", "text") == "t"
    assert row.text("body", default="none") == "none"
    assert row.texts("tags") == ["a"]
    assert row.texts("other", default=[]) == []


def test_numbers_written_as_text_are_numbers() -> None:
    assert record(grade="-2").whole("grade") == -2
    assert record(grade=3).whole("grade") == 3


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (lambda row: row.text("number"), "field 'number' must be text, got 5."),
        (
            lambda row: row.text("none", "gone"),
            "'none' or 'gone'; its fields are number, flag, list, text.",
        ),
        (
            lambda row: row.identifier("flag"),
            "'flag' must be an id (text or a whole number, not empty), got True.",
        ),
        (lambda row: row.whole("text"), "field 'text' must be a whole number, got 'x'."),
        (lambda row: row.whole("flag"), "field 'flag' must be a whole number, got True."),
        (lambda row: row.texts("list"), "field 'list' must be a list of texts, got [1]."),
        (lambda row: row.rows("list"), "field 'list' must be a list of objects, got [1]."),
        (lambda row: row.row("list"), "field 'list' must be an object, got [1]."),
    ],
)
def test_a_wrong_field_is_named_by_its_place_and_kind(read: Callable[[Record], object], message: str) -> None:
    with pytest.raises(LoadError, match=f"rows.jsonl:3: .*{re.escape(message)}"):
        read(record(number=5, flag=True, list=[1], text="x"))


def test_nested_rows_know_their_place() -> None:
    outer = record(passages=[{"text": "a"}, {"text": 1}], meta={"id": None})
    with pytest.raises(LoadError, match=r"rows\.jsonl:3 passages\[1\]: field 'text' must be text"):
        outer.rows("passages")[1].text("text")
    with pytest.raises(LoadError, match=r"rows\.jsonl:3 meta: has no field 'id'"):
        outer.row("meta").identifier("id")


def test_json_lines_pass_over_empty_ones(write: Callable[..., Path]) -> None:
    path = write("a.jsonl", '{"a": 1}\n\n  \n{"a": 2}')
    assert [(row.place, row.values) for row in json_records(path)] == [
        (f"{path}:1", {"a": 1}),
        (f"{path}:4", {"a": 2}),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{broken", "a.jsonl:2: is not JSON"),
        ("[1]", "a.jsonl:2: expected a JSON object, got '[1]'."),
        ("[" * 99999, "is not"),
    ],
)
def test_a_line_that_is_no_object_is_named(write: Callable[..., Path], line: str, message: str) -> None:
    with pytest.raises(LoadError, match=re.escape(message)):
        list(json_records(write("a.jsonl", f"{{}}\n{line}\n")))


def test_a_document_is_read_packed_and_with_its_mark(write: Callable[..., Path]) -> None:
    assert json_document(write("a.json.gz", gzip.compress(b'\xef\xbb\xbf{"a": [1]}'))) == {"a": [1]}
    with pytest.raises(LoadError, match=r"b\.json: is not JSON: Expecting value: line 1 column 7"):
        json_document(write("b.json", '{"a": }'))
    with pytest.raises(LoadError, match=r"c\.json: breaks off or is damaged \(Compressed file ended"):
        json_document(write("c.json", gzip.compress(b"[1, 2, 3]")[:-9]))


def test_quoted_line_breaks_stay_in_a_csv_field(write: Callable[..., Path]) -> None:
    path = write("a.csv", '\ufeffq,a\r\none,"two\r\nlines"\r\n\r\nthree,four\n')
    assert [row.values for row in csv_records(path)] == [{"q": "one", "a": "two\nlines"}, {"q": "three", "a": "four"}]


def test_a_csv_row_with_other_columns_is_named(write: Callable[..., Path]) -> None:
    with pytest.raises(LoadError, match=r"a\.csv:2: expected 2 columns \(q, a\), found 3\."):
        list(csv_records(write("a.csv", "q,a\n1,2,3\n")))
    with pytest.raises(LoadError, match=r"a\.csv:2: is not CSV"):
        list(csv_records(write("a.csv", 'q,a\n1,"2\n')))
