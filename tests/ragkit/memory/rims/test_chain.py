from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.output_parsers import JsonOutputParser, StrOutputParser
from langchain_core.prompts import ChatPromptTemplate, MessagesPlaceholder
from langchain_core.runnables import RunnableGenerator, RunnableLambda, RunnableParallel, RunnablePassthrough

from ragkit.errors import ConfigError, InputError, ModelUnavailableError, StoreError
from ragkit.memory import BufferMemory, ChatHistories, ChatHistory, TokenMemory, with_memory
from ragkit.testing import Pieces, ScriptedChatModel

PROMPT = ChatPromptTemplate([("system", "S"), MessagesPlaceholder("history"), ("human", "{question}")])
KEYS = {"input_key": "question", "history_key": "history"}
ASKED = {"question": "q"}
BROKEN = ModelUnavailableError("the line is dead.")

Way = Callable[[Any, Any], Any]


async def _ainvoke(chain: Any, given: Any) -> Any:
    return (await chain.ainvoke(given)).text


async def _astream(chain: Any, given: Any) -> Any:
    return "".join([piece.text async for piece in chain.astream(given)])


async def _invoke(chain: Any, given: Any) -> Any:
    return chain.invoke(given).text


async def _stream(chain: Any, given: Any) -> Any:
    return "".join(piece.text for piece in chain.stream(given))


async def _batch(chain: Any, given: Any) -> Any:
    return chain.batch([given])[0].text


WAYS = pytest.mark.parametrize("way", [_invoke, _ainvoke, _stream, _astream, _batch])


@pytest.fixture
def history() -> ChatHistory:
    return ChatHistories().session("s")


def texts(messages: Any) -> list[str]:
    return [message.text for message in messages]


@WAYS
async def test_all_ways_to_call_remember(way: Way, history: ChatHistory) -> None:
    model = ScriptedChatModel(["first reply", "second reply"])
    chain = with_memory(PROMPT | model, BufferMemory(history), **KEYS)
    assert [await way(chain, {"question": text}) for text in ("one", "two")] == ["first reply", "second reply"]
    assert texts(model.calls[1].messages) == ["S", "one", "first reply", "two"]
    assert texts(history.messages) == ["one", "first reply", "two", "second reply"]
    assert type(history.messages[1]) is AIMessage
    assert history.messages[1].usage_metadata is not None


@WAYS
async def test_a_failed_call_keeps_nothing(way: Way, history: ChatHistory) -> None:
    model = ScriptedChatModel([Pieces("half of ", BROKEN), "whole"])
    chain = with_memory(PROMPT | model, BufferMemory(history), **KEYS)
    with pytest.raises(ModelUnavailableError, match="the line is dead"):
        await way(chain, ASKED)
    assert len(history) == 0
    assert await way(chain, ASKED) == "whole"
    assert texts(history.messages) == ["q", "whole"]


def test_a_stream_that_is_left_keeps_nothing(history: ChatHistory) -> None:
    chain = with_memory(PROMPT | ScriptedChatModel(["one two three"]), BufferMemory(history), **KEYS)
    stream = chain.stream(ASKED)
    assert next(stream).text == "one"
    stream.close()  # type: ignore[attr-defined]
    assert len(history) == 0


async def test_a_model_is_told_at_once_that_the_reader_left(history: ChatHistory) -> None:
    left: list[str] = []

    async def told(given: AsyncIterator[Any]) -> AsyncIterator[str]:
        try:
            async for _ in given:
                yield "one"
                yield "two"
        finally:
            left.append("left")

    chain = with_memory(RunnableGenerator(told), BufferMemory(history))
    stream = chain.astream("q")
    assert await anext(stream) == "one"
    await stream.aclose()  # type: ignore[attr-defined]
    assert left == ["left"]
    assert len(history) == 0


