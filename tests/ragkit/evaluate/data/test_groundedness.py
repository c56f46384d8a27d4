from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.errors import LoadError
from ragkit.evaluate.data.groundedness import GroundednessRow, begin, ragtruth, read_groundedness, wice

Write = Callable[..., Path]


def row(**fields: Any) -> dict[str, Any]:
    return {"id": "1", "question": "q", "context": "c", "response": "0123456789", "supported": False} | fields


def test_our_own_rows_are_read(write: Write) -> None:
    path = write(
        "g.jsonl",
        row(spans=[[4, 6], [0, 2]], model="m"),
        {"id": 2, "context": ["a", "b"], "response": "", "supported": True},
    )
    assert list(read_groundedness(path)) == [
        GroundednessRow("1", "q", "c", "0123456789", False, ((0, 2), (4, 6)), {"model": "m"}),
        GroundednessRow("2", "", "a\n\nb", "", True),
    ]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"supported": "false"}, "field 'supported' must be true or false, got 'false'."),
        ({"supported": None}, "field 'supported' must be true or false, got None."),
        ({"context": None}, "has no field 'context'"),
        ({"response": 3}, "field 'response' must be text, got 3."),
        (
            {"spans": [[0, 11]]},
            "spans must be [start, end] with 0 <= start < end <= 10, the response's length; got [0, 11].",
        ),
        ({"spans": [[3, 3]]}, "0 <= start < end <= 10"),
        ({"spans": [[-1, 3]]}, "0 <= start < end <= 10"),
        ({"spans": [["0", 3]]}, "0 <= start < end <= 10"),
        ({"spans": [[1]]}, "0 <= start < end <= 10"),
        ({"spans": 7}, "0 <= start < end <= 10"),
        ({"supported": True, "spans": [[0, 2]]}, "is supported and yet has spans, which mark unsupported characters"),
        ({"id": "0"}, "the id '0' stands here a second time."),
    ],
)
def test_a_wrong_row_is_named(write: Write, fields: dict[str, Any], message: str) -> None:
    path = write("g.jsonl", row(id="0"), row(**fields))
    with pytest.raises(LoadError, match=rf"g\.jsonl:2: .*{re.escape(message)}"):
        list(read_groundedness(path))


@given(response=st.text(min_size=1, max_size=12), cut=st.data())
@settings(max_examples=50, deadline=None)
def test_every_span_inside_the_response_is_kept(
    tmp_path_factory: pytest.TempPathFactory, response: str, cut: st.DataObject
) -> None:
    import json

    start = cut.draw(st.integers(0, len(response) - 1))
    end = cut.draw(st.integers(start + 1, len(response)))
    path = tmp_path_factory.mktemp("g") / "g.jsonl"
    path.write_text(json.dumps(row(response=response, spans=[[start, end]])))
    assert next(read_groundedness(path)).spans == ((start, end),)


def official(write: Write) -> Path:
    response = {"source_id": "s1", "model": "gpt-4", "temperature": 0.7, "split": "test", "quality": "good"}
    label = {"start": 3, "end": 7, "text": "lies", "label_type": "Evident Conflict", "implicit_true": False}
    write(
        "rt/source_info.jsonl",
        {"source_id": "s1", "task_type": "QA", "source_info": {"question": "why", "passages": "passage 1: x"}},
        {"source_id": "s2", "task_type": "Summary", "source_info": "an article"},
        {"source_id": "s3", "task_type": "Data2txt", "source_info": {"name": "Café"}},
    )
    return write(
        "rt/response.jsonl",
        response | {"id": "0", "response": "no lies here", "labels": [label]},
        response | {"id": "1", "response": "good", "labels": []},
        response | {"id": "2", "response": "sum", "labels": [], "source_id": "s2"},
        response | {"id": "3", "response": "data", "labels": [], "source_id": "s3", "split": "train"},
    ).parent


