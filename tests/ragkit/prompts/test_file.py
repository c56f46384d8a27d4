from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from ragkit.errors import ConfigError
from ragkit.prompts.examples import Example
from ragkit.prompts.file import parse_prompt, read_prompt, write_prompt
from ragkit.prompts.prompt import Prompt
from ragkit.prompts.sections import Section, flaws
from ragkit.prompts.variable import REQUIRED, Variable

bounded = settings(max_examples=50, deadline=None)

MOODS = """\
---
name: moods
version: 2
about: Which mood.
variables:
  labels: {kind: option, default: [good, bad]}
  examples:
    kind: examples
    layout: |-
      Text: {{input}}
      Mood: {{output}}
    default:
    - {input: Dull., output: bad}
  text: text
---
# system

Answer with one of {{labels}}.

## Labels

  * as they are

# {{examples}}

# user

{{text}}
"""


def test_a_file_is_read_as_it_looks() -> None:
    prompt = parse_prompt(MOODS, origin="moods.md")
    assert (prompt.name, prompt.version, prompt.about, prompt.origin) == ("moods", 2, "Which mood.", "moods.md")
    assert prompt.variables == (
        Variable("labels", "option", default=("good", "bad")),
        Variable(
            "examples", "examples", default=(Example("Dull.", "bad"),), layout="Text: {{input}}\nMood: {{output}}"
        ),
        Variable("text", "text"),
    )
    assert prompt.sections == (
        Section("system", "Answer with one of {{labels}}.\n\n## Labels\n\n  * as they are"),
        Section("slot", "examples"),
        Section("user", "{{text}}"),
    )


def test_a_prompt_is_written_as_a_person_would() -> None:
    written = write_prompt(parse_prompt(MOODS))
    assert written.startswith(
        "---\nname: moods\nversion: 2\nabout: Which mood.\nvariables:\n  labels:\n    kind: option\n"
    )
    assert "    layout: |-\n      Text: {{input}}\n      Mood: {{output}}\n" in written
    assert written.endswith("---\n# system\n\n" + MOODS.partition("# system\n\n")[2])


@pytest.mark.parametrize("change", [lambda text: text.replace("\n", "\r\n"), lambda text: "\ufeff" + text + "\n \n"])
def test_line_ends_and_byte_order_marks_are_nothing(change: Any) -> None:
    assert parse_prompt(change(MOODS)) == parse_prompt(MOODS)


@pytest.mark.parametrize("heading", ["# User", "#  user  ", "# USER", "#\tuser"])
def test_a_heading_may_be_written_loosely(heading: str) -> None:
    assert parse_prompt(MOODS.replace("# user", heading)) == parse_prompt(MOODS)


def test_headings_that_are_no_role_are_text() -> None:
    text = "# Users\n## Who the user is\n# {{a b}}\n#\n# user stories"
    prompt = parse_prompt(f"---\nname: a\nversion: 1\n---\n# user\n{text}\n")
    assert prompt.sections == (Section("user", text),)


@pytest.mark.parametrize(
    "line", ["## user", "#user", " # user", "# user:", "# user #", "# Human", "# AI", "# System prompt", "#{{text}}"]
)
def test_what_is_nearly_a_heading_is_refused_or_written_as_text(line: str) -> None:
    with pytest.raises(ConfigError, match=f"moods.md:18: '{re.escape(line.strip())}' is nearly a heading: write # sys"):
        parse_prompt(MOODS.replace("Answer with", f"{line}\nAnswer with", 1), origin="moods.md")
    prompt = parse_prompt(
        f"---\nname: a\nversion: 1\n---\n# user\n\\{line.replace('{{text', '{{text ')}\n".replace("{{text }}", "text")
    )
    assert parse_prompt(write_prompt(prompt)) == prompt


def test_a_deeper_heading_may_hold_a_slot() -> None:
    prompt = parse_prompt("---\nname: a\nversion: 1\nvariables: {title: option}\n---\n# user\n## {{title}}\n")
    assert prompt.render({"title": "Tea"})[0].content == "## Tea"


def test_a_line_that_would_be_a_heading_is_written_with_a_backslash() -> None:
    front = "---\nname: a\nversion: 1\nvariables: {x: text}\n---\n"
    prompt = parse_prompt(f"{front}# user\n\\# system\n\\\\# {{{{x}}}}\n\\# Systems\n")
    assert prompt.sections[0].text == "# system\n\\# {{x}}\n\\# Systems"


def test_values_given_before_become_defaults() -> None:
    prompt = parse_prompt(MOODS).with_defaults(labels=["a"], examples=[("b", "c")])
    again = parse_prompt(write_prompt(prompt))
    assert [variable.default for variable in again.variables] == [("a",), (Example("b", "c"),), REQUIRED]
    assert again.render({"text": "d"}) == prompt.render({"text": "d"})


