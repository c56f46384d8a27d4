"""The memories that count with a model or ask it, with one that runs here, one behind OpenAI's API, and LangChain's."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from langchain_core.language_models import BaseChatModel, FakeListChatModel
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.graph import START, MessagesState, StateGraph

from ragkit.memory import (
    ChatHistories,
    ChatHistory,
    ConversationSummaryMemory,
    Memory,
    SessionName,
    SummaryBufferMemory,
    SummaryMemory,
    TokenMemory,
    memory_node,
    with_memory,
)
from ragkit.models import LocalChatModel, OpenAIChatModel
from ragkit.testing.openai_replies import chat_reply
from ragkit.testing.servers import LoopbackServer

ANN: RunnableConfig = {"configurable": {"session_id": "monday", "user_id": "ann"}}
QUESTIONS = ("Hello", "how are you", "and now")

# The small local model has not learned to sum up: its turns stay as they are, with a warning.
pytestmark = pytest.mark.filterwarnings("ignore::ragkit.memory.compaction.CompactionWarning")


@pytest.fixture(params=["local", "openai", "langchain"])
def model(request: pytest.FixtureRequest) -> Iterator[BaseChatModel]:
    if request.param == "langchain":
        yield FakeListChatModel(responses=["Good."])
    elif request.param == "local":
        local = LocalChatModel(model=str(request.getfixturevalue("copy_model")), max_tokens=8)
        yield local
        local.close()
    else:
        request.getfixturevalue("socket_enabled")
        with LoopbackServer(lambda asked: chat_reply("Good.")) as server:
            yield OpenAIChatModel(model="any", base_url=server.url, api_key="none")


MEMORIES: dict[str, Callable[[ChatHistory, BaseChatModel], Memory]] = {
    "tokens": lambda history, model: TokenMemory(history, max_tokens=120, counter=model),
    "summary": lambda history, model: SummaryMemory(history, model, turns=1),
    "summary and buffer": lambda history, model: SummaryBufferMemory(history, model, max_tokens=600),
}


# One for the model that runs here, which takes its time.
CASES = [("local", "tokens"), *((model, kind) for model in ("openai", "langchain") for kind in MEMORIES)]


@pytest.mark.parametrize(("model", "kind"), CASES, indirect=["model"])
def test_a_chain_and_a_graph_share_a_conversation(model: BaseChatModel, kind: str) -> None:
    histories = ChatHistories()
    history = histories.session("monday", user_id="ann")

    def memory_of(session: SessionName) -> Memory:
        return MEMORIES[kind](histories.session(session.session_id, user_id=session.user_id), model)

    graph = StateGraph(MessagesState)
    graph.add_node("chat", memory_node(model, memory_of))
    graph.add_edge(START, "chat")
    compiled = graph.compile()
    chain = with_memory(model, memory_of)

    chain.invoke(QUESTIONS[0], ANN)
    compiled.invoke({"messages": [HumanMessage(QUESTIONS[1])]}, ANN)
    chain.invoke(QUESTIONS[2], ANN)

    assert [message.text for message in history.messages[::2]] == list(QUESTIONS)
    assert [message.type for message in history.messages] == ["human", "ai"] * 3
    told = MEMORIES[kind](history, model).explain("and then")
    assert 0 < told.tokens < 600
    assert told.estimated is not isinstance(model, LocalChatModel)
    assert told.summarised == (2 if kind == "summary" else 0)


def test_a_classic_name_sums_up(model: BaseChatModel) -> None:
    memory = ConversationSummaryMemory(llm=model)
    memory.save_context({"input": "Hello"}, {"output": "Good day."})

    assert len(memory.chat_memory.messages) == 2
    if not isinstance(model, LocalChatModel):
        assert memory.load_memory_variables({}) == {"history": "Good."}
