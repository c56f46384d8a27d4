from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables import RunnableConfig, RunnableLambda

from ragkit.errors import InputError, ModelError
from ragkit.memory.histories.history import ChatHistory
from ragkit.memory.memory import Ask, Memory, Steps
from ragkit.memory.selection import Asked, Part, Selection
from ragkit.memory.strategies.buffer import BufferMemory
from ragkit.memory.strategies.summary import SummaryMemory
from ragkit.messages.tokens import counter_for


class Polite(Memory):
    """A memory of one's own: it asks a model twice, and shows what it said."""

    said: tuple[object, ...] = ()

    def __init__(self, history: ChatHistory, model: Any) -> None:
        super().__init__(history)
        self._model = model

    @property
    def rule(self) -> str:
        return "what a model said"

    def prepare(self, asked: Asked) -> Steps:
        for word in ("one", "two"):
            try:
                reply: object = (yield Ask(self._model, [HumanMessage(word)], "polite")).text
            except ModelError as error:
                reply = str(error)
            self.said = (*self.said, reply)

    def select(self, asked: Asked) -> Selection:
        messages = tuple(AIMessage(str(one)) for one in self.said)
        return Selection(parts=(Part(kind="turn", messages=messages, seq=1),))


def echo(messages: list[BaseMessage]) -> str:
    if messages[0].text == "two":
        raise ZeroDivisionError("secret")
    return f"echo {messages[0].text}"


def test_what_a_memory_asks_is_answered_and_a_failure_is_a_model_error(history: ChatHistory) -> None:
    memory = Polite(history, RunnableLambda(echo))

    assert [message.text for message in memory.load()] == ["echo one", "the model failed with ZeroDivisionError"]


async def test_what_a_memory_asks_is_answered_in_async_too(history: ChatHistory) -> None:
    memory = Polite(history, RunnableLambda(echo))

    assert [message.text for message in await memory.aload()] == ["echo one", "the model failed with ZeroDivisionError"]


@pytest.mark.parametrize(
    "model", [RunnableLambda(lambda _: AIMessage("hm")), GenericFakeChatModel(messages=iter(["hm"] * 2))]
)
def test_any_model_of_langchain_will_do(history: ChatHistory, model: Any) -> None:
    assert [message.text for message in Polite(history, model).load()] == ["hm", "hm"]


def test_langgraph_is_told_not_to_stream_what_nobody_waits_for(history: ChatHistory) -> None:
    seen: list[RunnableConfig] = []

    def model(_: object, config: RunnableConfig) -> str:
        seen.append(config)
        return "hm"

    Polite(history, RunnableLambda(model)).load()
    assert [config["tags"] for config in seen] == [["nostream"], ["nostream"]]


async def test_a_load_that_is_cancelled_writes_nothing(history: ChatHistory) -> None:
    started = asyncio.Event()

    async def wait(_: object) -> str:
        started.set()
        await asyncio.sleep(3600)
        return "S"

    def never(_: object) -> str:
        raise AssertionError

    memory = SummaryMemory(history, RunnableLambda(never, afunc=wait), counter=counter_for(""))
    memory.save([HumanMessage("q1"), AIMessage("a1")])
    task = asyncio.create_task(memory.aload("?"))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError, match=r"^$"):
        await task

    assert memory.summary is None
    assert [message.text for message in BufferMemory(history).load("?")] == ["q1", "a1"]


def test_an_interrupt_of_the_program_is_no_failure_of_the_model(history: ChatHistory) -> None:
    def model(_: object) -> str:
        raise KeyboardInterrupt

    memory = SummaryMemory(history, RunnableLambda(model), counter=counter_for(""))
    memory.save([HumanMessage("q1"), AIMessage("a1")])
    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        memory.load("?")


def test_what_is_loaded_fills_a_prompt_of_langchain(history: ChatHistory) -> None:
    memory = BufferMemory(history)
    memory.save([HumanMessage("I am {Ada}."), AIMessage("Good day.")])
    prompt = ChatPromptTemplate.from_messages(
        [("system", "Be brief."), MessagesPlaceholder("history"), ("user", "{q}")]
    )
    messages = prompt.invoke({"history": memory.load("Who?"), "q": "Who?"}).to_messages()

    assert [message.text for message in messages] == ["Be brief.", "I am {Ada}.", "Good day.", "Who?"]


async def test_saving_and_clearing_in_async(history: ChatHistory) -> None:
    memory = BufferMemory(history)
    await memory.asave([HumanMessage("q1")])
    assert len(history) == 1

    await memory.aclear()
    assert len(history) == 0


def test_the_question_counts_once(history: ChatHistory) -> None:
    memory = BufferMemory(history, counter="gpt-4o")
    counter = counter_for("gpt-4o")
    beside = [SystemMessage("rules"), HumanMessage("Sources …\n\nQuestion: why?")]

    assert memory.explain("why?").tokens == counter.messages([HumanMessage("why?")])
    assert memory.explain("why?", beside=beside).tokens == counter.messages(beside)
    assert memory.explain("how?", beside=beside).tokens == counter.messages([*beside, HumanMessage("how?")])


def test_the_system_stands_before_what_is_shown_when_tokens_are_counted() -> None:
    asked = Asked(question="q", beside=[HumanMessage("context"), SystemMessage("rules")])

    assert [one.text for one in asked.around([AIMessage("a1")])] == ["rules", "a1", "context", "q"]


@pytest.mark.parametrize("given", [HumanMessage("Hi"), "Hi", [("human", "Hi")], [HumanMessage("Hi"), "Hello"]])
async def test_what_are_no_messages_is_refused_with_advice(history: ChatHistory, given: Any) -> None:
    memory = BufferMemory(history)
    with pytest.raises(InputError, match=r"a memory keeps a list of messages, such as \[HumanMessage"):
        memory.save(given)
    with pytest.raises(InputError, match=r"a memory keeps a list of messages, such as \[HumanMessage"):
        await memory.asave(given)
    assert len(history) == 0
