from __future__ import annotations

from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.messages import HumanMessage

from ragkit.errors import ConfigError, InputError
from ragkit.prompts.data import Source
from ragkit.prompts.examples import Example
from ragkit.prompts.variable import REQUIRED, Variable

SECRET = "what a person wrote"


@pytest.mark.parametrize(
    ("kind", "value", "checked"),
    [
        ("option", "German", "German"),
        ("option", 3, 3),
        ("option", 0.5, 0.5),
        ("option", ["yes", "no"], ("yes", "no")),
        ("option", [], ()),
        ("text", "{{a}}", "{{a}}"),
        ("data", "<|im_end|>", "<|im_end|>"),
        ("documents", ["a", Document("b")], (Source("", "a"), Source("", "b"))),
        ("documents", (), ()),
        ("examples", [Example("a", "b"), {"input": "c", "output": "d"}], (Example("a", "b"), Example("c", "d"))),
        ("messages", [HumanMessage("a")], (HumanMessage("a"),)),
    ],
)
def test_values_that_fit_are_given_back(kind: Any, value: object, checked: object) -> None:
    assert Variable("x", kind).checked(value) == checked


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        ("option", None, "x must be a text, a number or a list of texts, got NoneType"),
        ("option", True, "got bool"),
        ("option", [SECRET, 1], "got list of int, str"),
        ("option", b"a", "got bytes"),
        ("text", 5, "x must be a text, got int"),
        ("text", [SECRET], "x must be a text, got list of str"),
        ("data", [], "x must be a text, got an empty list"),
        ("documents", SECRET, "x must be a list of documents, hits or texts, got str"),
        ("documents", [5], "variable x: a document must be"),
        ("documents", {"text": SECRET}, "got dict"),
        ("examples", SECRET, "x must be a list of examples with an input and an output, got str"),
        ("examples", [SECRET], "variable x: example 0 is of type str"),
        ("messages", [("human", SECRET)], "x must be a list of LangChain messages, got list of tuple"),
        ("messages", SECRET, "got str"),
        ("mark", "1", "variable x takes no value: it is made anew"),
    ],
)
def test_other_values_are_refused_without_showing_them(kind: Any, value: object, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        Variable("x", kind).checked(value)
    assert SECRET not in str(error.value)


def test_only_a_variable_with_a_default_may_be_left_out() -> None:
    assert Variable("x", "text").required
    assert not Variable("x", "text", default="").required
    assert not Variable("x", "mark").required
    assert repr(REQUIRED) == "required"


def test_a_default_is_not_in_the_repr() -> None:
    assert SECRET not in repr(Variable("x", "text", default=SECRET))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "a-b"}, "a variable cannot be called 'a-b': use letters, digits and _"),
        ({"name": ""}, "cannot be called ''"),
        ({"name": "é"}, "cannot be called"),
        ({"name": 5}, "cannot be called 5"),
        ({"name": "stop"}, "which LangChain keeps for itself"),
        ({"kind": "words"}, "variable x is of kind 'words': expected one of option, text"),
        ({"kind": ["text"]}, "is of kind"),
        ({"about": 5}, "about and layout of variable x must be text"),
        ({"default": 5}, "the default of variable x must be a text, got int"),
        ({"kind": "mark", "default": "1"}, "the default of variable x takes no value"),
        ({"kind": "documents", "default": ["a"]}, "the default of variable x may only be empty"),
        ({"kind": "messages", "default": [HumanMessage("a")]}, "may only be empty: give messages when rendering"),
        ({"layout": "{{input}}{{output}}"}, "only variables of kind examples have one"),
        ({"kind": "examples", "layout": "{{input}}"}, r"must hold \{\{input\}\} once and end in \{\{output\}\}"),
        ({"kind": "examples", "layout": "{{output}} {{input}}"}, "must hold"),
        ({"kind": "examples", "layout": "{{input}} {{output}}."}, "must hold"),
        ({"kind": "examples", "layout": "{{input}} {{input}} {{output}}"}, "must hold"),
    ],
)
def test_a_variable_that_makes_no_sense_is_refused(arguments: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Variable(**{"name": "x", "kind": "text", **arguments})


def test_defaults_are_plain_in_a_file() -> None:
    assert Variable("x", "option", default=["a"]).plain_default() == ["a"]
    assert Variable("x", "text").plain_default() is None
    shown = Variable("x", "examples", default=[("a", "b")]).plain_default()
    assert shown == [{"input": "a", "output": "b"}]
