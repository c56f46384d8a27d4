from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    FunctionMessage,
    HumanMessage,
    InvalidToolCall,
    SystemMessage,
    ToolMessage,
)

from ragkit.messages.rounds import is_whole, pending, rounds, sound, together, turns


def human(text: str = "?") -> HumanMessage:
    return HumanMessage(text)


def says(text: str = "!") -> AIMessage:
    return AIMessage(text)


def calls(*ids: str | None) -> AIMessage:
    return AIMessage("", tool_calls=[{"name": "look", "args": {}, "id": one} for one in ids])


def gives(call_id: str) -> ToolMessage:
    return ToolMessage("found", tool_call_id=call_id)


def spans(parts: list[slice]) -> list[tuple[int, int]]:
    return [(part.start, part.stop) for part in parts]


def test_an_empty_conversation_has_no_rounds_and_is_whole() -> None:
    assert rounds([]) == turns([]) == together([]) == []
    assert is_whole([])
    assert not pending([])


def test_messages_without_tools_are_a_round_each_and_turns_begin_with_a_person() -> None:
    messages = [SystemMessage("rules"), says("Welcome"), human(), says(), human(), human(), says()]

    assert spans(rounds(messages)) == [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (6, 7)]
    assert spans(turns(messages)) == [(0, 2), (2, 4), (4, 5), (5, 7)]
    assert is_whole(messages)


def test_parallel_calls_stay_with_all_their_results_in_any_order() -> None:
    messages = [human(), calls("a", "b"), gives("b"), gives("a"), says()]

    assert spans(rounds(messages)) == [(0, 1), (1, 4), (4, 5)]
    assert spans(turns(messages)) == [(0, 5)]
    assert is_whole(messages)


def test_calls_of_a_second_model_in_between_belong_to_the_round() -> None:
    messages = [calls("outer"), calls("inner"), gives("inner"), gives("outer"), says()]

    assert spans(rounds(messages)) == [(0, 4), (4, 5)]
    assert not is_whole(messages)
    assert together(messages) == [messages[0], messages[3], messages[1], messages[2], messages[4]]
    assert is_whole(together(messages))


def test_what_a_person_says_while_a_tool_is_at_work_begins_no_turn() -> None:
    messages = [human("first"), calls("a"), human("second"), gives("a"), says()]

    assert spans(rounds(messages)) == [(0, 1), (1, 4), (4, 5)]
    assert spans(turns(messages)) == [(0, 5)]
    assert not is_whole(messages)
    assert together(messages) == [messages[0], messages[1], messages[3], messages[2], messages[4]]


def test_an_id_that_is_used_again_belongs_to_the_newest_call() -> None:
    messages = [calls("a"), gives("a"), calls("a"), gives("a")]

    assert spans(rounds(messages)) == [(0, 2), (2, 4)]
    assert is_whole(messages)


@pytest.mark.parametrize(
    ("messages", "waits"),
    [
        ([gives("a")], False),
        ([human(), gives("a"), says()], False),
        ([calls("a"), gives("b")], True),
        ([calls("a"), gives("a"), gives("a")], False),
        ([calls("a", "b"), gives("a"), human()], True),
        ([calls("a"), human()], True),
    ],
    ids=["only a result", "orphan", "another's", "twice", "one of two", "none"],
)
def test_calls_and_results_without_each_other_are_not_whole(messages: list[BaseMessage], waits: bool) -> None:
    assert not is_whole(messages)
    assert not is_whole(together(messages))
    assert pending(messages) is waits


def test_what_a_broken_run_left_behind_is_left_out_but_not_what_is_at_work() -> None:
    first, second, third, at_work = human("first"), human("second"), human("third"), calls("d")
    broken = [calls("a", "b"), second, gives("a"), gives("z")]
    used = [calls("c"), third, gives("c")]

    messages = [first, *broken, *used, at_work]
    assert sound(messages, waits=False) == [first, second, used[0], used[2], third]
    assert sound(messages, waits=True) == [first, second, used[0], used[2], third, at_work]
    assert sound([], waits=True) == []


