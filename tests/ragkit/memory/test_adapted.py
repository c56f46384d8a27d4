from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import pytest
from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from ragkit.errors import InputError
from ragkit.memory.adapted import KeptHistory, NumberedHistory, kept_history
from ragkit.memory.histories.history import ChatHistory
from ragkit.memory.strategies.recall import RecallMemory
from ragkit.memory.strategies.summary import SummaryMemory
from ragkit.memory.strategies.window import WindowMemory
from ragkit.testing import HashingEmbeddings, ScriptedChatModel


class Plain(BaseChatMessageHistory):
    """A history as LangChain has them: a list, and nothing else."""

    def __init__(self) -> None:
        self.messages = []

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        self.messages = [*self.messages, *messages]

    def clear(self) -> None:
        self.messages = []


@pytest.fixture
def plain() -> Plain:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Plain()


@pytest.fixture(params=["ours", "langchain's"])
def kept(request: pytest.FixtureRequest, history: ChatHistory, plain: Plain) -> KeptHistory:
    chosen: BaseChatMessageHistory = history if request.param == "ours" else plain
    chosen.add_messages([HumanMessage("q1"), AIMessage("a1"), HumanMessage("q2")])
    return kept_history(chosen)


def test_messages_have_numbers(kept: KeptHistory) -> None:
    assert len(kept) == 3
    assert [(item.seq, item.message.text) for item in kept.after(0)] == [(1, "q1"), (2, "a1"), (3, "q2")]
    assert [item.seq for item in kept.after(1)] == [2, 3]
    assert [item.seq for item in kept.after(0, limit=2)] == [1, 2]
    assert kept.after(3) == []
    assert [item.seq for item in kept.newest_first()] == [3, 2, 1]


def test_notes_are_written_by_who_knows_the_last_one(kept: KeptHistory) -> None:
    assert kept.note("s") is None
    assert kept.put_note("s", 2, {"text": "one"}, after=0)
    assert not kept.put_note("s", 3, {"text": "late"}, after=0)
    assert not kept.put_note("s", 9, {"text": "of nothing"}, after=2)
    assert kept.put_note("s", 3, {"text": "two"}, after=2)
    assert [(note.upto_seq, note.content["text"]) for note in kept.notes("s")] == [(2, "one"), (3, "two")]
    assert kept.notes("other") == []
    assert kept.drop_notes("s") == 2
    assert kept.note("s") is None


def test_vectors_are_kept_by_model(kept: KeptHistory) -> None:
    assert list(kept.vectors("m")[0]) == []
    kept.put_vectors("m", [1, 3], np.eye(2, dtype=np.float32))
    kept.put_vectors("m", [3], np.ones((1, 2), dtype=np.float32))
    seqs, rows = kept.vectors("m")

    assert list(seqs) == [1, 3]
    assert rows.tolist() == [[1, 0], [1, 1]]
    assert list(kept.vectors("m", after=1)[0]) == [3]
    assert list(kept.vectors("other")[0]) == []


def test_clearing_forgets_what_was_derived(kept: KeptHistory) -> None:
    kept.put_note("s", 2, {"text": "one"}, after=0)
    kept.put_vectors("m", [1], np.ones((1, 2), dtype=np.float32))
    kept.clear()

    assert (len(kept), kept.note("s"), list(kept.vectors("m")[0])) == (0, None, [])


def test_what_was_cleared_behind_our_back_has_no_notes_and_vectors(plain: Plain) -> None:
    kept = NumberedHistory(plain)
    plain.add_messages([HumanMessage("q1"), AIMessage("a1")])
    kept.put_note("s", 2, {"text": "one"}, after=0)
    kept.put_vectors("m", [1], np.ones((1, 2), dtype=np.float32))
    plain.clear()
    plain.add_messages([HumanMessage("other"), AIMessage("a1 of another")])

    assert kept.note("s") is None
    assert list(kept.vectors("m")[0]) == []


def test_memories_work_on_any_history(plain: Plain) -> None:
    summary = SummaryMemory(plain, ScriptedChatModel(["S"]), turns=1)
    summary.save([HumanMessage("boat"), AIMessage("a1"), HumanMessage("q2"), AIMessage("a2")])

    assert [message.text for message in WindowMemory(plain, turns=1).load("?")] == ["q2", "a2"]
    assert [message.text for message in summary.load("?")][1:] == ["q2", "a2"]
    recall = RecallMemory(plain, HashingEmbeddings(), recent=1)
    assert [message.text for message in recall.load("boat")] == ["boat", "a1", "q2", "a2"]
    assert summary.history is plain
    summary.clear()
    assert plain.messages == []


def test_what_is_no_history_is_told() -> None:
    with pytest.raises(InputError, match="needs a chat history, got list: pass a session of ChatHistories"):
        kept_history([])  # type: ignore[arg-type]  # on purpose
