from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ragkit.errors import InputError, LoadError
from ragkit.prompts.examples import Example, as_examples, examples_digest, read_examples, write_examples

bounded = settings(max_examples=50, deadline=None)
texts = st.text(min_size=1)
some_examples = st.lists(st.builds(Example, texts, texts, st.text(), st.text()), max_size=5)


def test_pairs_mappings_and_examples_become_examples_in_order() -> None:
    given = [("2+2", "4"), {"input": "2+3", "output": "5", "label": "odd", "note": "left"}, Example("1", "2", id="c")]
    assert as_examples(given) == (Example("2+2", "4"), Example("2+3", "5", "odd"), Example("1", "2", id="c"))


def test_a_mapping_may_have_other_names_for_input_and_output() -> None:
    rows = [{"word": "happy", "antonym": "sad", "id": None}]
    assert as_examples(rows, input_key="word", output_key="antonym") == (Example("happy", "sad"),)


def test_a_field_named_label_can_be_the_output() -> None:
    rows = [{"text": "a gem", "label": "positive"}]
    assert as_examples(rows, input_key="text", output_key="label") == (Example("a gem", "positive"),)


def test_the_stratum_is_the_label_or_else_the_output() -> None:
    assert Example("a", "b").stratum == "b"
    assert Example("a", "b", label="c").stratum == "c"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            [("a", "b"), ("a",)],
            r"^example 1 is of type tuple: expected an Example, a mapping with 'input' and 'output'",
        ),
        ([{"input": "a", "answer": "b"}], r"^example 0: there is no field 'output'; its fields are input, answer\.$"),
        ([{"input": "a", "output": 4}], r"^example 0: output of an example must be text, got int\.$"),
        ([("", "b")], r"^example 0: input of an example is empty: an example needs an input and an output\.$"),
        ([{}], r"^example 0: there is no field 'input'; its fields are none\.$"),
        ({"input": "a", "output": "b"}, r"^examples must be a list of them, got one dict\.$"),
        ("ab", r"^examples must be a list of them, got one str\.$"),
    ],
)
def test_what_is_no_example_is_named_by_its_place(given: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        as_examples(given)  # type: ignore[arg-type]


def test_the_words_of_an_example_stand_in_no_repr() -> None:
    assert repr(Example("my secret", "yours", label="x", id="7")) == "Example(label='x', id='7')"


def test_a_file_holds_an_object_a_line(tmp_path: Path) -> None:
    path = tmp_path / "examples.jsonl"
    path.write_text(
        '\ufeff{"input": "a\\nb", "output": "4", "more": 1}\r\n\n{"input": "c", "output": "d", "id": "x"}\n'
    )
    assert read_examples(path) == (Example("a\nb", "4"), Example("c", "d", id="x"))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("[1]", r"expected a JSON object\."),
        ("{'input'", r"is not JSON\."),
        ('{"input": "my secret"}', r"there is no field 'output'; its fields are input\."),
        ("[" * 100_000, r"is not JSON\."),
    ],
)
def test_a_line_that_is_no_example_is_named(tmp_path: Path, line: str, reason: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(f'{{"input": "a", "output": "b"}}\n{line}\n')
    with pytest.raises(LoadError, match=rf"bad\.jsonl:2: {reason}$"):
        read_examples(path)


def test_a_csv_file_has_a_row_a_line_under_its_header(tmp_path: Path) -> None:
    path = tmp_path / "rows.CSV"
    path.write_bytes(b'\xef\xbb\xbftext,label,id\r\n"a, ""b""\nc",x,\r\n\r\n d ,y,7\r\n')
    read = read_examples(str(path), input_key="text", output_key="label")
    assert read == (Example('a, "b"\nc', "x"), Example(" d ", "y", id="7"))


@pytest.mark.parametrize(
    ("rows", "line", "reason"),
    [
        ("my secret,b,c\n", 2, r"the row has 3 columns, and the header 2\."),
        ('a,b\n"my secret" a,b\n', 3, r"is not CSV \(.*\)\."),
        ('a,b\n"my secret,b\n', 3, r"is not CSV \(unexpected end of data\)\."),
        ("a,b\nmy secret,\n", 3, r"output of an example is empty: an example needs an input and an output\."),
    ],
)
def test_a_row_that_is_no_example_is_named(tmp_path: Path, rows: str, line: int, reason: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(f"input,output\n{rows}")
    with pytest.raises(LoadError, match=rf"bad\.csv:{line}: {reason}$"):
        read_examples(path)


def test_an_empty_csv_file_has_no_examples_and_one_without_the_column_is_told(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("")
    assert read_examples(path) == ()
    path.write_text("text;label\na;b\n")
    with pytest.raises(LoadError, match=r"rows\.csv:2: there is no field 'input'; its fields are text;label\.$"):
        read_examples(path)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"none\.jsonl: No such file or directory\.$"):
        read_examples(tmp_path / "none.jsonl")
    (tmp_path / "latin.jsonl").write_bytes(b'{"input": "\xe9"}')
    with pytest.raises(LoadError, match=r"latin\.jsonl: is not UTF-8 \(.*\)\.$"):
        read_examples(tmp_path / "latin.jsonl")


@bounded
@given(some_examples)
def test_written_examples_are_read_again(tmp_path_factory: pytest.TempPathFactory, examples: list[Example]) -> None:
    path = tmp_path_factory.mktemp("examples") / "examples.jsonl"
    path.write_bytes(write_examples(examples).encode())
    assert read_examples(path) == tuple(examples)


def test_half_a_character_is_written_as_its_escape() -> None:
    examples = [Example("\ud800", "é"), Example("é", "b")]
    written = write_examples(examples)
    assert written.encode() == b'{"input": "\\ud800", "output": "\xc3\xa9"}\n{"input": "\xc3\xa9", "output": "b"}\n'
    assert examples_digest(examples) != examples_digest(examples[1:])


@bounded
@given(some_examples, some_examples)
def test_the_digest_tells_other_examples_and_another_order(first: list[Example], second: list[Example]) -> None:
    shown = [[(one.input, one.output, one.label) for one in examples] for examples in (first, second)]
    assert (examples_digest(first) == examples_digest(second)) == (shown[0] == shown[1])


def test_the_digest_is_that_of_json_lines_and_leaves_the_id() -> None:
    one = Example("a", "b", id="x")
    assert examples_digest([one]) == examples_digest([Example("a", "b")])
    assert examples_digest([one]) == sha256(b'["a", "b", ""]\n').hexdigest()
