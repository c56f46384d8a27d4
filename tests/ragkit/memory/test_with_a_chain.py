"""How a plain chain remembers: read it from top to bottom."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from langchain_core.documents import Document
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables import RunnableConfig, RunnableLambda, RunnablePassthrough

from ragkit.memory import (
    BufferMemory,
    ChatHistories,
    ChatHistory,
    CombinedMemory,
    Memory,
    RecallMemory,
    SessionName,
    SummaryBufferMemory,
    SummaryMemory,
    TokenMemory,
    WindowMemory,
    with_memory,
)
from ragkit.models import LocalChatModel, OpenAIChatModel
from ragkit.prompts import parse_prompt
from ragkit.testing import HashingEmbeddings, ScriptedChatModel
from ragkit.testing.openai_replies import chat_reply, stream_reply
from ragkit.testing.servers import Answer, Asked, LoopbackServer

PROMPT = ChatPromptTemplate(
    [("system", "Answer briefly."), MessagesPlaceholder("history"), ("human", "{question}")],
)


def texts(messages: list[BaseMessage] | tuple[BaseMessage, ...]) -> list[str]:
    return [str(message.text) for message in messages]


def test_a_chain_is_shown_what_was_said_before() -> None:
    model = ScriptedChatModel(["Good day, Ann.", "You are Ann."])
    memory = BufferMemory(ChatHistories().session("monday"))

    chain = with_memory(PROMPT | model, memory, input_key="question", history_key="history") | StrOutputParser()

    assert chain.invoke({"question": "I am Ann."}) == "Good day, Ann."
    assert chain.invoke({"question": "Who am I?"}) == "You are Ann."
    assert texts(model.calls[1].messages) == ["Answer briefly.", "I am Ann.", "Good day, Ann.", "Who am I?"]


def test_every_person_has_conversations_of_their_own(tmp_path: Path) -> None:
    histories = ChatHistories(tmp_path / "conversations.db")

    def memory_of(session: SessionName) -> WindowMemory:
        return WindowMemory(histories.session(session.session_id, user_id=session.user_id), turns=5)

    model = ScriptedChatModel(["Good day, Ann.", "Good day, Bob.", "Ann.", "I do not know."])
    chain = with_memory(PROMPT | model, memory_of, input_key="question", history_key="history")
    ann: RunnableConfig = {"configurable": {"session_id": "1", "user_id": "ann"}}
    bob: RunnableConfig = {"configurable": {"session_id": "1", "user_id": "bob"}}

    chain.invoke({"question": "I am Ann."}, ann)
    chain.invoke({"question": "I am Bob."}, bob)
    chain.invoke({"question": "Who am I?"}, ann)

    assert texts(model.calls[2].messages) == ["Answer briefly.", "I am Ann.", "Good day, Ann.", "Who am I?"]
    histories.erase_user("ann")
    assert [session.user_id for session in histories.sessions()] == ["bob"]
    chain.invoke({"question": "Who am I?"}, ann)
    assert texts(model.calls[3].messages) == ["Answer briefly.", "Who am I?"]
    histories.close()


def test_a_stream_is_kept_when_its_last_piece_was_read() -> None:
    history = ChatHistories().session("monday")
    model = ScriptedChatModel(["one two three"])
    chain = with_memory(PROMPT | model, BufferMemory(history), input_key="question", history_key="history")

    pieces = []
    for piece in chain.stream({"question": "Count."}):
        assert len(history) == 0
        pieces.append(piece.text)

    assert "".join(pieces) == "one two three"
    assert texts(history.messages) == ["Count.", "one two three"]


def test_what_a_retriever_found_counts_in_the_budget_and_is_not_kept() -> None:
    histories = ChatHistories()
    history = histories.session("monday")
    model = ScriptedChatModel(["a1", "a2", "a3"])
    prompt = ChatPromptTemplate([("system", "{context}"), MessagesPlaceholder("history"), ("human", "{question}")])
    retriever = RunnableLambda(lambda given: [Document("word " * (70 if given["question"] == "q3" else 1))])

    chain = RunnablePassthrough.assign(context=retriever) | with_memory(
        prompt | model,
        TokenMemory(history, max_tokens=90, counter=model),
        input_key="question",
        history_key="history",
    )
    for question in ("q1", "q2", "q3"):
        chain.invoke({"question": question})

    assert texts(model.calls[1].messages)[1:] == ["q1", "a1", "q2"]
    assert texts(model.calls[2].messages)[1:] == ["q3"]
    assert texts(history.messages) == ["q1", "a1", "q2", "a2", "q3", "a3"]


def test_an_old_turn_comes_back_when_it_is_asked_about() -> None:
    history = ChatHistories().session("monday")
    model = ScriptedChatModel(lambda messages: "Noted.")
    memory = RecallMemory(history, HashingEmbeddings(), k=1, recent=1)
    chain = with_memory(PROMPT | model, memory, input_key="question", history_key="history")

    for said in ("My cat is called Tiger.", "It rains today.", "I take the train.", "What is my cat called?"):
        chain.invoke({"question": said})

    assert texts(model.calls[3].messages) == [
        "Answer briefly.",
        "My cat is called Tiger.",
        "Noted.",
        "I take the train.",
        "Noted.",
        "What is my cat called?",
    ]


MEMORIES: dict[str, Callable[[ChatHistory], Memory]] = {
    "all": BufferMemory,
    "the newest turns": WindowMemory,
    "so many tokens": lambda history: TokenMemory(history, max_tokens=60),
    "a summary": lambda history: SummaryMemory(history, ScriptedChatModel(["S"] * 9)),
    "a summary and the newest turns": lambda history: SummaryBufferMemory(
        history, ScriptedChatModel(["S"] * 9), max_tokens=60
    ),
    "what is like the question": lambda history: RecallMemory(history, HashingEmbeddings()),
    "several": lambda history: CombinedMemory([WindowMemory(history, turns=1), BufferMemory(history)]),
}


@pytest.mark.parametrize("shown", MEMORIES)
async def test_every_memory_goes_around_a_chain(shown: str) -> None:
    history = ChatHistories().session("monday")
    model = ScriptedChatModel(lambda messages: f"re: {messages[-1].text}")
    chain = with_memory(PROMPT | model, MEMORIES[shown](history), input_key="question", history_key="history")

    for number in range(4):
        assert (await chain.ainvoke({"question": f"q{number}"})).text == f"re: q{number}"
    assert chain.invoke({"question": "q4"}).text == "re: q4"

    assert texts(history.messages) == [text for number in range(5) for text in (f"q{number}", f"re: q{number}")]
    assert model.calls[4].messages[0].text == "Answer briefly."


MARKDOWN = """---
name: talk
version: 1
about: A conversation.
variables:
  history: {kind: messages, default: []}
  question: text
