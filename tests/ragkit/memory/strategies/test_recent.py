"""Buffer, window and token budget: what they have in common is reading a conversation from its end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from ragkit.errors import ConfigError, ContextLengthError
from ragkit.memory.adapted import Numbered
from ragkit.memory.histories.histories import ChatHistories
from ragkit.memory.histories.history import ChatHistory
from ragkit.memory.memory import Memory
from ragkit.memory.selection import Asked, LeftOut
from ragkit.memory.strategies.buffer import BufferMemory
from ragkit.memory.strategies.recent import Reader
from ragkit.memory.strategies.tokens import TokenMemory
from ragkit.memory.strategies.window import WindowMemory
from ragkit.messages.rounds import is_whole, pending, rounds, together
from ragkit.messages.tokens import TokenCounter, Tool, counter_for, counter_of_text
from ragkit.models.local.chat import LocalChatModel


class Letters:
    """Counts a letter as a token, and ten for each tool."""

    estimated = False

    def text(self, text: str) -> int:
        return len(text)

    def messages(self, messages: Sequence[BaseMessage], tools: Sequence[Tool] | None = None) -> int:
        return sum(self.text(str(message.text)) for message in messages) + 10 * len(tools or ())


def _tokenizer() -> Tokenizer:
    """A small real one."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)  # type: ignore[assignment]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(["look up what was said and what a tool gave", "aa ab ba bb <|im_end|>"], trainer)
    return tokenizer


TOKENIZER = _tokenizer()
COUNTERS: dict[str, TokenCounter] = {
    "letters": Letters(),
    "estimate": counter_for("gpt-4o"),
    "tokenizer": counter_of_text(lambda text: len(TOKENIZER.encode(text).ids)),
}


def call(*ids: str) -> AIMessage:
    return AIMessage("", tool_calls=[{"name": "look", "args": {}, "id": one} for one in ids])


def turn(number: int) -> list[BaseMessage]:
    return [HumanMessage(f"q{number}"), AIMessage(f"a{number}")]


def texts(messages: Sequence[BaseMessage]) -> list[str]:
    return [str(message.text) for message in messages]


def test_the_buffer_shows_all(history: ChatHistory) -> None:
    memory = BufferMemory(history)
    memory.save([*turn(1), *turn(2)])
    told = memory.explain()

    assert texts(memory.load()) == ["q1", "a1", "q2", "a2"]
    assert (told.left_out, told.summarised, told.recalled, told.why) == ((), 0, 0, "the whole conversation")


def test_an_empty_history_shows_nothing_and_takes_no_tokens(history: ChatHistory) -> None:
    for memory in (BufferMemory(history), WindowMemory(history, turns=2), TokenMemory(history, max_tokens=5)):
        told = memory.explain()
        assert (told.shown, told.left_out, told.tokens) == ((), (), 0)


def test_the_window_shows_so_many_turns_and_tells_of_the_others(history: ChatHistory) -> None:
    memory = WindowMemory(history, turns=2)
    memory.save([message for number in range(1, 6) for message in turn(number)])
    told = memory.explain()

    assert texts(memory.load()) == ["q4", "a4", "q5", "a5"]
    assert told.left_out == (LeftOut(first=1, last=6, messages=6, why="older than the turns shown"),)
    assert told.why == "the newest turns, at most 2"


def test_a_window_of_no_turns_shows_nothing(history: ChatHistory) -> None:
    memory = WindowMemory(history, turns=0)
    memory.save(turn(1))

    assert memory.load() == []
    assert memory.explain().left_out == (LeftOut(first=1, last=2, messages=2, why="older than the turns shown"),)


def test_a_turn_that_waits_for_its_answer_counts(history: ChatHistory) -> None:
    memory = WindowMemory(history, turns=1)
    memory.save([*turn(1), HumanMessage("q2"), call("a"), ToolMessage("found", tool_call_id="a")])

    assert texts(memory.load()) == ["q2", "", "found"]


def test_a_call_still_at_work_is_shown_until_somebody_speaks(history: ChatHistory) -> None:
    memory = BufferMemory(history)
    memory.save([HumanMessage("q1"), call("a")])
    result = ToolMessage("found", tool_call_id="a")

    assert texts(memory.load()) == ["q1", ""]
    assert texts(memory.load(beside=[SystemMessage("rules"), result])) == ["q1", ""]
    assert texts(memory.load("q2", beside=[result])) == ["q1", ""]
    assert texts(memory.load("q2")) == ["q1"]
    assert texts(memory.load(beside=[HumanMessage("q2")])) == ["q1"]
    assert memory.explain("q2").left_out == (
        LeftOut(first=2, last=2, messages=1, why="a tool call without all its results"),
    )


