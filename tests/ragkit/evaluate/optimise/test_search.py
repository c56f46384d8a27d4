from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from math import isnan
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ragkit.errors import ConfigError, InputError, ModelError
from ragkit.evaluate.chat import Ask, ChatModel
from ragkit.evaluate.journal import Journal
from ragkit.evaluate.judges.langchain import LangChainChat
from ragkit.evaluate.optimise.candidates import Greedy, Selection, random_sets
from ragkit.evaluate.optimise.folder import read_optimised, write_optimised
from ragkit.evaluate.optimise.proposing import Proposer
from ragkit.evaluate.optimise.search import optimise
from ragkit.evaluate.optimise.split import Split
from ragkit.prompts.examples import Example
from ragkit.prompts.few_shot import FewShot
from ragkit.prompts.library import load_prompt
from ragkit.prompts.parsers.entities import show_mentions
from ragkit.prompts.prompt import Prompt, Section, Variable
from ragkit.prompts.selectors.given import FixedSelector
from ragkit.prompts.tasks.entities import entities
from ragkit.prompts.tasks.sentiment import sentiment
from ragkit.testing.scripted_chat import ScriptedChatModel
from ragkit.testing.scripts import MeteredModel, ScriptedModel

Skill = Callable[[Ask], str]

CAREFUL = "Be careful. Say one of {{labels}}."
GUESS = "Guess: {{labels}}."


def test_better_words_are_found_and_proved_on_rows_that_no_choice_saw(
    builder: FewShot[str], rows: list[Example], skilled: Skill
) -> None:
    model = ScriptedModel(skilled)
    found = optimise(builder, model, rows, calls=600, instructions=[GUESS, CAREFUL])
    assert (found.improved, found.winner_name) == (True, "instruction 2, as it is")
    assert found.best.prompt.sections[0].text == CAREFUL
    assert found.best.prompt.version == 2
    assert (found.held_out.rows, found.held_out.winner.value) == (120, 1.0)
    assert found.held_out.difference.low > 0.4
    assert [trial.name for trial in found.trail] == ["as it is", "instruction 1, as it is", "instruction 2, as it is"]
    assert found.verdict.startswith("Better: instruction 2, as it is: accuracy 0.4")


def test_the_trail_tells_of_every_candidate_rows_calls_difference_and_adjusted_p(
    builder: FewShot[str], rows: list[Example], skilled: Skill
) -> None:
    found = optimise(builder, ScriptedModel(skilled), rows, calls=600, instructions=[GUESS, CAREFUL])
    start, guess, careful = found.trail
    assert (start.rows, start.calls, start.difference.difference) == (120, 120, 0.0)
    assert isnan(start.p_adjusted)
    assert (guess.difference.difference, guess.difference.p, guess.p_adjusted) == (0.0, 1.0, 1.0)
    assert careful.score.value == 1.0
    assert careful.difference.p < careful.p_adjusted == pytest.approx(2 * careful.difference.p)
    assert found.calls == 3 * 120 + 2 * 120


def test_where_nothing_is_better_the_start_is_kept_and_the_result_says_so(
    builder: FewShot[str], rows: list[Example], skilled: Skill
) -> None:
    found = optimise(builder, ScriptedModel(skilled), rows, calls=400, instructions=[GUESS, "Say it: {{labels}}."])
    assert (found.improved, found.best, found.winner) == (False, builder, builder)
    assert found.winner_name == "as it is"
    assert str(found) == "No better: of 3 candidates none was better than the start, which is kept."
    assert found.held_out.difference.difference == 0.0


def test_luck_on_the_rows_of_the_search_is_seen_through_on_held_out_rows(builder: FewShot[str]) -> None:
    seen, unseen = ([Example(f"{name} {place}", "odd") for place in range(60)] for name in ("seen", "unseen"))

    def lucky(ask: Ask) -> str:
        return "odd" if ask.messages[-1].content.startswith("seen") and "Guess" in ask.messages[0].content else "even"

    split = Split((), tuple(seen), tuple(unseen))
    found = optimise(builder, ScriptedModel(lucky), split, calls=240, instructions=[GUESS])
    assert found.trail[1].difference.difference == 1.0
    assert found.trail[1].p_adjusted < 1e-6
    assert (found.improved, found.best) == (False, builder)
    assert found.winner.prompt.sections[0].text == GUESS
    assert found.verdict == (
        "No better: instruction 1, as it is: accuracy 0.000 to 0.000 on 60 held-out rows, +0.000 [-0.045, +0.045], "
        "p = 1.0000. The start is kept."
    )


