from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ragkit.errors import ModelError
from ragkit.evaluate.chat import Ask, Message, Reply
from ragkit.testing.scripts import MeteredModel, ScriptedModel


def _ask(text: str) -> Ask:
    return Ask(messages=(Message("user", text),))


def test_a_script_is_said_line_by_line_and_remembers_what_was_asked() -> None:
    model = ScriptedModel(["one", Reply(text="two", output_tokens=1)])
    assert [model.reply(_ask("a")).text, model.reply(_ask("b"))] == ["one", Reply(text="two", output_tokens=1)]
    assert model.asks == [_ask("a"), _ask("b")]


def test_a_script_can_fail_and_can_run_out() -> None:
    model = ScriptedModel([TimeoutError("too slow")])
    with pytest.raises(TimeoutError, match="too slow"):
        model.reply(_ask("a"))
    with pytest.raises(ModelError, match="no line left for question 2: give it more replies"):
        model.reply(_ask("b"))


def test_a_function_answers_by_the_question() -> None:
    model = ScriptedModel(lambda ask: ask.messages[-1].content.upper(), name="loud")
    assert model.reply(_ask("yes")).text == "YES"
    assert model.card == {"name": "loud"}


def test_a_meter_counts_each_reply_once_and_not_a_failure(tmp_path: Path) -> None:
    model = MeteredModel(ScriptedModel(["yes", ModelError("down"), "no"]), tmp_path / "meter", cost_usd=0.25)
    assert (model.keys, model.spent_usd, model.card) == ([], 0.0, {"name": "scripted"})
    assert model.reply(_ask("a")) == Reply(text="yes", cost_usd=0.25)
    with pytest.raises(ModelError, match="down"):
        model.reply(_ask("b"))
    model.reply(_ask("c"))
    assert model.keys == [_ask("a").key(model.card), _ask("c").key(model.card)]
    assert model.spent_usd == 0.5


def test_a_meter_is_continued_by_the_next_process(tmp_path: Path) -> None:
    MeteredModel(ScriptedModel(["yes"]), tmp_path / "meter").reply(_ask("a"))
    later = MeteredModel(ScriptedModel(["yes"]), tmp_path / "meter")
    later.reply(_ask("a"))
    assert later.keys == [_ask("a").key(later.card)] * 2


def test_scripts_and_meters_work_from_many_threads(tmp_path: Path) -> None:
    model = MeteredModel(ScriptedModel([str(number) for number in range(200)]), tmp_path / "meter")
    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(lambda number: model.reply(_ask(str(number))).text, range(200)))
    assert sorted(map(int, said)) == list(range(200))
    assert sorted(model.keys) == sorted(_ask(str(number)).key(model.card) for number in range(200))
