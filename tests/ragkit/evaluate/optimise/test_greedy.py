from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ragkit.evaluate.chat import Ask
from ragkit.evaluate.optimise.bench import Bench, Till
from ragkit.evaluate.optimise.candidates import AS_IT_IS, Candidate, Greedy
from ragkit.evaluate.optimise.greedy import grown, race
from ragkit.evaluate.optimise.scoring import measure_named
from ragkit.prompts.examples import Example
from ragkit.prompts.few_shot import FewShot
from ragkit.prompts.selectors.given import FixedSelector, RandomSelector
from ragkit.testing.scripts import ScriptedModel

Skill = Callable[[Ask], str]


@pytest.fixture
def bench(builder: FewShot[str], rows: list[Example], skilled: Skill) -> Bench:
    return Bench(Till(2_000), ScriptedModel(skilled), measure_named("accuracy"), rows[:20], reader=builder)


def names(found: Candidate) -> list[str]:
    return [example.id for example in found.builder.selector.select("x")]


def test_examples_are_added_to_those_the_start_shows_to_every_text(
    bench: Bench, builder: FewShot[str], rows: list[Example]
) -> None:
    start = Candidate(AS_IT_IS, "random 2", builder.with_selector(FixedSelector(rows[100:102])))
    found = grown(start, Greedy(2, tries=3), rows[200:], bench, calls=1_000)
    assert names(found)[:2] == ["100", "101"]
    assert len(names(found)) == 4
    assert found.selection == f"random 2 + row {names(found)[2]} + row {names(found)[3]}"


def test_a_start_that_shows_others_to_each_text_is_left_and_a_set_grown_from_none(
    bench: Bench, builder: FewShot[str], rows: list[Example]
) -> None:
    start = Candidate(AS_IT_IS, "drawn", builder.with_selector(RandomSelector(rows[100:], 3)))
    found = grown(start, Greedy(1, tries=3), rows[200:], bench, calls=1_000)
    assert found.selection == f"no examples + row {names(found)[0]}"


def test_a_pool_that_is_used_up_or_calls_that_are_ends_the_growth(
    bench: Bench, builder: FewShot[str], rows: list[Example]
) -> None:
    start = Candidate(AS_IT_IS, AS_IT_IS, builder)
    assert sorted(names(grown(start, Greedy(9, tries=3), rows[200:202], bench, calls=2_000))) == ["200", "201"]
    left = bench.till.left
    assert grown(start, Greedy(2, tries=3), rows[200:], bench, calls=7) is start
    assert bench.till.left == left


def test_the_same_seed_tries_the_same_examples(bench: Bench, builder: FewShot[str], rows: list[Example]) -> None:
    start = Candidate(AS_IT_IS, AS_IT_IS, builder)
    one, two, other = (
        names(grown(start, Greedy(2, tries=2), rows[200:], bench, calls=200, seed=seed)) for seed in (1, 1, 2)
    )
    assert one == two != other


def test_an_example_without_an_id_is_named_by_its_place_and_never_by_its_text(
    bench: Bench, builder: FewShot[str]
) -> None:
    found = grown(Candidate(AS_IT_IS, AS_IT_IS, builder), Greedy(1), [Example("number 7", "odd")], bench, calls=100)
    assert found.selection == "as it is + row #1"


def test_a_challenger_that_is_only_as_good_does_not_replace_the_reference(bench: Bench, builder: FewShot[str]) -> None:
    start, twin = Candidate(AS_IT_IS, AS_IT_IS, builder), Candidate("twin", AS_IT_IS, builder)
    assert race(bench, start, [twin], calls=40) is start


@given(st.lists(st.integers(0, 3), min_size=1, max_size=6), st.integers(0, 3))
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_with_calls_enough_the_best_of_all_wins_as_by_brute_force(
    builder: FewShot[str], rows: list[Example], right: list[int], reference: int
) -> None:
    def model(ask: Ask) -> str:
        known = int(ask.messages[0].content.split()[1])
        number = int(ask.messages[-1].content.split()[-1])
        return ("even", "odd")[(number % 2) ^ (number >= known)]

    def told(known: int, name: str) -> Candidate:
        text = f"Know {known} {name} {{{{labels}}}}"
        return Candidate(name, AS_IT_IS, builder.with_prompt(builder.prompt.with_instruction(text)))

    start, *others = [told(known, f"n{place}") for place, known in enumerate([reference, *right])]
    till = Till(4 * (len(right) + 1))
    bench = Bench(till, ScriptedModel(model), measure_named("accuracy"), rows[:4], reader=builder)
    found = race(bench, start, others, calls=till.left)
    expected = others[right.index(max(right))] if max(right) > reference else start
    assert found is expected
