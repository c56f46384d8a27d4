from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import isnan

import pytest

from ragkit.errors import ContextLengthError, InputError, ModelError, OutputParseError
from ragkit.evaluate.chat import Ask, Message
from ragkit.evaluate.optimise.bench import Bench, Till, as_ask
from ragkit.evaluate.optimise.candidates import AS_IT_IS, Candidate
from ragkit.evaluate.optimise.scoring import TOO_LONG, UNREADABLE, measure_named
from ragkit.evaluate.outcome import Unscored
from ragkit.messages.tokens import counter_of_text
from ragkit.prompts.examples import Example
from ragkit.prompts.few_shot import FewShot
from ragkit.prompts.prompt import Prompt, Section, Variable
from ragkit.testing.scripts import ScriptedModel

Skill = Callable[[Ask], str]


def bench_of(model: ScriptedModel, rows: list[Example], builder: FewShot[str], *, calls: int = 100) -> Bench:
    return Bench(Till(calls), model, measure_named("accuracy"), rows, reader=builder)


def candidate(builder: FewShot[str], name: str = AS_IT_IS) -> Candidate:
    return Candidate(name, AS_IT_IS, builder)


def question(text: str) -> Ask:
    return Ask(messages=(Message("user", text),))


def test_a_question_is_asked_and_paid_once_whoever_asks_it() -> None:
    till, model = Till(3), ScriptedModel(lambda ask: ask.messages[0].content.upper())
    first = till.replies(model, [question("a"), question("b"), question("a")])
    again = till.replies(model, [question("b")])
    assert [getattr(reply, "text", None) for reply in (*first, *again)] == ["A", "B", "A", "B"]
    assert (till.left, len(model.asks)) == (1, 2)


def test_a_failure_is_paid_and_remembered() -> None:
    till, model = Till(3), ScriptedModel([ModelError("busy"), "yes"])
    assert [str(till.replies(model, [question("a")])[0]) for _ in range(2)] == ["busy", "busy"]
    assert till.left == 2


def test_the_same_question_to_another_model_is_another_question() -> None:
    till = Till(2)
    till.replies(ScriptedModel(["x"], name="one"), [question("a")])
    till.replies(ScriptedModel(["y"], name="two"), [question("a")])
    assert till.left == 0


def test_more_questions_than_calls_are_refused_and_none_is_asked() -> None:
    till, model = Till(1), ScriptedModel(["x"])
    with pytest.raises(InputError, match="2 new questions are more than the 1 calls that are left"):
        till.replies(model, [question("a"), question("b")])
    assert (till.left, model.asks) == (1, [])


@pytest.mark.parametrize(("calls", "workers"), [(0, 1), (1, 0)])
def test_a_till_needs_a_call_and_a_worker(calls: int, workers: int) -> None:
    with pytest.raises(InputError, match="must be at least 1, got 0"):
        Till(calls, workers=workers)


def test_the_same_question_has_the_same_words_also_where_documents_are_fenced(builder: FewShot[str]) -> None:
    variables = (Variable("examples", "examples", default=()), Variable("s", "documents"), Variable("text", "text"))
    prompt = Prompt(
        "p", 1, variables=variables, sections=(Section("slot", "examples"), Section("user", "{{s}}{{text}}"))
    )
    reading = replace(builder, prompt=prompt)
    one, two = (as_ask(reading, "x", {"s": ["a source"]}) for _ in range(2))
    assert one == two
    assert one != as_ask(replace(reading, seed=7), "x", {"s": ["a source"]})


def test_rows_are_asked_from_the_first_and_only_those_that_are_missing(
    builder: FewShot[str], rows: list[Example], skilled: Skill
) -> None:
    model, one = ScriptedModel(skilled), candidate(builder)
    bench = bench_of(model, rows, builder)
    assert bench.values([one], 4) == [1.0]
    assert bench.values([one], 8) == [0.5]
    assert bench.values([one], 2) == [1.0]
    assert [ask.messages[-1].content for ask in model.asks] == [f"number {place}" for place in range(8)]
    assert (bench.calls[one], bench.candidates, len(bench.answers(one))) == (8, [one], 8)


def test_a_question_counts_for_the_candidate_that_asked_first(
    builder: FewShot[str], rows: list[Example], skilled: Skill
) -> None:
    one, two = candidate(builder), candidate(builder, "the same words")
    bench = bench_of(ScriptedModel(skilled), rows, builder)
    bench.ask([one, two, one], 5)
    assert (bench.calls[one], bench.calls[two], len(bench.answers(one)), len(bench.answers(two))) == (5, 0, 5, 5)


def test_how_many_rows_can_be_paid_counts_what_is_known_already(
    builder: FewShot[str], rows: list[Example], skilled: Skill
) -> None:
    one, two = candidate(builder), candidate(builder, "two")
    bench = bench_of(ScriptedModel(skilled), rows[:10], builder)
    bench.ask([one], 4)
    assert [bench.affordable([one, two], calls) for calls in (0, 3, 4, 7, 16, 99)] == [0, 3, 4, 5, 10, 10]


def test_a_prompt_that_is_too_long_costs_no_call_and_is_worth_nothing(
    builder: FewShot[str], rows: list[Example], skilled: Skill
) -> None:
    short = candidate(replace(builder, max_tokens=3, counter=counter_of_text(len)))
    bench = bench_of(ScriptedModel(skilled), rows, builder)
    assert bench.values([short], 3) == [0.0]
    assert [answer.said for answer in bench.answers(short)] == [TOO_LONG] * 3
    assert bench.till.left == 100


def test_failures_that_a_better_prompt_would_not_have_are_worth_nothing(
    builder: FewShot[str], rows: list[Example]
) -> None:
    lines: list[str | Exception] = [
        ContextLengthError("too long"),
        OutputParseError("no label", "hm"),
        "perhaps",
        ModelError("busy"),
        "even",
    ]
    one = candidate(builder)
    bench = bench_of(ScriptedModel([*lines]), rows, builder)
    assert bench.values([one], 5) == [0.25]
    said = [answer.said for answer in bench.answers(one)]
    assert said == [TOO_LONG, UNREADABLE, UNREADABLE, Unscored("the model failed"), "even"]


def test_a_model_that_never_answered_is_not_paid_on(builder: FewShot[str], rows: list[Example]) -> None:
    model = ScriptedModel(lambda _: ModelError("gone"))
    bench = bench_of(model, rows, builder)
    one = candidate(builder)
    assert isnan(bench.values([one], 2)[0])
    with pytest.raises(ModelError, match=r"failed on all of the first 1 questions.* with ModelError"):
        bench.ask([one], 3)


def test_a_row_without_an_id_is_named_by_its_place(builder: FewShot[str]) -> None:
    with pytest.raises(InputError, match="the output of row #1 is not in the form"):
        bench_of(ScriptedModel([]), [Example("number 4", "four")], builder)
