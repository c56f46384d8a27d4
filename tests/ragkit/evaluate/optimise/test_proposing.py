from __future__ import annotations

import json

import pytest

from ragkit.errors import ConfigError, InputError
from ragkit.evaluate.optimise.bench import Till
from ragkit.evaluate.optimise.proposing import Proposer, proposals
from ragkit.prompts.examples import Example
from ragkit.prompts.few_shot import FewShot
from ragkit.prompts.prompt import Prompt, Section, Variable
from ragkit.testing.scripts import ScriptedModel


def test_the_proposer_sees_the_instruction_with_its_slots_and_some_rows(
    builder: FewShot[str], rows: list[Example]
) -> None:
    model = ScriptedModel([json.dumps(["one {{labels}}", " two {{labels}} ", "three"])])
    till = Till(2)
    proposed, refused = proposals(Proposer(model, count=2, shown=3), builder, rows, till)
    assert (proposed, refused, till.left) == (["one {{labels}}", "two {{labels}}"], [], 1)
    (ask,) = model.asks
    system, user = ask.messages
    assert "Write 2 other instructions" in system.content
    assert "such as {{labels}}," in system.content
    assert "Say one of {{labels}}." in user.content
    assert user.content.count("=>") == 3


def test_the_same_seed_shows_the_same_rows(builder: FewShot[str], rows: list[Example]) -> None:
    model = ScriptedModel(lambda _: "[]")
    for seed in (1, 1, 2):
        proposals(Proposer(model), builder, rows, Till(1), seed=seed)
    assert model.asks[0] == model.asks[1] != model.asks[2]


def test_a_prompt_without_a_system_section_has_no_words_to_begin_with(
    builder: FewShot[str], rows: list[Example]
) -> None:
    variables = (Variable("examples", "examples", default=()), Variable("text", "text"))
    prompt = Prompt("p", 1, variables=variables, sections=(Section("slot", "examples"), Section("user", "{{text}}")))
    with pytest.raises(ConfigError, match="prompt p has no system section that other words could be found for"):
        proposals(Proposer(ScriptedModel([])), builder.with_prompt(prompt), rows, Till(1))


def test_a_proposer_is_asked_for_one_instruction_at_least() -> None:
    with pytest.raises(InputError, match="count must be at least 1, got 0"):
        Proposer(ScriptedModel([]), count=0)
