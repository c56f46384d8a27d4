from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from ragkit.errors import ConfigError, ContextLengthError
from ragkit.memory.compaction import CompactionWarning
from ragkit.memory.histories.histories import ChatHistories
from ragkit.memory.histories.history import ChatHistory
from ragkit.memory.selection import LeftOut
from ragkit.memory.strategies.buffer import BufferMemory
from ragkit.memory.strategies.combined import CombinedMemory
from ragkit.memory.strategies.recall import RecallMemory
from ragkit.memory.strategies.summary import SummaryBufferMemory, SummaryMemory
from ragkit.memory.strategies.tokens import TokenMemory
from ragkit.memory.strategies.window import WindowMemory
from ragkit.messages.rounds import is_whole
from ragkit.messages.tokens import counter_for
from ragkit.testing import HashingEmbeddings, ScriptedChatModel

EMBEDDINGS = HashingEmbeddings()
COUNTER = counter_for("gpt-4o")


def said(question: str) -> list[BaseMessage]:
    return [HumanMessage(question), AIMessage("Noted.")]


def texts(messages: Sequence[BaseMessage]) -> list[str]:
    return [str(message.text) for message in messages]


def all_three(history: ChatHistory, **options: int) -> CombinedMemory:
    summary = SummaryMemory(history, ScriptedChatModel(lambda _: "S"), turns=1)
    recall = RecallMemory(history, EMBEDDINGS, k=1, recent=1)
    return CombinedMemory([WindowMemory(history, turns=2), summary, recall], counter=COUNTER, **options)


def test_summaries_old_turns_and_new_ones_come_once_and_in_time_order(history: ChatHistory) -> None:
    memory = all_three(history)
    memory.save([*said("red boat"), *said("tea"), *said("sky"), *said("end")])
    shown = memory.load("red boat")

    assert "S" in str(shown[0].text)
    assert texts(shown)[1:] == ["red boat", "Noted.", "sky", "Noted.", "end", "Noted."]
    told = memory.explain("red boat")
    assert (told.summarised, told.recalled, told.left_out) == (6, 2, ())
    assert told.why == (
        "the newest turns, at most 2; and a summary, and the newest turns that it does not cover: 1, and one that is "
        "unfinished; and the newest 1 turns, and of the older ones the 1 most like the question"
    )


async def test_async_is_the_same(history: ChatHistory) -> None:
    memory = all_three(history)
    memory.save([*said("red boat"), *said("tea"), *said("sky"), *said("end")])

    assert texts(await memory.aload("boat"))[1:] == texts(memory.load("boat"))[1:]


def test_what_none_of_them_shows_is_told(history: ChatHistory) -> None:
    history.add_messages([*said("red boat"), *said("tea"), *said("sky"), *said("end")])
    memory = CombinedMemory([WindowMemory(history, turns=1), RecallMemory(history, EMBEDDINGS, k=1, recent=2)])

    assert texts(memory.load("boat"))[::2] == ["red boat", "sky", "end"]
    why = "older than the turns shown; older than the newest turns, and not like the question"
    assert memory.explain("boat").left_out == (LeftOut(first=1, last=6, messages=2, why=why),)


def test_a_budget_is_shared_and_kept_in_the_stated_order(history: ChatHistory) -> None:
    history.add_messages([*said("red boat"), *said("tea"), *said("sky"), *said("end")])
    full = all_three(history).load("red boat")
    steps = []
    for most in range(COUNTER.messages([*full, HumanMessage("red boat")]), 0, -1):
        try:
            shown = all_three(history, max_tokens=most).load("red boat")
        except ContextLengthError:
            break
        assert COUNTER.messages([*shown, HumanMessage("red boat")]) <= most
        words = ["S" if text.startswith("For your") else text for text in texts(shown) if text != "Noted."]
        if words not in steps:
            steps.append(words)

    assert steps == [["S", "red boat", "sky", "end"], ["S", "sky", "end"], ["S", "end"], ["end"], []]


