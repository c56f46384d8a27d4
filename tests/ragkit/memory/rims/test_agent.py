from __future__ import annotations

from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver

from ragkit.errors import ModelUnavailableError
from ragkit.memory import BufferMemory, ChatHistories, ChatHistory, MemoryMiddleware, TokenMemory
from ragkit.testing import ScriptedChatModel


@pytest.fixture
def history() -> ChatHistory:
    return ChatHistories().session("s")


def asked(question: str) -> Any:
    return {"messages": [HumanMessage(question)]}


def texts(messages: Any) -> list[str]:
    return [message.text for message in messages]


def add(a: int, b: int) -> int:
    """Add two numbers, which may be of any size, as long as both are whole and neither is missing."""
    return a + b


def stop() -> str:
    """Stop here."""
    return "stopped"


def test_a_failed_run_keeps_nothing(history: ChatHistory) -> None:
    model = ScriptedChatModel([ModelUnavailableError("gone."), "a"])
    agent = create_agent(model, [], middleware=[MemoryMiddleware(BufferMemory(history))])
    with pytest.raises(ModelUnavailableError, match="gone"):
        agent.invoke(asked("q"))
    assert len(history) == 0
    agent.invoke(asked("q"))
    assert texts(history.messages) == ["q", "a"]


def test_system_message_and_tools_count_in_the_budget(history: ChatHistory) -> None:
    model = ScriptedChatModel(["a1", "a2", "a3", "a4"])
    middleware = MemoryMiddleware(TokenMemory(history, max_tokens=92, counter=model))
    for tools in ([], [add]):
        agent = create_agent(model, tools, system_prompt="S", middleware=[middleware])
        for question in ("q1", "q2"):
            agent.invoke(asked(question))
    assert [texts(call.messages) for call in model.calls][1] == ["S", "q1", "a1", "q2"]
    assert [texts(call.messages) for call in model.calls][3] == ["S", "q2"]


def test_a_run_that_a_tool_ends_is_kept(history: ChatHistory) -> None:
    model = ScriptedChatModel([[{"name": "stop", "args": {}}], "a"])
    agent = create_agent(model, [tool(stop, return_direct=True)], middleware=[MemoryMiddleware(BufferMemory(history))])
    agent.invoke(asked("Stop."))
    agent.invoke(asked("Go on."))
    assert [message.type for message in history.messages] == ["human", "ai", "tool", "human", "ai"]


async def test_async_keeps_a_run_once_with_a_checkpointer(history: ChatHistory) -> None:
    model = ScriptedChatModel([[{"name": "add", "args": {"a": 1, "b": 1}}], "2.", "Bye."])
    middleware = MemoryMiddleware(BufferMemory(history))
    agent = create_agent(model, [add], middleware=[middleware], checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "t"}}
    await agent.ainvoke(asked("1 + 1?"), config)
    answer = agent.invoke(asked("Bye."), config)
    assert texts(answer["messages"]) == ["1 + 1?", "", "2", "2.", "Bye.", "Bye."]
    assert texts(history.messages) == ["1 + 1?", "", "2", "2.", "Bye.", "Bye."]
    assert len(model.calls[2].messages) == 5


async def test_a_run_whose_end_comes_twice_is_kept_once(history: ChatHistory) -> None:
    middleware: Any = MemoryMiddleware(BufferMemory(history))
    state = {"messages": [HumanMessage("q", id="1"), AIMessage("a", id="2")]}
    for _ in range(2):
        assert middleware.after_agent(state, None) is None
        assert await middleware.aafter_agent(state, None) is None
    assert texts(history.messages) == ["q", "a"]


def test_a_thread_whose_tool_failed_can_be_gone_on_with(history: ChatHistory) -> None:
    def fail() -> str:
        """Fail."""
        raise RuntimeError("broken")

    model = ScriptedChatModel([[{"name": "fail", "args": {}}], "a"])
    middleware = MemoryMiddleware(BufferMemory(history))
    agent = create_agent(model, [fail], middleware=[middleware], checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "t"}}
    with pytest.raises(RuntimeError, match="broken"):
        agent.invoke(asked("q1"), config)
    agent.invoke(asked("q2"), config)
    assert texts(model.calls[1].messages) == ["q1", "q2"]
    assert texts(history.messages) == ["q1", "q2", "a"]