def test_sets_of_examples_race_with_every_instruction(
    builder: FewShot[str], rows: list[Example], skilled: Skill
) -> None:
    selections = random_sets(2, 3)
    found = optimise(builder, ScriptedModel(skilled), rows, calls=1000, instructions=[GUESS], selections=selections)
    assert [trial.name for trial in found.trail] == [
        "as it is",
        "as it is, random 3, seed 0",
        "as it is, random 3, seed 1",
        "instruction 1, as it is",
        "instruction 1, random 3, seed 0",
        "instruction 1, random 3, seed 1",
    ]
    assert found.winner_name == "as it is, random 3, seed 0"
    assert len(found.best.selector.select("number 1000")) == 3


def test_the_worse_half_is_measured_on_fewer_rows(builder: FewShot[str], rows: list[Example], skilled: Skill) -> None:
    instructions = [f"Guess {number} {{{{labels}}}}" for number in range(7)] + [CAREFUL]
    found = optimise(builder, ScriptedModel(skilled), rows, calls=400, instructions=instructions)
    assert found.winner_name == "instruction 8, as it is"
    by_name = {trial.name: trial.rows for trial in found.trail}
    assert by_name["as it is"] == by_name["instruction 8, as it is"] > 2 * by_name["instruction 7, as it is"]
    assert found.calls <= 400


def test_greedy_selection_adds_one_example_after_the_other(
    builder: FewShot[str], rows: list[Example], skilled: Skill
) -> None:
    found = optimise(builder, ScriptedModel(skilled), rows, calls=2500, selections=[Greedy(3, tries=2)])
    assert found.improved
    assert found.winner_name.startswith("as it is, as it is + row ")
    shown = found.best.selector.select("number 1000")
    assert len({example.input for example in shown}) == 3
    assert found.winner_name == "as it is, as it is" + "".join(f" + row {example.id}" for example in shown)


def test_greedy_selection_goes_on_from_the_best_instruction(builder: FewShot[str], rows: list[Example]) -> None:
    def model(ask: Ask) -> str:
        number = int(ask.messages[-1].content.split()[-1])
        known = 5 + 2 * ("careful" in ask.messages[0].content) + 3 * (len(ask.messages) > 2)
        return ("even", "odd")[(number % 2) ^ (number % 10 >= known)]

    selections = [Greedy(1, tries=2)]
    found = optimise(builder, ScriptedModel(model), rows, calls=1500, instructions=[CAREFUL], selections=selections)
    assert (found.improved, found.held_out.winner.value) == (True, 1.0)
    assert found.winner_name.startswith("instruction 1, as it is + row ")
    assert found.best.prompt.sections[0].text == CAREFUL
    assert len(found.best.selector.select("number 1000")) == 1


def test_greedy_selection_ends_where_no_example_helps(builder: FewShot[str], rows: list[Example]) -> None:
    model = ScriptedModel(lambda _: "even")
    found = optimise(builder, model, rows, calls=2000, selections=[Greedy(3, tries=4)])
    assert (found.improved, found.winner) == (False, builder)
    assert len(found.trail) == 1 + 4  # the start and one step


@given(
    calls=st.integers(8, 200),
    instructions=st.integers(0, 4),
    sets=st.integers(0, 3),
    greedy=st.booleans(),
    fails=st.integers(2, 9),
    workers=st.sampled_from([1, 3]),
)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_budget_is_never_exceeded_and_every_call_is_counted_also_where_the_model_fails(
    builder: FewShot[str],
    rows: list[Example],
    skilled: Skill,
    calls: int,
    instructions: int,
    sets: int,
    greedy: bool,
    fails: int,
    workers: int,
) -> None:
    def failing(ask: Ask) -> str | Exception:
        return ModelError("busy") if int(ask.messages[-1].content.split()[-1]) % fails == 0 else skilled(ask)

    model = ScriptedModel(failing)
    texts = [f"Guess {number} {{{{labels}}}}" for number in range(instructions)]
    selections: list[Selection | Greedy] = list(random_sets(sets, 2) if sets else [])
    selections += [Greedy(2, tries=3)] if greedy else []
    if not texts and not selections:
        texts = ["Guess {{labels}}."]
    # A budget too small for the candidates, or a model that failed on the first rows, ends it within the budget too.
    found = None
    with suppress(InputError, ModelError):
        found = optimise(
            builder, model, rows[:60], calls=calls, instructions=texts, selections=selections, workers=workers
        )
    assert len(model.asks) <= calls
    assert len({ask.key(model.card) for ask in model.asks}) == len(model.asks)
    assert found is None or found.calls == len(model.asks)


