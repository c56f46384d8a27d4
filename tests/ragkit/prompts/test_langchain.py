from __future__ import annotations

from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.load import dumps
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda, RunnablePassthrough
from langgraph.graph import START, MessagesState, StateGraph

from ragkit.errors import InputError
from ragkit.prompts.file import parse_prompt
from ragkit.prompts.langchain import ChatPrompt
from ragkit.testing import ScriptedChatModel

ASK = parse_prompt("""\
---
name: ask
version: 1
variables:
  tone: {kind: option, default: kind}
  history: {kind: messages, default: []}
  sources: {kind: documents, default: []}
  question: text
---
# system

Be {{tone}}: these words are the prompt's own.

# {{history}}

# user

{{sources}}
{{question}}
""")
BARE = parse_prompt("---\nname: bare\nversion: 1\nvariables: {a: text, b: text}\n---\n# user\n{{a}} {{b}}\n")


def test_a_prompt_runs_in_a_chain() -> None:
    model = ScriptedChatModel(["Tea."])
    chain = ASK.as_langchain(seed=1) | model | StrOutputParser()
    assert chain.invoke({"question": "What is {hot}?", "history": [HumanMessage("Hello."), AIMessage("Hi.")]}) == "Tea."
    assert [message.type for message in model.calls[0].messages] == ["system", "human", "ai", "human"]
    assert str(model.calls[0].messages[-1].content).endswith("\nWhat is {hot}?")


async def test_a_chain_gives_the_same_in_every_way() -> None:
    chain = ASK.as_langchain(seed=1) | ScriptedChatModel(lambda messages: f"{len(messages)} {messages[-1].text}")
    said = chain.invoke({"question": "Why?"}).text
    assert (await chain.ainvoke({"question": "Why?"})).text == said
    assert [reply.text for reply in chain.batch([{"question": "Why?"}] * 2)] == [said] * 2
    assert "".join(piece.text for piece in chain.stream({"question": "Why?"})) == said
    assert "".join([piece.text async for piece in chain.astream({"question": "Why?"})]) == said


def test_a_retriever_fills_the_documents() -> None:
    def find(question: str) -> list[Document]:
        return [Document(f"Of {question}", metadata={"source": "tea.md"})]

    prompt = {"sources": RunnableLambda(find), "question": RunnablePassthrough()} | ASK.as_langchain()
    content = str(prompt.invoke("{tea}").to_messages()[-1].content)
    assert "(tea.md)\nOf {tea}\n" in content
    assert content.endswith(">>>\n{tea}")


def test_a_prompt_works_in_a_graph() -> None:
    chain = ASK.as_langchain() | ScriptedChatModel(lambda messages: f"{messages[0].text} {messages[-1].text[-4:]}")

    def answer(state: MessagesState) -> dict[str, Any]:
        *history, question = state["messages"]
        return {"messages": [chain.invoke({"history": history, "question": question.text, "tone": "brief"})]}

    graph = StateGraph(MessagesState)
    graph.add_node("answer", answer)
    graph.add_edge(START, "answer")
    said = graph.compile().invoke({"messages": [HumanMessage("Why?")]})["messages"]
    assert said[-1].text == "Be brief: these words are the prompt's own. Why?"


def test_a_value_alone_is_the_one_that_is_required() -> None:
    messages = ASK.as_langchain().invoke("Why?").to_messages()  # type: ignore[arg-type]
    assert messages[0] == SystemMessage("Be kind: these words are the prompt's own.")
    with pytest.raises(InputError, match=r"prompt bare needs a dict with its variables \(a, b\), got a str"):
        BARE.as_langchain().invoke("Why?")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "prompt ask needs a value for question"),
        ({"question": "Why?", "context": "x"}, "prompt ask has no variable 'context'"),
        ({"question": 5}, "prompt ask: variable question must be a text, got int"),
    ],
)
async def test_missing_unknown_and_wrong_values_are_named(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        ASK.as_langchain().invoke(values)
    with pytest.raises(InputError, match=message):
        await ASK.as_langchain().ainvoke(values)


def test_what_a_chain_hands_on_besides_may_be_passed_over() -> None:
    prompt = ASK.as_langchain(strict=False, seed=1)
    assert prompt.invoke({"question": "Why?", "context": "x"}) == prompt.invoke({"question": "Why?"})
    with pytest.raises(InputError, match="needs a value for question"):
        prompt.invoke({"context": "x"})


def test_a_partial_keeps_its_values() -> None:
    prompt = BARE.as_langchain(seed=3, strict=False).partial(a="{b}")
    assert (prompt.input_variables, prompt.optional_variables, prompt.seed) == (["b"], ["a"], 3)
    assert prompt.invoke("c").to_messages() == [HumanMessage("{b} c")]  # type: ignore[arg-type]
    assert prompt.format(b="c") == "Human: {b} c"
    with pytest.raises(InputError, match="prompt bare has no variable 'c'"):
        prompt.partial(c="d")


async def test_messages_come_alone_too() -> None:
    prompt = BARE.as_langchain()
    assert prompt.format_messages(a="1", b="2") == await prompt.aformat_messages(a="1", b="2") == [HumanMessage("1 2")]


def test_langchain_sees_variables_and_their_types() -> None:
    prompt = ASK.as_langchain()
    assert prompt.input_variables == ["question"]
    assert prompt.optional_variables == ["tone", "history", "sources"]
    schema = prompt.get_input_schema().model_json_schema()
    assert schema["required"] == ["question"]
    assert schema["properties"]["question"]["type"] == "string"
    assert schema["properties"]["sources"]["type"] == "array"


def test_it_stands_inside_langchains_own_template() -> None:
    template = ChatPromptTemplate.from_messages([ASK.as_langchain(seed=1, strict=False), ("human", "And {more}?")])
    assert sorted(template.input_variables) == ["more", "question"]
    messages = template.invoke({"question": "{why}", "more": "how"}).to_messages()
    assert [message.type for message in messages] == ["system", "human", "human"]


def test_neither_words_nor_values_are_in_a_repr_or_a_trace() -> None:
    prompt = ASK.as_langchain().partial(question="what a person wrote")
    for shown in (repr(prompt), str(prompt), dumps(prompt)):
        assert "own" not in shown
        assert "person" not in shown
        assert "ask" in shown
    assert not ChatPrompt.is_lc_serializable()


def test_a_person_may_look_at_it() -> None:
    assert parse_prompt(ASK.as_langchain().pretty_repr()) == ASK