def test_an_answer_that_cannot_be_kept_is_an_error(history: ChatHistory) -> None:
    class Full(BufferMemory):
        def save(self, messages: Any) -> None:
            raise StoreError("the disk is full.")

    chain = with_memory(PROMPT | ScriptedChatModel(["a"]), Full(history), **KEYS)
    with pytest.raises(StoreError, match="the disk is full"):
        chain.invoke(ASKED)


def test_a_chain_of_messages_keeps_instructions_first_and_forgets_them(history: ChatHistory) -> None:
    model = ScriptedChatModel(["a1", "a2"])
    chain = with_memory(model, BufferMemory(history))
    chain.invoke([SystemMessage("Be kind."), HumanMessage("q1")])
    chain.invoke([SystemMessage("Be brief."), HumanMessage("q2")])
    assert texts(model.calls[1].messages) == ["Be brief.", "q1", "a1", "q2"]
    assert texts(history.messages) == ["q1", "a1", "q2", "a2"]


def test_a_prompt_of_messages_alone_needs_no_keys(history: ChatHistory) -> None:
    model = ScriptedChatModel(["a1", "a2"])
    prompt = ChatPromptTemplate([("system", "S"), MessagesPlaceholder("messages")])
    chain = with_memory(prompt | model, BufferMemory(history))
    chain.invoke("q1")
    chain.invoke("q2")
    assert texts(model.calls[1].messages) == ["S", "q1", "a1", "q2"]


def test_results_of_tools_follow_their_calls(history: ChatHistory) -> None:
    model = ScriptedChatModel([[{"name": "add", "args": {"a": 1}, "id": "c1"}], "2."])
    chain = with_memory(model, BufferMemory(history))
    call = chain.invoke("1 + 1?").tool_calls[0]
    chain.invoke([ToolMessage("2", tool_call_id=call["id"])])
    assert [message.type for message in model.calls[1].messages] == ["human", "ai", "tool"]
    assert [message.type for message in history.messages] == ["human", "ai", "tool", "ai"]


@WAYS
async def test_the_answer_may_be_one_of_several_outputs(way: Way, history: ChatHistory) -> None:
    model = ScriptedChatModel(["said so"])
    both = PROMPT | RunnableParallel(said=model, length=RunnableLambda(lambda value: len(value.to_messages())))
    chain = with_memory(both, BufferMemory(history), **KEYS, output_key="said")
    with pytest.raises(AttributeError):
        await way(chain, ASKED)  # a mapping has no text, but it was given whole
    assert texts(history.messages) == (["q", "said so"] if way in (_invoke, _ainvoke, _batch) else [])


def test_several_outputs_are_streamed_and_one_is_kept(history: ChatHistory) -> None:
    chain = with_memory(
        PROMPT | RunnableParallel(said=ScriptedChatModel(["said so"]) | StrOutputParser(), other=lambda _: 1),
        BufferMemory(history),
        **KEYS,
        output_key="said",
    )
    assert [set(piece) for piece in chain.stream(ASKED)].count({"other"}) == 1
    assert texts(history.messages) == ["q", "said so"]


def test_an_output_that_is_not_there_is_an_error(history: ChatHistory) -> None:
    chain = with_memory(PROMPT | ScriptedChatModel(["said"]), BufferMemory(history), **KEYS, output_key="said")
    with pytest.raises(InputError, match="the chain gave nothing under output_key='said'"):
        chain.invoke(ASKED)


def test_a_parser_inside_is_refused_with_advice(history: ChatHistory) -> None:
    chain = with_memory(PROMPT | ScriptedChatModel(['{"a": 1}']) | JsonOutputParser(), BufferMemory(history), **KEYS)
    with pytest.raises(InputError, match=r"the chain gave dict: put the memory around `prompt | model`"):
        chain.invoke(ASKED)


