from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from ragkit.errors import ConfigError, InputError
from ragkit.prompts.file import parse_prompt, write_prompt
from ragkit.prompts.prompt import Prompt
from ragkit.prompts.sections import Section
from ragkit.prompts.variable import Variable

SECRET = "what a person wrote"
VARIABLES = (
    Variable("labels", "option", default=["good", "bad"]),
    Variable("examples", "examples", default=[]),
    Variable("text", "text"),
)
MOODS = Prompt(
    "moods",
    2,
    about="Which mood.",
    variables=VARIABLES,
    sections=(
        Section("system", "Answer with one of {{labels}}."),
        Section("slot", "examples"),
        Section("user", "Text: {{text}}"),
    ),
)


def test_a_prompt_renders_to_messages() -> None:
    assert MOODS.render({"text": "A gem.", "examples": [("Dull.", "bad")]}) == [
        SystemMessage("Answer with one of good, bad."),
        HumanMessage("Dull."),
        AIMessage("bad"),
        HumanMessage("Text: A gem."),
    ]


def test_a_history_stands_where_its_slot_is_as_it_is() -> None:
    chat = Prompt(
        "chat",
        1,
        variables=(Variable("history", "messages"), Variable("question", "text")),
        sections=(Section("slot", "history"), Section("user", "{{question}}")),
    )
    history = [HumanMessage("{{question}}", id="1"), AIMessage("", tool_calls=[{"name": "f", "args": {}, "id": "2"}])]
    messages = chat.render({"history": history, "question": "Why?"})
    assert messages == [*history, HumanMessage("Why?")]
    assert messages[0] is history[0]


def test_examples_inside_a_section_are_text() -> None:
    as_text = MOODS.with_examples_as_text()
    assert [section.role for section in as_text.sections] == ["system", "user"]
    messages = as_text.render({"text": "A gem.", "examples": [("Dull.", "bad"), ("Fun.", "good")]})
    assert messages[1].content == "Dull.\nbad\n\nFun.\ngood\n\nText: A gem."
    assert as_text.render({"text": "A gem."})[1].content == "Text: A gem."


def test_examples_that_are_text_already_stay() -> None:
    as_text = MOODS.with_examples_as_text()
    assert as_text.with_examples_as_text() == as_text


def test_one_layout_serves_examples_as_turns_and_as_text() -> None:
    laid_out = replace(VARIABLES[1], layout="Text: {{input}}\nMood: {{output}}")
    moods = replace(MOODS, variables=(VARIABLES[0], laid_out, VARIABLES[2]))
    values = {"text": "A gem.", "examples": [("Dull. ", "bad")]}
    assert [message.content for message in moods.render(values)[1:3]] == ["Text: Dull. \nMood:", "bad"]
    assert moods.with_examples_as_text().render(values)[1].content == "Text: Dull. \nMood: bad\n\nText: A gem."


def test_a_layout_may_have_nothing_between_input_and_output() -> None:
    touching = replace(VARIABLES[1], layout="{{input}}{{output}}")
    moods = replace(MOODS, about="", variables=(VARIABLES[0], touching, VARIABLES[2]))
    shown = moods.render({"text": "A gem.", "examples": [("Dull: ", "bad")]})
    assert [message.content for message in shown[1:3]] == ["Dull: ", "bad"]
    assert parse_prompt(write_prompt(moods)) == moods


def test_parts_say_what_a_message_is_made_of() -> None:
    parts = MOODS.parts({"text": "A gem.", "examples": [("Dull.", "bad")]})
    assert [(tuple(part.pieces), part.index) for part in parts] == [
        ((("", "Answer with one of "), ("labels", "good, bad"), ("", ".")), None),
        ((("examples", "Dull."),), 0),
        ((("examples", "bad"),), 0),
        ((("", "Text: "), ("text", "A gem.")), None),
    ]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "prompt moods needs a value for text; its variables are labels, examples, text."),
        (
            {"text": SECRET, "txt": SECRET},
            "prompt moods has no variable 'txt': its variables are labels, examples, text.",
        ),
        ({"text": [SECRET]}, "prompt moods: variable text must be a text, got list of str."),
        ({"text": SECRET, "examples": [SECRET]}, "prompt moods: variable examples: example 0 is of type str"),
        ({"text": SECRET, 5: SECRET}, "prompt moods has no variable 5"),
    ],
)
def test_missing_unknown_and_wrong_values_are_named(values: dict[Any, Any], message: str) -> None:
    with pytest.raises(InputError) as error:
        MOODS.render(values)
    assert message in str(error.value)
    assert SECRET not in str(error.value)


def test_values_come_by_variable() -> None:
    with pytest.raises(InputError, match="prompt moods takes a mapping from variables to values, got str"):
        MOODS.render(SECRET)  # type: ignore[arg-type]


def test_values_given_before_may_still_be_overridden() -> None:
    filled = MOODS.with_defaults(labels="a", text="b").with_defaults(text="c")
    assert [message.content for message in filled.render({})] == ["Answer with one of a.", "Text: c"]
    assert filled.render({"labels": 1})[0].content == "Answer with one of 1."
    assert (filled.required_names, MOODS.required_names) == ((), ("text",))
    assert filled.sha256 == MOODS.sha256
    assert MOODS.filled == ()


def test_values_given_before_are_checked_and_not_in_the_repr() -> None:
    with pytest.raises(InputError, match="prompt moods has no variable 'txt'"):
        MOODS.with_defaults(txt=SECRET)
    assert SECRET not in repr(MOODS.with_defaults(text=SECRET))
    assert repr(MOODS) == "Prompt(name='moods', version=2, origin='')"


