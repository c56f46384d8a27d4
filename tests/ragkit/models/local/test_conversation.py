from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)

from ragkit.errors import InputError
from ragkit.models.local.conversation import (
    as_turns,
    calls_in_text,
    one_call_each,
    simplified,
    strings_in,
    text_of,
    with_instructions,
)

CALL = {"name": "add", "args": {"a": 1}, "id": "call-1"}


@pytest.mark.parametrize(
    ("message", "turn"),
    [
        (SystemMessage("a"), {"role": "system", "content": "a"}),
        (HumanMessage("a", name="Ann"), {"role": "user", "content": "a", "name": "Ann"}),
        (AIMessage("a"), {"role": "assistant", "content": "a"}),
        (ChatMessage("a", role="critic"), {"role": "critic", "content": "a"}),
        (ToolMessage("a", tool_call_id="call-1"), {"role": "tool", "content": "a", "tool_call_id": "call-1"}),
        (FunctionMessage("a", name="add"), {"role": "tool", "content": "a", "name": "add"}),
        (
            AIMessage("", tool_calls=[CALL]),
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [
                    {"type": "function", "id": "call-1", "function": {"name": "add", "arguments": {"a": 1}}}
                ],
            },
        ),
    ],
)
def test_a_message_is_a_role_and_a_text(message: BaseMessage, turn: dict[str, Any]) -> None:
    assert as_turns([message]) == [turn]


def test_no_message_is_refused() -> None:
    with pytest.raises(InputError, match="there is no message to answer: expected at least one"):
        as_turns([])


def test_a_message_that_edits_the_history_is_refused() -> None:
    with pytest.raises(InputError, match="type 'remove' is not part of a conversation"):
        as_turns([RemoveMessage(id="1")])


def test_blocks_of_text_are_one_text() -> None:
    assert text_of(HumanMessage(["a", {"type": "text", "text": "b"}, {"text": "c"}])) == "abc"


def test_thoughts_and_calls_among_the_blocks_are_left_out() -> None:
    blocks: list[str | dict[str, Any]] = [
        {"type": "reasoning", "reasoning": "hm"},
        {"type": "text", "text": "a"},
        {"type": "tool_use", "name": "add", "id": "1", "input": {}},
    ]
    assert text_of(AIMessage(blocks)) == "a"


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "audio", "base64": "AAAA"},
        {"type": "text", "text": None},
    ],
)
def test_what_is_not_text_is_refused_without_showing_it(block: dict[str, Any]) -> None:
    message = HumanMessage.model_construct(content=[block])
    with pytest.raises(
        InputError, match=f"content of type '{block['type']}', which a local model cannot read"
    ) as shown:
        text_of(message)
    assert "AAAA" not in str(shown.value)


def test_instructions_stand_at_the_head_of_the_system_message() -> None:
    user = {"role": "user", "content": "b"}
    assert with_instructions([user], "Do.") == [{"role": "system", "content": "Do."}, user]
    assert with_instructions([{"role": "system", "content": "a"}, user], "Do.")[0]["content"] == "Do.\n\na"


def test_calls_and_results_can_be_text() -> None:
    turns = as_turns([AIMessage("Well.", tool_calls=[CALL, CALL]), ToolMessage("2", tool_call_id="call-1")])
    call = '<tool_call>\n{"name": "add", "arguments": {"a": 1}}\n</tool_call>'
    assert calls_in_text(turns) == [
        {"role": "assistant", "content": f"Well.\n{call}\n{call}"},
        {"role": "user", "content": "<tool_response>\n2\n</tool_response>"},
    ]


def test_simplified_turns_alternate_and_lead_with_the_user() -> None:
    turns = as_turns(
        [
            SystemMessage("s"),
            HumanMessage("a"),
            SystemMessage("t"),
            HumanMessage("b"),
            AIMessage("", tool_calls=[CALL]),
            AIMessage("c", tool_calls=[{**CALL, "id": "123456789"}]),
            ToolMessage("1", tool_call_id="call-1"),
            ToolMessage("2", tool_call_id="123456789"),
        ]
    )
    simple = simplified(turns)
    assert [(turn["role"], turn["content"]) for turn in simple] == [
        ("user", "s\n\nt\n\na\n\nb"),
        ("assistant", "c"),
        ("tool", "1"),
        ("tool", "2"),
    ]
    ids = [call["id"] for call in simple[1]["tool_calls"]]
    assert ids == [simple[2]["tool_call_id"], "123456789"] == [simple[2]["tool_call_id"], simple[3]["tool_call_id"]]
    assert len(ids[0]) == 9
    assert ids[0].isalnum()
    assert turns[0] == {"role": "system", "content": "s"}


def test_a_system_message_alone_becomes_the_user_s() -> None:
    assert simplified([{"role": "system", "content": "s"}]) == [{"role": "user", "content": "s"}]
    assert simplified([{"role": "system", "content": "s"}, {"role": "assistant", "content": "a"}])[0]["role"] == "user"


def test_all_texts_of_nested_values_are_found() -> None:
    assert list(strings_in({"a": ["b", ("c", 1)], "d": {"e": None}})) == ["a", "b", "c", "d", "e"]


def test_calls_can_be_told_one_at_a_time() -> None:
    calls = [{**CALL, "id": name} for name in ("x", "y", "z")]
    turns = as_turns(
        [
            HumanMessage("a"),
            AIMessage("b", tool_calls=calls),
            ToolMessage("of y", tool_call_id="y"),
            ToolMessage("of x", tool_call_id="x"),
            HumanMessage("a"),
            AIMessage("", tool_calls=[{**CALL, "id": "w"}]),
            ToolMessage("of w", tool_call_id="w"),
        ]
    )
    apart = one_call_each(turns)
    assert [turn["content"] for turn in apart] == ["a", "b", "of x", "", "of y", "", "a", "", "of w"]
    assert [turn["tool_calls"][0]["id"] for turn in apart if "tool_calls" in turn] == ["x", "y", "z", "w"]
    assert one_call_each(turns[-3:]) == turns[-3:]
