from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.errors import LoadError
from ragkit.ingest.document import Failure, LoadedDocument, SourceFile
from ragkit.ingest.loaders.rows import read_csv, read_jsonl

Source = Callable[..., SourceFile]


def jsonl(source: Source, *rows: Any, name: str = "a.jsonl", **options: Any) -> list[LoadedDocument | Failure]:
    content = "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows)
    return list(read_jsonl(source(name, content), **options))


def table(source: Source, content: str | bytes, name: str = "a.csv", **options: Any) -> list[LoadedDocument | Failure]:
    return list(read_csv(source(name, content), **options))


def failures(found: list[LoadedDocument | Failure]) -> list[tuple[str, str]]:
    return [(item.path, item.reason) for item in found if isinstance(item, Failure)]


def documents(found: list[LoadedDocument | Failure]) -> list[LoadedDocument]:
    return [item for item in found if isinstance(item, LoadedDocument)]


def test_a_row_is_a_document_and_its_other_fields_are_metadata(source: Source) -> None:
    assert jsonl(source, {"_id": "d1", "title": " A\nday ", "text": "one\r\ntwo", "year": 2020, "tags": ["x"]}) == [
        LoadedDocument(
            doc_id="d1",
            text="one\ntwo",
            source="a.jsonl",
            title="A day",
            metadata={"year": 2020, "tags": ["x"]},
            line=1,
        )
    ]


@pytest.mark.parametrize(
    ("row", "doc_id", "metadata"),
    [
        ({"id": 7}, "7", {}),
        ({"_id": "a", "id": "b"}, "a", {"id": "b"}),
        ({"_id": "", "id": "b"}, "b", {"_id": ""}),
        ({"_id": None}, "a.jsonl#1", {"_id": None}),
        ({}, "a.jsonl#1", {}),
    ],
)
def test_the_id_is_underscore_id_else_id_else_path_and_row(
    source: Source, row: dict[str, Any], doc_id: str, metadata: dict[str, Any]
) -> None:
    found = documents(jsonl(source, {**row, "text": "x"}))[0]
    assert (found.doc_id, found.metadata) == (doc_id, metadata)


def test_rows_count_from_1_without_blank_lines(source: Source) -> None:
    found = documents(jsonl(source, {"text": "x"}, "", "  ", {"text": "y"}))
    assert [item.doc_id for item in found] == ["a.jsonl#1", "a.jsonl#2"]


def test_a_metadata_object_is_merged_below_the_rows_own_fields(source: Source) -> None:
    found = documents(jsonl(source, {"text": "x", "year": 2021, "metadata": {"year": 1, "lang": "en"}}))[0]
    assert found.metadata == {"year": 2021, "lang": "en"}


def test_metadata_that_is_no_object_is_a_field(source: Source) -> None:
    assert documents(jsonl(source, {"text": "x", "metadata": "m"}))[0].metadata == {"metadata": "m"}


def test_contents_serves_for_text_and_the_text_column_before_both(source: Source) -> None:
    row = {"body": "b", "text": "t", "contents": "c"}
    assert documents(jsonl(source, row, text_column="body"))[0].text == "b"
    assert documents(jsonl(source, row))[0].text == "t"
    assert documents(jsonl(source, {"contents": "c"}))[0].text == "c"


def test_a_title_serves_where_the_text_is_empty(source: Source) -> None:
    found = documents(jsonl(source, {"title": "Only a title", "text": " "}))[0]
    assert (found.text, found.title) == ("Only a title", "")


def test_a_malformed_line_is_reported_and_the_rest_goes_on(source: Source) -> None:
    found = jsonl(
        source, {"text": "one"}, "", '{"text": ', '["a"]', {"text": 3, "id": "n"}, {"txt": "x"}, {"text": "two"}
    )
    assert [item.text for item in documents(found)] == ["one", "two"]
    assert failures(found) == [
        ("a.jsonl:3", "is not valid JSON: Expecting value: line 2 column 1 (char 10)"),
        ("a.jsonl:4", "is a JSON list; expected an object with the text in `text`"),
        ("a.jsonl:5", "its text is a int; expected text"),
        ("a.jsonl:6", "holds no text: expected it in text or contents, the row has txt"),
    ]


def test_a_failed_row_names_its_document_where_it_can(source: Source) -> None:
    found = jsonl(source, {"_id": "d1", "text": ""}, {"_id": ["x"], "text": "y"}, "{")
    assert [item.doc_id for item in found] == ["d1", "", ""]


@pytest.mark.parametrize("value", [True, [1], {"a": 1}])
def test_an_id_that_is_no_text_or_number_is_reported(source: Source, value: object) -> None:
    assert "expected text or a number" in failures(jsonl(source, {"_id": value, "text": "x"}))[0][1]


def test_a_line_that_is_no_utf8_is_reported(source: Source) -> None:
    found = list(read_jsonl(source("a.jsonl", b'{"text": "caf\xe9"}\n{"text": "ok"}\n')))
    assert [item.text for item in documents(found)] == ["ok"]
    assert failures(found)[0][0] == "a.jsonl:1"


def test_absurd_json_is_reported(source: Source) -> None:
    found = jsonl(source, "[" * 100_000, '{"a": ' + "9" * 5000 + "}", {"text": "ok"})
    assert [path for path, _ in failures(found)] == ["a.jsonl:1", "a.jsonl:2"]