def test_workers_change_nothing_of_the_result(builder: FewShot[str], rows: list[Example], skilled: Skill) -> None:
    one, four = (
        optimise(
            builder,
            ScriptedModel(skilled),
            rows,
            calls=500,
            instructions=[GUESS, CAREFUL],
            selections=[*random_sets(2, 2), Greedy(2)],
            workers=workers,
        ).as_dict()
        for workers in (1, 4)
    )
    assert json.dumps(one, allow_nan=False) == json.dumps(four, allow_nan=False)


def test_a_search_that_was_broken_off_goes_on_without_paying_twice_to_the_same_end(
    builder: FewShot[str], rows: list[Example], skilled: Skill, tmp_path: Path
) -> None:
    def search(model: MeteredModel, folder: Path) -> dict[str, object]:
        with Journal(folder / "replies.jsonl") as journal:
            return optimise(
                builder,
                model,
                rows,
                calls=120,
                instructions=[GUESS, CAREFUL],
                selections=random_sets(1, 2),
                replies=journal,
            ).as_dict()

    left = iter(range(31))

    def killed(ask: Ask) -> str:
        next(left)  # the model's process is gone after 31 questions
        return skilled(ask)

    broken, whole = tmp_path / "broken", tmp_path / "whole"
    broken.mkdir()
    whole.mkdir()
    meter = broken / "meter"
    with pytest.raises(RuntimeError, match="killed"):
        search(MeteredModel(ScriptedModel(lambda ask: _or_die(killed, ask)), meter), broken)
    resumed = search(MeteredModel(ScriptedModel(skilled), meter), broken)
    alone = MeteredModel(ScriptedModel(skilled), whole / "meter")
    assert resumed == search(alone, whole)
    keys = MeteredModel(ScriptedModel([]), meter).keys
    assert sorted(keys) == sorted(set(keys)) == sorted(alone.keys)


def _or_die(model: Skill, ask: Ask) -> str | Exception:
    try:
        return model(ask)
    except StopIteration:
        return RuntimeError("killed")


def test_a_row_on_which_the_model_failed_is_left_out_on_both_sides(
    builder: FewShot[str], rows: list[Example], skilled: Skill
) -> None:
    def failing(ask: Ask) -> str | Exception:
        return ModelError("busy") if ask.messages[-1].content.endswith("7") else skilled(ask)

    found = optimise(builder, ScriptedModel(failing), rows, calls=600, instructions=[CAREFUL])
    assert found.held_out.winner.value == 1.0
    assert 0.8 < found.held_out.winner.coverage < 1
    assert list(found.held_out.winner.reasons) == ["the model failed"]
    assert found.held_out.difference.n == found.held_out.winner.n


def test_a_reply_that_cannot_be_read_is_worth_nothing_and_counted(
    builder: FewShot[str], rows: list[Example], skilled: Skill
) -> None:
    def chatty(ask: Ask) -> str:
        easy = int(ask.messages[-1].content.split()[-1]) % 10 < 4
        return skilled(ask) if easy or "Guess" not in ask.messages[0].content else "Well, hard to say."

    found = optimise(builder, ScriptedModel(chatty), rows, calls=600, instructions=[GUESS])
    start, guess = found.trail
    assert guess.unreadable > 60
    assert guess.score.value == start.score.value < 0.5
    assert guess.score.coverage == 1.0


def test_a_model_that_always_fails_ends_the_search_with_its_first_failure(
    builder: FewShot[str], rows: list[Example]
) -> None:
    model = ScriptedModel(lambda _: ModelError("no such model"))
    with pytest.raises(ModelError, match=r"failed on all of the first .* with ModelError") as raised:
        optimise(builder, model, rows, calls=100, instructions=[CAREFUL])
    assert str(raised.value.__cause__) == "no such model"