def test_the_last_calls_may_wait() -> None:
    messages = [human(), calls("a", "b"), gives("b")]

    assert is_whole(messages)
    assert pending(messages)
    assert spans(rounds(messages)) == [(0, 1), (1, 3)]


def test_calls_with_arguments_that_cannot_be_read_want_results_too() -> None:
    broken = AIMessage(
        "", invalid_tool_calls=[InvalidToolCall(name="f", args="{", id="a", error=None, type="invalid_tool_call")]
    )

    assert pending([broken])
    assert is_whole([broken, gives("a"), says()])
    assert not is_whole([broken, human()])


def test_function_calls_of_the_old_kind_are_answered_by_name() -> None:
    called = AIMessage("", additional_kwargs={"function_call": {"name": "look", "arguments": "{}"}})
    given_back = FunctionMessage("found", name="look")

    assert spans(rounds([called, given_back, says()])) == [(0, 2), (2, 3)]
    assert is_whole([called, given_back])
    assert not is_whole([called, FunctionMessage("found", name="other")])


def test_a_tool_call_that_is_told_in_the_old_way_too_is_one_call() -> None:
    call = calls("a")
    call.additional_kwargs["function_call"] = {"name": "look", "arguments": "{}"}

    assert is_whole([call, gives("a"), says()])


def test_a_call_without_an_id_is_answered_by_an_empty_one() -> None:
    assert is_whole([calls(None), gives(""), says()])


MESSAGES = st.lists(
    st.one_of(
        st.builds(human),
        st.builds(says),
        st.lists(st.sampled_from("abc"), min_size=1, max_size=3, unique=True).map(lambda ids: calls(*ids)),
        st.sampled_from("abc").map(gives),
    ),
    max_size=14,
)


@given(MESSAGES)
@settings(max_examples=50, deadline=None)
def test_every_message_is_in_exactly_one_round_and_turns_are_made_of_rounds(messages: list[BaseMessage]) -> None:
    for parts in (rounds(messages), turns(messages)):
        assert [place for part in parts for place in range(part.start, part.stop)] == list(range(len(messages)))
        assert all(part.stop > part.start for part in parts)
    edges = {part.start for part in rounds(messages)}
    assert {part.start for part in turns(messages)} <= edges


@given(MESSAGES)
@settings(max_examples=50, deadline=None)
def test_a_result_is_in_the_round_of_the_newest_call_before_it(messages: list[BaseMessage]) -> None:
    for place, message in enumerate(messages):
        if not isinstance(message, ToolMessage):
            continue
        callers = [
            earlier
            for earlier in range(place)
            if isinstance(one := messages[earlier], AIMessage)
            and any(call["id"] == message.tool_call_id for call in one.tool_calls)
        ]
        if callers:
            assert any(part.start <= callers[-1] and place < part.stop for part in rounds(messages))


@given(MESSAGES)
@settings(max_examples=50, deadline=None)
def test_putting_together_loses_and_adds_nothing_and_is_done_once(messages: list[BaseMessage]) -> None:
    moved = together(messages)

    assert sorted(map(id, moved)) == sorted(map(id, messages))
    assert together(moved) == moved
    if is_whole(messages):
        assert moved == messages


@given(MESSAGES)
@settings(max_examples=50, deadline=None)
def test_what_is_sound_is_whole_and_all_but_calls_and_results_is_in_it(messages: list[BaseMessage]) -> None:
    taken = sound(messages, waits=False)

    assert is_whole(taken)
    assert not pending(taken)
    assert sound(taken, waits=False) == taken
    assert (
        {id(one) for one in messages if isinstance(one, HumanMessage)} <= set(map(id, taken)) <= set(map(id, messages))
    )
    if is_whole(messages) and not pending(messages):
        assert taken == messages