def test_a_budget_tells_what_it_left_out(history: ChatHistory) -> None:
    history.add_messages([*said("red boat"), *said("tea"), *said("end")])
    memory = CombinedMemory(
        [WindowMemory(history, turns=2), RecallMemory(history, EMBEDDINGS, k=1, recent=1)],
        max_tokens=40,
        counter=COUNTER,
    )

    assert texts(memory.load("red boat"))[::2] == ["tea", "end"]
    assert memory.explain("red boat").left_out == (LeftOut(first=1, last=2, messages=2, why="beyond max_tokens"),)
    assert memory.rule.endswith("; all within 40 tokens of the whole prompt")


def test_what_a_summary_without_room_stands_for_is_left_out(history: ChatHistory) -> None:
    history.add_messages([*said("tea"), *said("end")])
    memory = CombinedMemory(
        [SummaryMemory(history, ScriptedChatModel(["S"]), turns=1, counter=COUNTER)], max_tokens=30, counter=COUNTER
    )

    assert texts(memory.load("?")) == ["end", "Noted."]
    assert memory.explain("?").left_out == (LeftOut(first=1, last=2, messages=2, why="beyond max_tokens"),)
    assert memory.explain("?").summarised == 0


def test_what_must_be_answered_must_fit(history: ChatHistory) -> None:
    memory = CombinedMemory([BufferMemory(history)], max_tokens=20, counter=COUNTER)
    memory.save([*said("tea"), HumanMessage("word " * 30)])

    with pytest.raises(ContextLengthError, match=r"the budget is 20"):
        memory.load()


def test_a_failed_summary_is_told_and_everything_shown(history: ChatHistory) -> None:
    memory = CombinedMemory([SummaryMemory(history, ScriptedChatModel([""])), WindowMemory(history, turns=1)])
    memory.save([*said("tea"), *said("end")])

    with pytest.warns(CompactionWarning, match="it gave no text"):
        assert texts(memory.load("?"))[::2] == ["tea", "end"]
    assert memory.explain("?").warnings == ("no summary of the messages up to 4: it gave no text",)


def test_saving_and_clearing_happen_once(history: ChatHistory) -> None:
    memory = all_three(history)
    memory.save(said("tea"))
    assert len(history) == 2

    memory.clear()
    assert (len(history), memory.load("tea"), memory.history) == (0, [], history)


def test_at_least_one_memory_and_all_of_one_history(history: ChatHistory) -> None:
    for wrong in ([], BufferMemory(history), [history]):
        with pytest.raises(ConfigError, match="CombinedMemory needs a list of memories, at least one"):
            CombinedMemory(wrong)  # type: ignore[arg-type]
    with ChatHistories() as others, pytest.raises(ConfigError, match="needs memories of one history"):
        CombinedMemory([BufferMemory(history), BufferMemory(others.session("two"))])


@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_any_of_them_together_split_nothing_and_hold_the_budget(
    data: st.DataObject, conversations: st.SearchStrategy[list[BaseMessage]]
) -> None:
    messages = data.draw(conversations)
    most = data.draw(st.one_of(st.none(), st.integers(30, 400)))
    question = data.draw(st.sampled_from(["", "ab"]))
    with ChatHistories() as histories:
        history = histories.session("one")
        history.add_messages(messages)
        kinds = {
            "window": WindowMemory(history, turns=2),
            "tokens": TokenMemory(history, max_tokens=300, counter=COUNTER),
            "summary": SummaryMemory(history, ScriptedChatModel(lambda _: "S"), turns=1),
            "buffer": SummaryBufferMemory(history, ScriptedChatModel(lambda _: "S"), max_tokens=200, counter=COUNTER),
            "recall": RecallMemory(history, EMBEDDINGS, k=2, recent=1),
        }
        names = data.draw(st.lists(st.sampled_from(sorted(kinds)), min_size=1, max_size=4, unique=True))
        memory = CombinedMemory([kinds[name] for name in names], max_tokens=most, counter=COUNTER)
        beside = [SystemMessage("rules")]
        try:
            shown = memory.load(question, beside=beside)
        except ContextLengthError:
            return
        told = memory.explain(question, beside=beside)
        assert list(told.shown) == shown
        assert is_whole(shown)
        ids = [message.id for message in shown if message.id]
        assert len(ids) == len(set(ids))
        assert sorted(ids, key=lambda name: int(name[1:])) == [one.id for one in history.messages if one.id in ids]
        assert most is None or told.tokens <= most
        if not told.summarised:
            assert len(ids) + sum(one.messages for one in told.left_out) == len(messages)
        assert history.messages == messages
