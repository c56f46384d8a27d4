from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.embeddings import Embeddings
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from ragkit.encoder import as_encoder
from ragkit.errors import ConfigError
from ragkit.memory.adapted import kept_history
from ragkit.memory.histories.histories import ChatHistories
from ragkit.memory.histories.history import ChatHistory
from ragkit.memory.selection import LeftOut
from ragkit.memory.strategies.recall import RecallMemory
from ragkit.memory.timeline import turns_of
from ragkit.messages.rounds import is_whole
from ragkit.messages.tokens import counter_for
from ragkit.testing import HashingEmbeddings

EMBEDDINGS = HashingEmbeddings()
COUNTER = counter_for("gpt-4o")


def said(question: str, answer: str = "Noted.") -> list[BaseMessage]:
    return [HumanMessage(question), AIMessage(answer)]


def texts(messages: Sequence[BaseMessage]) -> list[str]:
    return [str(message.text) for message in messages]


def talk() -> list[BaseMessage]:
    call = {"name": "look", "args": {}, "id": "a"}
    looked = [
        HumanMessage("My boat is called Undine."),
        AIMessage("", tool_calls=[call]),
        ToolMessage("a boat", tool_call_id="a"),
        AIMessage("A fine name for a boat."),
    ]
    return [*said("I like green tea."), *looked, *said("The weather is bad."), *said("I go home.")]


class Counted(Embeddings):
    """Remembers what it embedded."""

    def __init__(self) -> None:
        self.documents: list[str] = []

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.documents += texts
        return EMBEDDINGS.embed_documents(texts)

    def embed_query(self, text: str) -> list[float]:
        return EMBEDDINGS.embed_query(text)


def test_old_turns_like_the_question_come_back_whole_before_the_newest(history: ChatHistory) -> None:
    memory = RecallMemory(history, EMBEDDINGS, k=1, recent=1)
    memory.save(talk())
    shown = memory.load("What is my boat called?")

    assert texts(shown) == [
        "My boat is called Undine.",
        "",
        "a boat",
        "A fine name for a boat.",
        "I go home.",
        "Noted.",
    ]
    assert is_whole(shown)
    marks = [message.response_metadata.get("ragkit") for message in shown]
    assert [mark and mark["recalled"] for mark in marks] == [True, True, True, True, None, None]
    assert [mark["seq"] for mark in marks[:4] if mark] == [3, 4, 4, 6]
    assert all(0 < mark["score"] <= 1 for mark in marks[:4] if mark)
    assert all("ragkit" not in message.response_metadata for message in history.messages)


def test_explaining_tells_what_was_recalled_and_what_not(history: ChatHistory) -> None:
    memory = RecallMemory(history, EMBEDDINGS, k=1, recent=1)
    memory.save(talk())
    told = memory.explain("What is my boat called?")

    assert told.recalled == 4
    assert told.left_out == (
        LeftOut(first=1, last=8, messages=4, why="older than the newest turns, and not like the question"),
    )
    assert told.why == "the newest 1 turns, and of the older ones the 1 most like the question"


def test_what_is_recalled_comes_in_time_order(history: ChatHistory) -> None:
    memory = RecallMemory(history, EMBEDDINGS, k=2, recent=1)
    memory.save([*said("red boat"), *said("blue sky"), *said("red boat red boat"), *said("end")])

    assert texts(memory.load("red boat"))[::2] == ["red boat", "red boat red boat", "end"]


def test_of_equals_the_newer_one_is_recalled(history: ChatHistory) -> None:
    memory = RecallMemory(history, EMBEDDINGS, k=1, recent=1)
    memory.save([*said("red boat"), *said("red boat"), *said("end")])

    assert memory.load("red boat")[0].response_metadata["ragkit"]["seq"] == 3


def test_without_a_question_the_last_words_of_a_person_count(history: ChatHistory) -> None:
    memory = RecallMemory(history, EMBEDDINGS, k=1, recent=1)
    memory.save([*said("red boat"), *said("blue sky"), HumanMessage("which boat?")])

    assert texts(memory.load()) == ["red boat", "Noted.", "which boat?"]
    assert texts(memory.load(beside=[HumanMessage("sky")])) == ["blue sky", "Noted.", "which boat?"]


def test_each_turn_is_embedded_once_and_only_when_the_next_one_began(history: ChatHistory) -> None:
    embeddings = Counted()
    memory = RecallMemory(history, embeddings, recent=1)
    memory.save(said("one", "two"))
    memory.load("?")
    assert embeddings.documents == []

    memory.save([HumanMessage("three")])
    memory.load("?")
    memory.load("?")
    assert embeddings.documents == ["one\ntwo"]

    memory.save([AIMessage("four"), HumanMessage("five")])
    RecallMemory(history, embeddings, recent=1).load("?")
    assert embeddings.documents == ["one\ntwo", "three\nfour"]


def test_what_is_unlike_is_not_recalled(history: ChatHistory) -> None:
    memory = RecallMemory(history, EMBEDDINGS, recent=1, min_score=0.9)
    memory.save(talk())

    assert texts(memory.load("stock prices")) == ["I go home.", "Noted."]
    assert texts(RecallMemory(history, EMBEDDINGS, k=0, recent=1).load("boat")) == ["I go home.", "Noted."]
    assert texts(memory.load(" ")) == ["I go home.", "Noted."]


def test_turns_without_words_are_never_recalled(history: ChatHistory) -> None:
    memory = RecallMemory(history, EMBEDDINGS, k=5, recent=1, min_score=-1)
    memory.save([HumanMessage(""), AIMessage(""), *said("boat"), *said("end")])
    shown = memory.load("boat")

    assert [mark["score"] for one in shown if (mark := one.response_metadata.get("ragkit"))][:1] == [0.0]


