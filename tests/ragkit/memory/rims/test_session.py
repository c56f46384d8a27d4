from __future__ import annotations

from uuid import UUID

import pytest

from ragkit.errors import InputError
from ragkit.memory import BufferMemory, ChatHistories, SessionName
from ragkit.memory.rims.session import memory_for, session_of


def test_a_session_has_an_id_and_a_user() -> None:
    assert session_of({"configurable": {"session_id": "s", "user_id": "u"}}) == SessionName("s", "u")
    assert session_of({"configurable": {"session_id": "s"}}) == SessionName("s", "")


def test_langgraphs_thread_is_a_session_where_none_is_named() -> None:
    assert session_of({"configurable": {"thread_id": "t"}}) == SessionName("t")
    assert session_of({"configurable": {"thread_id": "t", "session_id": "s"}}) == SessionName("s")


def test_numbers_and_uuids_are_names_too() -> None:
    assert session_of({"configurable": {"thread_id": 7, "user_id": UUID(int=1)}}) == SessionName(
        "7", "00000000-0000-0000-0000-000000000001"
    )


def test_a_call_may_name_no_session() -> None:
    assert session_of({}) is None
    assert session_of({"configurable": {"user_id": "u"}}) is None


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"session_id": None}, "session_id must be text, got None"),
        ({"session_id": True}, "session_id must be text, got True"),
        ({"session_id": "s", "user_id": ["u"]}, r"user_id must be text, got \['u'\]"),
        ({"thread_id": ""}, "thread_id is empty"),
    ],
)
def test_other_names_are_refused(told: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        session_of({"configurable": told})


def test_a_function_gives_the_memory_of_each_session() -> None:
    histories = ChatHistories()
    memory = memory_for(
        lambda name: BufferMemory(histories.session(name.session_id)), {"configurable": {"session_id": "s"}}
    )
    assert memory.history.session_id == "s"  # type: ignore[attr-defined]


def test_without_a_name_a_function_cannot_give_one() -> None:
    with pytest.raises(InputError, match=r"which conversation is this\? Pass config="):
        memory_for(lambda name: BufferMemory(ChatHistories().session("s")), {})


def test_one_memory_is_never_shown_to_two_sessions() -> None:
    memory = BufferMemory(ChatHistories().session("s"))
    assert memory_for(memory, {}) is memory
    assert memory_for(memory, {"configurable": {"thread_id": "t"}}) is memory
    with pytest.raises(InputError, match="the call names session 's', and there is one memory for all calls"):
        memory_for(memory, {"configurable": {"session_id": "s"}})


def test_what_is_no_memory_is_refused_with_advice() -> None:
    histories = ChatHistories()
    for given, name in (
        (histories, "ChatHistories"),
        (histories.session("s"), "ChatHistory"),
        (lambda name: histories.session(name.session_id), "ChatHistory"),
    ):
        with pytest.raises(InputError, match=rf"a memory is wanted, such as BufferMemory\(history\), .* got {name}\."):
            memory_for(given, {"configurable": {"session_id": "s"}})  # type: ignore[arg-type]
