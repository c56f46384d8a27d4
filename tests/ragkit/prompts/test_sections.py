from __future__ import annotations

import pytest

from ragkit.errors import ConfigError
from ragkit.prompts.sections import Flaw, Section, flaws
from ragkit.prompts.variable import Variable

TEXT, LABELS = Variable("text", "text"), Variable("labels", "option")
EXAMPLES, HISTORY = Variable("examples", "examples"), Variable("history", "messages")
SOURCES, FOREIGN, MARK = Variable("sources", "documents"), Variable("foreign", "data"), Variable("mark", "mark")


def test_layout_around_a_text_is_dropped() -> None:
    assert Section("user", "\r\n\n  a \t\r\nb\rc  \n\n").text == "  a\nb\nc"
    assert Section("user", "a\x0bb\u2028c\x85 ").text == "a\x0bb\u2028c\x85"


@pytest.mark.parametrize("arguments", [("human", "a"), ("user", 5)])
def test_a_section_is_a_role_and_a_text(arguments: tuple[str, str]) -> None:
    with pytest.raises(ConfigError, match="a section is system, user, assistant or slot with a text"):
        Section(*arguments)  # type: ignore[arg-type]


def test_a_text_is_not_in_the_repr() -> None:
    assert repr(Section("user", "what a person wrote")) == "Section(role='user')"


def test_a_prompt_that_is_right_has_no_flaw() -> None:
    sections = [
        Section("system", "Use {{labels}} and {{mark}}."),
        Section("slot", "history"),
        Section("slot", "examples"),
        Section("user", "{{sources}} {{foreign}} {{text}} {{labels}} {{mark}}"),
        Section("assistant", "{{labels}} {{text}}"),
    ]
    assert list(flaws([TEXT, LABELS, EXAMPLES, HISTORY, SOURCES, FOREIGN, MARK], sections)) == []


@pytest.mark.parametrize(
    ("variables", "sections", "message", "place"),
    [
        ([], [], "there is no section", None),
        ([TEXT, TEXT], [Section("user", "{{text}}")], "two variables have the same name", None),
        ([], [Section("user", "a {{text}}")], r"{{text}} is not declared: the variables are none; write \{{text}}", 0),
        ([TEXT], [Section("user", "a")], "variable text is declared and stands in no section", None),
        ([], [Section("user", "a"), Section("system", "b")], "a system section must be the first and only one", 1),
        ([], [Section("system", "a"), Section("system", "b")], "a system section must be the first and only one", 1),
        ([TEXT], [Section("system", "{{text}}")], "variable text of kind text may not stand in the system section", 0),
        ([FOREIGN], [Section("assistant", "{{foreign}}")], "may not stand in the assistant section: expected user.", 0),
        ([SOURCES], [Section("system", "{{sources}}")], "expected user.", 0),
        ([EXAMPLES], [Section("system", "{{examples}}")], "expected user or a section of its own (# {{examples}}).", 0),
        ([HISTORY], [Section("user", "{{history}}")], "expected a section of its own (# {{history}}).", 0),
        ([TEXT], [Section("slot", "text")], "may not stand as a section of its own", 0),
        ([TEXT], [Section("slot", "te xt")], "a slot is the name of one variable, got 'te xt'", 0),
        (
            [FOREIGN],
            [Section("user", "{{foreign}}{{foreign}}")],
            "nothing stands between {{foreign}} and {{foreign}}",
            0,
        ),
        ([], [Section("user", "\ud800")], "half a character", 0),
    ],
)
def test_flaws_are_named(variables: list[Variable], sections: list[Section], message: str, place: int | None) -> None:
    flaw = next(flaws(variables, sections))
    assert message in flaw.message
    assert flaw.section == place


def test_a_flaw_says_where_in_the_text_it_is() -> None:
    assert next(flaws([], [Section("user", "a\nb {{c}}")]))[1:] == (0, 4, ())
    assert next(flaws([TEXT], [Section("user", "a")])) == Flaw(
        "variable text is declared and stands in no section: use {{text}} or drop it.", key=("variables", "text")
    )
