from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, RemoveMessage, SystemMessage, ToolMessage
from langchain_core.runnables import RunnableLambda
from langgraph.graph.message import add_messages

from ragkit.errors import InputError, ModelUnavailableError
from ragkit.memory import BufferMemory, ChatHistories, ChatHistory, TokenMemory, memory_hooks, memory_node
from ragkit.messages.rounds import is_whole
from ragkit.testing import ScriptedChatModel

CALL = {"name": "add", "args": {"a": 1}, "id": "c1"}


@pytest.fixture
def history() -> ChatHistory:
    return ChatHistories().session("s")


def state_of(*messages: BaseMessage) -> dict[str, Any]:
    return {"messages": add_messages([], list(messages))}


def after(state: dict[str, Any], update: dict[str, Any]) -> dict[str, Any]:
    return {"messages": add_messages(state["messages"], update["messages"])}


def texts(messages: Any) -> list[str]:
    return [message.text for message in messages]


def test_instructions_of_the_state_come_first_and_are_not_kept(history: ChatHistory) -> None:
    model = ScriptedChatModel(["a1", "a2"])
    node = memory_node(model, BufferMemory(history))
    for question in ("q1", "q2"):
        node.invoke(state_of(SystemMessage("S"), HumanMessage(question)))
    assert texts(model.calls[1].messages) == ["S", "q1", "a1", "q2"]
    assert texts(history.messages) == ["q1", "a1", "q2", "a2"]


def test_a_failed_run_keeps_nothing_and_can_be_tried_again(history: ChatHistory) -> None:
    model = ScriptedChatModel([ModelUnavailableError("gone."), "a"])
    node, state = memory_node(model, BufferMemory(history)), state_of(HumanMessage("q"))
    with pytest.raises(ModelUnavailableError, match="gone"):
        node.invoke(state)
    assert len(history) == 0
    node.invoke(state)
    assert texts(history.messages) == ["q", "a"]


@pytest.mark.parametrize("drop", [False, True])
async def test_a_run_whose_end_the_graph_did_not_hear_of_is_not_asked_again(drop: bool, history: ChatHistory) -> None:
    model = ScriptedChatModel(["a0", "a1", "a2"])
    node = memory_node(model, BufferMemory(history), drop_kept=drop)
    state = state_of(HumanMessage("q0"))
    node.invoke(state)
    first = node.invoke(question := state_of(HumanMessage("q1")))
    again, asynchronous = node.invoke(question), await node.ainvoke(question)
    assert again == asynchronous == first
    assert len(model.calls) == 2
    assert texts(history.messages) == ["q0", "a0", "q1", "a1"]


def test_an_answer_of_another_program_is_not_taken_for_this_ones(history: ChatHistory) -> None:
    node = memory_node(ScriptedChatModel(["a1"]), BufferMemory(history))
    state = state_of(HumanMessage("q1"))
    node.invoke(state)
    history.add_messages([HumanMessage("q2"), AIMessage("a2")])
    assert texts(node.invoke(state)["messages"]) == ["a1"]


def test_a_call_that_cannot_be_read_ends_the_run_and_is_not_shown_again(history: ChatHistory) -> None:
    broken = AIMessage("", invalid_tool_calls=[{"name": "add", "args": "a: 1", "id": "c1", "error": "no JSON"}])
    model = ScriptedChatModel([broken, "a"])
    node = memory_node(model, BufferMemory(history))
    node.invoke(state_of(HumanMessage("q1")))
    node.invoke(state_of(HumanMessage("q2")))
    assert len(history) == 4
    assert texts(model.calls[1].messages) == ["q1", "q2"]


def test_nothing_to_answer_is_refused(history: ChatHistory) -> None:
    node = memory_node(ScriptedChatModel(["a"]), BufferMemory(history))
    state = state_of(HumanMessage("q"))
    state = after(state, node.invoke(state))
    with pytest.raises(InputError, match="holds no message that is not answered yet"):
        node.invoke(state)
    with pytest.raises(InputError, match="holds no message that is not answered yet"):
        node.invoke({"messages": []})


def test_a_call_that_a_broken_run_left_in_the_state_is_neither_shown_nor_kept(history: ChatHistory) -> None:
    model = ScriptedChatModel(["a"])
    node = memory_node(model, BufferMemory(history))
    node.invoke(state_of(HumanMessage("q1"), AIMessage("", tool_calls=[CALL]), HumanMessage("q2")))
    assert texts(model.calls[0].messages) == ["q1", "q2"]
    assert texts(history.messages) == ["q1", "q2", "a"]


def test_messages_without_ids_are_refused_with_advice(history: ChatHistory) -> None:
    with pytest.raises(InputError, match="give their key the reducer add_messages"):
        memory_node(ScriptedChatModel(["a"]), BufferMemory(history)).invoke({"messages": [HumanMessage("q")]})


def test_a_state_with_another_key_is_refused_with_advice(history: ChatHistory) -> None:
    with pytest.raises(InputError, match="no list of messages under 'messages': name its key as messages_key"):
        memory_node(ScriptedChatModel(["a"]), BufferMemory(history)).invoke({"talk": []})
    with pytest.raises(InputError, match="no list of messages under 'messages': name its key as messages_key"):
        memory_node(ScriptedChatModel(["a"]), BufferMemory(history)).invoke({"messages": [{"role": "user"}]})