def test_documents_given_before_are_not_written() -> None:
    prompt = Prompt("a", 1, variables=(Variable("sources", "documents"),), sections=(Section("user", "{{sources}}"),))
    with pytest.raises(ConfigError, match="the default of variable sources may only be empty"):
        write_prompt(prompt.with_defaults(sources=["a"]))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("---\nname", "name", "moods.md:1: a prompt file begins with a line of ---, then name, version and variables"),
        ("---\n# system", "# system", "moods.md:1: front matter begins here and has no end"),
        ("name: moods", "name: [", "moods.md:4: front matter is no YAML (expected"),
        ("about: Which", "about: Note: which", "moods.md:4: front matter is no YAML (mapping values are not allowed h"),
        ("about: Which mood.", "about: \x00", "moods.md:4: front matter is no YAML (special characters are"),
        ("version: 2", "version: " + "9" * 5000, "moods.md:2: front matter is no YAML (it cannot be read)"),
        ("version: 2", "version: 2024-13-45", "moods.md:3: the version of a prompt must be a number from 1, got '20"),
        ("name: moods", "name: No", "moods.md:2: a prompt cannot be called 'No'"),
        ("name: moods\n", "", "moods.md:2: front matter has no name"),
        ("version: 2\n", "", "moods.md:2: front matter has no version"),
        ("version: 2", "version: two", "moods.md:3: the version of a prompt must be a number from 1, got 'two'"),
        ("about: Which mood.", "about: 5", "moods.md:4: about of a prompt must be a text, got int"),
        ("version: 2", "version: 2\nname: moods", "moods.md:4: front matter says name twice"),
        ("version: 2", "version: 2\nmodel: x", "moods.md:4: unknown key 'model': expected one of name, version, about"),
        ("  text: text\n", "  text: text\n  text: data\n", "moods.md:15: front matter says text twice"),
        ("  text: text", "  text:", "moods.md:14: variable text needs a kind"),
        ("  text: text", "  text: {about: a}", "moods.md:14: variable text needs a kind"),
        ("  text: text", "  text: {kind: text, type: a}", "moods.md:14: unknown key 'type': expected one of kind"),
        ("  text: text", "  text: words", "moods.md:14: variable text is of kind 'words'"),
        ("  text: text", "  te xt: text", "moods.md:14: a variable cannot be called 'te xt'"),
        ("  text: text", "  1: text", "moods.md:14: a variable cannot be called 1"),
        ("  text: text", "  text: text\n  more: text", "moods.md:15: variable more is declared"),
        ("# user\n\n{{text}}", "# user\n\nRead\nthis {{txt}}", "moods.md:29: {{txt}} is not declared"),
        ("{{labels}}.", "{{text}}.", "moods.md:18: variable text of kind text may not stand in the system section"),
        ("# {{examples}}\n", "# {{examples}}\n\n\nmore\n", "moods.md:27: text below the slot examples"),
        ("# system\n", "\nBe kind.\n# system\n", "moods.md:17: text before the first section"),
        ("# {{examples}}", "# {{more}}", "moods.md:24: {{more}} is not declared"),
        ("# {{examples}}", "# {{text}}", "moods.md:24: variable text of kind text may not stand as"),
        ("# {{examples}}", "# user\n\n# system", "moods.md:28: a system section must be the first"),
    ],
)  # fmt: skip
def test_a_file_that_is_wrong_is_refused_with_its_line(old: str, new: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse_prompt(MOODS.replace(old, new, 1), origin="moods.md")
    assert str(error.value).startswith(message)


def test_empty_front_matter_and_no_sections_are_told_apart() -> None:
    with pytest.raises(ConfigError, match="prompt text:2: front matter has no name"):
        parse_prompt("---\n---\n# user\n")
    with pytest.raises(ConfigError, match="prompt text:2: there is no section"):
        parse_prompt("---\nname: a\nversion: 1\n---\n")


def test_a_file_is_read_from_disk(tmp_path: Path) -> None:
    path = tmp_path / "moods.md"
    path.write_text(MOODS, encoding="utf-8-sig")
    assert read_prompt(path) == read_prompt(str(path)) == parse_prompt(MOODS)
    assert read_prompt(path).origin == str(path)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"prompt file .*none\.md cannot be read: No such file"):
        read_prompt(tmp_path / "none.md")
    (tmp_path / "latin.md").write_bytes(b"\xe9")
    with pytest.raises(ConfigError, match="it is not UTF-8"):
        read_prompt(tmp_path / "latin.md")


words = st.one_of(
    st.text(max_size=30),
    st.lists(
        st.sampled_from(
            [
                "# user", "# {{x}}", "\\# system", "\\", "\n", "---", "{{o}}", "\\{{o}}", "a", " ", "|", ": ", "- ",
                "#", "'", '"', "\t", "\x85", "\u2028", "\ufeff", "\x00", "\x1f", "null", "1e5", "~", "%YAML", "...",
            ]
        ),
        max_size=8,
    ).map("".join),
)  # fmt: skip
options = st.one_of(words, st.integers(), st.floats(allow_nan=False), st.lists(words, max_size=3))
variables = st.tuples(
    st.builds(Variable, st.just("o"), st.just("option"), words, st.one_of(st.just(REQUIRED), options)),
    st.builds(Variable, st.just("t"), st.just("text"), words, st.one_of(st.just(REQUIRED), words)),
    st.builds(
        Variable,
        st.just("e"),
        st.just("examples"),
        words,
        st.lists(st.builds(Example, words.filter(bool), words.filter(bool), words, words), max_size=2),
        words.map(lambda text: text.replace("{{", "") + " {{input}}\n {{output}}"),
    ),
)


@bounded
@given(words, variables, words, words)
@example("", (Variable("o", "option"), Variable("t", "text"), Variable("e", "examples")), "", "# user")
def test_what_is_written_is_read_back(
    about: str, declared: tuple[Variable, ...], instruction: str, question: str
) -> None:
    sections = (
        Section("system", instruction + "{{o}}"),
        Section("slot", "e"),
        Section("user", question.replace("{{o}}", "") + "\n{{t}}"),
        Section("assistant", question.replace("{{o}}", "")),
    )
    assume(not list(flaws(declared, sections)))
    prompt = Prompt("a-1", 3, about=about, variables=declared, sections=sections)
    again = parse_prompt(write_prompt(prompt))
    assert again == prompt
    assert again.sha256 == prompt.sha256
    assert write_prompt(replace(again)) == write_prompt(prompt)
    write_prompt(prompt).encode()
