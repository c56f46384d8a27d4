from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ragkit.encoder import Encoder, EncoderCard, Vectors
from ragkit.errors import ConfigError, InputError, LoadError
from ragkit.evaluate.chat import Ask
from ragkit.evaluate.optimise.candidates import Selection, diverse, nearest, random_sets
from ragkit.evaluate.optimise.folder import read_optimised, write_optimised
from ragkit.evaluate.optimise.result import Optimised
from ragkit.evaluate.optimise.search import optimise
from ragkit.messages.tokens import counter_of_text
from ragkit.prompts.examples import Example, read_examples
from ragkit.prompts.few_shot import FewShot
from ragkit.prompts.library import load_prompt
from ragkit.prompts.selectors.given import LengthSelector, RandomSelector
from ragkit.prompts.selectors.ngrams import NGramOverlapSelector
from ragkit.prompts.selectors.selector import Selector
from ragkit.prompts.selectors.stratified import StratifiedSelector
from ragkit.testing.scripts import ScriptedModel

Skill = Callable[[Ask], str]
CAREFUL = "Be careful. Say one of {{labels}}."


class DigitEncoder:
    """Texts by their last digit: near on the circle are those that follow each other."""

    def __init__(self, name: str = "digits") -> None:
        self.card = EncoderCard(model=name, dim=2, revision="1")

    def encode_documents(self, texts: Sequence[str]) -> Vectors:
        angles = np.array([int(text[-1]) * 0.3 for text in texts])
        return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        return self.encode_documents(texts)

    def count_tokens(self, text: str) -> int:
        return len(text.split())


def found_with(
    builder: FewShot[str], rows: list[Example], skilled: Skill, *selections: Selection, instruction: str = CAREFUL
) -> Optimised[str]:
    model = ScriptedModel(lambda ask: skilled(ask) if len(ask.messages) > 2 or instruction == CAREFUL else "even")
    found = optimise(builder, model, rows, calls=600, instructions=[instruction], selections=selections)
    assert found.improved
    return found


def test_what_was_found_is_a_prompt_file_with_its_examples(
    builder: FewShot[str], rows: list[Example], skilled: Skill, tmp_path: Path
) -> None:
    found = found_with(builder, rows, skilled, *random_sets(1, 8), instruction="Guess {{labels}}.")
    write_optimised(found, tmp_path / "prompts")
    assert sorted(path.name for path in (tmp_path / "prompts").iterdir()) == [
        "parity.examples.jsonl",
        "parity.md",
        "parity.optimised.json",
    ]
    assert load_prompt("parity", folder=tmp_path / "prompts") == found.best.prompt
    assert read_examples(tmp_path / "prompts/parity.examples.jsonl") == tuple(found.best.selector.select("number 1000"))
    read = read_optimised(tmp_path / "prompts", builder)
    assert read.render("number 1000") == found.best.render("number 1000")
    assert len(read.render("number 1000")) == 2 + 2 * 8


def test_the_same_search_writes_the_same_bytes(
    builder: FewShot[str], rows: list[Example], skilled: Skill, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        write_optimised(found_with(builder, rows, skilled), tmp_path / name)
    one, two = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "two"))
    assert one == two
    assert json.loads(one["parity.optimised.json"])["winner"] == "instruction 1, as it is"


def test_a_folder_holds_what_was_found_for_several_prompts(
    builder: FewShot[str], rows: list[Example], skilled: Skill, tmp_path: Path
) -> None:
    found = found_with(builder, rows, skilled, *random_sets(1, 8), instruction="Guess {{labels}}.")
    other = builder.with_prompt(replace(builder.prompt, name="other"))
    write_optimised(found, str(tmp_path))
    write_optimised(found_with(other, rows, skilled), tmp_path)
    assert read_optimised(tmp_path, builder).choose("number 1000") == found.best.choose("number 1000")
    assert read_optimised(str(tmp_path), other).choose("number 1000") == []


