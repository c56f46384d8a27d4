from __future__ import annotations

import pytest

from ragkit.errors import ConfigError
from ragkit.prompts.file import parse_prompt
from ragkit.prompts.front_matter import Front, front_text


def test_a_key_is_found_on_its_line_or_that_of_the_nearest_above() -> None:
    front = Front.read("name: a\nvariables:\n  b: {kind: text}\n", "here.md")
    assert [front.line("name"), front.line("variables", "b", "kind"), front.line("variables", "c")] == [2, 4, 3]
    assert front.line("nothing") == 2
    assert str(front.fault("is wrong.", "variables", "b")) == "here.md:4: is wrong."


def test_texts_are_written_so_that_yaml_gives_them_back() -> None:
    shared = ["x"]
    written = front_text({"a": "one\ntwo", "b": "\x85", "c": "no", "d": " |\n", "e": shared, "f": shared})
    assert written == "a: |-\n  one\n  two\nb: \"\\N\"\nc: 'no'\nd: |2\n   |\ne:\n- x\nf:\n- x\n"


@pytest.mark.parametrize(
    "word", ["no", "yes", "On", "true", "12:30", "2024-01-01", "0x10", "010", "1_000", "1e5", "=", "<<"]
)
def test_a_word_is_what_it_looks_like(word: str) -> None:
    assert Front.read(f"labels: [{word}]", "here.md").values == {"labels": [word]}


def test_numbers_and_nothing_are_read_as_such() -> None:
    values = Front.read("a: 10\nb: -0.5\nc: 1.0e+16\nd: null\ne:\nf: ~", "here.md").values
    assert values == {"a": 10, "b": -0.5, "c": 1e16, "d": None, "e": None, "f": None}


def test_aliases_are_not_read() -> None:
    front = "name: &a a\nversion: 1\nabout: *a"
    with pytest.raises(ConfigError, match=r"prompt text:4: front matter is no YAML \(aliases are not read\)"):
        parse_prompt(f"---\n{front}\n---\n# user\na\n")


@pytest.mark.parametrize("front", ["- a", "a", "5"])
def test_front_matter_is_a_mapping(front: str) -> None:
    with pytest.raises(ConfigError, match="prompt text:2: front matter must be keys with values"):
        parse_prompt(f"---\n{front}\n---\n# user\na\n")


@pytest.mark.parametrize("variables", ["[a]", "a"])
def test_variables_are_a_mapping(variables: str) -> None:
    with pytest.raises(ConfigError, match="prompt text:4: variables must be names with kinds"):
        parse_prompt(f"---\nname: a\nversion: 1\nvariables: {variables}\n---\n# user\na\n")


def test_nested_front_matter_ends_in_a_sentence() -> None:
    with pytest.raises(ConfigError, match="front matter"):
        parse_prompt(f"---\nname: {'[' * 600}\n---\n# user\na\n")
