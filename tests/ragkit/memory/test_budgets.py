"""Whatever a memory is put around, what the model is sent fits its budget: prompt, documents, tools and all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage, SystemMessage
from langgraph.graph.message import add_messages

from ragkit.errors import ContextLengthError
from ragkit.memory import ChatHistories, Memory, MemoryMiddleware, TokenMemory, memory_node, with_memory
from ragkit.messages.rounds import is_whole
from ragkit.messages.tokens import counter_for
from ragkit.prompts import parse_prompt
from ragkit.testing import ScriptedChatModel

PROMPT = """---
name: answer
version: 1
about: An answer from sources.
variables:
  history: {kind: messages, default: []}
  sources: {kind: documents, default: []}
  question: text
---
# system

Answer from the sources, or say that they do not tell.

# {{history}}

# user

{{sources}}

{{question}}
"""
COUNTER = counter_for("gpt-4o")


def add(a: int, b: int) -> int:
    """Add two whole numbers."""
    return a + b


def talk_to_a_chain(model: ScriptedChatModel, memory: Memory) -> Callable[[str], Any]:
    chain = with_memory(
        parse_prompt(PROMPT).as_langchain() | model.bind_tools([add]),
        memory,
        input_key="question",
        history_key="history",
    )
    return lambda question: chain.invoke({"question": question, "sources": [question, "{braces} <|im_end|>"]})


def talk_to_a_node(model: ScriptedChatModel, memory: Memory) -> Callable[[str], Any]:
    node = memory_node(model.bind_tools([add]), memory)
    system = SystemMessage("Be brief.")
    return lambda question: node.invoke({"messages": add_messages([], [system, HumanMessage(question)])})


def talk_to_an_agent(model: ScriptedChatModel, memory: Memory) -> Callable[[str], Any]:
    agent = create_agent(model, [add], system_prompt="Be brief.", middleware=[MemoryMiddleware(memory)])
    return lambda question: agent.invoke({"messages": [HumanMessage(question)]})


@pytest.mark.parametrize("talker", [talk_to_a_chain, talk_to_a_node, talk_to_an_agent])
@settings(max_examples=15, deadline=None)
@given(
    words=st.lists(st.integers(1, 60), min_size=1, max_size=6),
    budget=st.integers(60, 400),
)
def test_no_prompt_is_over_the_budget(talker: Any, words: list[int], budget: int) -> None:
    model = ScriptedChatModel(lambda messages: "so " * (len(messages[-1].text) // 9))
    history = ChatHistories().session("s")
    talk = talker(model, TokenMemory(history, max_tokens=budget, counter=COUNTER))
    refused = 0
    for number, count in enumerate(words):
        try:
            talk(f"{number} " + "word " * count)
        except ContextLengthError:
            refused += 1
    assert len(history) == 2 * (len(words) - refused)
    assert len(model.calls) == len(words) - refused
    for call in model.calls:
        assert COUNTER.messages(call.messages, call.tools) <= budget
        assert is_whole(call.messages)
