"""A task so small that its best prompt is known: is a number even? The model is the better the more it is shown."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ragkit.evaluate.chat import Ask
from ragkit.prompts.examples import Example
from ragkit.prompts.few_shot import FewShot
from ragkit.prompts.parsers.labels import label_parser
from ragkit.prompts.prompt import Prompt, Section, Variable
from ragkit.prompts.selectors.given import FixedSelector

LABELS = ("even", "odd")


def _skilled(ask: Ask) -> str:
    """Know the numbers whose last digit is below 4, one digit more for each example, and all if told to be careful."""
    system, *turns, question = ask.messages
    number = int(question.content.split()[-1])
    known = 10 if "careful" in system.content else 4 + len(turns) // 2
    return LABELS[(number % 2) ^ (number % 10 >= known)]


@pytest.fixture
def skilled() -> Callable[[Ask], str]:
    return _skilled


@pytest.fixture
def builder() -> FewShot[str]:
    variables = (
        Variable("labels", "option", default=LABELS),
        Variable("examples", "examples", default=()),
        Variable("text", "text"),
    )
    sections = (Section("system", "Say one of {{labels}}."), Section("slot", "examples"), Section("user", "{{text}}"))
    prompt = Prompt("parity", 1, variables=variables, sections=sections)
    return FewShot(prompt, FixedSelector(()), label_parser(LABELS), measure="accuracy")


@pytest.fixture
def rows() -> list[Example]:
    return [Example(f"number {place}", LABELS[place % 2], id=str(place)) for place in range(400)]