---
# {{history}}

# user

{{question}}
"""


def repeat(asked: Asked) -> Answer:
    words = asked.json["messages"][-1]["content"]
    return stream_reply(["You said: ", words]) if asked.json.get("stream") else chat_reply(f"You said: {words}")


@pytest.fixture(params=["local", "openai", "scripted"])
def talker(request: pytest.FixtureRequest) -> Iterator[BaseChatModel]:
    """A model that says `You said: …`."""
    if request.param == "scripted":
        yield ScriptedChatModel(lambda messages: f"You said: {messages[-1].text}")
    elif request.param == "local":
        local = LocalChatModel(model=str(request.getfixturevalue("copy_model")), max_tokens=40)
        yield local
        local.close()
    else:
        request.getfixturevalue("socket_enabled")
        with LoopbackServer(repeat) as server:
            yield OpenAIChatModel(model="any", base_url=server.url, api_key="none")


def test_prompts_and_memories_work_with_any_model(talker: BaseChatModel) -> None:
    history = ChatHistories().session("monday")
    prompt = parse_prompt(MARKDOWN).as_langchain()
    chain = with_memory(prompt | talker, BufferMemory(history), input_key="question", history_key="history")

    assert chain.invoke({"question": "Hello"}).text == "You said: Hello"
    assert "".join(piece.text for piece in chain.stream({"question": "how are you"})) == "You said: how are you"
    assert texts(history.messages) == ["Hello", "You said: Hello", "how are you", "You said: how are you"]
