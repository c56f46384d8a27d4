from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from ragkit.memory.timeline import newest_turns, pieces, turns_of
from ragkit.messages.rounds import turns


@dataclass(frozen=True)
class Item:
    seq: int
    message: BaseMessage


def items(messages: list[BaseMessage]) -> list[Item]:
    return [Item(3 * place + 2, message) for place, message in enumerate(messages)]


def call(*ids: str) -> AIMessage:
    return AIMessage("", tool_calls=[{"name": "look", "args": {}, "id": one} for one in ids])


def test_turns_are_read_from_the_end_and_no_further() -> None:
    read = []

    def walk() -> object:
        for item in reversed(items([HumanMessage("q1"), AIMessage("a1"), HumanMessage("q2"), AIMessage("a2")])):
            read.append(item.seq)
            yield item

    first = next(newest_turns(walk()))  # type: ignore[arg-type]  # a generator of items

    assert ([item.seq for item in first.items], first.seq, read) == ([8, 11], 8, [11, 8])


def test_a_turn_is_finished_when_a_model_had_the_last_word() -> None:
    said = [HumanMessage("q"), call("a"), ToolMessage("x", tool_call_id="a"), AIMessage("a")]

    assert [turns_of(items(said[:n]))[0].finished for n in (1, 2, 3, 4)] == [False, False, False, True]


def test_the_newest_turn_is_taken_apart_and_others_are_not() -> None:
    used = [one for name in "ab" for one in (call(name), ToolMessage(name, tool_call_id=name))]
    (turn,) = turns_of(items([HumanMessage("task"), *used, AIMessage("done")]))

    def seqs(newest: bool) -> list[list[int]]:
        return [[part.items[0].seq for part in piece] for piece in pieces(turn.rounds, newest=newest)]

    assert seqs(newest=False) == [[2, 5, 11, 17]]
    assert seqs(newest=True) == [[2, 17], [11], [5]]


def test_a_turn_that_no_person_began_is_taken_apart_from_its_end() -> None:
    (turn,) = turns_of(items([SystemMessage("rules"), AIMessage("Welcome"), AIMessage("again")]))

    assert [[part.items[0].seq for part in piece] for piece in pieces(turn.rounds, newest=True)] == [[8], [5], [2]]


def test_nothing_has_no_pieces() -> None:
    assert list(newest_turns([])) == pieces([], newest=True) == pieces([], newest=False) == []


@given(data=st.data())
@settings(max_examples=50, deadline=None)
def test_read_from_the_end_turns_are_those_read_from_the_beginning(
    data: st.DataObject, conversations: st.SearchStrategy[list[BaseMessage]]
) -> None:
    numbered = items(data.draw(conversations))
    forward = [numbered[part] for part in turns([item.message for item in numbered])]

    assert [turn.items for turn in newest_turns(reversed(numbered))] == forward[::-1]
    assert [turn.items for turn in turns_of(numbered)] == forward
