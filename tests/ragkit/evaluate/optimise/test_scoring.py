from __future__ import annotations

from math import isnan

import pytest

from ragkit.errors import ConfigError
from ragkit.evaluate.optimise.scoring import (
    MEASURES,
    TOO_LONG,
    UNREADABLE,
    Answer,
    TaskMeasure,
    compared,
    measure_named,
    measured,
    value,
)
from ragkit.evaluate.outcome import Unscored
from ragkit.prompts.parsers.entities import Mention
from ragkit.prompts.tasks.answer_question import answer_question
from ragkit.prompts.tasks.entities import entities
from ragkit.prompts.tasks.rewrite import rewrite
from ragkit.prompts.tasks.sentiment import sentiment
from ragkit.prompts.tasks.summarise import summarise
from ragkit.prompts.tasks.topic import topic
from ragkit.prompts.tasks.translate import translate
from ragkit.prompts.tasks.write_code import write_code

FAILED = Unscored("the model failed")


def answers(said: str, gold: str) -> list[Answer]:
    """One letter a row; `?` could not be read, `!` is a failure."""
    told = {"?": UNREADABLE, "!": FAILED}
    return [Answer(told.get(left, left), right) for left, right in zip(said, gold, strict=True)]


def test_what_cannot_be_read_or_is_too_long_is_worth_nothing_and_a_failure_is_no_row() -> None:
    rows = [*answers("a?!", "aaa"), Answer(TOO_LONG, "a")]
    found = measured(measure_named("accuracy"), rows)
    assert (found.value, found.n, found.coverage) == (1 / 3, 3, 0.75)
    assert found.reasons == {"the model failed": 1}
    assert value(measure_named("accuracy"), rows) == 1 / 3


@pytest.mark.parametrize("name", ["accuracy", "macro_f1"])
def test_nothing_but_failures_is_no_number(name: str) -> None:
    found = measured(measure_named(name), answers("!!", "ab"))
    assert isnan(found.value)
    assert found.coverage == 0.0
    assert isnan(value(measure_named(name), answers("!!", "ab")))
    assert compared(measure_named(name), answers("!a", "ab"), answers("a!", "ab")).n == 0


def test_macro_f1_gives_what_could_not_be_read_to_no_class() -> None:
    # Class a: 1 right of 1 said, 2 gold: 2/3. Class b: 1 right of 1 said and 1 gold: 1.
    assert value(measure_named("macro_f1"), answers("a?b", "aab")) == pytest.approx(5 / 6)
    assert measured(measure_named("macro_f1"), answers("a?b", "aab")).value == pytest.approx(5 / 6)


def test_macro_f1_equals_accuracy_where_all_is_right_and_nought_where_nothing_can_be_read() -> None:
    assert value(measure_named("macro_f1"), answers("abc", "abc")) == 1.0
    assert value(measure_named("macro_f1"), answers("??", "ab")) == 0.0


def test_f1_of_sets_is_counted_over_all_rows_together() -> None:
    ada, ben = Mention("Ada", "person", 0, 3), Mention("Ben", "person", 4, 7)
    rows = [Answer((ada, ben), (ada,)), Answer(UNREADABLE, (ben,)), Answer((), ())]
    assert value(measure_named("f1"), rows) == pytest.approx(2 * 1 / (2 + 2))
    assert value(measure_named("f1"), [Answer((), ())]) == 1.0


def test_a_mention_said_twice_counts_twice() -> None:
    nowhere = Mention("Cy", "person")
    ada = Mention("Ada", "person", 0, 3)
    assert value(measure_named("f1"), [Answer((ada, nowhere, nowhere), (ada,))]) == pytest.approx(2 / 4)
    assert measure_named("f1").by_row((ada, nowhere, nowhere), (ada,)) == pytest.approx(2 / 4)
    assert measure_named("f1").by_row((), ()) == 1.0


def test_answers_are_compared_as_squad_does_and_an_abstention_is_the_empty_answer() -> None:
    exact, words = measure_named("exact"), measure_named("token_f1")
    assert (exact.by_row("The Broncos!", "broncos"), exact.by_row("Ten", "Two")) == (1.0, 0.0)
    assert words.by_row("Denver Broncos won", "Broncos") == pytest.approx(0.5)
    assert (words.by_row(None, None), words.by_row(None, "Broncos"), words.by_row("Broncos", None)) == (1.0, 0.0, 0.0)


@pytest.mark.parametrize("name", ["rouge1", "rouge2", "rougeL", "chrF", "BLEU"])
def test_texts_that_are_the_same_are_worth_all_and_others_less(name: str) -> None:
    measure = measure_named(name)
    text = "The quick brown fox jumps over the lazy dog."
    assert measure.by_row(text, text) == pytest.approx(1.0)
    assert measure.by_row("Nothing alike whatever here.", text) < 0.3
    rows = [Answer(text, text), Answer(UNREADABLE, text)]
    assert 0.0 < value(measure, rows) < 1.0


def test_programs_are_only_asked_whether_they_can_be_read() -> None:
    assert value(measure_named("readable"), [Answer("x = 1", "y = 2"), Answer(UNREADABLE, "y = 2")]) == 0.5


def test_every_measure_of_a_ready_builder_is_known() -> None:
    builders = (
        answer_question(),
        entities(types=["person"]),
        rewrite(),
        sentiment(),
        summarise(),
        topic(["sport", "money"]),
        translate("German"),
        write_code(),
    )
    assert {builder.measure for builder in builders} <= set(MEASURES)


def test_a_measure_of_your_own_is_a_function_of_what_was_said_and_what_is_right() -> None:
    length = TaskMeasure("length", lambda said, gold: min(len(said), len(gold)) / max(len(said), len(gold)))
    assert value(length, [Answer("ab", "abcd"), Answer("abcd", "abcd")]) == 0.75


def test_differences_are_paired_by_row_for_means_and_resampled_for_whole_runs() -> None:
    before, after = answers("bbbb" * 4, "aabb" * 4), answers("abbb" * 4, "aabb" * 4)
    pair = compared(measure_named("accuracy"), before, after)
    assert (pair.difference, pair.wins, pair.ties, pair.losses) == (0.25, 4, 12, 0)
    whole = compared(measure_named("macro_f1"), before, after)
    assert whole.difference == pytest.approx((2 / 3 + 4 / 5) / 2 - (0 + 2 / 3) / 2)


def test_whole_runs_are_tested_by_swapping_answers_which_few_rows_cannot_fool() -> None:
    # Three rows differ, all in favour of one side: of 2^3 swaps two are as far apart, whatever the measure.
    before, after = answers("bbbaabab", "aaaaabab"), answers("aaaaabab", "aaaaabab")
    assert compared(measure_named("macro_f1"), before, after).p == pytest.approx(2 / 8, abs=0.02)
    assert compared(measure_named("macro_f1"), before, before).p == 1.0


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"no measure 'pass@1': known are accuracy, .*; or give a TaskMeasure"):
        measure_named("pass@1")