def test_a_line_beyond_all_measure_is_passed_over(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ragkit.ingest.loaders.rows.MAX_ROW_BYTES", 2**20)
    found = jsonl(source, {"text": "x" * 3 * 2**20}, {"text": "ok"})
    assert failures(found) == [("a.jsonl:1", "is longer than 1 MiB: split the document")]
    assert [item.text for item in documents(found)] == ["ok"]


def test_gz_is_unpacked(source: Source) -> None:
    file = source("a.jsonl.gz", gzip.compress(b'{"text": "x"}\n'))
    assert [item.doc_id for item in documents(list(read_jsonl(file)))] == ["a.jsonl.gz#1"]


@pytest.mark.parametrize("data", [b"plain", gzip.compress(b'{"text": "x"}\n' * 9999)[:-20]])
def test_a_broken_gz_is_refused(source: Source, data: bytes) -> None:
    with pytest.raises(LoadError, match=r"a\.jsonl\.gz: cannot be read to its end"):
        list(read_jsonl(source("a.jsonl.gz", data)))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_is_understood(source: Source, encoding: str) -> None:
    for read, content in ((read_jsonl, '{"text": "né"}\n'), (read_csv, "text\nné\n")):
        assert [item.text for item in documents(list(read(source("a", content.encode(encoding)))))] == ["né"]


def test_csv_records_are_documents(source: Source) -> None:
    found = table(source, 'id,title,text,year,price,code,note\n1,A,"one, two\nthree",2020,1.5,007,\n')
    assert found == [
        LoadedDocument(
            doc_id="1",
            text="one, two\nthree",
            source="a.csv",
            title="A",
            metadata={"year": 2020, "price": 1.5, "code": "007"},
            line=2,
        )
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(source: Source, delimiter: str) -> None:
    content = f"lang{delimiter}text\nen{delimiter}one: two\n"
    assert documents(table(source, content))[0].metadata == {"lang": "en"}


def test_tsv_is_split_at_tabs(source: Source) -> None:
    assert documents(table(source, "text\tkind, or sort\nx\ty\n", name="a.tsv"))[0].metadata == {"kind, or sort": "y"}


def test_the_text_column_is_named_by_the_caller(source: Source) -> None:
    assert documents(table(source, "body;lang\nx;en\n", text_column="body"))[0].text == "x"


def test_a_missing_text_column_is_refused_with_the_columns(source: Source) -> None:
    with pytest.raises(LoadError, match=r"a\.csv: has no column 'text', only body, lang: name one with --text-column"):
        table(source, "body,lang\nx,en\n")


@pytest.mark.parametrize("content", ["", "\n"])
def test_a_csv_without_rows_is_refused(source: Source, content: str) -> None:
    with pytest.raises(LoadError, match=r"holds no rows|has no column"):
        table(source, content)


def test_csv_rows_that_do_not_fit_are_reported_by_line(source: Source) -> None:
    found = table(source, 'text,lang\n"a\nb",en\nx,en,more\n,en\n\nlast\n')
    assert [item.doc_id for item in documents(found)] == ["a.csv#1", "a.csv#4"]
    assert failures(found) == [
        ("a.csv:4", "has 3 cells, the header 2: put quotes around cells that hold the delimiter"),
        ("a.csv:5", "holds no text: expected it in text, the row has lang"),
    ]


def test_a_cell_longer_than_the_readers_own_limit_is_read(source: Source) -> None:
    assert len(documents(table(source, "text\n" + "x" * 200_000 + "\n"))[0].text) == 200_000


def test_a_cell_beyond_all_measure_is_reported_and_the_rest_goes_on(source: Source) -> None:
    import csv

    before = csv.field_size_limit(1000)
    try:
        found = table(source, "text\n" + "x" * 2000 + "\nok\n")
    finally:
        csv.field_size_limit(before)
    assert failures(found) == [("a.csv:2", "is not valid CSV: field larger than field limit (1000)")]
    assert [item.text for item in documents(found)] == ["ok"]


def test_old_encodings_of_csv_are_recognised(source: Source) -> None:
    content = "text;lang\nLe café était fermé à cause de l'été;fr".encode("cp1252")
    assert documents(table(source, content))[0].text == "Le café était fermé à cause de l'été"


def test_bytes_that_turn_bad_far_down_end_the_file_with_a_reason(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ragkit.ingest.loaders.rows._HEAD_BYTES", 1000)
    content = b"text\n" + b"plain words\n" * 2_000 + b"caf\xe9\n"
    found = table(source, content)
    assert failures(found)[0][1] == "is not utf-8 from here on: save as UTF-8"


def test_the_place_in_the_file_is_told(source: Source) -> None:
    places: list[int] = []
    table(source, "text\nx\ny\n", at=places.append)
    jsonl(source, {"text": "x"}, {"text": "y"}, at=places.append)
    assert len(places) == 4


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(
            lambda text: text.replace("\ufeff", "").strip()
        ),
        max_size=5,
    )
)
@settings(max_examples=50, deadline=None)
def test_what_is_written_as_jsonl_is_read_back(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    path = tmp_path_factory.mktemp("rows") / "a.jsonl"
    path.write_text("".join(json.dumps({"text": text}, ensure_ascii=False) + "\n" for text in texts), encoding="utf-8")
    found = read_jsonl(SourceFile(path, str(path), "a.jsonl", "a.jsonl"))
    assert [item.text for item in found if isinstance(item, LoadedDocument)] == [
        text.replace("\ufeff", "") for text in texts
    ]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("3.50", 3.5),
        ("1e3", 1000.0),
        ("-7", -7),
        ("0", 0),
        ("TRUE", True),
        ("false", False),
        ("007", "007"),
        ("1,5", "1,5"),
        ("v2", "v2"),
        ("9" * 19, "9" * 19),
    ],
)
def test_a_cell_of_a_table_is_read_as_what_it_says(source: Source, cell: str, value: object) -> None:
    found = table(source, f'id,text,price\na,"x","{cell}"\n')
    assert isinstance(found[0], LoadedDocument)
    assert found[0].metadata == {"price": value}
    assert type(found[0].metadata["price"]) is type(value)