@pytest.mark.parametrize("given", ["q", {"other": "q"}, {"question": 7}])
def test_an_input_without_a_question_is_refused(given: Any, history: ChatHistory) -> None:
    model = ScriptedChatModel(["a"])
    chain = with_memory(PROMPT | model, BufferMemory(history), **KEYS)
    with pytest.raises(InputError, match=r"the chain takes a mapping with 'question'|a question must be text"):
        chain.invoke(given)
    assert model.calls == ()


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({}, r"the prompt has the variables history, question: say which is .* \(input_key\) and .* \(history_key\)"),
        ({"input_key": "question"}, "give both input_key and history_key"),
        ({"history_key": "history"}, "give both input_key and history_key"),
        ({**KEYS, "history_key": "past"}, "the prompt has no variable 'past', it has: history, question"),
        ({**KEYS, "input_key": "q"}, "the prompt has no variable 'q', it has: history, question"),
    ],
)
def test_keys_that_do_not_fit_are_refused_at_once(keys: dict[str, str], words: str, history: ChatHistory) -> None:
    with pytest.raises(ConfigError, match=words):
        with_memory(PROMPT | ScriptedChatModel([]), BufferMemory(history), **keys)


def test_a_prompt_for_text_alone_is_not_shown_messages_as_text(history: ChatHistory) -> None:
    with pytest.raises(ConfigError, match="the prompt has the variables question: say which"):
        with_memory(ChatPromptTemplate([("human", "{question}")]) | ScriptedChatModel([]), BufferMemory(history))


def test_a_prompt_that_is_not_first_is_refused_with_advice(history: ChatHistory) -> None:
    chain = RunnablePassthrough.assign(context=lambda _: "c") | PROMPT | ScriptedChatModel([])
    with pytest.raises(ConfigError, match=r"write `first_steps \| with_memory\(prompt \| model, …\)`"):
        with_memory(chain, BufferMemory(history), **KEYS)


def test_a_memory_is_asked_with_all_that_the_model_will_be_shown(history: ChatHistory) -> None:
    asked: list[dict[str, Any]] = []

    class Watched(BufferMemory):
        def load(self, question: str = "", **rest: Any) -> list[BaseMessage]:
            asked.append({"question": question, **rest})
            return super().load(question, **rest)

    context = RunnablePassthrough.assign(context=lambda _: "found {braces}")
    prompt = ChatPromptTemplate([("system", "{context}"), MessagesPlaceholder("history"), ("human", "Q: {question}")])
    model = ScriptedChatModel(["a1", "a2"])
    bound = model.bind_tools([add])
    chain = context | with_memory(prompt | bound, Watched(history), **KEYS) | StrOutputParser()
    assert list(chain.stream({"question": "q1"})) == ["a1", ""]
    assert chain.invoke({"question": "q2"}) == "a2"
    assert [one["question"] for one in asked] == ["q1", "q2"]
    assert [texts(one["beside"]) for one in asked] == [["found {braces}", "Q: q1"], ["found {braces}", "Q: q2"]]
    assert [[tool["function"]["name"] for tool in one["tools"]] for one in asked] == [["add"], ["add"]]
    assert texts(model.calls[1].messages) == ["found {braces}", "q1", "a1", "Q: q2"]


def test_an_optional_slot_is_a_slot(history: ChatHistory) -> None:
    prompt = ChatPromptTemplate([MessagesPlaceholder("history", optional=True), ("human", "{question}")])
    chain = with_memory(prompt.with_config(tags=["p"]) | ScriptedChatModel(["a"]), BufferMemory(history), **KEYS)
    assert chain.invoke(ASKED).text == "a"


def add(a: int, b: int) -> int:
    """Add two numbers, which may be of any size, as long as both are whole and neither is missing."""
    return a + b


@pytest.mark.parametrize(("tools", "shown"), [([], ["S", "q1", "a1", "q2"]), ([add], ["S", "q2"])])
def test_bound_tools_count_in_the_budget(tools: list[Any], shown: list[str], history: ChatHistory) -> None:
    model = ScriptedChatModel(["a1", "a2"])
    chain = with_memory(
        PROMPT | (model.bind_tools(tools) if tools else model),
        TokenMemory(history, max_tokens=92, counter=model),
        **KEYS,
    )
    chain.invoke({"question": "q1"})
    chain.invoke({"question": "q2"})
    assert texts(model.calls[1].messages) == shown