def test_the_official_ragtruth_is_joined_with_its_sources(write: Write) -> None:
    folder = official(write)
    rows = list(ragtruth(folder))
    assert rows[0] == GroundednessRow(
        "0",
        "why",
        "passage 1: x",
        "no lies here",
        False,
        ((3, 7),),
        {"task": "QA", "model": "gpt-4", "quality": "good", "kinds": ["Evident Conflict"]},
    )
    assert [(row.id, row.supported, row.context) for row in rows[1:]] == [
        ("1", True, "passage 1: x"),
        ("2", True, "an article"),
    ]
    assert [row.id for row in ragtruth(folder, task="QA")] == ["0", "1"]
    assert [row.context for row in ragtruth(folder, split="train")] == ['{\n "name": "Café"\n}']


def test_a_response_without_source_is_named(write: Write) -> None:
    folder = official(write)
    write("rt/source_info.jsonl", {"source_id": "s9", "task_type": "QA", "source_info": ""})
    with pytest.raises(LoadError, match=r"response\.jsonl:1: its source 's1' is not in source_info\.jsonl"):
        list(ragtruth(folder))


def labelled(**fields: Any) -> dict[str, Any]:
    return {"id": "1", "split": "test", "context": "c", "response": "abcdef", "label": 1, "meta": {}} | fields


def test_labelled_rows_are_read_and_unlabelled_ones_left_out(write: Write) -> None:
    span = {"start": 1, "end": 3, "text": "bc"}
    path = write(
        "x/data.jsonl",
        labelled(label=0, meta={"spans": [span], "model": "m"}),
        labelled(id="2", label=None),
        labelled(id="3", split="train"),
    )
    expected = GroundednessRow("1", "", "c", "abcdef", False, ((1, 3),), {"split": "test", "model": "m"})
    assert list(ragtruth(path)) == [expected]
    assert list(ragtruth(path.parent)) == [expected]
    assert [row.id for row in begin(path)] == ["1", "3"]


def test_a_wrong_label_is_named(write: Write) -> None:
    with pytest.raises(LoadError, match=r"data\.jsonl:1: field 'label' must be 0, 1 or null, got 2\."):
        list(begin(write("data.jsonl", labelled(label=2))))
    with pytest.raises(LoadError, match=r"field 'label' must be 0, 1 or null, got \[1\]\."):
        list(begin(write("data.jsonl", labelled(label=[1]))))
    with pytest.raises(LoadError, match=r"has no data\.jsonl"):
        begin(write("empty/other.jsonl", "").parent)


def test_partly_supported_claims_of_wice_are_unsupported(write: Write) -> None:
    def claim(name: str, label: str) -> dict[str, Any]:
        evidence = {"evidence": ["one.", "two."], "supporting_sentences": [[0]]}
        return {"claim": "it is so", "label": label, "meta": {"id": name}, **evidence}

    path = write("dev.jsonl", claim("a", "supported"), claim("b", "partially_supported"), claim("c", "not_supported"))
    rows = list(wice(path))
    assert [(row.id, row.supported) for row in rows] == [("a", True), ("b", False), ("c", False)]
    assert (rows[0].context, rows[0].response) == ("one.\ntwo.", "it is so")


def test_real_ragtruth_has_its_counts_and_its_spans_quote_the_response(data: Path) -> None:
    rows = list(ragtruth(data / "ragtruth_qa_test"))
    assert (len(rows), sum(not row.supported for row in rows)) == (425, 80)
    assert all(bool(row.spans) is not row.supported for row in rows)
    mississippi = next(row for row in rows if not row.supported)
    start, end = mississippi.spans[0]
    assert mississippi.response[start:end].startswith("the lowest average pay in Mississippi")


def test_real_wice_and_begin_have_their_published_counts(data: Path) -> None:
    assert len(list(wice(data / "wice", split="dev"))) == 349
    tested = list(wice(data / "wice", split="test"))
    assert (len(tested), sum(row.supported for row in tested)) == (358, 111)
    replies = list(begin(data / "begin"))
    assert (len(replies), sum(row.supported for row in replies)) == (4836 - 87, 1705)
