from __future__ import annotations

import pytest

from ragkit.errors import InputError
from ragkit.evaluate.optimise.candidates import (
    Greedy,
    Selection,
    candidates_of,
    no_examples,
    random_sets,
    stratified_sets,
)
from ragkit.prompts.examples import Example
from ragkit.prompts.few_shot import FewShot
from ragkit.prompts.selectors.given import FixedSelector


def test_every_instruction_meets_every_selection_the_start_first(builder: FewShot[str], rows: list[Example]) -> None:
    made, refused = candidates_of(builder, ["Guess {{labels}}."], random_sets(1, 2), rows)
    assert [one.name for one in made] == [
        "as it is",
        "as it is, random 2, seed 0",
        "instruction 1, as it is",
        "instruction 1, random 2, seed 0",
    ]
    assert made[0].builder is builder
    assert refused == []


def test_an_instruction_that_loses_or_adds_a_slot_or_is_known_is_refused_with_the_reason(
    builder: FewShot[str],
) -> None:
    texts = ["No slot.", "{{labels}} {{other}}", "{{labels}}: {{text}}", "Say one of {{labels}}.", "New: {{labels}}"]
    made, refused = candidates_of(builder, texts, [], [])
    assert [one.name for one in made] == ["as it is", "instruction 5, as it is"]
    assert [one.instruction for one in refused] == texts[:4]
    assert "labels" in refused[0].why
    assert "other" in refused[1].why
    assert "text" in refused[2].why
    assert refused[3].why == "these words are tried already."


def test_random_sets_are_drawn_once_and_differ_by_their_seed(builder: FewShot[str], rows: list[Example]) -> None:
    selections = random_sets(3, 4, seed=5)
    assert [one.name for one in selections] == ["random 4, seed 5", "random 4, seed 6", "random 4, seed 7"]
    sets = [tuple(one.choose(rows).select("x")) for one in selections]
    assert len(set(sets)) == 3
    assert sets == [tuple(one.choose(rows).select("y")) for one in selections]
    assert all(isinstance(one.choose(rows), FixedSelector) for one in selections)


def test_stratified_sets_show_as_many_of_each_label(rows: list[Example]) -> None:
    first, second = stratified_sets(2, 3)
    shown = first.choose(rows).select("x")
    assert sorted(example.output for example in shown) == ["even"] * 3 + ["odd"] * 3
    assert shown != second.choose(rows).select("x")


def test_a_choice_that_chooses_as_another_does_is_tried_once(builder: FewShot[str], rows: list[Example]) -> None:
    twins = [Selection(name, lambda pool: FixedSelector(pool[:2])) for name in ("first", "second")]
    made, _ = candidates_of(builder, [], [no_examples(), *twins], rows)
    assert [one.name for one in made] == ["as it is", "as it is, first"]


@pytest.mark.parametrize("names", [("a", "a"), ("as it is",)])
def test_a_name_that_is_taken_is_refused(builder: FewShot[str], rows: list[Example], names: tuple[str, ...]) -> None:
    selections = [Selection(name, lambda _: FixedSelector(())) for name in names]
    with pytest.raises(InputError, match=f"two selections are called '{names[0]}': give each a name of its own"):
        candidates_of(builder, [], selections, rows)


def test_without_a_pool_there_is_nothing_to_choose_from(builder: FewShot[str]) -> None:
    with pytest.raises(InputError, match="no pool to choose examples from: give a share of the rows to it"):
        candidates_of(builder, [], [no_examples()], [])


@pytest.mark.parametrize(("count", "tries"), [(0, 1), (1, 0)])
def test_greedy_selection_needs_a_step_and_a_try(count: int, tries: int) -> None:
    with pytest.raises(InputError, match="must be at least 1, got 0"):
        Greedy(count, tries)