def test_a_recalled_turn_with_a_broken_call_comes_without_it(history: ChatHistory) -> None:
    memory = RecallMemory(history, EMBEDDINGS, k=1, recent=1)
    call = {"name": "look", "args": {}, "id": "a"}
    memory.save([HumanMessage("boat"), AIMessage("", tool_calls=[call]), *said("end")])

    assert texts(memory.load("boat")) == ["boat", "end", "Noted."]


def test_a_budget_leaves_out_what_is_least_like_first(history: ChatHistory) -> None:
    history.add_messages([*said("red boat"), *said("a boat of wood"), *said("end")])
    most = [
        texts(RecallMemory(history, EMBEDDINGS, k=2, recent=1, max_tokens=tokens, counter=COUNTER).load("red boat"))
        for tokens in (60, 40, 24)
    ]

    assert [shown[::2] for shown in most] == [["red boat", "a boat of wood", "end"], ["red boat", "end"], ["end"]]
    told = RecallMemory(history, EMBEDDINGS, k=2, recent=1, max_tokens=40, counter=COUNTER).explain("red boat")
    assert told.left_out == (LeftOut(first=3, last=4, messages=2, why="beyond max_tokens"),)
    assert told.tokens <= 40
    assert told.why.endswith(", within 40 tokens of the whole prompt")


async def test_async_is_the_same(history: ChatHistory) -> None:
    memory = RecallMemory(history, EMBEDDINGS, k=1, recent=1)
    memory.save(talk())

    assert await memory.aload("my boat") == memory.load("my boat")


def test_sessions_recall_nothing_of_each_other() -> None:
    with ChatHistories() as histories:
        for user in ("ada", "bob"):
            RecallMemory(histories.session("one", user_id=user), EMBEDDINGS, recent=1).save(
                [*said(f"{user}'s boat"), *said("end")]
            )
            histories.session("two", user_id=user).add_messages([*said("another boat"), *said("end")])
        for user in ("ada", "bob"):
            memory = RecallMemory(histories.session("one", user_id=user), EMBEDDINGS, k=9, recent=1)
            assert texts(memory.load("boat")) == [f"{user}'s boat", "Noted.", "end", "Noted."]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": -1}, "k must be a whole number of at least 0, got -1"),
        ({"recent": 0}, "recent must be a whole number of at least 1, got 0"),
        ({"min_score": 2.0}, r"min_score must be from -1 to 1, got 2\.0"),
        ({"max_tokens": 0}, "max_tokens must be a whole number of at least 1"),
    ],
)
def test_numbers_out_of_range_are_told(history: ChatHistory, options: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        RecallMemory(history, EMBEDDINGS, **options)  # type: ignore[arg-type]  # on purpose


WORDS = st.lists(st.sampled_from(["boat", "tea", "red", "sky", "home"]), max_size=4).map(" ".join)


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_recall_is_that_of_brute_force(
    data: st.DataObject, conversations: st.SearchStrategy[list[BaseMessage]]
) -> None:
    messages = data.draw(st.one_of(conversations, st.lists(st.builds(HumanMessage, WORDS), max_size=9)))
    question = data.draw(WORDS)
    k, recent = data.draw(st.integers(0, 3)), data.draw(st.integers(1, 3))
    with ChatHistories() as histories:
        histories.session("other").add_messages([HumanMessage("boat")])
        history = histories.session("one")
        for message in messages:
            history.add_messages([message])
            histories.session("other").add_messages([HumanMessage("boat")])
        memory = RecallMemory(history, EMBEDDINGS, k=k, recent=recent)
        shown = memory.load(question)
        assert is_whole(shown)
        ids = [message.id for message in shown if message.id]
        assert len(ids) == len(set(ids))
        found = {mark["seq"]: mark["score"] for one in shown if (mark := one.response_metadata.get("ragkit"))}
        wanted = _brute_force(history, question or _last_words(messages), k, recent)
        assert {seq: found[seq] for seq in found if seq in wanted} == pytest.approx(
            {seq: wanted[seq] for seq in found if seq in wanted}, abs=1e-5
        )
        assert len([seq for seq in wanted if seq in found]) == len(wanted)
        assert memory.load(question) == shown


def _last_words(messages: Sequence[BaseMessage]) -> str:
    return next((str(one.text) for one in reversed(messages) if isinstance(one, HumanMessage)), "")


def _brute_force(history: ChatHistory, question: str, k: int, recent: int) -> dict[int, float]:
    """Compare with each old turn on its own."""
    turns = turns_of(history.after(0))[:-recent]
    if not question.strip():
        return {}
    query = as_encoder(EMBEDDINGS).encode_queries([question])[0]
    scored = []
    for turn in turns:
        words = "\n".join(
            text
            for item in turn.items
            if isinstance(item.message, HumanMessage | AIMessage) and (text := str(item.message.text)).strip()
        )
        score = float(np.round(as_encoder(EMBEDDINGS).encode_documents([words])[0] @ query, 6)) if words else 0.0
        scored.append((score, turn))
    best = sorted(scored, key=lambda one: (-one[0], -one[1].seq))[:k]
    return {turn.seq: score for score, turn in best if score > 0}


def test_a_system_message_alone_is_a_turn(history: ChatHistory) -> None:
    memory = RecallMemory(kept := history, EMBEDDINGS, k=1, recent=1)
    memory.save([SystemMessage("boat"), *said("boat"), *said("end")])

    assert kept_history(kept) is history
    assert texts(memory.load("boat")) == ["boat", "Noted.", "end", "Noted."]
