"""How LangChain's `RunnableWithMessageHistory` remembers with ragkit: read it from top to bottom."""

from __future__ import annotations

import pytest
from langchain_core.chat_history import BaseChatMessageHistory
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables import ConfigurableFieldSpec, RunnableConfig
from langchain_core.runnables.history import RunnableWithMessageHistory

from ragkit.memory import ChatHistories, ShownHistory, WindowMemory
from ragkit.testing import ScriptedChatModel

# LangChain 1.7 says of it: use LangGraph. It works on.
pytestmark = pytest.mark.filterwarnings("ignore:.*RunnableWithMessageHistory is deprecated")

PROMPT = ChatPromptTemplate([MessagesPlaceholder("history"), ("human", "{question}")])
MONDAY: RunnableConfig = {"configurable": {"session_id": "monday"}}


def shown(model: ScriptedChatModel) -> list[list[str]]:
    return [[str(message.text) for message in call.messages] for call in model.calls]


def test_a_session_is_its_history() -> None:
    histories = ChatHistories()
    model = ScriptedChatModel(["Good day, Ann.", "You are Ann.", "I do not know."])
    chain = RunnableWithMessageHistory(
        PROMPT | model, histories.session, input_messages_key="question", history_messages_key="history"
    )

    chain.invoke({"question": "I am Ann."}, MONDAY)
    chain.invoke({"question": "Who am I?"}, MONDAY)
    chain.invoke({"question": "Who am I?"}, {"configurable": {"session_id": "tuesday"}})

    assert shown(model) == [["I am Ann."], ["I am Ann.", "Good day, Ann.", "Who am I?"], ["Who am I?"]]
    assert len(histories.session("monday")) == 4


def test_users_are_apart() -> None:
    histories = ChatHistories()

    def history_of(user_id: str, session_id: str) -> BaseChatMessageHistory:
        return histories.session(session_id, user_id=user_id)

    model = ScriptedChatModel(["Good day, Ann.", "I do not know."])
    chain = RunnableWithMessageHistory(
        PROMPT | model,
        history_of,
        input_messages_key="question",
        history_messages_key="history",
        history_factory_config=[
            ConfigurableFieldSpec(id="user_id", annotation=str),
            ConfigurableFieldSpec(id="session_id", annotation=str),
        ],
    )

    chain.invoke({"question": "I am Ann."}, {"configurable": {"user_id": "ann", "session_id": "1"}})
    chain.invoke({"question": "Who am I?"}, {"configurable": {"user_id": "bob", "session_id": "1"}})

    assert shown(model) == [["I am Ann."], ["Who am I?"]]


async def test_a_memory_chooses_what_is_shown_and_all_is_kept() -> None:
    histories = ChatHistories()

    def history_of(session_id: str) -> BaseChatMessageHistory:
        return ShownHistory(WindowMemory(histories.session(session_id), turns=1))

    model = ScriptedChatModel(["a1", "a2", "a3"])
    chain = RunnableWithMessageHistory(
        PROMPT | model, history_of, input_messages_key="question", history_messages_key="history"
    )

    await chain.ainvoke({"question": "q1"}, MONDAY)
    await chain.ainvoke({"question": "q2"}, MONDAY)
    assert "".join([piece.text async for piece in chain.astream({"question": "q3"}, MONDAY)]) == "a3"

    assert shown(model) == [["q1"], ["q1", "a1", "q2"], ["q2", "a2", "q3"]]
    assert len(histories.session("monday")) == 6