def test_a_state_may_be_an_object_with_another_key(history: ChatHistory) -> None:
    @dataclass
    class State:
        talk: list[BaseMessage]

    node = memory_node(ScriptedChatModel(["a"]), BufferMemory(history), messages_key="talk")
    assert texts(node.invoke(State([HumanMessage("q", id="1")]))["talk"]) == ["a"]


def test_an_answer_without_an_id_is_known_again(history: ChatHistory) -> None:
    node = memory_node(RunnableLambda(lambda messages: AIMessage("a")), BufferMemory(history))
    state = state_of(HumanMessage("q"))
    state = after(state, node.invoke(state))
    state = {"messages": add_messages(state["messages"], [HumanMessage("q2")])}
    node.invoke(state)
    assert texts(history.messages) == ["q", "a", "q2", "a"]


def test_tools_bound_to_the_model_count_in_the_budget(history: ChatHistory) -> None:
    def add(a: int, b: int) -> int:
        """Add two numbers, which may be of any size, as long as both are whole and neither is missing."""
        return a + b

    model = ScriptedChatModel(["a1", "a2", "a3", "a4"])
    memory = TokenMemory(history, max_tokens=92, counter=model)
    for bound in (model, model.bind_tools([add])):
        for question in ("q1", "q2"):
            memory_node(bound, memory).invoke(state_of(HumanMessage(question)))
    assert [len(call.messages) for call in model.calls] == [1, 3, 3, 3]


def test_hooks_count_what_the_agent_adds(history: ChatHistory) -> None:
    history.add_messages([HumanMessage("q1"), AIMessage("a1")])
    memory = TokenMemory(history, max_tokens=30, counter=ScriptedChatModel([]))
    state = state_of(HumanMessage("q2"))
    shown = memory_hooks(memory).pre_model_hook.invoke(state)["llm_input_messages"]
    assert texts(shown) == ["q1", "a1", "q2"]
    beside = [SystemMessage("one two three four five six seven eight nine ten")]
    shown = memory_hooks(memory, beside=beside).pre_model_hook.invoke(state)["llm_input_messages"]
    assert texts(shown) == ["q2"]


async def test_hooks_keep_a_run_that_has_its_answer(history: ChatHistory) -> None:
    hooks = memory_hooks(BufferMemory(history))
    question, call = HumanMessage("1 + 1?"), AIMessage("", tool_calls=[CALL])
    result, answer = ToolMessage("2", tool_call_id="c1"), AIMessage("2.")
    state = state_of(question, call)
    assert hooks.post_model_hook.invoke(state) == await hooks.post_model_hook.ainvoke(state) == {}
    assert len(history) == 0
    state = {"messages": add_messages(state["messages"], [result])}
    assert [one.type for one in (await hooks.pre_model_hook.ainvoke(state))["llm_input_messages"]] == [
        "human",
        "ai",
        "tool",
    ]
    state = {"messages": add_messages(state["messages"], [answer])}
    assert await hooks.post_model_hook.ainvoke(state) == hooks.post_model_hook.invoke(state) == {}
    assert [one.type for one in history.messages] == ["human", "ai", "tool", "ai"]


@settings(max_examples=30, deadline=None)
@given(
    runs=st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["whole", "fails", "killed"])), min_size=1, max_size=5),
    checkpointer=st.booleans(),
    drop=st.booleans(),
)
def test_every_finished_run_is_kept_once_and_whole(runs: list[tuple[int, str]], checkpointer: bool, drop: bool) -> None:
    history = ChatHistories().session("s")
    script: list[Any] = []
    model = ScriptedChatModel(lambda messages: script.pop(0))
    node = memory_node(model, BufferMemory(history), drop_kept=drop)
    state: list[BaseMessage] = []
    expected: list[str] = []
    unanswered: list[str] = []
    for number, (tools, end) in enumerate(runs):
        if not checkpointer:
            state, unanswered = [], []
        state = add_messages(state, [HumanMessage(f"q{number}")])
        unanswered.append(f"q{number}")
        for round_ in range(tools):
            call = {"name": "t", "args": {}, "id": f"c{number}.{round_}"}
            script.append([call])
            state = add_messages(state, node.invoke({"messages": list(state)})["messages"])
            state = add_messages(state, [ToolMessage(f"r{round_}", tool_call_id=call["id"])])
            unanswered += ["", f"r{round_}"]
        if end == "fails":
            script.append(ModelUnavailableError("gone."))
            with pytest.raises(ModelUnavailableError, match="gone"):
                node.invoke({"messages": list(state)})
            continue
        script.append(f"a{number}")
        update = node.invoke({"messages": list(state)})["messages"]
        if end == "killed":  # kept, and the graph did not hear of it: it comes again
            update = node.invoke({"messages": list(state)})["messages"]
        state = add_messages(state, update)
        expected += [*unanswered, f"a{number}"]
        unanswered = []
    assert texts(history.messages) == expected
    assert is_whole(history.messages)
    assert all(is_whole(call.messages) for call in model.calls)
    assert script == []
    assert not any(isinstance(message, RemoveMessage) for message in history.messages)
