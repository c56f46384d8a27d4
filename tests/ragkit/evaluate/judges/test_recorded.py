from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from ragkit.errors import ConfigError, ModelError
from ragkit.evaluate.chat import Ask, Message, Reply
from ragkit.evaluate.judge import Claim
from ragkit.evaluate.judges.chat import ChatJudge
from ragkit.evaluate.judges.recorded import NotRecordedError, RecordedModel
from ragkit.evaluate.outcome import Unscored
from ragkit.testing.scripts import ScriptedModel


class Shelf:
    """Replies in memory."""

    def __init__(self) -> None:
        self.kept: dict[str, Reply] = {}

    def get(self, key: str) -> Reply | None:
        return self.kept.get(key)

    def put(self, key: str, ask: Ask, reply: Reply) -> None:
        assert ask.messages
        self.kept[key] = reply


def _ask(text: str) -> Ask:
    return Ask(messages=(Message("user", text),))


def test_a_question_is_asked_once_and_replayed_bit_for_bit() -> None:
    shelf, said = Shelf(), Reply(text="yes", input_tokens=3, output_tokens=1, cost_usd=0.1, seconds=2.5)
    model = RecordedModel(shelf, ScriptedModel([said]))
    assert [model.reply(_ask("a")), model.reply(_ask("a"))] == [said, said]
    offline = RecordedModel(shelf, card={"name": "scripted"})
    assert offline.reply(_ask("a")) == said


def test_a_question_that_is_not_recorded_fails_offline() -> None:
    model = RecordedModel(Shelf(), card={"name": "m"})
    with pytest.raises(NotRecordedError, match=r"no reply is recorded for question [0-9a-f]{12}: run it once"):
        model.reply(_ask("a"))
    assert ChatJudge(model).judge([Claim("a", "b")]) == [Unscored("not recorded")]


def test_another_model_is_asked_anew() -> None:
    shelf = Shelf()
    RecordedModel(shelf, ScriptedModel(["yes"], name="one")).reply(_ask("a"))
    assert RecordedModel(shelf, ScriptedModel(["no"], name="two")).reply(_ask("a")).text == "no"
    assert len(shelf.kept) == 2


def test_a_failure_is_not_recorded() -> None:
    model = RecordedModel(Shelf(), ScriptedModel([ModelError("down"), "yes"]))
    with pytest.raises(ModelError, match="down"):
        model.reply(_ask("a"))
    assert model.reply(_ask("a")).text == "yes"


def test_a_question_asked_by_many_threads_at_once_is_paid_for_once() -> None:
    inner = ScriptedModel(lambda ask: ask.messages[0].content)
    model, together = RecordedModel(Shelf(), inner), threading.Barrier(8, timeout=10)

    def work(number: int) -> str:
        together.wait()
        return model.reply(_ask(str(number % 2))).text

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(work, range(8))) == ["0"] * 4 + ["1"] * 4
    assert len(inner.asks) == 2


def test_a_recording_without_model_needs_its_card() -> None:
    with pytest.raises(ConfigError, match="give the model's card"):
        RecordedModel(Shelf())