def test_an_old_call_without_its_results_is_left_out_for_good(history: ChatHistory) -> None:
    memory = BufferMemory(history)
    memory.save([HumanMessage("q1"), call("a", "b"), ToolMessage("found", tool_call_id="a"), *turn(2)])
    history.add_messages([HumanMessage("q3"), ToolMessage("late", tool_call_id="z"), AIMessage("a3")])

    assert texts(memory.load()) == ["q1", "q2", "a2", "q3", "a3"]
    assert memory.explain().left_out == (
        LeftOut(first=2, last=3, messages=2, why="a tool call without all its results"),
        LeftOut(first=7, last=7, messages=1, why="a tool call without all its results, or a result without its call"),
    )
    assert len(history.messages) == 8


def test_results_come_directly_behind_their_call(history: ChatHistory) -> None:
    memory = BufferMemory(history)
    memory.save([HumanMessage("q1"), call("a"), HumanMessage("hello?"), ToolMessage("found", tool_call_id="a")])

    assert texts(memory.load()) == ["q1", "", "found", "hello?"]


def test_the_budget_is_that_of_the_whole_prompt(history: ChatHistory) -> None:
    memory = TokenMemory(history, max_tokens=24, counter=Letters())
    memory.save([message for number in range(1, 6) for message in turn(number)])
    beside = [SystemMessage("rules"), HumanMessage("What of q9?")]

    assert texts(memory.load("q9", beside=beside)) == ["q4", "a4", "q5", "a5"]
    assert texts(memory.load("What of q9?")) == ["q3", "a3", "q4", "a4", "q5", "a5"]
    assert texts(memory.load("q9", beside=[SystemMessage("rules")], tools=[int])) == ["q5", "a5"]
    told = memory.explain("q9", beside=beside)
    assert (told.tokens, told.estimated) == (24, False)
    assert told.left_out == (LeftOut(first=1, last=6, messages=6, why="beyond max_tokens"),)
    assert told.why == "the newest turns with which the whole prompt has at most 24 tokens"


def test_of_a_long_turn_the_task_and_the_last_rounds_stay(history: ChatHistory) -> None:
    memory = TokenMemory(history, max_tokens=20, counter=Letters())
    used = [message for one in "abcd" for message in (call(one), ToolMessage(f"found {one}", tool_call_id=one))]
    memory.save([*turn(1), HumanMessage("task"), *used])

    assert texts(memory.load()) == ["task", "", "found c", "", "found d"]
    assert memory.explain().left_out == (LeftOut(first=1, last=7, messages=6, why="beyond max_tokens"),)


def test_no_prompt_of_a_real_model_is_longer_than_the_budget(history: ChatHistory, copy_model: Path) -> None:
    model = LocalChatModel(model=str(copy_model), max_tokens=1)
    history.add_messages([message for number in range(12) for message in turn(number)])
    history.add_messages([HumanMessage("Look!"), call("a"), ToolMessage("found", tool_call_id="a"), AIMessage("Yes.")])
    beside = [SystemMessage("Answer."), HumanMessage("And now?")]
    shown = []
    for most in (40, 70, 100):
        memory = TokenMemory(history, max_tokens=most, counter=model)
        messages = memory.load("And now?", beside=beside)
        usage = model.invoke([beside[0], *messages, beside[1]]).usage_metadata
        assert usage is not None
        assert usage["input_tokens"] == memory.explain("And now?", beside=beside).tokens <= most
        assert not memory.explain("And now?", beside=beside).estimated
        shown.append(len(messages))

    assert shown == sorted(set(shown))


def test_an_answered_turn_that_does_not_fit_gives_way_to_the_question(history: ChatHistory) -> None:
    memory = TokenMemory(history, max_tokens=20, counter=Letters())
    memory.save([HumanMessage("x" * 50), AIMessage("a1")])

    assert memory.load("q2") == []
    assert memory.explain("q2").left_out == (LeftOut(first=1, last=2, messages=2, why="beyond max_tokens"),)


def test_what_the_model_is_to_answer_must_fit(history: ChatHistory) -> None:
    memory = TokenMemory(history, max_tokens=20, counter=Letters())
    memory.save([*turn(1), HumanMessage("secret" * 5)])

    with pytest.raises(ContextLengthError, match=r"needs 35 tokens, 5 of them for what stands beside") as caught:
        memory.load(beside=[SystemMessage("rules")])
    assert (caught.value.prompt_tokens, caught.value.context_tokens) == (35, 20)
    assert "secret" not in str(caught.value)


def test_what_stands_beside_must_fit_too(history: ChatHistory) -> None:
    memory = TokenMemory(history, max_tokens=20, counter=Letters())

    with pytest.raises(ContextLengthError, match=r"needs 21 tokens, 21 of them for what stands beside"):
        memory.load("x" * 21)


def test_a_broken_last_turn_makes_no_older_one_needed(history: ChatHistory) -> None:
    memory = TokenMemory(history, max_tokens=5, counter=Letters())
    memory.save([HumanMessage("x" * 9), AIMessage("a1"), ToolMessage("orphan", tool_call_id="a")])

    assert memory.load() == []


