from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import BaseMessage, messages_from_dict, messages_to_dict

from ragkit.testing.contracts.history import HistoryContract


class PlainHistory(BaseChatMessageHistory):
    """The least that keeps every promise: a file for each session."""

    def __init__(self, file: Path) -> None:
        self.file = file

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override]  # declared as a field there
        return self._read() if self.file.exists() else []

    def _read(self) -> list[BaseMessage]:
        return messages_from_dict(json.loads(self.file.read_text(encoding="utf-8")))

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        self.file.write_text(json.dumps(messages_to_dict([*self.messages, *messages])), encoding="utf-8")

    def clear(self) -> None:
        self.file.unlink(missing_ok=True)


class TestPlainHistory(HistoryContract):
    @pytest.fixture
    def history(self, tmp_path: Path) -> BaseChatMessageHistory:
        return PlainHistory(tmp_path / "one.json")

    def other(self, history: BaseChatMessageHistory) -> BaseChatMessageHistory | None:
        assert isinstance(history, PlainHistory)
        return type(history)(history.file.with_name("two.json"))

    def reopened(self, history: BaseChatMessageHistory) -> BaseChatMessageHistory | None:
        assert isinstance(history, PlainHistory)
        return type(history)(history.file)


class InMemory(PlainHistory):
    def __init__(self, file: Path) -> None:
        super().__init__(file)
        self._kept: list[BaseMessage] = []

    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override]
        return [message.model_copy(deep=True) for message in self._kept]

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        self._kept += [message.model_copy(deep=True) for message in messages]

    def clear(self) -> None:
        self._kept = []


class FailsWhenNew(PlainHistory):
    def clear(self) -> None:
        self.file.unlink()


class LosesCalls(PlainHistory):
    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        super().add_messages([message.model_copy(update={"tool_calls": []}) for message in messages])


class Normalises(PlainHistory):
    def add_message(self, message: BaseMessage) -> None:
        self.add_messages([message.model_copy(update={"content": unicodedata.normalize("NFKD", message.text)})])


class MergesRepetitions(PlainHistory):
    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        new = [message for place, message in enumerate(messages) if message not in messages[:place]]
        super().add_messages(new)


class KeepsWhenCleared(PlainHistory):
    def clear(self) -> None:
        if self.file.exists():
            self.file.write_text("[]", encoding="utf-8")
            self.file.rename(self.file.with_suffix(".old"))

    def add_message(self, message: BaseMessage) -> None:
        old = self.file.with_suffix(".old")
        self.add_messages([message, message] if old.exists() else [message])


class SharesObjects(InMemory):
    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        self._kept += messages


class HandsOutItsOwn(InMemory):
    @property
    def messages(self) -> list[BaseMessage]:  # type: ignore[override]
        return self._kept


class SharesSessions(PlainHistory):
    def __init__(self, file: Path) -> None:
        super().__init__(file.with_name("one.json"))


class HasTwinsOfItsOwn(PlainHistory):
    async def aclear(self) -> None:
        pass


WHOLE = {
    "test_a_reopened_history_holds_the_same",
    "test_async_does_the_same",
    "test_messages_come_back_whole_and_in_order",
    "test_one_message_at_a_time_is_the_same",
    "test_what_is_handed_in_is_not_changed",
    "test_what_is_handed_out_can_be_changed",
}
BROKEN: list[tuple[type[PlainHistory], set[str]]] = [
    (FailsWhenNew, {"test_a_new_history_is_empty"}),
    (LosesCalls, WHOLE),
    (Normalises, {"test_one_message_at_a_time_is_the_same"}),
    (MergesRepetitions, {"test_a_repeated_message_stands_twice"}),
    (KeepsWhenCleared, {"test_clearing_forgets_all"}),
    (SharesObjects, {"test_what_is_handed_in_is_not_changed", "test_a_reopened_history_holds_the_same"}),
    (HandsOutItsOwn, {"test_what_is_handed_out_can_be_changed", "test_a_reopened_history_holds_the_same"}),
    (SharesSessions, {"test_sessions_are_apart"}),
    (HasTwinsOfItsOwn, {"test_async_does_the_same"}),
    (InMemory, {"test_a_reopened_history_holds_the_same"}),
]


def test_every_promise_has_a_history_that_breaks_it(promises: Any) -> None:
    assert sorted(set().union(*(broken for _, broken in BROKEN))) == promises(HistoryContract)


@pytest.mark.parametrize(("kind", "broken"), BROKEN, ids=[kind.__name__ for kind, _ in BROKEN])
def test_a_history_that_breaks_a_promise_fails_its_test(
    kind: type[PlainHistory], broken: set[str], tmp_path: Path, broken_promises: Any
) -> None:
    def made(_: Any) -> PlainHistory:
        for file in tmp_path.iterdir():
            file.unlink()
        return kind(tmp_path / "one.json")

    assert broken_promises(TestPlainHistory, HistoryContract, {"history": made}) == broken


class OneSession(HistoryContract):
    """Of a history that keeps nothing."""


def test_what_does_not_apply_is_not_asked_for(tmp_path: Path, broken_promises: Any) -> None:
    assert broken_promises(OneSession, HistoryContract, {"history": lambda _: InMemory(tmp_path / "x")}) == set()