def test_nothing_to_search_is_refused_and_a_refused_instruction_named(
    builder: FewShot[str], rows: list[Example]
) -> None:
    with pytest.raises(InputError, match="nothing to search: give instructions, selections or a proposer"):
        optimise(builder, ScriptedModel([]), rows, calls=100)
    with pytest.raises(InputError, match=r"nothing to search: .* the first was refused: .*labels"):
        optimise(builder, ScriptedModel([]), rows, calls=100, instructions=["No slot."])


@pytest.mark.parametrize("level", [0.0, 1.0, 5.0])
def test_a_level_is_a_share(builder: FewShot[str], rows: list[Example], level: float) -> None:
    with pytest.raises(InputError, match=f"level must be between 0 and 1, got {level}"):
        optimise(builder, ScriptedModel([]), rows, calls=100, instructions=[CAREFUL], level=level)


def test_too_few_calls_are_refused_before_any_is_made(builder: FewShot[str], rows: list[Example]) -> None:
    model = ScriptedModel([])
    with pytest.raises(InputError, match="the 5 calls left for a race cannot measure 6 candidates"):
        optimise(builder, model, rows, calls=9, selections=random_sets(6, 1))
    assert model.asks == []


def test_a_row_whose_output_the_builder_cannot_read_is_named(builder: FewShot[str], rows: list[Example]) -> None:
    split = Split((), (replace(rows[12], output="prime"), *rows[13:20]), tuple(rows[20:40]))
    with pytest.raises(InputError, match="the output of row 12 is not in the form that the builder reads"):
        optimise(builder, ScriptedModel([]), split, calls=100, instructions=[CAREFUL])


def test_an_unknown_measure_is_refused_with_those_known(builder: FewShot[str], rows: list[Example]) -> None:
    with pytest.raises(ConfigError, match="no measure 'beauty': known are accuracy, macro_f1"):
        optimise(replace(builder, measure="beauty"), ScriptedModel([]), rows, calls=100, instructions=[CAREFUL])


def test_a_measure_of_the_whole_run_is_compared_by_resampling_it(
    builder: FewShot[str], rows: list[Example], skilled: Skill
) -> None:
    found = optimise(builder, ScriptedModel(skilled), rows, calls=200, instructions=[CAREFUL], measure="macro_f1")
    assert (found.measure, found.improved, found.held_out.winner.value) == ("macro_f1", True, 1.0)
    assert found.held_out.difference.p < 0.001


def test_further_variables_of_a_row_are_given_by_a_function(rows: list[Example], builder: FewShot[str]) -> None:
    def model(ask: Ask) -> str:
        return "even" if "it is even" in ask.messages[-1].content else "odd"

    variables = (
        Variable("examples", "examples", default=()),
        Variable("sources", "documents"),
        Variable("text", "text"),
    )
    sections = (Section("system", "Read."), Section("slot", "examples"), Section("user", "{{sources}}\n{{text}}"))
    reading = replace(builder, prompt=Prompt("read", 1, variables=variables, sections=sections))
    found = optimise(
        reading,
        ScriptedModel(model),
        rows,
        calls=600,
        instructions=["Read well."],
        values=lambda row: {"sources": [f"it is {row.output}"]},
    )
    assert found.held_out.start.value == 1.0


@pytest.mark.parametrize(
    ("wrapped", "cost"), [(lambda model: model, "unpriced"), (lambda model: LangChainChat(model, name="m"), "$0.0000")]
)
def test_any_langchain_chat_model_will_do_and_its_cost_is_told_where_it_is_known(
    builder: FewShot[str], rows: list[Example], wrapped: Callable[[ScriptedChatModel], ChatModel], cost: str
) -> None:
    model = ScriptedChatModel(lambda messages: "even" if "careful" in messages[0].text else "odd")
    evens = [row for row in rows if row.output == "even"]
    found = optimise(builder, wrapped(model), evens, calls=200, instructions=[CAREFUL])
    assert (found.improved, found.held_out.difference.difference) == (True, 1.0)
    assert found.usage.cost == cost


def test_replies_of_a_langchain_model_are_kept_under_a_name_alone(
    builder: FewShot[str], rows: list[Example], tmp_path: Path
) -> None:
    model = ScriptedChatModel(["even"])
    with (
        Journal(tmp_path / "replies.jsonl") as journal,
        pytest.raises(InputError, match=r"by the name of their model, .*: pass LangChainChat\(model, name="),
    ):
        optimise(builder, model, rows, calls=200, instructions=[CAREFUL], replies=journal)