@pytest.mark.parametrize("choice", [nearest, diverse])
def test_examples_chosen_by_nearness_need_the_model_that_chose_them(
    builder: FewShot[str],
    rows: list[Example],
    skilled: Skill,
    tmp_path: Path,
    choice: Callable[[Encoder, int], Selection],
) -> None:
    found = found_with(builder, rows, skilled, choice(DigitEncoder(), 6), instruction="Guess {{labels}}.")
    write_optimised(found, tmp_path)
    read = read_optimised(tmp_path, builder, encoder=DigitEncoder())
    assert read.selector.select("number 1003") == found.best.selector.select("number 1003")
    with pytest.raises(ConfigError, match="the examples are chosen by vectors of digits: give it as encoder"):
        read_optimised(tmp_path, builder)
    with pytest.raises(ConfigError, match=r"these examples were chosen by .*digits.* not by .*other"):
        read_optimised(tmp_path, builder, encoder=DigitEncoder("other"))


@pytest.mark.parametrize(
    "make",
    [
        lambda pool: RandomSelector(pool, 2, seed=4),
        lambda pool: NGramOverlapSelector(pool, 2, threshold=0.1),
        lambda pool: StratifiedSelector(pool, 1, seed=3),
        lambda pool: StratifiedSelector(pool, 1, encoder=DigitEncoder()),
    ],
)
def test_every_selector_of_the_library_is_read_again(
    builder: FewShot[str],
    rows: list[Example],
    skilled: Skill,
    tmp_path: Path,
    make: Callable[[Iterable[Example]], Selector],
) -> None:
    found = found_with(builder, rows, skilled)
    kept = replace(found, best=found.best.with_selector(make(rows[:30])))
    write_optimised(kept, tmp_path)
    read = read_optimised(tmp_path, builder, encoder=DigitEncoder())
    assert read.selector.select("number 1003") == kept.best.selector.select("number 1003")


class Nothing:
    """A selector that holds no examples."""

    @property
    def card(self) -> Mapping[str, Any]:
        return {"selector": "nothing"}

    def select(self, text: str, /) -> Sequence[Example]:
        return []


def test_a_selector_without_examples_of_its_own_cannot_be_written(
    builder: FewShot[str], rows: list[Example], skilled: Skill, tmp_path: Path
) -> None:
    found = found_with(builder, rows, skilled)
    with pytest.raises(InputError, match="the examples of a Nothing cannot be written"):
        write_optimised(replace(found, best=found.best.with_selector(Nothing())), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_files_that_do_not_fit_each_other_are_refused(
    builder: FewShot[str], rows: list[Example], skilled: Skill, tmp_path: Path
) -> None:
    found = found_with(builder, rows, skilled)
    write_optimised(found, tmp_path)
    (tmp_path / "parity.examples.jsonl").write_text('{"input": "number 2", "output": "even"}\n')
    with pytest.raises(LoadError, match=r"parity.examples.jsonl: it does not hold the examples of parity.optim"):
        read_optimised(tmp_path, builder)


def test_a_selector_of_another_kind_is_named(
    builder: FewShot[str], rows: list[Example], skilled: Skill, tmp_path: Path
) -> None:
    found = found_with(builder, rows, skilled)
    selector = LengthSelector(rows[:3], 100, counter_of_text(len))
    write_optimised(replace(found, best=found.best.with_selector(selector)), tmp_path)
    with pytest.raises(ConfigError, match="a selector of kind 'length' cannot be made from its card: known are fixed"):
        read_optimised(tmp_path, builder)


@pytest.mark.parametrize("content", ["", "[]", '{"selector": 1}', '{"winner": ""}'])
def test_a_changed_result_file_is_named(builder: FewShot[str], tmp_path: Path, content: str) -> None:
    (tmp_path / "parity.optimised.json").write_text(content)
    with pytest.raises(LoadError, match=r"optimised.json: it does not say how examples are chosen"):
        read_optimised(tmp_path, builder)


def test_a_missing_result_file_is_named(builder: FewShot[str], tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"optimised.json: No such file .*: was it written by an optimisation"):
        read_optimised(tmp_path, builder)
