from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ragkit.errors import LoadError
from ragkit.ingest.document import Failure, LoadedDocument, SourceFile
from ragkit.ingest.loaders.json_tree import flatten, read_json
from ragkit.ingest.loaders.rows import read_jsonl

Source = Callable[..., SourceFile]

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


def load(source: Source, value: Any, **options: Any) -> list[LoadedDocument | Failure]:
    content = value if isinstance(value, str | bytes) else json.dumps(value, ensure_ascii=False)
    return list(read_json(source("a.json", content), **options))


def test_an_object_is_one_document_of_lines_with_their_paths(source: Source) -> None:
    value = {"name": "Café", "ports": [80, 443], "tls": {"on": True, "key": None}, "more": {"b": "two\nlines"}}
    assert load(source, value) == [
        LoadedDocument(
            doc_id="a.json",
            source="a.json",
            title="Café",
            syntax="lines",
            text="name: Café\n\nports[0]: 80\nports[1]: 443\n\ntls.on: true\n\nmore.b: two\nlines\n",
        )
    ]


def test_a_list_of_objects_with_text_is_read_as_the_rows_of_jsonl(source: Source) -> None:
    rows = [{"_id": "x", "title": "T", "text": "one", "year": 2020}, {"text": "two"}]
    lines = source("b.jsonl", "\n".join(map(json.dumps, rows)))
    expected = [item for item in read_jsonl(lines) if isinstance(item, LoadedDocument)]
    found = [item for item in load(source, rows) if isinstance(item, LoadedDocument)]
    assert [item.doc_id for item in found] == ["x", "a.json#2"]
    assert [(item.text, item.title, item.metadata) for item in found] == [
        (item.text, item.title, item.metadata) for item in expected
    ]


def test_the_text_column_makes_rows_too(source: Source) -> None:
    assert [item.text for item in load(source, [{"body": "b"}], text_column="body")] == ["b"]  # type: ignore[union-attr]


def test_a_list_where_one_object_lacks_text_is_one_document(source: Source) -> None:
    found = load(source, [{"text": "one"}, {"txt": "two"}])
    assert [item.text for item in found] == ["[0].text: one\n\n[1].txt: two\n"]  # type: ignore[union-attr]


def test_a_row_that_is_no_document_fails_alone(source: Source) -> None:
    found = load(source, [{"text": " "}, {"text": "two"}])
    assert [type(item) for item in found] == [Failure, LoadedDocument]


def test_a_deep_path_shows_its_last_steps() -> None:
    value: Any = "x"
    for step in "hgfedcba":
        value = {step: value}
    assert next(iter(flatten(value))) == "…c.d.e.f.g.h: x"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "is not valid JSON"),
        ("{", "is not valid JSON"),
        ("[" * 100_000, "is not valid JSON: nests too deep"),
        ('{"a": ' * 100_000, "is not valid JSON: nests too deep"),
        ("9" * 5000, "is not valid JSON"),
        (b"\xff\xfe\0", "is not valid utf-16-le"),
        ("{}", "holds no value"),
        ("[[], null]", "holds no value"),
    ],
)
def test_what_holds_no_json_or_no_value_is_refused(source: Source, content: str | bytes, reason: str) -> None:
    with pytest.raises(LoadError, match=reason):
        load(source, content)


def test_a_file_beyond_the_limit_is_refused(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ragkit.ingest.loaders.json_tree.MAX_JSON_BYTES", 2**20)
    with pytest.raises(LoadError, match="is larger than 1 MiB"):
        load(source, b'"' + b"x" * 2**20 + b'"')


@given(VALUES)
def test_every_value_has_its_line(value: Any) -> None:
    def leaves(item: Any) -> list[Any]:
        if isinstance(item, dict | list):
            return [leaf for inner in (item.values() if isinstance(item, dict) else item) for leaf in leaves(inner)]
        return [] if item is None or item == "" else [item]

    said = [leaf if isinstance(leaf, str) else json.dumps(leaf) for leaf in leaves(value)]
    found = [line for line in flatten(value) if line]
    assert len(found) == len(said)
    assert all(line.endswith(leaf) for line, leaf in zip(found, said, strict=True))