@pytest.mark.parametrize("turns", [-1, 1.0, True])
def test_a_window_is_a_whole_number(history: ChatHistory, turns: int) -> None:
    with pytest.raises(ConfigError, match="turns must be a whole number of at least 0, got"):
        WindowMemory(history, turns=turns)


@pytest.mark.parametrize("tokens", [0, 1.5, True])
def test_a_budget_is_a_whole_number(history: ChatHistory, tokens: int) -> None:
    with pytest.raises(ConfigError, match="max_tokens must be a whole number of at least 1, got"):
        TokenMemory(history, max_tokens=tokens)


def test_the_repr_of_what_is_chosen_tells_nothing_that_was_said(history: ChatHistory) -> None:
    memory = BufferMemory(history)
    memory.save([HumanMessage("secret")])

    assert "secret" not in repr(memory.explain("secret"))
    assert "secret" not in repr(memory.select(Asked(question="secret")))


class Counting:
    """A history that knows how much of it was read."""

    def __init__(self, history: ChatHistory) -> None:
        self.history, self.read = history, 0

    def __len__(self) -> int:
        return len(self.history)

    def newest_first(self) -> Iterator[Numbered]:
        for item in self.history.newest_first():
            self.read += 1
            yield item


def test_of_a_long_history_no_more_is_read_than_shown(history: ChatHistory) -> None:
    history.add_messages([message for number in range(1000) for message in turn(number)])
    counting = Counting(history)
    reader = Reader(counting, Asked(question="?"), turns=3)  # type: ignore[arg-type]  # as much of one as is needed

    assert len(list(reader.pieces())) == 3
    assert counting.read == 6


@given(data=st.data())
@settings(max_examples=50, deadline=None)
def test_the_budget_is_held_and_nothing_is_split(
    data: st.DataObject, conversations: st.SearchStrategy[list[BaseMessage]]
) -> None:
    messages = data.draw(conversations)
    counter = COUNTERS[data.draw(st.sampled_from(sorted(COUNTERS)))]
    most = data.draw(st.integers(1, 400))
    question = data.draw(st.sampled_from(["", "what now?"]))
    beside = data.draw(st.sampled_from([[], [SystemMessage("rules")]]))
    with ChatHistories() as histories:
        session = histories.session("one")
        session.add_messages(messages)
        memory = TokenMemory(session, max_tokens=most, counter=counter)
        asked = Asked(question=question, beside=beside)
        try:
            told = memory.explain(question, beside=beside)
        except ContextLengthError:
            waiting = Reader(session, asked)
            first = next(waiting.pieces(), [])
            needed = [one for part in first for one in part.messages] if waiting.waits else []
            assert asked.tokens(counter, needed) > most
            return
        shown = list(told.shown)
        assert told.tokens == asked.tokens(counter, shown) <= most
        assert is_whole(shown)
        _check_whole_rounds(messages, shown)
        left = {left.why for left in told.left_out}
        assert sum(one.messages for one in told.left_out) + len(shown) == len(messages)
        assert ("beyond max_tokens" in left) == (len(shown) < len(BufferMemory(session).load(question, beside=beside)))
        assert session.messages == messages


@given(data=st.data())
@settings(max_examples=50, deadline=None)
def test_windows_are_the_end_of_the_buffer(
    data: st.DataObject, conversations: st.SearchStrategy[list[BaseMessage]]
) -> None:
    messages = data.draw(conversations)
    with ChatHistories() as histories:
        session = histories.session("one")
        session.add_messages(messages)
        all_shown = BufferMemory(session).load("?")
        before: list[BaseMessage] = []
        for turns in range(9):  # none of these conversations has more than eight
            shown = WindowMemory(session, turns=turns).load("?")
            assert is_whole([*shown, HumanMessage("?")])
            assert shown == all_shown[len(all_shown) - len(shown) :]
            assert len(shown) >= len(before)
            before = shown
        assert before == all_shown
        _check_whole_rounds(messages, all_shown)


def _check_whole_rounds(messages: list[BaseMessage], shown: Sequence[BaseMessage]) -> None:
    """Of each round all messages are shown, or none; and the newest that a server takes are among them."""
    ids = [message.id for message in shown]
    for part in rounds(messages):
        there = [message.id in ids for message in messages[part]]
        assert all(there) or not any(there)
    assert len(ids) == len(set(ids))
    assert shown == together([message for message in messages if message.id in ids])


def test_the_newest_that_must_be_answered_is_always_shown(history: ChatHistory) -> None:
    memory: Memory = TokenMemory(history, max_tokens=11, counter=Letters())
    memory.save([HumanMessage("task"), call("a"), ToolMessage("found", tool_call_id="a")])

    assert not pending(memory.load())
    assert texts(memory.load()) == ["task", "", "found"]