def test_sessions_that_talk_at_once_stay_apart() -> None:
    histories = ChatHistories()
    model = ScriptedChatModel(lambda messages: "re: " + messages[-1].text)
    chain = with_memory(PROMPT | model, lambda name: BufferMemory(histories.session(name.session_id)), **KEYS)
    configs = [{"configurable": {"session_id": str(number % 8)}} for number in range(40)]
    with ThreadPoolExecutor(8) as threads:
        list(
            threads.map(
                lambda config: chain.invoke({"question": config["configurable"]["session_id"]}, config), configs
            )
        )
    for number in range(8):
        assert texts(histories.session(str(number)).messages) == [str(number), f"re: {number}"] * 5


def test_a_call_can_say_its_session_and_user(history: ChatHistory) -> None:
    of_all = with_memory(PROMPT | ScriptedChatModel([]), lambda name: BufferMemory(history), **KEYS)
    assert [spec.id for spec in of_all.config_specs] == ["session_id", "user_id"]
    of_one = with_memory(PROMPT | ScriptedChatModel([]), BufferMemory(history), **KEYS)
    assert of_one.config_specs == []


class Heard(BaseCallbackHandler):
    def __init__(self) -> None:
        self.names: list[str] = []
        self.parents: list[Any] = []

    def on_chain_start(self, serialized: Any, inputs: Any, **told: Any) -> None:
        self.names.append(told["name"])
        self.parents.append(told["parent_run_id"])


def test_listeners_hear_of_the_chain_once_and_as_a_part(history: ChatHistory) -> None:
    heard = Heard()
    chain = with_memory(PROMPT | ScriptedChatModel(["a"]), BufferMemory(history), **KEYS)
    chain.invoke(ASKED, {"callbacks": [heard]})
    assert heard.names == ["ChainWithMemory", "RunnableSequence", "ChatPromptTemplate"]
    assert [parent is None for parent in heard.parents] == [True, False, False]


def test_its_repr_shows_no_prompt(history: ChatHistory) -> None:
    chain = with_memory(PROMPT | ScriptedChatModel([]), BufferMemory(history), **KEYS)
    assert repr(chain) == "ChainWithMemory(RunnableSequence)"


def test_keywords_reach_the_chain(history: ChatHistory) -> None:
    model = ScriptedChatModel(["one two"])
    chain = with_memory(model, BufferMemory(history))
    assert chain.invoke("q", stop=["two"]).text == "one "
    assert model.calls[0].stop == ("two",)


def test_what_is_handed_in_is_not_changed(history: ChatHistory) -> None:
    given: dict[str, Any] = {"question": [HumanMessage("q")]}
    prompt = ChatPromptTemplate([MessagesPlaceholder("history"), MessagesPlaceholder("question")])
    with_memory(prompt | ScriptedChatModel(["a"]), BufferMemory(history), **KEYS).invoke(given)
    assert given == {"question": [HumanMessage("q")]}


def _pieces(given: Iterator[Any]) -> Iterator[BaseMessage]:
    yield from ()


def test_a_chain_that_says_nothing_is_an_error(history: ChatHistory) -> None:
    chain = with_memory(RunnableGenerator(_pieces), BufferMemory(history))
    with pytest.raises(InputError, match="the chain gave no answer"):
        list(chain.stream("q"))


def test_a_retried_call_is_kept_once(history: ChatHistory) -> None:
    model = ScriptedChatModel([BROKEN, "a"])
    chain = with_memory(PROMPT | model, BufferMemory(history), **KEYS)
    assert chain.with_retry(stop_after_attempt=2, wait_exponential_jitter=False).invoke(ASKED).text == "a"
    assert texts(history.messages) == ["q", "a"]