def test_the_instruction_may_be_another() -> None:
    other = MOODS.with_instruction("Choose: {{labels}}")
    assert (other.version, other.sections[0].text, other.sections[1:]) == (3, "Choose: {{labels}}", MOODS.sections[1:])
    bare = Prompt("bare", 1, variables=(VARIABLES[2],), sections=(Section("user", "{{text}}"),))
    assert [section.role for section in bare.with_instruction("Be brief.").sections] == ["system", "user"]


def test_an_instruction_that_forgets_a_variable_is_refused() -> None:
    with pytest.raises(ConfigError, match="prompt moods: variable labels is declared and stands in no section"):
        MOODS.with_instruction("Choose.")


def test_the_card_names_what_reaches_a_model() -> None:
    card = MOODS.card
    assert list(card) == ["name", "version", "sha256"]
    assert len(card["sha256"]) == 64
    assert replace(MOODS, about="Other.", version=9, name="other", origin="x").sha256 == card["sha256"]
    same = replace(MOODS, sections=(Section("system", "\r\nAnswer with one of {{labels}}. \r\n"), *MOODS.sections[1:]))
    assert same.sha256 == card["sha256"]


@pytest.mark.parametrize(
    "other",
    [
        replace(MOODS, sections=(*MOODS.sections[:2], Section("user", "Text : {{text}}"))),
        replace(MOODS, sections=(*MOODS.sections[:2], Section("assistant", "Text: {{text}}"))),
        replace(MOODS, variables=(*VARIABLES[:2], Variable("text", "text", default=""))),
        replace(MOODS, variables=(*VARIABLES[:2], Variable("text", "data"))),
        replace(MOODS, variables=(Variable("labels", "option", default=["good"]), *VARIABLES[1:])),
        MOODS.with_examples_as_text(),
    ],
)
def test_another_text_kind_or_default_has_another_hash(other: Prompt) -> None:
    assert other.sha256 != MOODS.sha256


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "A b"}, "a prompt cannot be called 'A b': use a-z, 0-9 and -"),
        ({"name": "../x"}, "cannot be called"),
        ({"name": 5}, "cannot be called 5"),
        ({"version": 0}, "the version of a prompt must be a number from 1, got 0"),
        ({"version": True}, "must be a number from 1"),
        ({"version": "1"}, "must be a number from 1"),
        ({"about": 5}, "about of a prompt must be a text, got int"),
        ({"sections": [("user", "a")]}, "the sections of a prompt are values of Section, got one of type tuple"),
        ({"variables": {"text": "text"}}, "the variables of a prompt are values of Variable, got one of type str"),
        ({"variables": ()}, r"prompt moods: \{\{labels\}\} is not declared"),
    ],
)
def test_a_prompt_that_makes_no_sense_is_refused(arguments: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        replace(MOODS, **arguments)


def test_a_mark_fences_what_others_wrote() -> None:
    judge = Prompt(
        "judge",
        1,
        variables=(Variable("mark", "mark"), Variable("claim", "data")),
        sections=(Section("user", "<<< {{mark}}\n{{claim}}\n{{mark}} >>>"),),
    )
    assert judge.variable_names == ("claim",)
    first, again = (str(judge.render({"claim": "a"})[0].content) for _ in range(2))
    assert first != again
    assert judge.render({"claim": "a"}, seed=0) == judge.render({"claim": "a"}, seed=0)
    assert judge.render({"claim": "a"}, seed=0) != judge.render({"claim": "b"}, seed=0)
    mark = first.split()[1]
    assert first == f"<<< {mark}\na\n{mark} >>>"


def test_control_tokens_are_escaped_in_data_and_kept_in_text() -> None:
    prompt = Prompt(
        "both",
        1,
        variables=(Variable("own", "text"), Variable("foreign", "data")),
        sections=(Section("user", "{{own}}|{{foreign}}"),),
    )
    content = str(prompt.render({"own": "<|im_end|>", "foreign": "<|im_end|>"})[0].content)
    assert content.startswith("<|im_end|>|")
    assert content.count("<|im_end|>") == 1


def test_control_tokens_are_escaped_in_examples() -> None:
    values = {"text": "a", "examples": [("</s> <|im_end|>", "<|im_start|>")]}
    for prompt in (MOODS, MOODS.with_examples_as_text()):
        shown = "".join(str(message.content) for message in prompt.render(values))
        assert not any(token in shown for token in ("</s>", "<|im_end|>", "<|im_start|>"))


def test_lists_become_tuples() -> None:
    listed = replace(MOODS, variables=list(MOODS.variables), sections=list(MOODS.sections))  # type: ignore[arg-type]
    assert listed == MOODS
    assert hash(listed) == hash(MOODS)


def test_a_prompt_may_have_to_be_one_system_section_with_one_option() -> None:
    option, text = Variable("tools", "option"), Variable("text", "text")
    whole = Prompt("whole", 1, variables=(option,), sections=(Section("system", "Use {{tools}}."),))
    assert whole.only_system("tools") is whole
    asking = replace(whole, variables=(option, text), sections=(*whole.sections, Section("user", "{{text}}")))
    said = "must be one system section with the variable .* of kind option alone"
    for prompt, variable in ((whole, "text"), (asking, "tools"), (MOODS, "labels")):
        with pytest.raises(ConfigError, match=f"prompt {prompt.name} {said}"):
            prompt.only_system(variable)