def test_what_a_newcomer_gets_wrong_is_one_sentence(builder: FewShot[str], rows: list[Example]) -> None:
    search = partial(optimise, builder, ScriptedModel([]), rows, calls=200)
    with pytest.raises(InputError, match="instructions and selections are lists, got one alone: put it into brackets"):
        search(instructions=CAREFUL)
    with pytest.raises(InputError, match="instructions and selections are lists"):
        search(selections=Greedy(1))  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"got one of type str; of a SPEC, ragkit.compose.evaluated_model makes one"):
        optimise(builder, "openai:gpt-4o", rows, calls=200, instructions=[CAREFUL])  # type: ignore[arg-type]


def test_a_proposer_writes_instructions_that_are_measured_like_any_other(
    builder: FewShot[str], rows: list[Example], skilled: Skill
) -> None:
    proposer = ScriptedModel([json.dumps([GUESS, "Forgets the labels.", CAREFUL])], name="proposer")
    found = optimise(builder, ScriptedModel(skilled), rows, calls=700, proposer=Proposer(proposer, count=3))
    assert found.best.prompt.sections[0].text == CAREFUL
    (refused,) = found.refused
    assert refused.instruction == "Forgets the labels."
    assert "labels" in refused.why
    assert found.calls == 3 * 120 + 2 * 120 + 1


@pytest.mark.parametrize(
    ("line", "why"),
    [("I would say: be careful.", "could not be read"), (ModelError("busy"), "the proposer failed with ModelError.")],
)
def test_a_proposer_that_fails_is_told_and_the_search_goes_on(
    builder: FewShot[str], rows: list[Example], skilled: Skill, line: str | Exception, why: str
) -> None:
    proposer = Proposer(ScriptedModel([line], name="proposer"))
    found = optimise(builder, ScriptedModel(skilled), rows, calls=600, instructions=[CAREFUL], proposer=proposer)
    assert found.improved
    (refused,) = found.refused
    assert why in refused.why


def test_examples_of_the_pool_alone_are_shown(builder: FewShot[str], rows: list[Example], skilled: Skill) -> None:
    seen: list[Example] = []

    def choose(pool: Sequence[Example]) -> FixedSelector:
        seen.extend(pool)
        return FixedSelector(seen[:1])

    model = ScriptedModel(skilled)
    optimise(builder, model, rows, calls=300, selections=[Selection("first", choose)])
    asked = {ask.messages[-1].content for ask in model.asks}
    assert asked.isdisjoint(example.input for example in seen)


def test_entities_are_looked_up_in_their_text_and_measured_over_all_rows() -> None:
    people = ["Ada", "Ben", "Cleo", "Dan", "Eve"]
    texts = [f"{people[place % 5]} met {people[(place + 1) % 5]} in week {place}" for place in range(60)]
    rows = [
        Example(text, show_mentions([(name, "person") for name in text.split()[:3:2]]), id=str(place))
        for place, text in enumerate(texts)
    ]

    def model(ask: Ask) -> str:
        words = ask.messages[-1].content.partition("Text: ")[2].split()
        found = [word for word in words if word in people]
        return show_mentions([(name, "person") for name in (found if len(ask.messages) > 2 else found[:1])])

    found = optimise(entities(["person"]), ScriptedModel(model), rows, calls=200, selections=random_sets(1, 1))
    assert (found.measure, found.improved, found.held_out.winner.value) == ("f1", True, 1.0)
    assert found.held_out.start.value == pytest.approx(2 / 3)


def test_a_ready_builder_becomes_a_prompt_file_that_replaces_the_built_in_one(tmp_path: Path) -> None:
    rows = [Example(f"review {place}", ("good", "bad")[place % 2]) for place in range(80)]

    def model(ask: Ask) -> str:
        place = int(re.findall(r"review (\d+)", ask.messages[-1].content)[0])
        return ("good", "bad")[place % 2] if "film" in ask.messages[0].content else "good"

    builder = sentiment(labels=["good", "bad"])
    words = "Rate the film: {{labels}}."
    found = optimise(builder, ScriptedModel(model), rows, calls=150, instructions=[words])
    write_optimised(found, tmp_path)
    prompt = load_prompt("sentiment", folder=tmp_path)
    assert prompt.sections[0].text == words
    assert prompt.version == builder.prompt.version + 1
    assert read_optimised(tmp_path, builder).render("x")[0].content == "Rate the film: good, bad."
