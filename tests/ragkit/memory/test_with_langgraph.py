"""How graphs and agents of LangGraph remember: read it from top to bottom."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import BaseMessage, HumanMessage
from langchain_core.runnables import Runnable, RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, create_react_agent, tools_condition

from ragkit.memory import (
    ChatHistories,
    MemoryMiddleware,
    SessionName,
    WindowMemory,
    memory_hooks,
    memory_node,
)
from ragkit.memory.rims.session import MemoryOf
from ragkit.models import OpenAIChatModel
from ragkit.testing import ScriptedChatModel
from ragkit.testing.openai_replies import chat_reply
from ragkit.testing.servers import LoopbackServer

ANN: RunnableConfig = {"configurable": {"thread_id": "monday", "user_id": "ann"}}


@pytest.fixture
def histories() -> Iterator[ChatHistories]:
    with ChatHistories() as histories:
        yield histories


@pytest.fixture
def memory_of(histories: ChatHistories) -> MemoryOf:
    def memory_of(session: SessionName) -> WindowMemory:
        return WindowMemory(histories.session(session.session_id, user_id=session.user_id), turns=1)

    return memory_of


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def texts(messages: list[BaseMessage] | tuple[BaseMessage, ...]) -> list[str]:
    return [str(message.text) for message in messages]


def asked(question: str) -> dict[str, list[BaseMessage]]:
    return {"messages": [HumanMessage(question)]}


def chat(node: Runnable[Any, Any]) -> StateGraph[Any]:
    graph = StateGraph(MessagesState)
    graph.add_node("chat", node)
    graph.add_edge(START, "chat")
    return graph


def test_a_node_remembers_without_a_checkpointer(memory_of: MemoryOf, histories: ChatHistories) -> None:
    model = ScriptedChatModel(["Good day, Ann.", "You are Ann."])
    graph = chat(memory_node(model, memory_of)).compile()

    graph.invoke(asked("I am Ann."), ANN)
    answer = graph.invoke(asked("Who am I?"), ANN)

    assert texts(answer["messages"]) == ["Who am I?", "You are Ann."]
    assert texts(model.calls[1].messages) == ["I am Ann.", "Good day, Ann.", "Who am I?"]
    assert len(histories.session("monday", user_id="ann")) == 4


def test_a_checkpointer_may_hold_the_thread_as_well(memory_of: MemoryOf, histories: ChatHistories) -> None:
    model = ScriptedChatModel(["a1", "a2", "a3"])
    graph = chat(memory_node(model, memory_of)).compile(checkpointer=InMemorySaver())

    for question in ("q1", "q2", "q3"):
        answer = graph.invoke(asked(question), ANN)

    assert texts(answer["messages"]) == ["q1", "a1", "q2", "a2", "q3", "a3"]
    assert texts(model.calls[2].messages) == ["q2", "a2", "q3"]  # the memory's one turn, not the whole thread
    assert texts(histories.session("monday", user_id="ann").messages) == ["q1", "a1", "q2", "a2", "q3", "a3"]


def test_checkpoints_stay_small_where_the_memory_holds_the_past(memory_of: MemoryOf, histories: ChatHistories) -> None:
    model = ScriptedChatModel(["a1", "a2", "a3"])
    graph = chat(memory_node(model, memory_of, drop_kept=True)).compile(checkpointer=InMemorySaver())

    for question in ("q1", "q2", "q3"):
        answer = graph.invoke(asked(question), ANN)

    assert texts(answer["messages"]) == ["q3", "a3"]
    assert len(histories.session("monday", user_id="ann")) == 6


async def test_tool_calls_and_their_results_are_kept_as_one_with_the_answer(
    memory_of: MemoryOf, histories: ChatHistories
) -> None:
    model = ScriptedChatModel([[{"name": "add", "args": {"a": 1, "b": 2}}], "3.", "Gladly."])
    graph = chat(memory_node(model.bind_tools([add]), memory_of))
    graph.add_node("tools", ToolNode([add]))
    graph.add_conditional_edges("chat", tools_condition)
    graph.add_edge("tools", "chat")
    compiled = graph.compile()

    history = histories.session("monday", user_id="ann")
    kept = [len(history) async for _ in compiled.astream(asked("1 + 2?"), ANN)]
    await compiled.ainvoke(asked("Thanks."), ANN)

    assert kept == [0, 0, 4]
    assert [message.type for message in model.calls[2].messages] == ["human", "ai", "tool", "ai", "human"]


def test_a_run_that_waits_for_a_person_is_kept_when_it_has_ended(memory_of: MemoryOf, histories: ChatHistories) -> None:
    model = ScriptedChatModel([[{"name": "add", "args": {"a": 1, "b": 2}}], "3."])
    graph = chat(memory_node(model.bind_tools([add]), memory_of))
    graph.add_node("tools", ToolNode([add]))
    graph.add_conditional_edges("chat", tools_condition)
    graph.add_edge("tools", "chat")
    compiled = graph.compile(checkpointer=InMemorySaver(), interrupt_before=["tools"])
    history = histories.session("monday", user_id="ann")

    compiled.invoke(asked("1 + 2?"), ANN)
    assert len(history) == 0
    compiled.invoke(None, ANN)
    assert texts(history.messages) == ["1 + 2?", "", "3", "3."]


def test_tokens_are_streamed_out_of_the_node(memory_of: MemoryOf) -> None:
    graph = chat(memory_node(ScriptedChatModel(["one two three"]), memory_of)).compile()
    pieces = [message.text for message, _ in graph.stream(asked("Count."), ANN, stream_mode="messages")]
    assert pieces[:3] == ["one", " two", " three"]


def test_an_agent_of_langchain_remembers(memory_of: MemoryOf, histories: ChatHistories) -> None:
    model = ScriptedChatModel([[{"name": "add", "args": {"a": 1, "b": 2}}], "3.", "Gladly.", "Bye."])
    agent = create_agent(model, [add], system_prompt="Be kind.", middleware=[MemoryMiddleware(memory_of)])

    for question in ("1 + 2?", "Thanks.", "Bye."):
        answer = agent.invoke(asked(question), ANN)

    assert texts(answer["messages"]) == ["Bye.", "Bye."]
    assert texts(model.calls[2].messages) == ["Be kind.", "1 + 2?", "", "3", "3.", "Thanks."]
    assert texts(model.calls[3].messages) == ["Be kind.", "Thanks.", "Gladly.", "Bye."]
    assert texts(histories.session("monday", user_id="ann").messages)[-2:] == ["Bye.", "Bye."]


async def test_an_agent_with_a_checkpointer_shows_its_model_what_the_memory_shows(
    memory_of: MemoryOf, histories: ChatHistories
) -> None:
    model = ScriptedChatModel(["a1", "a2", "a3"])
    middleware = MemoryMiddleware(memory_of, drop_kept=True)
    agent = create_agent(model, [add], middleware=[middleware], checkpointer=InMemorySaver())

    for question in ("q1", "q2", "q3"):
        answer = await agent.ainvoke(asked(question), ANN)

    assert texts(answer["messages"]) == ["q3", "a3"]
    assert texts(model.calls[2].messages) == ["q2", "a2", "q3"]
    assert len(histories.session("monday", user_id="ann")) == 6


@pytest.mark.filterwarnings("ignore:create_react_agent has been moved")
def test_the_prebuilt_agent_takes_two_hooks(memory_of: MemoryOf, histories: ChatHistories) -> None:
    model = ScriptedChatModel([[{"name": "add", "args": {"a": 1, "b": 2}}], "3.", "Gladly."])
    hooks = memory_hooks(memory_of, tools=[add])
    agent = create_react_agent(model, [add], **hooks._asdict())

    agent.invoke(asked("1 + 2?"), ANN)
    agent.invoke(asked("Thanks."), ANN)

    assert texts(model.calls[2].messages) == ["1 + 2?", "", "3", "3.", "Thanks."]
    assert len(histories.session("monday", user_id="ann")) == 6


@pytest.mark.usefixtures("socket_enabled")
def test_a_node_asks_a_server_that_speaks_openais_api(memory_of: MemoryOf) -> None:
    with LoopbackServer([chat_reply("Good day, Ann."), chat_reply("You are Ann.")]) as server:
        model = OpenAIChatModel(model="any", base_url=server.url, api_key="none")
        graph = chat(memory_node(model, memory_of)).compile()
        graph.invoke(asked("I am Ann."), ANN)
        graph.invoke(asked("Who am I?"), ANN)
        sent = [message["content"] for message in server.requests[1].json["messages"]]
    assert sent == ["I am Ann.", "Good day, Ann.", "Who am I?"]
