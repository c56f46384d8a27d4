"""A ready builder in a chain and in a graph, with a model that runs here, one behind OpenAI's API and LangChain's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypedDict

import pytest
from langchain_core.language_models import BaseChatModel, FakeListChatModel
from langgraph.graph import START, StateGraph

from ragkit.models import LocalChatModel, OpenAIChatModel
from ragkit.prompts import FewShot, SimilaritySelector, as_examples, summarise
from ragkit.testing import HashingEmbeddings
from ragkit.testing.openai_replies import chat_reply, stream_reply
from ragkit.testing.servers import Answer, Asked, LoopbackServer

EXAMPLES = as_examples([("It rained all day in Rome.", "Rain."), ("The train to Oslo was late.", "A late train.")])


class State(TypedDict, total=False):
    text: str
    summary: str


@pytest.fixture
def summaries() -> FewShot[str]:
    return summarise(selector=SimilaritySelector(EXAMPLES, HashingEmbeddings(), count=1))


def say(asked: Asked) -> Answer:
    return stream_reply(["Short", "."]) if asked.json.get("stream") else chat_reply("Short.")


@pytest.fixture(params=["local", "openai", "langchain"])
def model(request: pytest.FixtureRequest) -> Iterator[BaseChatModel]:
    if request.param == "langchain":
        yield FakeListChatModel(responses=["Short."])
    elif request.param == "local":
        local = LocalChatModel(model=str(request.getfixturevalue("copy_model")), max_tokens=8)
        yield local
        local.close()
    else:
        request.getfixturevalue("socket_enabled")
        with LoopbackServer(say) as server:
            yield OpenAIChatModel(model="gpt-4.1-mini", base_url=server.url, api_key="none")


async def test_it_is_asked_in_a_chain_and_in_a_graph(model: BaseChatModel, summaries: FewShot[str]) -> None:
    chain = summaries.runnable(model)

    async def node(state: State) -> State:
        return {"summary": await chain.ainvoke(state["text"])}

    graph: StateGraph[Any] = StateGraph(State)
    graph.add_node("sum up", node)
    graph.add_edge(START, "sum up")

    said = chain.invoke("It rained in Oslo.")
    assert said
    assert (await graph.compile().ainvoke({"text": "It rained in Oslo."}))["summary"] == said
    assert "".join(piece.text for piece in (summaries.as_langchain() | model).stream({"text": "It rained in Oslo."}))
    if not isinstance(model, LocalChatModel):
        assert said == "Short."


def test_it_tells_what_the_model_would_be_sent(model: BaseChatModel, summaries: FewShot[str]) -> None:
    told = summaries.explain("It rained in Oslo.", model=model)

    assert [message.type for message in told.messages] == ["system", "human", "ai", "human"]
    assert "It rained all day in Rome." in told.messages[1].text
    assert sum(part.tokens for part in told.parts) == told.tokens
    cost = {"ragkit-local": (0.0, ""), "fake-list-chat-model": (None, "the model has no name to look up")}
    if model._llm_type in cost:
        assert (told.cost_usd, told.why_no_cost) == cost[model._llm_type]
    else:
        assert told.cost_usd is not None
        assert told.cost_usd > 0
